import type {
  DecoderEvent,
  DiscardReason,
  DiscardedEvent,
  ReadingEvent,
  TelegramDecoder,
} from './events.ts'
import type { Recognizer } from './recognizer.ts'

/**
 * Bytes dropped in a row before a line that spoke one protocol is listened to for all of them
 * again: more than any telegram with a broken checksum, less than a minute of a meter.
 */
export const AUTO_PATIENCE_BYTES_MAX = 4_096

/** Bytes that no protocol understood are reported in portions of about this many. */
export const AUTO_REPORT_BYTES_MAX = 1_024

/**
 * Telegrams without checksum, one right behind the other and nothing lost between, that prove a
 * protocol as one with a checksum does.
 */
export const AUTO_WEAK_TELEGRAMS_MIN = 4

/** A recognizer in the race, with its own full account of the bytes not yet reported. */
interface Candidate {
  readonly recognizer: Recognizer
  /** Position in the stream of the recognizer's first byte. */
  readonly origin: number
  /** Bytes of the stream that it has scanned. */
  at: number
  /** What its last scan gave and nobody has looked at. */
  pending: DecoderEvent[]
  /** Its account from `reported` up to `accounted`, discarded events only. */
  queue: DiscardedEvent[]
  accounted: number
}

/**
 * Finds out which protocol a line speaks by letting all of them listen: whoever first completes a
 * telegram whose checksums hold has proven it and goes on alone, until patience with it ends.
 *
 * Every recognizer keeps its own account of the same bytes; the winner's is the one reported. All
 * decisions hang on positions in the stream, so chunks do not matter.
 */
export class Competition implements TelegramDecoder {
  readonly #entrants: () => readonly Recognizer[]
  #candidates: Candidate[]
  #locked = false
  /** Bytes pushed before the present chunk. */
  #position = 0
  /** Every byte before this has been reported. */
  #reported = 0
  /** Bytes that the winner dropped since its last reading. */
  #dropped = 0
  /** Weak telegrams in a row by one recognizer, and the position where the last one ended. */
  #row = { name: '', telegrams: 0, end: -1 }
  #out: DecoderEvent[] = []

  constructor(entrants: () => readonly Recognizer[]) {
    this.#entrants = entrants
    this.#candidates = entrants().map((recognizer) => candidate(recognizer, 0))
  }

  push(chunk: Uint8Array): readonly DecoderEvent[] {
    const base = this.#position
    const end = base + chunk.length
    const [only] = this.#candidates
    if (this.#locked && only !== undefined) this.#scanAlone(only, chunk, base)
    for (;;) {
      let first: Candidate | undefined
      for (const one of this.#candidates) {
        if (one.pending.length === 0 && one.at < end) {
          one.at = base + one.recognizer.scan(chunk, one.at - base, one.pending)
        }
        if (one.pending.length > 0 && (first === undefined || one.at < first.at)) first = one
      }
      if (first === undefined) break
      this.#process(first)
    }
    this.#position = end
    return this.#take()
  }

  /** The usual case: one recognizer, whose events go out as they come. */
  #scanAlone(only: Candidate, chunk: Uint8Array, base: number): void {
    const end = base + chunk.length
    while (this.#locked && only.at < end) {
      only.at = base + only.recognizer.scan(chunk, only.at - base, only.pending)
      if (only.pending.length > 0) this.#process(only)
    }
  }

