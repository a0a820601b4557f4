import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { MeterError, createDecoder, diagnoseKeys, toHex } from '../../src/index.ts'
import type { DecoderEvent, ReadingSecurity } from '../../src/index.ts'
import { open, parseProtected, parseSigned } from '../../src/dlms/ciphering.ts'
import { ReplayGuard } from '../../src/dlms/replay-guard.ts'
import { DLMS_STYLES, encodeNotification, frameApdu, protect } from '../../src/simulator/index.ts'
import { decodeAll, hex, houseState, join } from '../support/telegrams.ts'

interface Case {
  readonly name: string
  readonly encryptionKey: string
  readonly authenticationKey: string
  readonly generalGloCiphering: string
}

interface Vectors {
  readonly ciphered: readonly (Case & {
    readonly systemTitle: string
    readonly invocationCounter: number
    readonly securityControl: string
    readonly plaintext: string
  })[]
  readonly mustFail: readonly Case[]
  readonly replay: readonly {
    readonly counter: number
    readonly authentic: boolean
    readonly accept: boolean
  }[]
}

const VECTORS = JSON.parse(
  readFileSync(new URL('../vectors/dlms.json', import.meta.url), 'utf8'),
) as Vectors

function keysOf(one: Case): {
  readonly encryptionKey: Uint8Array
  readonly authenticationKey: Uint8Array
} {
  return {
    encryptionKey: hex(one.encryptionKey),
    authenticationKey: hex(one.authenticationKey),
  }
}

const KEYS = {
  encryptionKey: hex('000102030405060708090a0b0c0d0e0f'),
  authenticationKey: hex('d0d1d2d3d4d5d6d7d8d9dadbdcdddedf'),
}
const PLAIN = encodeNotification(houseState(), DLMS_STYLES.described)

function ciphered(counter = 1, control = 0x30): Uint8Array {
  return protect(PLAIN, { ...KEYS, control, counter, systemTitle: hex('53494d0000bc614e') })
}

/** general-ciphering or general-signing around bytes, as far as a reader needs it. */
function general(tag: string, parts: string, content: Uint8Array, rest = ''): Uint8Array {
  const size = Uint8Array.of(0x82, content.length >> 8, content.length & 0xff)
  return join(hex(tag), hex(parts), size, content, hex(rest))
}

describe('ciphered APDUs', () => {
  for (const vector of VECTORS.ciphered) {
    it(`opens and seals ${vector.name}`, () => {
      const apdu = hex(vector.generalGloCiphering)
      const keys = keysOf(vector)
      const message = parseProtected(apdu)
      const control = parseInt(vector.securityControl, 16)
      assert.equal(toHex(message.systemTitle), vector.systemTitle)
      assert.equal(message.counter, vector.invocationCounter)
      const { plaintext, authentic } = open(message, keys)
      assert.equal(toHex(plaintext), vector.plaintext)
      assert.equal(authentic, (control & 0x10) !== 0)
      const { systemTitle, counter } = message
      assert.equal(
        toHex(protect(plaintext, { ...keys, control, counter, systemTitle })),
        toHex(apdu),
      )
    })
  }

  for (const vector of VECTORS.mustFail) {
    it(`refuses ${vector.name}`, () => {
      const apdu = hex(vector.generalGloCiphering)
      const { verdict } = diagnoseKeys(apdu, keysOf(vector))
      assert.ok(verdict !== 'sound' && verdict !== 'unauthenticated', verdict)
      const bytes = frameApdu(apdu, DLMS_STYLES.described)
      const { encryptionKey: key, authenticationKey } = keysOf(vector)
      const events = decodeAll(createDecoder('dlms', { key, authenticationKey }), bytes)
      assert.deepEqual(
        events.map(({ type }) => type),
        ['discarded'],
      )
    })
  }

  it('judges counters in order, and lets nothing unauthentic move them', () => {
    const events = VECTORS.replay.map(({ counter, authentic }, index): DecoderEvent => {
      const security: ReadingSecurity = { systemTitle: 'SIM', counter, authentic: true }
      const reading = { protocol: 'dlms', device: '', registers: [], texts: [], flags: [] } as const
      const at = { offset: index, length: 1 }
      return authentic
        ? { type: 'reading', ...at, reading: { ...reading, security } }
        : { type: 'discarded', offset: index, bytes: 1, reason: 'unauthentic' }
    })
    const guard = new ReplayGuard({ push: () => events, end: () => [] }, undefined)
    assert.deepEqual(
      guard.push(new Uint8Array()).map(({ type }) => type === 'reading'),
      VECTORS.replay.map(({ accept }) => accept),
    )
  })

  it('reads general-ded-ciphering, general-ciphering and general-signing', () => {
    const glo = ciphered()
    const message = glo.subarray(glo.length - (parseProtected(glo).text.length + 5 + 12))
    const title = '0853494d0000bc614e'
    const ded = join(hex('dc'), glo.subarray(1))
    const generally = general('dd', `0101${title}000000010001`, message)
    const signed = general('df', `0101${title}000000`, glo, `40${'00'.repeat(64)}`)
    const options = { key: KEYS.encryptionKey, authenticationKey: KEYS.authenticationKey }
    for (const apdu of [ded, generally, signed]) {
      const bytes = frameApdu(apdu, DLMS_STYLES.described)
      const [event] = decodeAll(createDecoder('dlms', options), bytes)
      assert.ok(event?.type === 'reading', toHex(apdu.subarray(0, 1)))
      assert.equal(event.reading.security?.authentic, true)
      assert.equal(event.reading.flags.includes('signature-unchecked'), apdu === signed)
    }
    assert.equal(toHex(parseSigned(signed).content), toHex(glo))
  })

  it('throws nothing but MeterError on arbitrary bytes', () => {
    const shaped = fc
      .tuple(fc.constantFrom(0xdb, 0xdc, 0xdd, 0xdf, 0x0f), fc.uint8Array({ maxLength: 60 }))
      .map(([tag, rest]) => join(Uint8Array.of(tag), rest))
    fc.assert(
      fc.property(shaped, (bytes) => {
        for (const parse of [parseProtected, parseSigned]) {
          try {
            parse(bytes)
          } catch (error) {
            assert.ok(error instanceof MeterError)
          }
        }
        diagnoseKeys(bytes, KEYS)
      }),
      { numRuns: 300 },
    )
  })
})

