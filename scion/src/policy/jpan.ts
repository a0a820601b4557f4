import { formatHost, parseHost } from '../addr/host.ts'
import type { IsdAs } from '../addr/isd-as.ts'
import { isdAs, matchesIsdAs, parseAs, parseIsd } from '../addr/isd-as.ts'
import { ScionError } from '../errors.ts'
import { Acl } from './acl.ts'
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
import { parseOrdering } from './requirements.ts'
import type { PathRules } from './rules.ts'
import { Sequence } from './sequence.ts'

/** Whom a packet goes to, as policies look at it. */
export interface PolicyDestination {
  readonly isdAs: IsdAs
  readonly host?: string
  readonly port?: number
}

/** What a document says for one destination. */
export interface SelectedPolicy {
  /** The name in the document. */
  readonly name: string
  readonly rules: PathRules
  readonly ordering: readonly PathOrdering[]
}

/** Chooses among a document's policies by the destination. */
export interface DestinationPolicies {
  /** The policy of the first destination that matches. */
  policyFor(destination: PolicyDestination): SelectedPolicy
}

interface Destination {
  readonly isdAs: IsdAs
  readonly host?: string
  readonly port?: number
  readonly filter: string
}

const RULE_KEYS = [
  'acl',
  'sequence',
  'min_mtu',
  'min_meta_bandwidth',
  'min_validity_sec',
  'ordering',
] as const

/**
 * Reads a policy document in the format of JPAN, the Java stack: `destinations` are tried from top
 * to bottom and name one of the `filters`, whose demands `defaults` completes. The last destination
 * must be `"0"`. Throws `ERR_SCION_CONFIG` naming the field.
 */
export function parseJpanPolicies(text: string): DestinationPolicies {
  const document = parseDocument(text)
  refuseUnknown(document, ['destinations', 'defaults', 'filters'], 'policy document')
  const defaults = asObject(document.defaults ?? {}, 'defaults')
  refuseUnknown(defaults, RULE_KEYS, 'defaults')
  const filters = new Map<string, SelectedPolicy>()
  for (const [name, value] of Object.entries(asObject(document.filters, 'filters'))) {
    const filter = asObject(value, `filters.${name}`)
    refuseUnknown(filter, RULE_KEYS, `filters.${name}`)
    filters.set(name, parseFilter(name, { ...defaults, ...filter }))
  }
  const destinations = parseDestinations(document, text, filters)
  return {
    policyFor: (to) => {
      const found = destinations.find((one) => matchesDestination(one, to))
      const policy = found && filters.get(found.filter)
      if (policy === undefined) throw new ScionError('ERR_SCION_CONFIG', 'policy: no destination')
      return policy
    },
  }
}

function parseFilter(name: string, filter: JsonObject): SelectedPolicy {
  const field = `filters.${name}`
  const requirements: { -readonly [key in keyof Requirements]: Requirements[key] } = {}
  if (filter.min_mtu !== undefined)
    requirements.mtuMin = asCount(filter.min_mtu, `${field}.min_mtu`)
  if (filter.min_meta_bandwidth !== undefined) {
    const least = asCount(filter.min_meta_bandwidth, `${field}.min_meta_bandwidth`)
    requirements.statedBandwidthKbpsMin = least
  }
  if (filter.min_validity_sec !== undefined) {
    requirements.validitySecondsMin = asCount(filter.min_validity_sec, `${field}.min_validity_sec`)
  }
  const ordering = asText(filter.ordering ?? '', `${field}.ordering`)
  return {
    name,
    rules: {
      ...(filter.acl === undefined ? {} : { acl: Acl.parse(asTexts(filter.acl, `${field}.acl`)) }),
      ...sequenceRule(filter.sequence, `${field}.sequence`),
      requirements,
    },
    ordering: ordering === '' ? [] : ordering.split(',').map((one) => parseOrdering(one)),
  }
}

/** A sequence from a document; an empty one filters nothing. */
export function sequenceRule(value: unknown, field: string): { readonly sequence?: Sequence } {
  const text = asText(value ?? '', field)
  return text.trim() === '' ? {} : { sequence: Sequence.parse(text) }
}

function parseDestinations(
  document: JsonObject,
  text: string,
  filters: ReadonlyMap<string, SelectedPolicy>,
): readonly Destination[] {
  const values = asObject(document.destinations, 'destinations')
  const keys = keysInTextOrder(text, 'destinations')
  const destinations = keys.map((key) => {
    const filter = asText(values[key], `destinations.${key}`)
    if (!filters.has(filter)) {
      throw new ScionError('ERR_SCION_CONFIG', `destinations.${key}: a filter, found ${filter}`)
    }
    return { ...parseDestination(key), filter }
  })
  if (keys.at(-1) !== '0') {
    const last = keys.at(-1) ?? 'nothing'
    throw new ScionError('ERR_SCION_CONFIG', `destinations: "0" as the last, found ${last}`)
  }
  return destinations
}

/** Parses `ISD[-AS[,host[:port]]]`, an IPv6 host in brackets; `ERR_SCION_CONFIG` otherwise. */
export function parseDestination(text: string): PolicyDestination {
  const match =
    /^([0-9]+)(?:-([0-9A-Fa-f:]+)(?:,(?:\[([^\]]+)\]|([^:[\]]+))(?::([0-9]+))?)?)?$/.exec(text)
  const [, isd = '', as, six, four, port] = match ?? []
  const host = six ?? four
  try {
    if (match === null || Number(port ?? 0) > 0xffff) throw new RangeError(text)
    return {
      isdAs: isdAs(parseIsd(isd), parseAs(as ?? '0')),
      ...(host === undefined ? {} : { host: formatHost(parseHost(host)) }),
      ...(port === undefined ? {} : { port: Number(port) }),
    }
  } catch (cause) {
    const shown = text.slice(0, 80)
    throw new ScionError(
      'ERR_SCION_CONFIG',
      `destination: ISD[-AS[,host[:port]]], found ${shown}`,
      { cause },
    )
  }
}

/** Whether a packet to `to` falls under a destination; what it leaves out stands for any. */
export function matchesDestination(pattern: PolicyDestination, to: PolicyDestination): boolean {
  return (
    matchesIsdAs(pattern.isdAs, to.isdAs) &&
    (pattern.host === undefined ||
      (to.host !== undefined && pattern.host === formatHost(parseHost(to.host)))) &&
    (pattern.port === undefined || pattern.port === to.port)
  )
}
