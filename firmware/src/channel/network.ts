import { encodeCbor, type CborValue } from '@s3mp/envelope'
import {
  PATH_REASONS,
  PATH_STATES,
  type PathReason,
  type PathRuling,
  type PathState,
} from '@s3mp/web/api'
import { bytesOf, CHANNEL_TEXT_MAX, countOf, flagOf, listOf, refused, textOf } from './fields.ts'

/** Paths that one `network` message tells of; the least wanted are left out. */
export const CHANNEL_NETWORK_PATHS_MAX = 24

/** Interfaces of a path that a message tells of: 32 ASes; of a longer path none is told. */
export const CHANNEL_INTERFACES_MAX = 62

/** Changes of path that a message tells of. */
export const CHANNEL_CHANGES_MAX = 20

/** Bytes that name a path: the head of its fingerprint. */
const NAME_BYTES = 8

/** Bytes of a message that are kept free of paths, for its frame and the changes. */
const RESERVED_BYTES = 2048

/** Characters of a rule's words; a policy's own entry is far shorter. */
const RULE_CHARS = 120

const RULERS = ['none', 'acl', 'sequence', 'jurisdiction', 'requirement'] as const

/** One interface of an AS: `1-ff00:0:111#41`. */
const INTERFACE = /^\d{1,5}-[0-9a-f:]{1,14}#\d{1,5}$/u
const ISD_AS = /^\d{1,5}-[0-9a-f:]{1,14}$/u

/** One path as the selector sees it, and what the owner's policy makes of it. */
export interface NetworkPathReport {
  /** Eight bytes that name the path: the head of its fingerprint. */
  readonly fingerprint: Uint8Array
  /** Out of the first AS, into the next, …; empty where there are too many to tell. */
  readonly interfaces: readonly string[]
  /** What the ASes state of each link, in milliseconds; undefined where they state nothing. */
  readonly delaysMs: readonly (number | undefined)[]
  readonly state: PathState
  readonly reason: PathReason
  readonly roundTripMs?: number
  readonly jitterMs?: number
  /** 0 to 100. */
  readonly lossPercent?: number
  readonly mtu: number
  /** Unix time in milliseconds. */
  readonly expiresMs: number
  readonly ruling: Omit<PathRuling, 'path'>
  /** Which of its links is known to be broken, counted from 0. */
  readonly brokenLink?: number
}

/** Traffic moved from one path to another. */
export interface PathChange {
  /** Unix time in milliseconds. */
  readonly atMs: number
  /** Eight bytes of a fingerprint each; empty for no path. */
  readonly from: Uint8Array
  readonly to: Uint8Array
  readonly cause: PathReason
  /** How much longer than usual nothing was acknowledged; absent until something is. */
  readonly gapMs?: number
}

/** What the uplink knows of the network between its own AS and the head-end's. */
export interface NetworkReport {
  readonly source: string
  readonly destination: string
  /** Name of the owner's policy in force; empty where none is. */
  readonly policy: string
  /** The most wanted first. */
  readonly paths: readonly NetworkPathReport[]
  /** The newest first. */
  readonly changes: readonly PathChange[]
}

/** The items of a report: as many paths as fit into `bytesMax`, the first ones first. */
export function networkItems(report: NetworkReport, bytesMax: number): CborValue {
  const { source, destination, policy, changes } = report
  const paths: CborValue[] = []
  let room = bytesMax - RESERVED_BYTES
  for (const path of report.paths.slice(0, CHANNEL_NETWORK_PATHS_MAX)) {
    const items = pathItems(path)
    room -= encodeCbor(items).length
    if (room < 0) break
    paths.push(items)
  }
  const told = changes.slice(0, CHANNEL_CHANGES_MAX).map(changeItems)
  return [source, destination, policy.slice(0, CHANNEL_TEXT_MAX), paths, told]
}

function pathItems(path: NetworkPathReport): CborValue {
  const { interfaces, delaysMs, ruling } = path
  const isTold = interfaces.length <= CHANNEL_INTERFACES_MAX
  return [
    path.fingerprint,
    isTold ? [...interfaces] : [],
    isTold ? delaysMs.map(measure) : [],
    PATH_STATES.indexOf(path.state),
    PATH_REASONS.indexOf(path.reason),
    measure(path.roundTripMs),
    measure(path.jitterMs),
    measure(path.lossPercent),
    path.mtu,
    Math.round(path.expiresMs),
    ruling.allowed,
    RULERS.indexOf(ruling.by),
    (ruling.rule ?? '').slice(0, RULE_CHARS),
    ruling.preference ?? 0,
    (path.brokenLink ?? -1) + 1,
  ]
}

