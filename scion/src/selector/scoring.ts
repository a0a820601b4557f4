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
/** Shortest time to wait for an answer, in milliseconds: below lies the jitter of busy hosts. */
export const ANSWER_WAIT_MS_MIN = 150
/** Longest time to wait for an answer, and the time for a path never measured, in milliseconds. */
export const ANSWER_WAIT_MS_MAX = 1_000

/** Weight of one more outcome in the loss estimate, once as many have been seen. */
const LOSS_WINDOW = 16
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

/** A path that has failed was looked at again and is still silent: no news for its loss. */
export function stillSilent(stats: PathStats, sentMs: number): PathStats {
  const { count = 0, sinceMs = sentMs } = stats.silence ?? {}
  return { ...stats, silence: { count: count + 1, sinceMs, lastMs: sentMs } }
}

/** Unanswered packets in a row. */
export function silencesOf(stats: PathStats): number {
  return stats.silence?.count ?? 0
}

/** A packet was lost that shall not count as a silence: another one has already raised the question. */
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
  const wait = stats.roundTripMs + Math.max(10, 4 * stats.deviationMs)
  return Math.min(ANSWER_WAIT_MS_MAX, Math.max(ANSWER_WAIT_MS_MIN, wait))
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

function withSample(stats: PathStats, sampleMs: number): PathStats {
  const { roundTripMs, lastMs } = stats
  if (roundTripMs === undefined || lastMs === undefined) {
    return { ...stats, roundTripMs: sampleMs, deviationMs: sampleMs / 2, lastMs: sampleMs }
  }
  const deviation = Math.abs(sampleMs - roundTripMs)
  return {
    ...stats,
    roundTripMs: roundTripMs + (sampleMs - roundTripMs) / 8,
    deviationMs: stats.deviationMs + (deviation - stats.deviationMs) / 4,
    jitterMs: stats.jitterMs + (Math.abs(sampleMs - lastMs) - stats.jitterMs) / 16,
    lastMs: sampleMs,
  }
}
