import assert from 'node:assert/strict'
import { MeterError } from '@s3mp/meter'
import { DLMS_STYLES, Household, frameApdu } from '@s3mp/meter/simulator'
import { describe, it } from 'mocha'

import {
  PROPOSE_BYTES_MAX,
  proposalInWords,
  proposeFromCapture,
} from '../../src/commands/propose.ts'

const START_MS = Date.UTC(2026, 5, 10, 10)
const STEP_MS = 10_000

/** A data-notification with a list of nothing but numbers, as no known meter orders them. */
function list(values: readonly number[]): Uint8Array {
  const items = values.flatMap((value) => {
    const bits = value >>> 0
    return [0x05, bits >>> 24, (bits >>> 16) & 0xff, (bits >>> 8) & 0xff, bits & 0xff]
  })
  return Uint8Array.of(0x0f, 0, 0, 0, 1, 0, 0x02, values.length, ...items)
}

function capture(): Uint8Array {
  const household = new Household({ seed: 9, startMs: START_MS, importMilliWh: 7_000_000_000n })
  const [style] = Object.values(DLMS_STYLES).filter(({ link }) => link === 'hdlc')
  assert.ok(style !== undefined)
  const telegrams = Array.from({ length: 240 }, (_, at) => {
    const state = household.at(START_MS + at * STEP_MS)
    return frameApdu(
      list([
        77,
        Math.round(state.powerMw / 1_000),
        Math.round(state.voltageMv[1] / 100),
        Number(state.importMilliWh / 1_000n),
        Math.round(state.voltageMv[0] / 100),
        1_234,
        Math.round(state.voltageMv[2] / 100),
      ]),
      { ...style, blockBytes: 0 },
    )
  })
  return new Uint8Array(Buffer.concat(telegrams))
}

describe('proposing what a list without codes means', () => {
  it('finds energy, power and voltages in a capture of one', () => {
    const { proposals } = proposeFromCapture(capture(), STEP_MS)
    const found = Object.fromEntries(proposals.map(({ place, obis }) => [place, obis]))
    assert.equal(found[3], '1-0:1.8.0*255')
    assert.match(found[1] ?? '', /^1-0:(?:1|16)\.7\.0\*255$/)
    assert.equal(found[2], '1-0:32.7.0*255')
    assert.equal(found[77], undefined)
    const [first] = proposals
    assert.ok(first !== undefined)
    assert.match(proposalInWords(first), /^place +\d+ {2}1-0:\d+\.[78]\.0\*255 .* \d+ % {2}\S/)
  })

  it('refuses captures without such lists, and those that are too long', () => {
    for (const bytes of [new Uint8Array(100), new Uint8Array(PROPOSE_BYTES_MAX + 1)]) {
      assert.throws(
        () => proposeFromCapture(bytes, STEP_MS),
        (error) => error instanceof MeterError && error.code === 'range',
      )
    }
  })
})
