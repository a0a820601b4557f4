import assert from 'node:assert/strict'

import { describe, it } from 'mocha'

import { captureMs, zoneOf } from '../../src/sources/capture-time.ts'
import { START_MS } from '../support/world.ts'

const HOUR = 3_600_000

/** What a wall shows so many milliseconds ahead of UTC. */
function wall(ms: number, aheadMs: number, summer?: boolean): Parameters<typeof captureMs>[0] {
  const seconds = (ms + aheadMs) / 1000
  return summer === undefined ? { kind: 'wall', seconds } : { kind: 'wall', seconds, summer }
}

describe('the time at which a value was read', () => {
  it('is that of the meter’s own zone, which its clock shows', () => {
    for (const aheadMs of [-5 * HOUR, 0, HOUR, 2 * HOUR, 5.75 * HOUR]) {
      for (const wrongMs of [-300_000, 0, 200_000]) {
        const zone = zoneOf(wall(START_MS + wrongMs, aheadMs), START_MS)
        assert.equal(zone?.aheadMs, aheadMs)
        for (const ageMs of [0, 58 * 60_000, 30 * HOUR]) {
          assert.equal(captureMs(wall(START_MS - ageMs, aheadMs), zone), START_MS - ageMs)
        }
      }
    }
  })

  it('knows summer from winter where the meter says so', () => {
    const zone = zoneOf(wall(START_MS, HOUR, false), START_MS)
    const summerMs = Date.UTC(2026, 8, 1)
    assert.equal(captureMs(wall(summerMs, 2 * HOUR, true), zone), summerMs)
    assert.equal(captureMs(wall(summerMs, HOUR, false), zone), summerMs)
  })

  it('takes UTC and offsets as they are, and no second index for a date', () => {
    assert.equal(captureMs({ kind: 'utc', seconds: 7 }, undefined), 7000)
    assert.equal(captureMs({ kind: 'second-index', seconds: 7 }, undefined), undefined)
    assert.equal(captureMs(undefined, undefined), undefined)
    assert.equal(zoneOf({ kind: 'utc', seconds: 7 }, START_MS), undefined)
    assert.equal(zoneOf(wall(START_MS, 20 * HOUR), START_MS), undefined, 'a clock that is wrong')
  })
})
