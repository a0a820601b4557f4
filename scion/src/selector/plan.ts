/** How often paths are looked at. The defaults cost an idle meter some 5 MB a day. */
export interface ProbePlan {
  /** Milliseconds between looks at the path in use, where no acknowledgement proves it anyway. */
  readonly activeMs: number
  /** Milliseconds between looks at the few next best, and at the path in use whatever is acknowledged. */
  readonly standbyMs: number
  /** Milliseconds between looks at all others. */
  readonly idleMs: number
  /** Milliseconds to the first look at a failed path; doubled with every look after that … */
  readonly failedMs: number
  /** … up to this many. */
  readonly failedMostMs: number
  /** Milliseconds between looks at a path that is about to prove itself, or has surprised. */
  readonly proofMs: number
  /** Looks at all paths together in one minute. */
  readonly perMinute: number
}

/** For a meter that sends every few seconds to minutes over a line that is paid for by volume. */
export const DEFAULT_PLAN: ProbePlan = {
  activeMs: 15_000,
  standbyMs: 60_000,
  idleMs: 300_000,
  failedMs: 2_000,
  failedMostMs: 60_000,
  proofMs: 300,
  perMinute: 60,
}

/** For demonstrations and alarms: finds a silent failure of an idle path within two seconds. */
export const LIVELY_PLAN: ProbePlan = {
  activeMs: 1_000,
  standbyMs: 2_000,
  idleMs: 15_000,
  failedMs: 1_000,
  failedMostMs: 4_000,
  proofMs: 200,
  perMinute: 300,
}

/** Paths that are kept proven beside the one in use. */
export const STANDBY_MAX = 3

/** What the time of the next look at a path depends on; times are monotonic milliseconds. */
export interface ProbeState {
  readonly role: 'active' | 'standby' | 'idle' | 'failed' | 'unusable'
  /** The last look, or -Infinity. */
  readonly probedMs: number
  /** Send time of the newest answered packet, or -Infinity. */
  readonly provenMs: number
  /** Whether enough answers came in a row. */
  readonly proven: boolean
  /** Silences in a row. */
  readonly silences: number
  /** Its newest answers were surprising: a few more will tell whether that lasts. */
  readonly surprising: boolean
  /** Looks since the path failed. */
  readonly probesSinceFailure: number
  /** Something asked for a look right away. */
  readonly urgent: boolean
  /** A look is under way. */
  readonly pending: boolean
}

/** When to look at a path next, monotonic milliseconds; Infinity for never. */
export function nextProbeMs(state: ProbeState, plan: ProbePlan): number {
  if (state.pending || state.role === 'unusable') return Infinity
  if (state.urgent) return -Infinity
  const seenMs = Math.max(state.probedMs, state.provenMs)
  if (state.role === 'failed') {
    const wait = plan.failedMs * 2 ** Math.min(20, state.probesSinceFailure)
    return state.probedMs + Math.min(plan.failedMostMs, wait)
  }
  // A silence is looked into at once: the next answer or silence decides.
  if (state.silences > 0) return state.probedMs
  if (state.surprising) return state.probedMs + plan.proofMs
  if (!state.proven && state.role !== 'idle') return state.probedMs + plan.proofMs
  if (state.role === 'active') {
    // Acknowledgements prove that it lives, but only looks measure it as the others are measured.
    return Math.min(seenMs + plan.activeMs, state.probedMs + plan.standbyMs)
  }
  return seenMs + (state.role === 'standby' ? plan.standbyMs : plan.idleMs)
}
