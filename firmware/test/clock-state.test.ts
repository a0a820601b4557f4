import assert from 'node:assert/strict'

import { describe, it } from 'mocha'

import { CLOCK_AGREED_MS_MAX, CLOCK_FLOOR_MS, ClockWatch } from '../src/clock-state.ts'

const WALL = CLOCK_FLOOR_MS + 86_400_000

describe('the watch on the clock', () => {
  it('is unset before the year of this software', () => {
    assert.equal(new ClockWatch().state(0, 0), 'unset')
  })

  it('holds over until the head-end agrees, and again an hour after', () => {
    const watch = new ClockWatch()
    watch.look(WALL, 0)
    assert.equal(watch.state(WALL, 0), 'holdover')
    watch.hear(WALL - 20, 40, WALL, 0)
    assert.equal(watch.state(WALL, 0), 'synced')
    assert.equal(watch.state(WALL, CLOCK_AGREED_MS_MAX), 'synced')
    assert.equal(watch.state(WALL, CLOCK_AGREED_MS_MAX + 1), 'holdover')
  })

  it('notices a step forwards and back, and trusts again when the head-end agrees', () => {
    const watch = new ClockWatch()
    watch.look(WALL, 0)
    assert.equal(watch.look(WALL + 1000, 1000), undefined)
    assert.deepEqual(watch.look(WALL + 3_602_000, 2000), { byMs: 3_600_000 })
    assert.equal(watch.state(WALL + 3_602_000, 2000), 'suspect')
    assert.deepEqual(watch.look(WALL + 3000, 3000), { byMs: -3_600_000 })
    watch.hear(WALL + 3000, 10, WALL + 3000, 3000)
    assert.equal(watch.state(WALL + 3000, 3000), 'synced')
  })

  it('is suspect when the head-end disagrees beyond the round trip', () => {
    const watch = new ClockWatch()
    watch.hear(WALL - 10_000, 1000, WALL, 0)
    assert.equal(watch.state(WALL, 0), 'suspect')
  })

  it('learns nothing from an answer that took too long', () => {
    const watch = new ClockWatch()
    watch.hear(WALL, 31_000, WALL, 0)
    assert.equal(watch.state(WALL, 0), 'holdover')
  })

  it('takes a slow slew for what it is', () => {
    const watch = new ClockWatch()
    for (let second = 0; second < 10_000; second += 1) {
      assert.equal(watch.look(WALL + second * 1000.4, second * 1000), undefined)
    }
  })
})
