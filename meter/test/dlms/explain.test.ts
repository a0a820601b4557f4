import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { TelegramField } from '../../src/index.ts'
import { createDecoder, decimal, explainDlms, explainTelegram } from '../../src/index.ts'
import { DLMS_STYLES, encodeDlms } from '../../src/simulator/index.ts'
import { METER_TITLE, keysOf } from '../support/asking.ts'
import { captures } from '../support/corpus.ts'
import { decodeAll, houseState } from '../support/telegrams.ts'

function assertCovered(fields: readonly TelegramField[], length: number, name: string): void {
  let next = 0
  for (const { start, end } of fields) {
    assert.equal(start, next, name)
    assert.ok(end > start, name)
    next = end
  }
  assert.equal(next, length, name)
}

describe('the parts of a DLMS telegram', () => {
  for (const [name, style] of Object.entries(DLMS_STYLES)) {
    it(`cover a telegram of the style '${name}', and name its registers`, () => {
      const sealing = { ...keysOf(0), control: 0x30, systemTitle: METER_TITLE, counter: 7 }
      for (const shield of [undefined, sealing]) {
        const bytes = encodeDlms(houseState(), style, shield)
        const fields = explainDlms(bytes, keysOf(0))
        assertCovered(fields, bytes.length, name)
        const { encryptionKey: key } = keysOf(0)
        const [event] = decodeAll(createDecoder('dlms', { key }), bytes)
        assert.ok(event?.type === 'reading')
        if (style.layout === 'descriptors') continue
        const { registers } = event.reading
        const told = fields.filter(({ kind }) => kind === 'value')
        assert.ok(told.length > 0)
        for (const { register, value } of told) {
          const one = registers[register ?? -1]
          assert.ok(one !== undefined, value)
          assert.equal(value, one.digits.toString(), decimal(one))
        }
        assert.ok(fields.some(({ kind }) => kind === 'time'))
        const withoutKey = explainDlms(bytes)
        assertCovered(withoutKey, bytes.length, name)
        const hidden = withoutKey.some(({ label }) => label === 'ciphertext')
        assert.equal(hidden, shield !== undefined)
      }
    })
  }

  it('are one where bytes are no whole telegram', () => {
    const bytes = encodeDlms(houseState(), DLMS_STYLES.described)
    assert.deepEqual(explainDlms(bytes.subarray(2)), [])
    assert.equal(explainTelegram('dlms', bytes.subarray(0, -3)).length, 1)
    assert.deepEqual(explainDlms(new Uint8Array()), [])
  })

  it('never overlap, whatever bit is wrong', () => {
    const telegrams = Object.values(DLMS_STYLES).map((style) => encodeDlms(houseState(), style))
    fc.assert(
      fc.property(fc.constantFrom(...telegrams), fc.nat(), fc.nat(255), (bytes, at, byte) => {
        const changed = bytes.map((one, index) => (index === at % bytes.length ? byte : one))
        const fields = explainDlms(changed)
        if (fields.length > 0) assertCovered(fields, changed.length, 'changed')
      }),
      { numRuns: 300 },
    )
  })

  it('cover captured telegrams', function () {
    let explained = 0
    for (const { name, bytes } of captures(this, 'dlms')) {
      const fields = explainDlms(bytes)
      if (fields.length === 0) continue
      assertCovered(fields, bytes.length, name)
      explained++
    }
    assert.ok(explained > 20, `${explained} explained`)
  })
})
