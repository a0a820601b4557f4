import {
  Acl,
  applyRules,
  leavesJurisdiction,
  POLICY_DEPTH_MAX,
  rankingOf,
  Sequence,
  unmetRequirement,
  type FlowPolicy,
  type IsdAs,
  type Jurisdiction,
  type LocalAs,
  type Path,
  type PathQuery,
  type PathRanking,
  type PathSource,
} from '@s3mp/scion'

export { parsePolicyDocument as readPolicy, type PolicyEnds } from '@s3mp/scion'

/** Reads an access list as a person types it: one entry a line or between commas. */
export function readAcl(text: string): FlowPolicy {
  const lines = text.split(/[\n,]/).map((line) => line.trim())
  const acl = Acl.parse(lines.filter((line) => line !== ''))
  return { name: 'acl', rules: { acl }, ordering: [] }
}

/** Reads a sequence of hops as a person types it. */
export function readSequence(text: string): FlowPolicy {
  return { name: 'sequence', rules: { sequence: Sequence.parse(text) }, ordering: [] }
}

/** What decides over paths, as far as it is configured. */
export interface OwnerPolicyOptions {
  readonly document?: FlowPolicy | undefined
  readonly jurisdiction?: Jurisdiction | undefined
  readonly nowMs: () => number
  /** Asked by the order `random` only. */
  readonly random: () => number
}

/** What the policy in force makes of one path. */
export interface PathRuling {
  readonly allowed: boolean
  /** Which kind of rule decided; `none` where no rule is against it. */
  readonly by: 'none' | 'acl' | 'sequence' | 'jurisdiction' | 'requirement'
  /** Why, in a few words; absent where it is allowed. */
  readonly rule?: string
}

/**
 * Says of each path whether it may be used and how much it is wanted. The jurisdiction holds whatever
 * the document says; the document can be changed while paths are in use.
 *
 * Whether a document's failover is in force depends on all paths together: {@link OwnerPolicy.watch}
 * looks at each lookup's paths before they are judged one by one.
 */
export class OwnerPolicy {
  readonly #options: OwnerPolicyOptions
  #document: FlowPolicy | undefined
  #inForce: FlowPolicy | undefined
  #order: PathRanking | undefined

  constructor(options: OwnerPolicyOptions) {
    this.#options = options
    this.#document = options.document
    this.#enforce(options.document)
  }

  /** The document's policy that decides now: itself, or a failover of it. */
  get inForce(): FlowPolicy | undefined {
    return this.#inForce
  }

  /** Puts another document in force; `known` are the paths that its failover is decided by. */
  change(document: FlowPolicy | undefined, known: readonly Path[]): void {
    this.#document = document
    this.#enforce(document)
    this.look(known)
  }

  /** The same source, whose answers are looked at before they are passed on. */
  watch(source: PathSource): PathSource {
    return new WatchedSource(source, (paths) => {
      this.look(paths)
    })
  }

  /** Decides, with all paths in view, whether a failover takes the document's place. */
  look(paths: readonly Path[]): void {
    const inside = paths.filter((path) => this.#leaves(path) === undefined)
    let policy = this.#document
    for (let depth = 0; policy !== undefined && depth <= POLICY_DEPTH_MAX; depth++) {
      const keeps = applyRules(policy.rules, inside, this.#options.nowMs()).kept.length > 0
      if (keeps || policy.failover === undefined) break
      policy = policy.failover
    }
    if (policy !== this.#inForce) this.#enforce(policy)
  }

  /** Why a path may not be used; undefined where it may. */
  refuses(path: Path): string | undefined {
    const { by, rule } = this.rulingOf(path)
    if (rule === undefined) return undefined
    return by === 'jurisdiction' ? rule : `policy ${this.#inForce?.name ?? ''}: ${rule}`
  }

  /** What the policy in force makes of a path, and by which of its rules. */
  rulingOf(path: Path): PathRuling {
    const leaves = this.#leaves(path)
    if (leaves !== undefined) return { allowed: false, by: 'jurisdiction', rule: leaves }
    const rules = this.#inForce?.rules
    const nowMs = this.#options.nowMs()
    const [refused] = rules === undefined ? [] : applyRules(rules, [path], nowMs).refused
    if (rules === undefined || refused === undefined) return { allowed: true, by: 'none' }
    const { acl, sequence, requirements } = rules
    const { reason: rule } = refused
    if (acl?.refusal(path.interfaces) === rule) return { allowed: false, by: 'acl', rule }
    if (sequence?.refusal(path.interfaces) === rule) return { allowed: false, by: 'sequence', rule }
    const unmet = requirements && unmetRequirement(requirements, path, nowMs)
    return { allowed: false, by: 'requirement', rule: unmet ?? rule }
  }

  /** The order in which allowed paths are wanted; undefined where no policy of the chain names one. */
  get ranking(): PathRanking | undefined {
    let policy = this.#document
    for (let depth = 0; policy !== undefined && depth <= POLICY_DEPTH_MAX; depth++) {
      if (policy.ordering.length > 0) return (paths) => this.#rank(paths)
      policy = policy.failover
    }
    return undefined
  }

  /** Allowed paths by the order in force; what is refused comes last. */
  #rank(paths: readonly Path[]): readonly number[] {
    const allowed = paths.filter((path) => this.rulingOf(path).allowed)
    const places = this.#order?.(allowed) ?? allowed.map(() => 0)
    const placeOf = new Map(allowed.map((path, index) => [path, places[index] ?? 0]))
    return paths.map((path) => placeOf.get(path) ?? allowed.length)
  }

  #enforce(policy: FlowPolicy | undefined): void {
    this.#inForce = policy
    const { ordering = [] } = policy ?? {}
    this.#order = ordering.length === 0 ? undefined : rankingOf(ordering, this.#options.random)
  }

  #leaves(path: Path): string | undefined {
    const { jurisdiction } = this.#options
    return jurisdiction && leavesJurisdiction(jurisdiction, path)
  }
}

/** A source whose answers are looked at before they are passed on. */
class WatchedSource implements PathSource {
  readonly #source: PathSource
  readonly #look: (paths: readonly Path[]) => void

  constructor(source: PathSource, look: (paths: readonly Path[]) => void) {
    this.#source = source
    this.#look = look
  }

  get local(): LocalAs {
    return this.#source.local
  }

  async paths(destination: IsdAs, query?: PathQuery): Promise<readonly Path[]> {
    const paths = await this.#source.paths(destination, query)
    this.#look(paths)
    return paths
  }

  close(): Promise<void> {
    return this.#source.close()
  }
}