  end(): readonly DecoderEvent[] {
    for (const one of this.#candidates) {
      one.recognizer.end(one.pending)
      one.at = this.#position
    }
    for (const one of [...this.#candidates]) {
      if (this.#candidates.includes(one) && one.pending.length > 0) this.#process(one)
    }
    if (!this.#locked) {
      this.#giveUp(this.#position)
      this.#enter(this.#position, undefined)
    }
    return this.#take()
  }

  #process(one: Candidate): void {
    const events = one.pending
    one.pending = []
    for (const event of events) {
      const shifted = shift(event, one.origin)
      if (this.#locked) this.#follow(one, shifted)
      else this.#compare(one, shifted)
    }
  }

  /** The winner speaks alone. */
  #follow(one: Candidate, event: DecoderEvent): void {
    this.#out.push(event)
    if (event.type === 'reading') {
      this.#reported = event.offset + event.length
      this.#dropped = 0
      return
    }
    this.#reported = event.offset + event.bytes
    this.#dropped += event.bytes
    if (this.#dropped > AUTO_PATIENCE_BYTES_MAX) this.#enter(one.at, one)
  }

  #compare(one: Candidate, event: DecoderEvent): void {
    if (event.type === 'discarded') {
      const clipped = clip(event, this.#reported, event.offset + event.bytes)
      one.accounted = Math.max(one.accounted, event.offset + event.bytes)
      if (clipped !== undefined) one.queue.push(clipped)
      const isWhole = event.offset >= this.#reported && WHOLE.includes(event.reason)
      if (isWhole && !one.recognizer.weak) {
        this.#tellWhole(one)
        return
      }
      const frontier = Math.min(...this.#candidates.map(({ accounted }) => accounted))
      if (frontier - this.#reported >= AUTO_REPORT_BYTES_MAX) this.#giveUp(frontier)
      return
    }
    if (event.length > 0 && event.offset < this.#reported) {
      // Part of it has been reported as another's reading; the rest cannot be one, too.
      const { offset, length } = event
      this.#compare(one, { type: 'discarded', offset, bytes: length, reason: 'garbage' })
      return
    }
    this.#out.push(...one.queue, event)
    one.queue = []
    this.#reported = Math.max(this.#reported, event.offset + event.length)
    one.accounted = this.#reported
    if (one.recognizer.weak && !this.#proves(one.recognizer.name, event)) {
      for (const other of this.#candidates) forget(other, this.#reported)
    } else {
      this.#locked = true
      this.#dropped = 0
      this.#candidates = [one]
    }
  }

  /**
   * A telegram whose checksums hold, although nothing can be read from it: nobody need wait until
   * every protocol has given it up. The race goes on, for it may have been an accident.
   */
  #tellWhole(one: Candidate): void {
    this.#out.push(...one.queue)
    one.queue = []
    this.#reported = one.accounted
    for (const other of this.#candidates) forget(other, this.#reported)
  }

  /** Whether a weak telegram is the last of enough in a row. */
  #proves(name: string, { offset, length }: ReadingEvent): boolean {
    const follows = this.#row.name === name && this.#row.end === offset
    const telegrams = follows ? this.#row.telegrams + 1 : 1
    this.#row = { name, telegrams, end: offset + length }
    return telegrams >= AUTO_WEAK_TELEGRAMS_MIN
  }

  /** Nobody made anything of the bytes before `frontier`: the most telling account is reported. */
  #giveUp(frontier: number): void {
    let best: Candidate | undefined
    let bestBytes = -1
    for (const one of this.#candidates) {
      const bytes = one.queue
        .filter(({ reason }) => reason !== 'garbage')
        .reduce((sum, event) => sum + event.bytes, 0)
      if (bytes > bestBytes) {
        best = one
        bestBytes = bytes
      }
    }
    for (const event of best?.queue ?? []) {
      const clipped = clip(event, this.#reported, frontier)
      if (clipped !== undefined) this.#out.push(clipped)
    }
    this.#reported = frontier
    for (const one of this.#candidates) forget(one, frontier)
  }

  /** Opens the race to all at stream position `at`; `former` stays in it as it is. */
  #enter(at: number, former: Candidate | undefined): void {
    this.#locked = false
    this.#dropped = 0
    if (former !== undefined) former.accounted = this.#reported
    this.#candidates = this.#entrants().map((recognizer) => {
      if (former?.recognizer.name === recognizer.name) return former
      const fresh = candidate(recognizer, at)
      const gap = at - this.#reported
      if (gap > 0) {
        fresh.queue.push({
          type: 'discarded',
          offset: this.#reported,
          bytes: gap,
          reason: 'garbage',
        })
      }
      return fresh
    })
  }

  #take(): readonly DecoderEvent[] {
    if (this.#out.length === 0) return NOTHING
    const out = this.#out
    this.#out = []
    return out
  }
}

/** Why nothing is read from a telegram whose checksums hold. */
const WHOLE: readonly DiscardReason[] = ['empty', 'key-missing', 'key-wrong', 'unauthentic']

const NOTHING: readonly DecoderEvent[] = []

function candidate(recognizer: Recognizer, origin: number): Candidate {
  return { recognizer, origin, at: origin, pending: [], queue: [], accounted: origin }
}

function shift(event: DecoderEvent, origin: number): DecoderEvent {
  return origin === 0 ? event : { ...event, offset: event.offset + origin }
}

/** The part of an event between two positions, if any. */
function clip(event: DiscardedEvent, from: number, to: number): DiscardedEvent | undefined {
  const start = Math.max(event.offset, from)
  const end = Math.min(event.offset + event.bytes, to)
  return end > start ? { ...event, offset: start, bytes: end - start } : undefined
}

/** Drops from a candidate's account what has been reported. */
function forget(one: Candidate, reported: number): void {
  one.queue = one.queue
    .map((event) => clip(event, reported, Infinity))
    .filter((event) => event !== undefined)
  one.accounted = Math.max(one.accounted, reported)
}
