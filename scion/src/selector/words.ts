import type { Candidate } from './choice.ts'
import { isLossier, placeOf } from './choice.ts'
import type { Entry } from './entry.ts'
import type { PathReason } from './report.ts'
import type { PathStats } from './scoring.ts'
import { PROOF_ANSWERS_MIN, silencesOf } from './scoring.ts'
import type { PathFailure } from './standing.ts'

/** What the reasons for one path rest on. */
export interface Grounds {
  readonly candidate: Candidate
  readonly stats: PathStats
  readonly refusal: string | undefined
  /** What failed, and how, where something did. */
  readonly failure: PathFailure | undefined
  readonly nowMs: number
}

/** Brings the grounds for one path together; `nowMs` is monotonic. */
export function groundsOf(
  { stats, refusal }: Entry,
  candidate: Candidate,
  failure: PathFailure | undefined,
  nowMs: number,
): Grounds {
  return { candidate, stats, refusal, failure, nowMs }
}

/** Why a path is not, or is, the one in use. */
export function reasonOf(
  grounds: Grounds,
  active: Candidate | undefined,
  others: readonly Candidate[],
): PathReason {
  const { candidate } = grounds
  if (candidate.refused) return 'refused'
  if (candidate.expired) return 'expired'
  if (candidate.failure !== undefined) return candidate.failure.cause
  if (candidate === active) {
    const usable = others.filter((one) => !one.refused && !one.expired && one.failure === undefined)
    if (usable.length === 1) return 'only'
    const rivals = usable.filter((one) => one.proven && placeOf(one) <= placeOf(candidate))
    return rivals.some((one) => one.cost < candidate.cost) ? 'kept' : 'best'
  }
  if (!candidate.proven) return 'unproven'
  if (active !== undefined && placeOf(candidate) > placeOf(active)) return 'outranked'
  return active !== undefined && isLossier(candidate, active) ? 'lossy' : 'slower'
}

/** The reason as a sentence without its full stop. */
export function wordsFor(
  reason: PathReason,
  grounds: Grounds,
  active: Candidate | undefined,
): string {
  const { candidate, stats, nowMs } = grounds
  const measured = measurements(stats)
  const { failure } = grounds
  const memory =
    failure === undefined
      ? ''
      : ` ${seconds(nowMs - failure.record.sinceMs)} ago, remembered for ${seconds(failure.record.untilMs - nowMs)}`
  switch (reason) {
    case 'best':
      return `in use, ${candidate.preference === undefined ? 'cheapest of all' : place(candidate)}: ${measured}`
    case 'kept':
      return `in use, none is proven better by enough: ${measured}`
    case 'only':
      return `in use, nothing else can be: ${measured}`
    case 'unproven':
      return `${stats.answersInRow} of ${PROOF_ANSWERS_MIN} answers so far: ${measured}`
    case 'outranked':
      return `works, but is ${place(candidate)}: ${measured}`
    case 'slower':
      return `works, costs ${milliseconds(candidate.cost)} against ${milliseconds(active?.cost ?? 0)}: ${measured}`
    case 'lossy':
      return `works, loses more than the one in use: ${measured}`
    case 'silent':
      return `${silencesOf(stats)} times no answer${blamed(failure?.key)}${memory}`
    case 'revoked':
      return `reported down by a router${blamed(failure?.key)}${memory}`
    case 'unreachable':
      return `the system refused to send${blamed(failure?.key)}${memory}`
    case 'faulty':
      return `found wrong by a router${memory}`
    case 'expired':
      return 'its hop fields have run out'
    case 'refused':
      return `forbidden: ${grounds.refusal ?? 'by policy'}`
  }
}

function place(candidate: Candidate): string {
  return `number ${placeOf(candidate) + 1} in the policy's order`
}

function measurements(stats: PathStats): string {
  if (stats.roundTripMs === undefined) return 'not measured yet'
  const loss = (100 * stats.loss).toFixed(1)
  return `${milliseconds(stats.roundTripMs)} there and back, ${loss} % lost`
}

function blamed(key: string | undefined): string {
  return key === undefined || key.startsWith('path ') ? '' : ` (${key})`
}

function milliseconds(ms: number): string {
  return `${ms.toFixed(1)} ms`
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