function changeItems({ atMs, from, to, cause, gapMs }: PathChange): CborValue {
  return [Math.round(atMs), from, to, PATH_REASONS.indexOf(cause), measure(gapMs)]
}

/** A number in thousandths, so that it is whole; null where it is not known. */
function measure(value: number | undefined): CborValue {
  return value === undefined ? null : Math.max(0, Math.round(value * 1000))
}

/** Reads a report. @throws FirmwareError `malformed` that names the field. */
export function networkOf(value: CborValue | undefined): NetworkReport {
  const items = listOf(value, 'network', 5)
  return {
    source: isdAsOf(items[0], 'network.source'),
    destination: isdAsOf(items[1], 'network.destination'),
    policy: textOf(items[2], 'network.policy'),
    paths: listOf(items[3], 'network.paths', CHANNEL_NETWORK_PATHS_MAX).map(pathOf),
    changes: listOf(items[4], 'network.changes', CHANNEL_CHANGES_MAX).map(changeOf),
  }
}

function pathOf(value: CborValue): NetworkPathReport {
  const items = listOf(value, 'network.path', 15)
  const interfaces = listOf(items[1], 'network.interfaces', CHANNEL_INTERFACES_MAX)
  const delays = listOf(items[2], 'network.delays', CHANNEL_INTERFACES_MAX)
  const [roundTripMs, jitterMs, lossPercent] = [5, 6, 7].map((at) => measured(items[at]))
  const rule = textOf(items[12], 'network.rule')
  const preference = countOf(items[13], 'network.preference')
  const broken = countOf(items[14], 'network.brokenLink')
  return {
    fingerprint: nameOf(items[0], 'network.fingerprint', false),
    interfaces: interfaces.map((one) => textLike(one, INTERFACE, 'network.interface')),
    delaysMs: delays.map(measured),
    state: oneOf(items[3], PATH_STATES, 'network.state'),
    reason: oneOf(items[4], PATH_REASONS, 'network.reason'),
    ...(roundTripMs !== undefined && { roundTripMs }),
    ...(jitterMs !== undefined && { jitterMs }),
    ...(lossPercent !== undefined && { lossPercent }),
    mtu: countOf(items[8], 'network.mtu'),
    expiresMs: countOf(items[9], 'network.expiresMs'),
    ruling: {
      allowed: flagOf(items[10], 'network.allowed'),
      by: oneOf(items[11], RULERS, 'network.by'),
      ...(rule !== '' && { rule }),
      ...(preference > 0 && { preference }),
    },
    ...(broken > 0 && { brokenLink: broken - 1 }),
  }
}

function changeOf(value: CborValue): PathChange {
  const items = listOf(value, 'network.change', 5)
  const gapMs = measured(items[4])
  return {
    atMs: countOf(items[0], 'network.change.atMs'),
    from: nameOf(items[1], 'network.change.from', true),
    to: nameOf(items[2], 'network.change.to', true),
    cause: oneOf(items[3], PATH_REASONS, 'network.change.cause'),
    ...(gapMs !== undefined && { gapMs }),
  }
}

function measured(value: CborValue | undefined): number | undefined {
  return value === null ? undefined : countOf(value, 'network.measure') / 1000
}

function oneOf<Word extends string>(
  value: CborValue | undefined,
  words: readonly Word[],
  field: string,
): Word {
  const word = words[countOf(value, field)]
  if (word !== undefined) return word
  throw refused(field, `a code from 0 to ${String(words.length - 1)}`)
}

function nameOf(value: CborValue | undefined, field: string, mayBeEmpty: boolean): Uint8Array {
  const bytes = bytesOf(value, field)
  if (bytes.length === NAME_BYTES || (mayBeEmpty && bytes.length === 0)) return bytes
  throw refused(field, `${String(NAME_BYTES)} bytes`)
}

function isdAsOf(value: CborValue | undefined, field: string): string {
  return textLike(value, ISD_AS, field)
}

function textLike(value: CborValue | undefined, form: RegExp, field: string): string {
  const text = textOf(value, field)
  if (form.test(text)) return text
  throw refused(field, 'an ISD-AS or an interface of one')
}
