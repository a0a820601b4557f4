import { ScionError } from '../errors.ts'
import type { Path } from '../path/path.ts'
import { statedLatencyMs } from '../path/path.ts'
import { pathHops } from './hop.ts'

/** Demands on what is known about a path. What nobody states fails the demand. */
export interface Requirements {
  /** Bytes that every link must carry, all headers included. */
  readonly mtuMin?: number
  /** Kilobits per second that every stretch must state. */
  readonly statedBandwidthKbpsMin?: number
  /** Milliseconds one way that the stretches may state together. */
  readonly statedLatencyMsMax?: number
  /** Seconds that the path must still be good for. */
  readonly validitySecondsMin?: number
}

/** The smallest bandwidth that the operators along a path state, undefined unless all of them do. */
export function statedBandwidthKbps(path: Path): number | undefined {
  const all = path.metadata?.bandwidthsKbps
  if (all === undefined) return path.interfaces.length === 0 ? Infinity : undefined
  let smallest = Infinity
  for (const one of all) {
    if (one === undefined) return undefined
    smallest = Math.min(smallest, one)
  }
  return smallest
}

/** The first demand that a path does not meet, in a few words; undefined where it meets all. */
export function unmetRequirement(
  demand: Requirements,
  path: Path,
  nowMs: number,
): string | undefined {
  const { mtuMin = 0, statedBandwidthKbpsMin = 0, validitySecondsMin = 0 } = demand
  if (path.mtu < mtuMin) return `its MTU is ${path.mtu}, wanted ${mtuMin}`
  if (path.expiryMs - nowMs < validitySecondsMin * 1000) {
    return `it expires within ${validitySecondsMin} s`
  }
  if (statedBandwidthKbpsMin > 0) {
    const stated = statedBandwidthKbps(path)
    if (stated === undefined) return 'its bandwidth is not stated'
    if (stated < statedBandwidthKbpsMin) {
      return `it states ${stated} kbit/s, wanted ${statedBandwidthKbpsMin}`
    }
  }
  if (demand.statedLatencyMsMax === undefined) return undefined
  const latency = statedLatencyMs(path)
  if (latency === undefined) return 'its latency is not stated'
  return latency <= demand.statedLatencyMsMax
    ? undefined
    : `it states ${latency} ms, allowed ${demand.statedLatencyMsMax}`
}

/** Orders that policy documents may ask for. */
export const PATH_ORDERINGS = [
  'random',
  'hops_asc',
  'hops_desc',
  'meta_latency_asc',
  'meta_latency_desc',
  'meta_bandwidth_asc',
  'meta_bandwidth_desc',
] as const

/** One of {@link PATH_ORDERINGS}. */
export type PathOrdering = (typeof PATH_ORDERINGS)[number]

/** Checks the name of an order; throws `ERR_SCION_CONFIG` for an unknown one. */
export function parseOrdering(text: string): PathOrdering {
  const found = PATH_ORDERINGS.find((one) => one === text.trim())
  if (found !== undefined) return found
  const names = PATH_ORDERINGS.join(', ')
  throw new ScionError('ERR_SCION_CONFIG', `ordering: one of ${names}, found ${text.slice(0, 40)}`)
}

/**
 * Sorts paths by several orders, the first of which weighs most; equal paths keep their order. What
 * is not stated comes last either way.
 *
 * @param random in [0, 1), asked by the order `random` only
 */
export function orderPaths(
  paths: readonly Path[],
  orderings: readonly PathOrdering[],
  random: () => number,
): readonly Path[] {
  const keyed = paths.map((path) => ({
    path,
    keys: orderings.map((ordering) => sortKey(path, ordering, random)),
  }))
  keyed.sort((a, b) => byKeys(a.keys, b.keys))
  return keyed.map(({ path }) => path)
}

/**
 * The places that several orders give to paths, the first order weighing most: 0 for the most
 * wanted, the same for equals. The order `random` draws once, so that it stays the same for as long
 * as the ranking is used.
 */
export function rankingOf(
  orderings: readonly PathOrdering[],
  random: () => number,
): (paths: readonly Path[]) => readonly number[] {
  const drawn = new Map<PathOrdering, number>(orderings.map((one) => [one, random()]))
  return (paths) => {
    const keys = paths.map((path) =>
      orderings.map((one) => sortKey(path, one, () => scatter(path.fingerprint, drawn.get(one)))),
    )
    const sorted = [...keys].sort(byKeys)
    const places: (readonly number[])[] = []
    for (const key of sorted) {
      const last = places.at(-1)
      if (last === undefined || byKeys(last, key) !== 0) places.push(key)
    }
    return keys.map((key) => places.findIndex((one) => byKeys(one, key) === 0))
  }
}

/** A number in [0, 1) that looks drawn, the same for the same text and seed. */
function scatter(text: string, seed = 0): number {
  let hash = Math.floor(seed * 2 ** 32) ^ 0x811c9dc5
  for (const char of text) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193)
  return (hash >>> 0) / 2 ** 32
}

function byKeys(a: readonly number[], b: readonly number[]): number {
  const first = a.findIndex((key, index) => key !== b[index])
  return first < 0 ? 0 : (a[first] ?? 0) - (b[first] ?? 0)
}

/** Smaller comes first. */
function sortKey(path: Path, ordering: PathOrdering, random: () => number): number {
  if (ordering === 'random') return random()
  const sign = ordering.endsWith('_desc') ? -1 : 1
  if (ordering.startsWith('hops_')) return sign * pathHops(path.interfaces).length
  const stated = ordering.startsWith('meta_latency_')
    ? statedLatencyMs(path)
    : statedBandwidthKbps(path)
  return stated === undefined ? Number.MAX_VALUE : sign * stated
}
