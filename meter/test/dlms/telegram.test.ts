import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { diagnoseTelegram, unnamedList } from '../../src/index.ts'
import { apdusIn } from '../../src/dlms/telegram.ts'
import {
  DLMS_STYLES,
  encodeDlms,
  encodeNotification,
  frameApdu,
  protect,
} from '../../src/simulator/index.ts'
import { METER_TITLE, keysOf } from '../support/asking.ts'
import { hex, houseState, join } from '../support/telegrams.ts'

const SEALING = { ...keysOf(0), control: 0x30, systemTitle: METER_TITLE, counter: 7 }

describe('raw bytes of a DLMS line', () => {
  for (const [name, style] of Object.entries(DLMS_STYLES)) {
    it(`go to the key doctor whatever carried them: ${name}`, () => {
      const bytes = encodeDlms(houseState(), style, SEALING)
      const keys = keysOf(0)
      assert.equal(diagnoseTelegram(bytes, keys)?.verdict, 'sound')
      assert.equal(diagnoseTelegram(bytes, keys, 7)?.verdict, 'replay')
      assert.equal(diagnoseTelegram(bytes, {})?.verdict, 'encryption-key-missing')
      const wrong = { ...keys, encryptionKey: keys.authenticationKey }
      assert.equal(diagnoseTelegram(bytes, wrong)?.verdict, 'encryption-key-wrong')
      // Half a telegram and noise in front, as a recording of a line begins.
      const line = join(bytes.subarray(50), hex('00ff55'), bytes)
      assert.equal(diagnoseTelegram(line, keys)?.verdict, 'sound')
      assert.equal(diagnoseTelegram(encodeDlms(houseState(), style), keys), undefined)
    })
  }

  it('are no matter of keys where no whole telegram is among them', () => {
    const bytes = encodeDlms(houseState(), DLMS_STYLES.described, SEALING)
    assert.equal(diagnoseTelegram(bytes.subarray(0, -5), keysOf(0)), undefined)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
        diagnoseTelegram(noise, keysOf(0))
        unnamedList(noise)
        assert.ok(apdusIn(noise).length <= 16)
      }),
      { numRuns: 200 },
    )
  })

  it('give the numbers of a list that names none of them, in their places', () => {
    // A text, four numbers, nothing, a short one: no documented list.
    const body = hex('0207 0903414243 0600000007 06ffffffff 05fffffffe 1600 00 120102')
    const apdu = join(hex('0f0000000100'), body)
    const plain = frameApdu(apdu, DLMS_STYLES.described)
    const numbers = [undefined, 7n, 0xffff_ffffn, -2n, 0n, undefined, 0x102n]
    assert.deepEqual(unnamedList(plain)?.values, numbers)
    const ciphered = frameApdu(protect(apdu, SEALING), DLMS_STYLES.mbus)
    assert.deepEqual(unnamedList(ciphered, keysOf(0))?.values, numbers)
    assert.equal(unnamedList(ciphered), undefined)
    const named = encodeNotification(houseState(), DLMS_STYLES.described)
    assert.equal(unnamedList(frameApdu(named, DLMS_STYLES.described)), undefined)
  })
})