describe('the key doctor', () => {
  const other = hex('ffeeddccbbaa99887766554433221100')

  it('finds nothing wrong where nothing is', () => {
    const { verdict, plaintext } = diagnoseKeys(ciphered(), KEYS, 0)
    assert.equal(verdict, 'sound')
    assert.equal(toHex(plaintext ?? new Uint8Array()), toHex(PLAIN))
  })

  it('tells a wrong encryption key from a wrong, a missing, and no authentication key', () => {
    const verdict = (keys: Parameters<typeof diagnoseKeys>[1], control = 0x30): string =>
      diagnoseKeys(ciphered(1, control), keys).verdict
    assert.equal(verdict({}), 'encryption-key-missing')
    assert.equal(verdict({ ...KEYS, encryptionKey: other }), 'encryption-key-wrong')
    assert.equal(verdict({ ...KEYS, encryptionKey: join(other, other) }), 'encryption-key-wrong')
    assert.equal(verdict({ ...KEYS, authenticationKey: other }), 'authentication-key-wrong')
    assert.equal(verdict({ encryptionKey: KEYS.encryptionKey }), 'unauthenticated')
    assert.equal(verdict(KEYS, 0x20), 'unauthenticated')
    assert.equal(verdict({ ...KEYS, encryptionKey: other }, 0x20), 'encryption-key-wrong')
  })

  it('tells lost and changed bytes from wrong keys', () => {
    const whole = ciphered()
    const cut = whole.subarray(0, -1)
    assert.equal(diagnoseKeys(cut, KEYS).verdict, 'damaged')
    const changed = whole.slice()
    // The type of the first value in the body: the head before it stays sound.
    const at = whole.length - 12 - PLAIN.length + 18
    changed[at] = (changed[at] ?? 0) ^ 0x40
    assert.equal(diagnoseKeys(changed, KEYS).verdict, 'damaged')
  })

  it('tells a replay, after all that can be checked', () => {
    assert.equal(diagnoseKeys(ciphered(5), KEYS, 5).verdict, 'replay')
    assert.equal(diagnoseKeys(ciphered(6), KEYS, 5).verdict, 'sound')
    const { verdict } = diagnoseKeys(ciphered(5), { ...KEYS, authenticationKey: other }, 5)
    assert.equal(verdict, 'authentication-key-wrong')
  })

  it('gives reasons in words, without the keys', () => {
    const { reasons } = diagnoseKeys(ciphered(), { ...KEYS, encryptionKey: other })
    assert.ok(reasons.length > 0)
    assert.ok(!reasons.join(' ').includes(toHex(other)))
  })
})
