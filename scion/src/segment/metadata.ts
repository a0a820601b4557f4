import type { IsdAs } from '../addr/isd-as.ts'
import type { GeoCoordinates, LinkType, PathInterface, PathMetadata } from '../path/path.ts'
import type { AsEntry, StaticInfo } from './segment.ts'

/** Values between two interfaces, in whichever order they are named. */
class Between<T> {
  readonly #values = new Map<string, T>()
  readonly #settle: (old: T, found: T) => T

  /** `settle` decides between two statements about one pair. */
  constructor(settle: (old: T, found: T) => T) {
    this.#settle = settle
  }

  add(a: PathInterface | undefined, b: PathInterface | undefined, value: T): void {
    if (a === undefined || b === undefined || a.id === 0 || b.id === 0) return
    const key = keyOf(a, b)
    const old = this.#values.get(key)
    this.#values.set(key, old === undefined ? value : this.#settle(old, value))
  }

  get(a: PathInterface | undefined, b: PathInterface | undefined): T | undefined {
    return a && b && this.#values.get(keyOf(a, b))
  }
}

/**
 * What the ASes of a path say about it, gathered from the entries of its segments. Where two
 * statements about one stretch differ, the less favourable one counts: the higher latency, the
 * lower bandwidth, no link type. Zero hops and zero bandwidth mean that nothing was said.
 */
export function collectMetadata(
  interfaces: readonly PathInterface[],
  entries: readonly AsEntry[],
): PathMetadata {
  const statements = entries.flatMap((entry) =>
    entry.staticInfo === undefined ? [] : [{ entry, info: entry.staticInfo }],
  )
  const remotes = remotesOf(interfaces)
  const latencies = new Between<number>(Math.max)
  const bandwidths = new Between<number>(Math.min)
  const hops = new Between<number>(Math.min)
  const links = new Between<LinkType>((old, found) => (old === found ? old : 'unset'))
  const geo = new Map<string, GeoCoordinates>()
  for (const { entry, info } of statements) {
    const at = (id: number): PathInterface => ({ isdAs: entry.isdAs, id })
    const far = (id: number): PathInterface | undefined => remotes.get(keyOf(at(id)))
    const egress = at(entry.hop.consEgress)
    for (const [id, value] of info.latencyIntraMicros) latencies.add(egress, at(id), value)
    for (const [id, value] of info.latencyInterMicros) latencies.add(at(id), far(id), value)
    for (const [id, value] of stated(info.bandwidthIntraKbps)) bandwidths.add(egress, at(id), value)
    for (const [id, value] of stated(info.bandwidthInterKbps))
      bandwidths.add(at(id), far(id), value)
    for (const [id, value] of stated(info.internalHops)) hops.add(egress, at(id), value)
    for (const [id, value] of info.linkTypes) links.add(at(id), far(id), value)
    for (const [id, value] of info.geo) geo.set(keyOf(at(id)), value)
  }
  const between = <T>(values: Between<T>, from: number): T | undefined =>
    values.get(interfaces[from], interfaces[from + 1])
  const stretches = Math.max(0, interfaces.length - 1)
  const linkCount = interfaces.length / 2
  return {
    latenciesMs: list(stretches, (index) => toMs(between(latencies, index))),
    bandwidthsKbps: list(stretches, (index) => between(bandwidths, index)),
    geo: interfaces.map((one) => geo.get(keyOf(one))),
    linkTypes: list(linkCount, (index) => between(links, 2 * index) ?? 'unset'),
    internalHops: list(Math.max(0, linkCount - 1), (index) => between(hops, 2 * index + 1)),
    notes: notesOf(interfaces, statements),
  }
}

function remotesOf(interfaces: readonly PathInterface[]): ReadonlyMap<string, PathInterface> {
  const remotes = new Map<string, PathInterface>()
  for (let index = 0; index + 1 < interfaces.length; index += 2) {
    const [near, far] = [interfaces[index], interfaces[index + 1]]
    if (near === undefined || far === undefined) break
    remotes.set(keyOf(near), far)
    remotes.set(keyOf(far), near)
  }
  return remotes
}

/** One note for each AS in travel order; several differing notes of one AS a line each. */
function notesOf(
  interfaces: readonly PathInterface[],
  statements: readonly { readonly entry: AsEntry; readonly info: StaticInfo }[],
): readonly string[] {
  const ases = interfaces.filter((_, index) => index === 0 || index % 2 === 1)
  const notes = new Map<IsdAs, Set<string>>()
  for (const { entry, info } of statements) {
    if (info.note === '') continue
    const known = notes.get(entry.isdAs) ?? new Set()
    notes.set(entry.isdAs, known.add(info.note))
  }
  return ases.map(({ isdAs }) => [...(notes.get(isdAs) ?? [])].join('\n'))
}

function stated(values: ReadonlyMap<number, number>): readonly (readonly [number, number])[] {
  return [...values].filter(([, value]) => value > 0)
}

function toMs(micros: number | undefined): number | undefined {
  return micros === undefined ? undefined : micros / 1000
}

function list<T>(length: number, at: (index: number) => T): readonly T[] {
  return Array.from({ length }, (_, index) => at(index))
}

function keyOf(...ends: readonly PathInterface[]): string {
  return ends
    .map(({ isdAs, id }) => `${isdAs.toString()}#${id}`)
    .sort()
    .join(' ')
}
