/**
 * Registration periods, decided by pure functions.
 *
 * A period of P cuts wall-clock time into slots that begin at whole multiples of P. The first
 * telegram at or after a slot's beginning is registered for it, once. A slot that ends without a
 * telegram opens a gap, which is marked once and closed by the next registration. When wall-clock
 * time runs back, registration goes on at once from the earlier slot: order and uniqueness come
 * from the sequence number, never from time.
 */

/** A registration this late in its slot is marked, as a share of the period (PTB-A 50.8: ±1 %). */
export const LATE_SHARE_MAX = 0.01

/** Below this many milliseconds nothing counts as late, whatever the period (PTB-A 50.8: 2 s). */
export const LATE_MS_MIN = 2000

/** Wall-clock time may run back by this many milliseconds without it being called a step. */
export const STEP_BACK_MS_MAX = 2000

/** What a stream remembers between decisions; it is stored with the stream's chain. */
export interface ScheduleState {
  /** The last slot that is settled: registered, or known to be missed. Undefined before the first. */
  readonly slot: number | undefined
  /** Wall-clock time of the last decision that settled a slot. */
  readonly settledMs: number
  /** The first slot of the gap that is open now; undefined when there is none. */
  readonly gapFromSlot: number | undefined
}

/** The state of a stream that has never registered anything. */
export const FRESH_SCHEDULE: ScheduleState = {
  slot: undefined,
  settledMs: 0,
  gapFromSlot: undefined,
}

/** What is to be done now. */
export type ScheduleDecision =
  /** Register the telegram at hand for the slot that began at `slotMs`. */
  | { readonly kind: 'register'; readonly slotMs: number; readonly late: boolean }
  /** Mark that nothing is known from `fromMs` on. */
  | { readonly kind: 'gap'; readonly fromMs: number }
  /** The gap that began at `fromMs` is over; `slots` were missed in it. */
  | { readonly kind: 'gap-closed'; readonly fromMs: number; readonly slots: number }
  /** Wall-clock time ran back, from `fromMs` to now. */
  | { readonly kind: 'stepped-back'; readonly fromMs: number }

/** Decisions in the order in which they take effect, and what to remember after them. */
export interface ScheduleStep {
  readonly state: ScheduleState
  readonly decisions: readonly ScheduleDecision[]
}

/** How late a registration may be without being marked, in milliseconds. */
export function lateAfterMs(periodMs: number): number {
  return Math.max(LATE_MS_MIN, periodMs * LATE_SHARE_MAX)
}

/** The beginning of the slot after `nowMs`, as wall-clock time. */
export function nextSlotMs(periodMs: number, nowMs: number): number {
  return (Math.floor(nowMs / periodMs) + 1) * periodMs
}

/**
 * Decides at wall-clock time `nowMs`; `heard` says whether a telegram is at hand. Call it with
 * every telegram, and without one at the beginning of slots.
 */
export function advanceSchedule(
  before: ScheduleState,
  periodMs: number,
  nowMs: number,
  heard: boolean,
): ScheduleStep {
  const decisions: ScheduleDecision[] = []
  const slot = Math.floor(nowMs / periodMs)
  let state = before
  if (state.slot !== undefined && nowMs < state.settledMs - STEP_BACK_MS_MAX) {
    decisions.push({ kind: 'stepped-back', fromMs: state.settledMs })
    state = { slot: slot - 1, settledMs: nowMs, gapFromSlot: state.gapFromSlot }
  }
  const missed = state.slot === undefined ? 0 : slot - 1 - state.slot
  if (missed > 0 && state.slot !== undefined) {
    const first = state.slot + 1
    if (state.gapFromSlot === undefined) {
      decisions.push({ kind: 'gap', fromMs: first * periodMs })
    }
    state = { slot: slot - 1, settledMs: nowMs, gapFromSlot: state.gapFromSlot ?? first }
  }
  const isOpen = state.slot === undefined || slot > state.slot
  if (!heard || !isOpen) return { state, decisions }
  if (state.gapFromSlot !== undefined) {
    const fromMs = state.gapFromSlot * periodMs
    decisions.push({ kind: 'gap-closed', fromMs, slots: Math.max(0, slot - state.gapFromSlot) })
  }
  const slotMs = slot * periodMs
  decisions.push({ kind: 'register', slotMs, late: nowMs - slotMs > lateAfterMs(periodMs) })
  return { state: { slot, settledMs: nowMs, gapFromSlot: undefined }, decisions }
}
