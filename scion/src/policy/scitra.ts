import { ScionError } from '../errors.ts'
import type { Path } from '../path/path.ts'
import { Acl } from './acl.ts'
import type { PolicyDestination } from './jpan.ts'
import { matchesDestination, parseDestination, sequenceRule } from './jpan.ts'
import type { JsonObject } from './json.ts'
import {
  asCount,
  asObject,
  asText,
  asTexts,
  keysInTextOrder,
  parseDocument,
  refuseUnknown,
} from './json.ts'
import type { PathOrdering, Requirements } from './requirements.ts'
import { orderPaths, parseOrdering } from './requirements.ts'
import type { Filtered, PathRules } from './rules.ts'
import { POLICY_DEPTH_MAX, applyRules } from './rules.ts'

/** The packet or flow that a policy is asked for. */
export interface Flow {
  readonly destination: PolicyDestination
  readonly source?: PolicyDestination
  readonly protocol?: 'udp' | 'tcp'
  /** The six bits of the DSCP. */
  readonly trafficClass?: number
}

/** A policy of a document in force for a flow. */
export interface FlowPolicy {
  readonly name: string
  readonly rules: PathRules
  readonly ordering: readonly PathOrdering[]
  /** What takes its place when it leaves no path. */
  readonly failover?: FlowPolicy
}

interface Matcher {
  readonly destination?: PolicyDestination
  readonly source?: PolicyDestination
  readonly protocol?: string
  readonly trafficClass?: number
  readonly policy: string
}

const POLICY_KEYS = ['acl', 'sequence', 'requirements', 'ordering', 'extends', 'failover']
const MATCHER_KEYS = ['destination', 'source', 'protocol', 'traffic_class', 'policy']
const REQUIREMENT_KEYS = ['min_mtu', 'max_meta_lat', 'min_meta_bw']

/**
 * Reads a policy document in the format of scion-cpp's Scitra: `matchers` are tried in order and
 * name one of the `policies`; `default` holds where none matches. A policy extends one that stands
 * before it, and may name a failover for when it leaves no path. Throws `ERR_SCION_CONFIG`.
 */
export function parseScitraPolicies(text: string): { policyFor(flow: Flow): FlowPolicy } {
  const document = parseDocument(text)
  refuseUnknown(document, ['matchers', 'policies'], 'policy document')
  const policies = parsePolicies(asObject(document.policies ?? {}, 'policies'), text)
  if (!policies.has('default'))
    policies.set('default', { name: 'default', rules: {}, ordering: [] })
  const list = document.matchers ?? []
  if (!Array.isArray(list)) throw new ScionError('ERR_SCION_CONFIG', 'matchers: a list')
  const matchers = list.map((one, index) => parseMatcher(one, `matchers[${index}]`))
  for (const { policy } of matchers) named(policies, policy, 'matchers.policy')
  return {
    policyFor: (flow) => {
      const name = matchers.find((one) => matches(one, flow))?.policy ?? 'default'
      return named(policies, name, 'policy')
    },
  }
}

/** Applies a policy, and its failovers in turn while nothing is left. */
export function applyFlowPolicy(
  policy: FlowPolicy,
  paths: readonly Path[],
  nowMs: number,
  random: () => number,
): Filtered {
  let current: FlowPolicy | undefined = policy
  let outcome: Filtered = { kept: [], refused: [] }
  for (let depth = 0; current !== undefined && depth <= POLICY_DEPTH_MAX; depth++) {
    outcome = applyRules(current.rules, paths, nowMs)
    if (outcome.kept.length > 0) {
      return { ...outcome, kept: orderPaths(outcome.kept, current.ordering, random) }
    }
    current = current.failover
  }
  return outcome
}

function parsePolicies(values: JsonObject, text: string): Map<string, FlowPolicy> {
  const policies = new Map<string, FlowPolicy>()
  for (const name of keysInTextOrder(text, 'policies')) {
    const field = `policies.${name}`
    const value = asObject(values[name], field)
    refuseUnknown(value, POLICY_KEYS, field)
    policies.set(name, parsePolicy(name, value, policies, field))
  }
  return policies
}

