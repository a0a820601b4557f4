import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { seededRandom } from '../../src/testing/random.ts'
import type { Depth } from '../support/shaped-packets.ts'
import { digest, shapedPacket } from '../support/shaped-packets.ts'

describe('shaped random packets', function () {
  this.timeout(30_000)

  it('let nothing but a ScionError escape, and reach every layer', () => {
    const random = seededRandom(20260723)
    const depths: Record<Depth, number> = { refused: 0, header: 0, upper: 0 }
    for (let turn = 0; turn < 100_000; turn++) depths[digest(shapedPacket(random))] += 1
    for (const [depth, count] of Object.entries(depths)) assert.ok(count > 10_000, depth)
  })
})
