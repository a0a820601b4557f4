import type { Path } from '../path/path.ts'
import { statedLatencyMs } from '../path/path.ts'

/** Answers in a row, since the last failure, that make a path proven. */
export const PROOF_ANSWERS_MIN = 3
/** A proof older than this, in milliseconds, is worth nothing. */
export const PROOF_AGE_MS_MAX = 120_000
/** Silences in a row after which a path counts as failed. */
export const SILENCES_MAX = 2
/** Silences of packets sent closer together than this, in milliseconds, count once: one burst. */
export const SILENCE_SPACING_MS_MIN = 20
/**
 * Shortest time after which a missing answer counts against a path, in milliseconds: below lies the
 * jitter of busy hosts. Doubt begins earlier, see {@link overdueAfterMs}.
 */
export const ANSWER_WAIT_MS_MIN = 150
/** Longest time to wait for an answer, and the time for a path never measured, in milliseconds. */
export const ANSWER_WAIT_MS_MAX = 1_000

/** Least time beyond the usual after which an acknowledgement is missed, in milliseconds. */
export const DOUBT_MARGIN_MS_MIN = 10
/** Answers in a row at another level after which a path is held to be at that level. */
export const SHIFT_ANSWERS_MIN = 3
/** Least distance from the smoothed round trip that makes an answer surprising, in milliseconds. */
export const SHIFT_MS_MIN = 5
/** … and as a share of it. */
export const SHIFT_SHARE_MIN = 0.2

/** Outcomes that the loss estimate stretches over: of one in a hundred it makes no tenth by chance. */
const LOSS_WINDOW = 64
/** What a hop is thought to take both ways when nobody says, in milliseconds. */
const HOP_ROUND_TRIP_MS = 20
/** A loss near 1 would make any cost infinite. */
const LOSS_CEILING = 0.95

/** What was measured on one path; a value, replaced with every observation. */
export interface PathStats {
  /** Smoothed round-trip time in milliseconds (RFC 6298 §2); undefined before the first answer. */
  readonly roundTripMs?: number
  /** Mean deviation of the round-trip time from the smoothed one, in milliseconds. */
  readonly deviationMs: number
  /** Mean difference of neighbouring round-trip times, in milliseconds (after RFC 3550 §6.4.1). */
  readonly jitterMs: number
  /** The newest round-trip time, in milliseconds. */
  readonly lastMs?: number
  /** Share of probes and packets without an answer, 0 … 1. */
  readonly loss: number
  /** Outcomes that the loss is made of. */
  readonly outcomes: number
  /** Answers in a row since the last failure. */
  readonly answersInRow: number
  /** Monotonic time at which the newest answered packet was sent. */
  readonly provenMs?: number
  /** The newest answers in a row, where they are surprising and agree with one another. */
  readonly shift?: {
    readonly count: number
    /** Mean of their round-trip times, in milliseconds. */
    readonly meanMs: number
    /** What the jitter was before. */
    readonly jitterMs: number
  }
  /** The silence since the last answer, where there is one; send times are monotonic. */
  readonly silence?: {
    /** Unanswered packets in a row, bursts counted once. */
    readonly count: number
    readonly sinceMs: number
    readonly lastMs: number
  }
}

/** A path of which nothing is known yet. */
export const UNMEASURED: PathStats = {
  deviationMs: 0,
  jitterMs: 0,
  loss: 0,
  outcomes: 0,
  answersInRow: 0,
}

/** An answer came; `sampled` is its round-trip time, absent where it is not clear which packet it answers. */
export function withAnswer(stats: PathStats, sentMs: number, sampledMs?: number): PathStats {
  const provenMs = Math.max(stats.provenMs ?? sentMs, sentMs)
  // An answer to a packet from before the silence proves nothing about now.
  const overtaken = stats.silence !== undefined && sentMs < stats.silence.sinceMs
  const answered: PathStats = {
    ...(overtaken ? stats : withoutSilence(stats)),
    ...withOutcome(stats, 0),
    answersInRow: stats.answersInRow + 1,
    provenMs,
  }
  return sampledMs === undefined ? answered : withSample(answered, sampledMs)
}

