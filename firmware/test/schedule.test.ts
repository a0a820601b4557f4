import assert from 'node:assert/strict'

import fc from 'fast-check'
import { describe, it } from 'mocha'

import {
  advanceSchedule,
  FRESH_SCHEDULE,
  nextSlotMs,
  type ScheduleDecision,
  type ScheduleState,
} from '../src/schedule.ts'

const QUARTER = 900_000
const START = Date.UTC(2026, 10, 23, 10, 0, 0)

/** Plays telegrams at the given times and returns every decision. */
function play(
  timesMs: readonly number[],
  state: ScheduleState = FRESH_SCHEDULE,
): ScheduleDecision[] {
  const all: ScheduleDecision[] = []
  for (const timeMs of timesMs) {
    const step = advanceSchedule(state, QUARTER, timeMs, true)
    state = step.state
    all.push(...step.decisions)
  }
  return all
}

describe('the schedule of a registration period', () => {
  it('registers each slot of a day once, from telegrams every second', () => {
    const seconds = Array.from({ length: 86_400 }, (_, second) => START + second * 1000)
    const slots = play(seconds).map((decision) => {
      assert.ok(decision.kind === 'register')
      return decision.slotMs
    })
    assert.equal(slots.length, 96)
    assert.deepEqual(slots, [...new Set(slots)])
    assert.deepEqual(slots[95], START + 95 * QUARTER)
  })

  it('registers the first telegram of a new meter at once and says that it is late', () => {
    assert.deepEqual(play([START + 60_000]), [{ kind: 'register', slotMs: START, late: true }])
  })

  it('calls a telegram late beyond one per cent of the period', () => {
    const [first, second] = play([START + 9000, START + QUARTER + 9001])
    assert.deepEqual(first, { kind: 'register', slotMs: START, late: false })
    assert.deepEqual(second, { kind: 'register', slotMs: START + QUARTER, late: true })
  })

  it('marks a gap once, while the meter is silent, and closes it with the next telegram', () => {
    let state: ScheduleState = advanceSchedule(FRESH_SCHEDULE, QUARTER, START, true).state
    const seen: ScheduleDecision[] = []
    for (const slot of [1, 2, 3, 4]) {
      const step = advanceSchedule(state, QUARTER, START + slot * QUARTER, false)
      state = step.state
      seen.push(...step.decisions)
    }
    assert.deepEqual(seen, [{ kind: 'gap', fromMs: START + QUARTER }])
    assert.deepEqual(play([START + 4 * QUARTER + 5000], state), [
      { kind: 'gap-closed', fromMs: START + QUARTER, slots: 3 },
      { kind: 'register', slotMs: START + 4 * QUARTER, late: false },
    ])
  })

  it('marks what passed while the meter was switched off', () => {
    const state = advanceSchedule(FRESH_SCHEDULE, QUARTER, START, true).state
    assert.deepEqual(play([START + 30 * 86_400_000], state), [
      { kind: 'gap', fromMs: START + QUARTER },
      { kind: 'gap-closed', fromMs: START + QUARTER, slots: 30 * 96 - 1 },
      { kind: 'register', slotMs: START + 30 * 86_400_000, late: false },
    ])
  })

  it('goes on at once when the clock runs back a year', () => {
    const back = START - 365 * 86_400_000
    assert.deepEqual(play([START, back, back + QUARTER]), [
      { kind: 'register', slotMs: START, late: false },
      { kind: 'stepped-back', fromMs: START },
      { kind: 'register', slotMs: back, late: false },
      { kind: 'register', slotMs: back + QUARTER, late: false },
    ])
  })

  it('does not register a slot twice when the clock is slewed back over its beginning', () => {
    const decisions = play([START, START - 1500, START + 500])
    assert.equal(decisions.length, 1)
  })

  it('never registers two readings for one slot while time goes on, whatever the telegrams', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(3 * QUARTER), fc.boolean()), { maxLength: 60 }),
        (steps) => {
          let state = FRESH_SCHEDULE
          let nowMs = START
          const slots: number[] = []
          let openGaps = 0
          for (const [ms, heard] of steps) {
            nowMs += ms
            const step = advanceSchedule(state, QUARTER, nowMs, heard)
            state = step.state
            for (const decision of step.decisions) {
              if (decision.kind === 'register') slots.push(decision.slotMs)
              if (decision.kind === 'gap') openGaps += 1
              if (decision.kind === 'gap-closed') openGaps -= 1
              assert.notEqual(decision.kind, 'stepped-back')
            }
            assert.ok(openGaps === 0 || openGaps === 1)
          }
          assert.deepEqual(
            slots,
            [...new Set(slots)].sort((a, b) => a - b),
          )
        },
      ),
    )
  })

  it('knows when the next slot begins', () => {
    assert.equal(nextSlotMs(QUARTER, START), START + QUARTER)
    assert.equal(nextSlotMs(QUARTER, START - 1), START)
  })
})
