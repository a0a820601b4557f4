import { TEXT_BYTES_MAX } from '@s3mp/envelope'

/** Paths, each with each stream, that are written about at once; the oldest is closed for a new one. */
export const LEDGER_ENTRIES_MAX = 64

/** An entry is closed and recorded at this age, in milliseconds. */
export const LEDGER_AGE_MS_MAX = 3_600_000

/** Entries recorded in an hour; beyond them the numbers of an entry are joined to one span. */
export const LEDGER_ENTRIES_PER_HOUR_MAX = 60

/** Texts of an entry that name the interfaces of its path; what does not fit is cut. */
export const LEDGER_ROUTE_TEXTS_MAX = 5

/** Readings that were acknowledged, with the paths that they were sent on. */
export interface Journey {
  readonly stream: number
  readonly seq: number
  readonly lastSeq: number
  /** Fingerprints in hex, of every path that a copy left on. */
  readonly paths: ReadonlySet<string>
}

interface Span {
  first: number
  last: number
}

interface Entry {
  readonly path: string
  readonly stream: number
  readonly sinceMs: number
  /** In ascending order, none of them touching another. */
  readonly spans: Span[]
  isJoined: boolean
}

/** The details of a `path-taken` event, in its order. */
export type LedgerDetails = readonly (bigint | string)[]

/**
 * Which path each acknowledged reading was sent on, for the meter's own signed history: an entry for
 * each path and stream, with the numbers of the readings.
 *
 * What it holds is the uplink's word. The signature proves that the meter was told so at the time,
 * and that nobody changed it since; it does not prove the way through the network.
 */
export class PathLedger {
  readonly #entries = new Map<string, Entry>()
  readonly #routes = new Map<string, string>()
  readonly #record: (details: LedgerDetails) => void
  #hourMs = -Infinity
  #recorded = 0

  /** `record` writes one `path-taken` event. */
  constructor(record: (details: LedgerDetails) => void) {
    this.#record = record
  }

  /** Takes the interfaces of a path, as the uplink names them. */
  learn(path: string, interfaces: string): void {
    if (interfaces === '' || this.#routes.get(path) === interfaces) return
    this.#routes.delete(path)
    this.#routes.set(path, interfaces)
    const [oldest] = this.#routes.keys()
    if (this.#routes.size > LEDGER_ENTRIES_MAX && oldest !== undefined) this.#routes.delete(oldest)
  }

  /** Takes readings that arrived. */
  arrived({ stream, seq, lastSeq, paths }: Journey, nowMs: number): void {
    for (const path of paths) {
      const key = `${path} ${String(stream)}`
      let entry = this.#entries.get(key)
      if (entry !== undefined && !this.#fits(entry, seq, lastSeq, nowMs)) {
        this.#close(key, entry, nowMs)
        entry = undefined
      }
      if (entry === undefined) {
        entry = { path, stream, sinceMs: nowMs, spans: [], isJoined: false }
        this.#makeRoom(nowMs)
        this.#entries.set(key, entry)
      }
      insert(entry.spans, { first: seq, last: lastSeq })
      if (entry.isJoined) join(entry.spans)
    }
  }

  /** Records what is old enough; call it about once a second. */
  tick(nowMs: number): void {
    for (const [key, entry] of this.#entries) {
      if (nowMs - entry.sinceMs >= LEDGER_AGE_MS_MAX) this.#close(key, entry, nowMs)
    }
  }

  /** Records everything, at the end. */
  flush(nowMs: number): void {
    for (const [key, entry] of this.#entries) this.#close(key, entry, nowMs)
  }

  /** Whether the entry can still be written with these numbers in it. */
  #fits(entry: Entry, seq: number, lastSeq: number, nowMs: number): boolean {
    if (entry.isJoined) return true
    const spans = entry.spans.map((span) => ({ ...span }))
    insert(spans, { first: seq, last: lastSeq })
    if (textOf(spans, false).length <= TEXT_BYTES_MAX) return true
    if (this.#isAllowed(nowMs)) return false
    entry.isJoined = true
    return true
  }

  #isAllowed(nowMs: number): boolean {
    if (nowMs - this.#hourMs >= LEDGER_AGE_MS_MAX) {
      this.#hourMs = nowMs
      this.#recorded = 0
    }
    return this.#recorded < LEDGER_ENTRIES_PER_HOUR_MAX
  }

  #makeRoom(nowMs: number): void {
    if (this.#entries.size < LEDGER_ENTRIES_MAX) return
    const [oldest] = this.#entries
    if (oldest !== undefined) this.#close(...oldest, nowMs)
  }

  #close(key: string, { path, stream, spans, isJoined }: Entry, nowMs: number): void {
    this.#entries.delete(key)
    this.#isAllowed(nowMs)
    this.#recorded += 1
    const route = routeTexts(this.#routes.get(path) ?? '')
    this.#record([path, BigInt(stream), textOf(spans, isJoined), ...route])
  }
}

/** `5-9,12`; of joined numbers it is only known that some of them are meant: `~5-12`. */
function textOf(spans: readonly Span[], isJoined: boolean): string {
  const texts = spans.map(({ first, last }) =>
    first === last ? String(first) : `${String(first)}-${String(last)}`,
  )
  return `${isJoined ? '~' : ''}${texts.join(',')}`
}

/** Puts a span in its place, joined with those that it touches. */
function insert(spans: Span[], { first, last }: Span): void {
  const from = spans.findIndex((span) => span.last >= first - 1)
  if (from < 0) {
    spans.push({ first, last })
    return
  }
  let upTo = from
  const joined = { first, last }
  for (let span = spans[upTo]; span !== undefined && span.first <= last + 1; span = spans[upTo]) {
    joined.first = Math.min(joined.first, span.first)
    joined.last = Math.max(joined.last, span.last)
    upTo += 1
  }
  spans.splice(from, upTo - from, joined)
}

function join(spans: Span[]): void {
  const [first] = spans
  const last = spans.at(-1)
  if (first === undefined || last === undefined) return
  spans.splice(0, spans.length, { first: first.first, last: last.last })
}

/** Cuts the interfaces into texts that an event may carry; printable ASCII, whole words. */
function routeTexts(interfaces: string): readonly string[] {
  const texts: string[] = []
  for (const word of interfaces.split(' ')) {
    if (!/^[0-9A-Fa-f:#-]{1,40}$/u.test(word)) continue
    const last = texts.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= TEXT_BYTES_MAX) {
      texts[texts.length - 1] = `${last} ${word}`
    } else texts.push(word)
  }
  return texts.slice(0, LEDGER_ROUTE_TEXTS_MAX)
}