/** Takes one loss back: the answer came late. */
export function withoutLoss(stats: PathStats): PathStats {
  return { ...stats, loss: Math.max(0, stats.loss - 1 / Math.max(1, stats.outcomes)) }
}

/** No answer came in time to a packet that was sent at `sentMs`. */
export function withSilence(stats: PathStats, sentMs: number): PathStats {
  // Whatever was sent before the newest answered packet was lost, but is no sign of a dead path.
  const old = stats.provenMs !== undefined && sentMs <= stats.provenMs
  const { silence } = stats
  const burst = silence !== undefined && sentMs - silence.lastMs < SILENCE_SPACING_MS_MIN
  const lost = withLoss(stats)
  if (old || burst) return lost
  return {
    ...lost,
    answersInRow: 0,
    silence: {
      count: silencesOf(stats) + 1,
      sinceMs: silence?.sinceMs ?? sentMs,
      lastMs: sentMs,
    },
  }
}

/** An acknowledgement is missed: a question, which the next answer or silence settles. */
export function withQuestion(stats: PathStats, sentMs: number): PathStats {
  const isOld = stats.provenMs !== undefined && sentMs <= stats.provenMs
  if (isOld || stats.silence !== undefined) return stats
  return { ...stats, silence: { count: 1, sinceMs: sentMs, lastMs: sentMs } }
}

/** A path that has failed was looked at again and is still silent: no news for its loss. */
export function stillSilent(stats: PathStats, sentMs: number): PathStats {
  const { count = 0, sinceMs = sentMs } = stats.silence ?? {}
  return { ...stats, silence: { count: count + 1, sinceMs, lastMs: sentMs } }
}

/** Forgets the round trips, which were measured in another way. */
export function withoutMeasure(stats: PathStats): PathStats {
  const kept: { -readonly [Name in keyof PathStats]: PathStats[Name] } = { ...stats }
  delete kept.roundTripMs
  delete kept.lastMs
  delete kept.shift
  return { ...kept, deviationMs: 0, jitterMs: 0 }
}

/** Unanswered packets in a row. */
export function silencesOf(stats: PathStats): number {
  return stats.silence?.count ?? 0
}

/** A packet was lost, which alone is no silence. */
export function withLoss(stats: PathStats): PathStats {
  return { ...stats, ...withOutcome(stats, 1) }
}

/** Forgets the run of answers, so that the path has to prove itself anew. */
export function withFailure(stats: PathStats): PathStats {
  return { ...stats, answersInRow: 0 }
}

/** Whether enough answers came in a row, and recently, to move traffic there by choice. */
export function isProven(stats: PathStats, monotonicMs: number): boolean {
  return (
    stats.answersInRow >= PROOF_ANSWERS_MIN &&
    stats.provenMs !== undefined &&
    monotonicMs - stats.provenMs <= PROOF_AGE_MS_MAX
  )
}

/** How long to wait for an answer before calling it silence, in milliseconds (RFC 6298 §2). */
export function answerWaitMs(stats: PathStats): number {
  if (stats.roundTripMs === undefined) return ANSWER_WAIT_MS_MAX
  const wait = overdueAfterMs(stats.roundTripMs, stats.deviationMs)
  return Math.min(ANSWER_WAIT_MS_MAX, Math.max(ANSWER_WAIT_MS_MIN, wait))
}

/**
 * After how long an answer is overdue that usually comes after `usualMs`, in milliseconds: RFC 6298
 * §2 without its floor of a second. It is early enough to be wrong now and then, so that what follows
 * from it must be harmless.
 */
