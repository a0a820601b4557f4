import type { IsdAs } from '../addr/isd-as.ts'
import type { Path } from '../path/path.ts'
import type { PathLink } from './keys.ts'
import { crossingsOf, linksOf, pathKey, routerKey } from './keys.ts'
import type { PathStats } from './scoring.ts'
import { UNMEASURED } from './scoring.ts'

/** A path is not used any more this long before it expires, in milliseconds: packets take time. */
export const EXPIRY_MARGIN_MS = 10_000
/** A renewed path replaces the old one unproven when that is so close to its end, in milliseconds. */
export const RENEWAL_LEAD_MS = 60_000

/** What the selector keeps of one interface sequence. */
export interface Entry {
  readonly fingerprint: string
  readonly links: readonly PathLink[]
  /** All that it can fail by: itself, its first router, links, ways through ASes. */
  readonly keys: readonly string[]
  /** The path in use for it. */
  path: Path
  /** The same interfaces with a later expiry, not yet proven. */
  renewal: Path | undefined
  /** The policy's word, where it forbids the path. */
  refusal: string | undefined
  /** Its place in the policy's order, 0 the most wanted; undefined where there is no order. */
  preference: number | undefined
  /** Whether the newest lookup brought it. */
  listed: boolean
  /** Largest packet, after what routers reported. */
  mtu: number
  stats: PathStats
  /** Monotonic time of the last look at it. */
  probedMs: number
  probesSinceFailure: number
  /** A look is wanted right away. */
  urgent: boolean
  /** Looks under way. */
  pending: number
  /** Packets lost in a row. */
  flightSilences: number
  /** Send time of the newest answered packet that its links were told of. */
  toldMs: number
  /** What this path has ever answered to. */
  answers: { readonly probe: boolean; readonly flight: boolean }
}

/** An entry for a path that a lookup brought. */
export function newEntry(path: Path, refusal: string | undefined): Entry {
  const links = linksOf(path)
  const keys = [
    pathKey(path.fingerprint),
    routerKey(path),
    ...links.map((link) => link.key),
    ...crossingsOf(path),
  ]
  return {
    fingerprint: path.fingerprint,
    links,
    keys,
    path,
    renewal: undefined,
    refusal,
    preference: undefined,
    listed: true,
    mtu: path.mtu,
    stats: UNMEASURED,
    probedMs: -Infinity,
    probesSinceFailure: 0,
    urgent: false,
    pending: 0,
    flightSilences: 0,
    toldMs: -Infinity,
    answers: { probe: false, flight: false },
  }
}

/** The link of a path that an interface belongs to. */
export function linkAtInterface(entry: Entry, isdAs: IsdAs, id: number): PathLink | undefined {
  return entry.links.find((link) => link.ends.some((end) => end.isdAs === isdAs && end.id === id))
}

/** Whether an entry's path is too close to its end to be used. */
export function isExpired(entry: Entry, nowMs: number): boolean {
  return entry.path.expiryMs - nowMs <= EXPIRY_MARGIN_MS
}

/**
 * Takes what a lookup brought for an entry that is known: a later expiry waits until it is proven,
 * unless the old path is about to end.
 */
export function renew(entry: Entry, offered: Path, nowMs: number): void {
  entry.listed = true
  if (offered.expiryMs <= entry.path.expiryMs) return
  if (entry.path.expiryMs - nowMs <= RENEWAL_LEAD_MS) adopt(entry, offered)
  else entry.renewal = offered
}

/** Makes a renewed path the one in use. */
export function adopt(entry: Entry, path: Path): void {
  // A smaller MTU that a router reported still holds: the links are the same.
  entry.mtu = Math.min(entry.mtu, path.mtu)
  entry.path = path
  entry.renewal = undefined
}
