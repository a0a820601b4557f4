import type { IsdAs } from '../addr/isd-as.ts'
import { formatIsdAs, matchesIsdAs } from '../addr/isd-as.ts'
import { ScionError } from '../errors.ts'
import type { Path } from '../path/path.ts'
import type { Acl } from './acl.ts'
import type { Requirements } from './requirements.ts'
import { unmetRequirement } from './requirements.ts'
import type { Sequence } from './sequence.ts'

/** How deep options and inheritance of policies may nest. */
export const POLICY_DEPTH_MAX = 16

/** One alternative of a policy; alternatives of one weight are united, heavier ones come first. */
export interface PolicyOption {
  readonly weight: number
  readonly rules: PathRules
}

/** A rule on the destination's AS: the first that matches decides, none refuses. */
export interface RemoteRule {
  readonly isdAs: IsdAs
  readonly reject?: boolean
}

/** What a path policy demands; everything given must hold, nothing given lets every path pass. */
export interface PathRules {
  readonly acl?: Acl
  readonly sequence?: Sequence
  readonly requirements?: Requirements
  readonly options?: readonly PolicyOption[]
  /** ASes that a path may start in; a path inside one AS is refused by such a list. */
  readonly localIsdAses?: readonly IsdAs[]
  /** Rules on where a path may end; a path inside one AS is refused by them. */
  readonly remoteIsdAses?: readonly RemoteRule[]
}

/** The outcome of a policy on a set of paths. */
export interface Filtered {
  readonly kept: readonly Path[]
  /** The refused paths with the reason in a few words. */
  readonly refused: readonly { readonly path: Path; readonly reason: string }[]
}

/**
 * Applies a policy to a set of paths, keeping their order.
 *
 * Options are tried from the heaviest weight down; the first weight that keeps a path decides, and
 * all options of that weight together say which paths.
 */
export function applyRules(rules: PathRules, paths: readonly Path[], nowMs: number): Filtered {
  return apply(rules, paths, nowMs, 0)
}

function apply(
  rules: PathRules,
  paths: readonly Path[],
  nowMs: number,
  depth: number,
): { kept: Path[]; refused: { path: Path; reason: string }[] } {
  if (depth > POLICY_DEPTH_MAX) {
    throw new ScionError('ERR_SCION_CONFIG', `policy: options deeper than ${POLICY_DEPTH_MAX}`)
  }
  const kept: Path[] = []
  const refused: { path: Path; reason: string }[] = []
  for (const path of paths) {
    const reason = refusal(rules, path, nowMs)
    if (reason === undefined) kept.push(path)
    else refused.push({ path, reason })
  }
  if (rules.options === undefined || rules.options.length === 0) return { kept, refused }
  const chosen = applyOptions(rules.options, kept, nowMs, depth)
  for (const path of kept) {
    if (!chosen.has(path)) refused.push({ path, reason: 'no option of the policy takes it' })
  }
  return { kept: kept.filter((path) => chosen.has(path)), refused }
}

function applyOptions(
  options: readonly PolicyOption[],
  paths: readonly Path[],
  nowMs: number,
  depth: number,
): ReadonlySet<Path> {
  const weights = [...new Set(options.map((option) => option.weight))].sort((a, b) => b - a)
  for (const weight of weights) {
    const united = new Set(
      options
        .filter((option) => option.weight === weight)
        .flatMap((option) => apply(option.rules, paths, nowMs, depth + 1).kept),
    )
    if (united.size > 0) return united
  }
  return new Set()
}

/** Why a policy refuses a path, options aside; undefined where it may pass. */
function refusal(rules: PathRules, path: Path, nowMs: number): string | undefined {
  return (
    localRefusal(rules.localIsdAses, path) ??
    remoteRefusal(rules.remoteIsdAses, path) ??
    rules.acl?.refusal(path.interfaces) ??
    rules.sequence?.refusal(path.interfaces) ??
    (rules.requirements === undefined
      ? undefined
      : unmetRequirement(rules.requirements, path, nowMs))
  )
}

function localRefusal(allowed: readonly IsdAs[] | undefined, path: Path): string | undefined {
  if (allowed === undefined) return undefined
  const fits = path.interfaces.length > 0 && allowed.some((one) => matchesIsdAs(one, path.source))
  return fits ? undefined : `starts in ${formatIsdAs(path.source)}, which the policy does not name`
}

function remoteRefusal(remote: readonly RemoteRule[] | undefined, path: Path): string | undefined {
  if (remote === undefined) return undefined
  const rule = remote.find((one) => matchesIsdAs(one.isdAs, path.destination))
  const fits = path.interfaces.length > 0 && rule !== undefined && rule.reject !== true
  return fits ? undefined : `ends in ${formatIsdAs(path.destination)}, which the policy refuses`
}

/** A policy under its own name, as documents write them; names in `extends` are looked up. */
export interface NamedRules extends PathRules {
  readonly extends?: readonly string[]
}

/**
 * The policy called `name` with what it lacks taken from those it extends: of several the last has
 * precedence, and the nearer one over the farther. Throws `ERR_SCION_CONFIG` for an unknown name
 * and for one that leads back to itself.
 */
export function resolveRules(
  policy: NamedRules,
  named: ReadonlyMap<string, NamedRules>,
  seen: readonly string[] = [],
): PathRules {
  const { extends: bases = [], ...own } = policy
  let rules: PathRules = own
  for (const name of [...bases].reverse()) {
    const base = named.get(name)
    if (base === undefined) {
      throw new ScionError('ERR_SCION_CONFIG', `extends: a policy of this document, found ${name}`)
    }
    if (seen.includes(name) || seen.length >= POLICY_DEPTH_MAX) {
      const chain = [...seen, name].join(' → ')
      throw new ScionError(
        'ERR_SCION_CONFIG',
        `extends: no circle and no deep chain, found ${chain}`,
      )
    }
    rules = { ...resolveRules(base, named, [...seen, name]), ...rules }
  }
  return rules
}