export function overdueAfterMs(usualMs: number, deviationMs: number): number {
  return usualMs + Math.max(DOUBT_MARGIN_MS_MIN, 4 * deviationMs)
}

/**
 * How far from the usual, in milliseconds, a time must lie to be surprising. Half of the usual always
 * is: the deviation of a path that was seldom measured says little.
 */
export function surpriseMs(usualMs: number, deviationMs: number): number {
  const unsteadyMs = Math.min(4 * deviationMs, usualMs / 2)
  return Math.max(SHIFT_MS_MIN, SHIFT_SHARE_MIN * usualMs, unsteadyMs)
}

/**
 * What a path costs: the milliseconds that a packet takes there and back on average, lost ones sent
 * again after {@link answerWaitMs}, and as much more as round trips differ. Less is better. A path
 * never measured is taken at what its operators state, or at 20 ms a hop.
 */
export function pathCost(path: Path, stats: PathStats): number {
  const roundTripMs = stats.roundTripMs ?? statedRoundTripMs(path)
  const loss = Math.min(stats.loss, LOSS_CEILING)
  return roundTripMs + stats.jitterMs + (loss / (1 - loss)) * answerWaitMs(stats)
}

function statedRoundTripMs(path: Path): number {
  const stated = statedLatencyMs(path)
  return stated === undefined ? (path.interfaces.length / 2) * HOP_ROUND_TRIP_MS : 2 * stated
}

function withOutcome(stats: PathStats, lost: 0 | 1): { loss: number; outcomes: number } {
  const outcomes = Math.min(stats.outcomes + 1, LOSS_WINDOW)
  return { loss: stats.loss + (lost - stats.loss) / outcomes, outcomes }
}

function withoutSilence(stats: PathStats): PathStats {
  const kept: { silence?: PathStats['silence'] } & PathStats = { ...stats }
  delete kept.silence
  return kept
}

function withSample(before: PathStats, sampleMs: number): PathStats {
  const { roundTripMs, lastMs } = before
  if (roundTripMs === undefined || lastMs === undefined) {
    return { ...before, roundTripMs: sampleMs, deviationMs: sampleMs / 2, lastMs: sampleMs }
  }
  const shift = shiftOf(before, roundTripMs, sampleMs)
  const stats: { shift?: PathStats['shift'] } & PathStats = { ...before }
  delete stats.shift
  if (shift !== undefined && shift.count >= SHIFT_ANSWERS_MIN) {
    // What the old level says of the new one is nothing; its unsteadiness may be the same.
    const deviationMs = Math.min(stats.deviationMs, shift.meanMs / 4)
    const { meanMs, jitterMs } = shift
    return { ...stats, roundTripMs: meanMs, deviationMs, jitterMs, lastMs: sampleMs }
  }
  const deviation = Math.abs(sampleMs - roundTripMs)
  return {
    ...stats,
    roundTripMs: roundTripMs + (sampleMs - roundTripMs) / 8,
    deviationMs: stats.deviationMs + (deviation - stats.deviationMs) / 4,
    jitterMs: stats.jitterMs + (Math.abs(sampleMs - lastMs) - stats.jitterMs) / 16,
    lastMs: sampleMs,
    ...(shift === undefined ? {} : { shift }),
  }
}

/** The run of surprising answers that agree, this one included; undefined where it is none. */
function shiftOf(stats: PathStats, usualMs: number, sampleMs: number): PathStats['shift'] {
  const { shift, deviationMs, jitterMs } = stats
  if (shift !== undefined && Math.abs(sampleMs - shift.meanMs) <= surpriseMs(shift.meanMs, 0)) {
    const count = shift.count + 1
    return { ...shift, count, meanMs: shift.meanMs + (sampleMs - shift.meanMs) / count }
  }
  if (Math.abs(sampleMs - usualMs) <= surpriseMs(usualMs, deviationMs)) return undefined
  return { count: 1, meanMs: sampleMs, jitterMs }
}
