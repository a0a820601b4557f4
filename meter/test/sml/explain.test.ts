import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { createDecoder, explainSml } from '../../src/index.ts'
import { SML_STYLES, encodeSml } from '../../src/simulator/index.ts'
import { captures } from '../support/corpus.ts'
import { houseState } from '../support/telegrams.ts'

/** Asserts that fields cover the bytes once and in order. */
function assertCovers(fields: ReturnType<typeof explainSml>, length: number): void {
  let next = 0
  for (const { start, end } of fields) {
    assert.equal(start, next)
    assert.ok(end > start)
    next = end
  }
  assert.equal(next, length)
}

describe('explainSml', () => {
  for (const [name, style] of Object.entries(SML_STYLES)) {
    it(`names every byte of a telegram: ${name}`, () => {
      const bytes = encodeSml(houseState(), style)
      const fields = explainSml(bytes)
      assertCovers(fields, bytes.length)
      const [event] = createDecoder('sml').push(bytes)
      assert.ok(event?.type === 'reading')
      for (const [index, register] of event.reading.registers.entries()) {
        if (register.derived === true) continue
        const own = fields.filter((field) => field.register === index)
        const obis = own.find(({ kind }) => kind === 'name')?.value ?? ''
        assert.ok(obis.startsWith(register.obis), `${obis} for ${register.obis}`)
        const value = own.find(({ kind }) => kind === 'value')?.value
        assert.equal(value, (register.wireDigits ?? register.digits).toString())
      }
    })
  }

  it('keeps its place behind doubled escapes', () => {
    const bytes = encodeSml(houseState(), { serial: 0x1b1b1b1b })
    assertCovers(explainSml(bytes), bytes.length)
  })

  it('says nothing of what is not one sound telegram', () => {
    const bytes = encodeSml(houseState())
    for (const other of [
      new Uint8Array(),
      bytes.subarray(1),
      bytes.subarray(0, -1),
      Uint8Array.of(...bytes, 0),
      bytes.map((byte, at) => (at === 90 ? byte ^ 4 : byte)),
    ]) {
      assert.deepEqual(explainSml(other), [])
    }
  })

  it('names every byte of captured telegrams', function () {
    for (const { name, bytes } of captures(this, 'sml')) {
      for (const event of createDecoder('sml').push(bytes)) {
        if (event.type !== 'reading' || event.offset > 50_000) continue
        const telegram = bytes.subarray(event.offset, event.offset + event.length)
        assert.doesNotThrow(() => {
          assertCovers(explainSml(telegram), telegram.length)
        }, name)
      }
    }
  })
})
