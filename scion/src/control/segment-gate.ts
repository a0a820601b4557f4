import { createHash } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { ScionError } from '../errors.ts'
import { decodeSegment } from '../segment/codec.ts'
import { segmentExpiryMs, segmentName } from '../segment/segment.ts'
import type { TrustStore } from '../trust/store.ts'
import { isForgery } from '../trust/store.ts'
import { asScionError } from './segment-lookup.ts'
import type { RawSegment, TypedSegment } from './segment-messages.ts'

/** Segments never seen before that are verified for one lookup; the others get their turn next time. */
export const SEGMENTS_VERIFIED_MAX = 1_024
/** Segments that are verified side by side. */
export const SEGMENTS_AT_ONCE_MAX = 8
/** How long the segments of one lookup may take to verify, certificates fetched, in milliseconds. */
export const SEGMENTS_MS_MAX = 8_000
/** Verified segments that are remembered … */
export const SEGMENTS_KEPT_MAX = 1_024
/** … and their bytes. */
export const SEGMENTS_KEPT_BYTES_MAX = 4_194_304
/** Forged and malformed segments that are remembered, by 32 bytes of hash each … */
export const SEGMENTS_REFUSED_MAX = 16_384
/** … for so long, in milliseconds. */
export const SEGMENT_REFUSED_MS_MAX = 3_600_000
/**
 * How far ahead of this host's clock a segment may have been begun, in milliseconds: routers would
 * not take one of the far future (draft-dekater-scion-dataplane, one unit of hop field lifetime).
 */
export const SEGMENT_AHEAD_MS_MAX = 337_500

/** What the gate needs. */
export interface SegmentGateOptions {
  /** Who verifies; `'insecure'` lets pass whatever can be read. */
  readonly trust: TrustStore | 'insecure'
  readonly clock: Clock
}

/** What may be used of an answer. */
export interface Admitted {
  readonly segments: readonly TypedSegment[]
  /** Why others may not, one for each; what has expired is left out without a word. */
  readonly refusals: readonly ScionError[]
}

interface Refused {
  readonly reason: ScionError
  /** Monotonic. */
  readonly untilMs: number
}

/**
 * Lets pass the segments that may be used, and looks at each of them once: what was verified is
 * remembered and passes first, what is forged is remembered and costs one hash from then on. Of the
 * rest so many are verified for a lookup, in turns, so that the largest flood of forgeries is worked
 * off and never keeps the good ones out.
 *
 * What was remembered holds as long as the same TRCs count.
 */
export class SegmentGate {
  readonly #options: SegmentGateOptions
  readonly #verified = new Map<string, TypedSegment>()
  readonly #refused = new Map<string, Refused>()
  #verifiedBytes = 0
  #standing = ''
  /** How many of the unknown ones the last lookup got to, where it did not get to all. */
  #reached = 0

  constructor(options: SegmentGateOptions) {
    this.#options = options
  }

  /** Segments that are remembered now. */
  sizes(): { readonly verified: number; readonly refused: number } {
    return { verified: this.#verified.size, refused: this.#refused.size }
  }

  /** Judges what a lookup brought. Rejects with the signal's reason, and with nothing else. */
  async admit(offered: readonly RawSegment[], signal: AbortSignal): Promise<Admitted> {
    this.#forgetWithTrcs()
    const named = new Map(offered.map((one) => [nameOf(one), one]))
    const verdicts = new Map<string, TypedSegment | ScionError | undefined>()
    const unknown: [string, RawSegment][] = []
    for (const [name, one] of named) {
      const known = this.#recall(name) ?? this.#refusalOf(name)
      if (known === undefined) unknown.push([name, one])
      else verdicts.set(name, known instanceof ScionError ? known : this.#timely(known))
    }
    await this.#judge(unknown, verdicts, signal)
    signal.throwIfAborted()
    // In the order of the answer, so that it does not matter who was verified first.
    const judged = [...named.keys()].map((name) => verdicts.get(name))
    const refusals = judged.filter((one) => one instanceof ScionError)
    const left = unknown.filter(([name]) => !verdicts.has(name)).length
    if (left > 0) refusals.push(leftOver(left))
    const segments = judged.flatMap((one) =>
      one === undefined || one instanceof ScionError ? [] : [one],
    )
    return { segments: withoutTwins(segments), refusals }
  }

  /** Verifies unknown segments side by side, as many as limit and time allow. */
  async #judge(
    unknown: readonly (readonly [string, RawSegment])[],
    verdicts: Map<string, TypedSegment | ScionError | undefined>,
    signal: AbortSignal,
  ): Promise<void> {
    if (unknown.length === 0) return
    const start = this.#reached % unknown.length
    const turn = [...unknown.slice(start), ...unknown.slice(0, start)]
    const queue = turn.slice(0, SEGMENTS_VERIFIED_MAX).values()
    const done = new AbortController()
    const late = new AbortController()
    const end = (): void => {
      late.abort(new ScionError('ERR_SCION_TIMEOUT', `segments: verified in ${SEGMENTS_MS_MAX} ms`))
    }
    this.#options.clock.sleep(SEGMENTS_MS_MAX, done.signal).then(end, () => undefined)
    const ended = AbortSignal.any([signal, late.signal])
    const isOver = (): boolean => ended.aborted
    const work = async (): Promise<void> => {
      for (const [name, one] of queue) {
        if (isOver()) return
        const verdict = await this.#look(name, one, ended)
        if (!isOver()) verdicts.set(name, verdict)
      }
    }
    const before = verdicts.size
    await Promise.all(Array.from({ length: SEGMENTS_AT_ONCE_MAX }, work))
    done.abort()
    const reached = verdicts.size - before
    this.#reached = reached < unknown.length ? start + Math.max(1, reached) : 0
  }

  async #look(
    name: string,
    { type, message }: RawSegment,
    signal: AbortSignal,
  ): Promise<TypedSegment | ScionError | undefined> {
    const { trust } = this.#options
    try {
      // A copy: what is remembered shall not hold the whole answer.
      const segment = { ...decodeSegment(message.slice()), type }
      const timely = this.#timely(segment)
      if (timely !== segment) return timely
      if (trust !== 'insecure') await trust.verifySegment(segment, signal)
      this.#remember(name, segment)
      return segment
    } catch (error) {
      const reason = asScionError(error)
      if (reason.code === 'ERR_SCION_MALFORMED' || isForgery(reason)) this.#refuse(name, reason)
      return reason
    }
  }