function parsePolicy(
  name: string,
  value: JsonObject,
  before: ReadonlyMap<string, FlowPolicy>,
  field: string,
): FlowPolicy {
  const base =
    value.extends === undefined
      ? undefined
      : named(before, asText(value.extends, `${field}.extends`), `${field}.extends`)
  const ordering =
    value.ordering === undefined
      ? (base?.ordering ?? [])
      : asTexts(value.ordering, `${field}.ordering`).map((one) => parseOrdering(one))
  const rules: PathRules = {
    ...base?.rules,
    ...(value.acl === undefined ? {} : { acl: Acl.parse(asTexts(value.acl, `${field}.acl`)) }),
    ...sequenceRule(value.sequence, `${field}.sequence`),
    requirements: {
      ...base?.rules.requirements,
      ...parseRequirements(asObject(value.requirements ?? {}, `${field}.requirements`), field),
    },
  }
  if (value.failover === undefined) return { name, rules, ordering }
  const failover = named(before, asText(value.failover, `${field}.failover`), `${field}.failover`)
  return { name, rules, ordering, failover }
}

function parseRequirements(value: JsonObject, field: string): Requirements {
  refuseUnknown(value, REQUIREMENT_KEYS, `${field}.requirements`)
  const count = (key: string): number => asCount(value[key], `${field}.requirements.${key}`)
  return {
    ...(value.min_mtu === undefined ? {} : { mtuMin: count('min_mtu') }),
    ...(value.max_meta_lat === undefined ? {} : { statedLatencyMsMax: count('max_meta_lat') }),
    ...(value.min_meta_bw === undefined ? {} : { statedBandwidthKbpsMin: count('min_meta_bw') }),
  }
}

function named(policies: ReadonlyMap<string, FlowPolicy>, name: string, field: string): FlowPolicy {
  const found = policies.get(name)
  if (found !== undefined) return found
  throw new ScionError(
    'ERR_SCION_CONFIG',
    `${field}: a policy that stands before it, found ${name.slice(0, 40)}`,
  )
}

function parseMatcher(value: unknown, field: string): Matcher {
  const matcher = asObject(value, field)
  refuseUnknown(matcher, MATCHER_KEYS, field)
  const { destination, source, protocol, traffic_class: trafficClass } = matcher
  if (protocol !== undefined && protocol !== 'udp' && protocol !== 'tcp') {
    throw new ScionError('ERR_SCION_CONFIG', `${field}.protocol: udp or tcp`)
  }
  return {
    policy: asText(matcher.policy, `${field}.policy`),
    ...(destination === undefined ? {} : { destination: parseEnd(destination, field) }),
    ...(source === undefined ? {} : { source: parseEnd(source, field) }),
    ...(protocol === undefined ? {} : { protocol }),
    ...(trafficClass === undefined
      ? {}
      : { trafficClass: asCount(trafficClass, `${field}.traffic_class`) }),
  }
}

/** `[ISD-AS,IP]:port` is accepted beside `ISD-AS,IP:port`; a zero stands for any. */
function parseEnd(value: unknown, field: string): PolicyDestination {
  const text = asText(value, field).replace(/^\[(.*)\](:[0-9]+)?$/, bracketsAroundHostOnly)
  const { isdAs, host, port } = parseDestination(text)
  return {
    isdAs,
    ...(host === undefined || host === '0.0.0.0' || host === '::' ? {} : { host }),
    ...(port === undefined || port === 0 ? {} : { port }),
  }
}

function bracketsAroundHostOnly(_: string, inner: string, port: string | undefined): string {
  const comma = inner.indexOf(',')
  const host = comma < 0 ? '' : inner.slice(comma + 1)
  const whole = host.includes(':') ? `${inner.slice(0, comma)},[${host}]` : inner
  return whole + (port ?? '')
}

function matches(matcher: Matcher, flow: Flow): boolean {
  const { destination, source, protocol, trafficClass } = matcher
  return (
    (destination === undefined || matchesDestination(destination, flow.destination)) &&
    (source === undefined ||
      (flow.source !== undefined && matchesDestination(source, flow.source))) &&
    (protocol === undefined || protocol === flow.protocol) &&
    (trafficClass === undefined || trafficClass === flow.trafficClass)
  )
}