  /** The segment, if this is its time; undefined where it has expired. */
  #timely(one: TypedSegment): TypedSegment | ScionError | undefined {
    const nowMs = this.#options.clock.nowMs()
    if (segmentExpiryMs(one.segment) <= nowMs) return undefined
    const aheadMs = one.segment.timestamp * 1000 - nowMs
    return aheadMs > SEGMENT_AHEAD_MS_MAX ? tooEarly(aheadMs) : one
  }

  #forgetWithTrcs(): void {
    const { trust } = this.#options
    const standing = trust === 'insecure' ? '' : trust.standing()
    if (standing === this.#standing) return
    this.#standing = standing
    this.#verified.clear()
    this.#verifiedBytes = 0
    this.#refused.clear()
  }

  /** A segment that was verified; those asked for last are kept the longest. */
  #recall(name: string): TypedSegment | undefined {
    const segment = this.#verified.get(name)
    if (segment === undefined) return undefined
    this.#verified.delete(name)
    this.#verified.set(name, segment)
    return segment
  }

  #remember(name: string, segment: TypedSegment): void {
    this.#verified.set(name, segment)
    this.#verifiedBytes += bytesOf(segment)
    for (const [oldest, one] of this.#verified) {
      const isRoom =
        this.#verified.size <= SEGMENTS_KEPT_MAX && this.#verifiedBytes <= SEGMENTS_KEPT_BYTES_MAX
      if (isRoom) return
      this.#verified.delete(oldest)
      this.#verifiedBytes -= bytesOf(one)
    }
  }

  #refuse(name: string, reason: ScionError): void {
    const untilMs = this.#options.clock.monotonicMs() + SEGMENT_REFUSED_MS_MAX
    this.#refused.set(name, { reason, untilMs })
    if (this.#refused.size <= SEGMENTS_REFUSED_MAX) return
    const [oldest] = this.#refused.keys()
    if (oldest !== undefined) this.#refused.delete(oldest)
  }

  #refusalOf(name: string): ScionError | undefined {
    const refused = this.#refused.get(name)
    if (refused === undefined) return undefined
    if (this.#options.clock.monotonicMs() < refused.untilMs) return refused.reason
    this.#refused.delete(name)
    return undefined
  }
}

/** Names a segment by all of its bytes: no copy with another signature passes for it. */
function nameOf({ type, message }: RawSegment): string {
  return `${type} ${createHash('sha256').update(message).digest('base64')}`
}

/**
 * The bytes of a segment do not name it for good: signatures and messages have more than one form. Of
 * several that say the same the first is enough.
 */
function withoutTwins(segments: readonly TypedSegment[]): readonly TypedSegment[] {
  const twins = new Map<string, TypedSegment>()
  for (const one of segments) {
    const { type, segment } = one
    const key = `${type} ${segmentName(segment)} ${segment.timestamp} ${segment.segmentId}`
    if (!twins.has(key)) twins.set(key, one)
  }
  return [...twins.values()]
}

function bytesOf({ segmentInfo, signed }: TypedSegment): number {
  return signed.reduce(
    (sum, { headerAndBody, signature }) => sum + headerAndBody.length + signature.length,
    segmentInfo.length,
  )
}

function tooEarly(aheadMs: number): ScionError {
  const seconds = Math.round(aheadMs / 1000)
  const found = `${seconds} s ahead: this host's clock is slow, or that of the network fast`
  const limit = SEGMENT_AHEAD_MS_MAX / 1000
  return new ScionError(
    'ERR_SCION_CLOCK',
    `segment: begun at most ${limit} s ahead, found ${found}`,
  )
}

function leftOver(count: number): ScionError {
  const limits = `at most ${SEGMENTS_VERIFIED_MAX} new ones in ${SEGMENTS_MS_MAX} ms`
  return new ScionError('ERR_SCION_TOO_LARGE', `segments: ${limits}, found ${count} more`)
}
