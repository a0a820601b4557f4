import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { DecoderEvent, DecoderOptions } from '../../src/index.ts'
import { AUTO_PATIENCE_BYTES_MAX, AUTO_REPORT_BYTES_MAX } from '../../src/competition.ts'
import { counterName, createDecoder, decimal, printable } from '../../src/index.ts'
import type { DlmsProtection } from '../../src/simulator/index.ts'
import {
  DLMS_STYLES,
  encodeDlms,
  encodeDsmr,
  encodeSml,
  frameApdu,
  protect,
} from '../../src/simulator/index.ts'
import { keysOf } from '../support/asking.ts'
import { captures } from '../support/corpus.ts'
import { decodeAll, hex, houseState, join } from '../support/telegrams.ts'
import { assertAccounted } from '../support/accounting.ts'

const STYLES = Object.entries(DLMS_STYLES)
const CHECKED = STYLES.filter(([, { link }]) => link !== 'wrapper')
const KEY = hex('000102030405060708090a0b0c0d0e0f')
const AUTH_KEY = hex('d0d1d2d3d4d5d6d7d8d9dadbdcdddedf')
const KEYS = { key: KEY, authenticationKey: AUTH_KEY }

function protection(counter: number, control = 0x30): DlmsProtection {
  return {
    control,
    counter,
    systemTitle: hex('53494d0000bc614e'),
    encryptionKey: KEY,
    authenticationKey: AUTH_KEY,
  }
}

const TELEGRAMS = [
  ...STYLES.map(([, style]) => encodeDlms(houseState(), style)),
  ...STYLES.map(([, style], index) => encodeDlms(houseState(), style, protection(index + 1))),
]

function decode(bytes: Uint8Array, options: DecoderOptions = KEYS): readonly DecoderEvent[] {
  return decodeAll(createDecoder('dlms', options), bytes)
}

function readings(events: readonly DecoderEvent[]): number {
  return events.filter(({ type }) => type === 'reading').length
}

function reasons(events: readonly DecoderEvent[]): readonly string[] {
  return events.map((event) => (event.type === 'reading' ? 'reading' : event.reason))
}

const piece = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...TELEGRAMS) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.constantFrom(...TELEGRAMS), fc.nat(600), fc.nat(255))
      .map(([bytes, at, value]) => bytes.map((byte, index) => (index === at ? value : byte))),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.constantFrom(...TELEGRAMS), fc.nat(600), fc.nat(600))
      .map(([bytes, a, b]) => bytes.slice(Math.min(a, b), Math.max(a, b))),
  },
  { weight: 1, arbitrary: fc.constant(encodeSml(houseState())) },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 60 }) },
)

describe('a DLMS decoder', () => {
  for (const protocol of ['dlms', 'auto'] as const) {
    it(`accounts for every byte once, however the stream is cut (${protocol})`, function () {
      this.timeout(20_000)
      fc.assert(
        fc.property(
          fc.array(piece, { maxLength: 8 }),
          fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 5 }),
          fc.boolean(),
          (parts, sizes, bodies) => {
            const bytes = join(...parts)
            const options = { ...KEYS, bodies }
            const whole = decodeAll(createDecoder(protocol, options), bytes)
            assertAccounted(whole, bytes.length)
            assert.deepEqual(decodeAll(createDecoder(protocol, options), bytes, sizes), whole)
          },
        ),
        { numRuns: 60 },
      )
    })
  }

  for (const [name, style] of STYLES) {
    it(`reads what the simulated meter '${name}' pushes, plain and ciphered`, () => {
      for (const shield of [undefined, protection(1), protection(2, 0x20), protection(3, 0x10)]) {
        const bytes = encodeDlms(houseState(), style, shield)
        const [event, more] = decodeAll(createDecoder('auto', KEYS), bytes)
        assert.ok(event?.type === 'reading' && more === undefined)
        assert.equal(event.length, bytes.length)
        const { reading } = event
        assert.equal(reading.protocol, 'dlms')
        assert.equal(reading.device, style.device)
        const values = reading.registers.map((one) => `${one.obis} ${decimal(one)} ${one.unit}`)
        // One maker sends whole volts and tens of watt-hours; a list of places has no energy.
        const coarse = style.layout === 'versioned'
        assert.ok(values.includes('1-0:1.7.0*255 412 W'))
        assert.ok(values.includes('1-0:2.7.0*255 0 W'))
        assert.ok(values.includes(`1-0:32.7.0*255 ${coarse ? '230' : '230.1'} V`))
        if (style.layout !== 'places') {
          assert.ok(values.includes(`1-0:1.8.0*255 ${coarse ? 12_345_670 : 12_345_678} Wh`))
        }
        assert.equal(reading.meterTime?.seconds, houseState().timeMs / 1_000)
        const doubted = shield?.control === 0x20
        assert.equal(reading.flags.includes('unauthenticated'), doubted)
      }
    })
  }

  it('accepts no frame-checked telegram with a single bit flipped, anywhere', function () {
    this.timeout(60_000)
    for (const [name, style] of CHECKED) {
      const telegram = encodeDlms(houseState(), style)
      const decoder = createDecoder('dlms')
      for (let bit = 0; bit < 8 * telegram.length; bit++) {
        const bad = telegram.slice()
        bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        assert.equal(readings(decodeAll(decoder, bad)), 0, `${name} bit ${bit}`)
      }
      assert.equal(readings(decodeAll(decoder, telegram)), 1)
    }
  })

  it('accepts no authenticated telegram with a single bit flipped, whatever carries it', function () {
    this.timeout(60_000)
    for (const suite of [0, 1, 2] as const) {
      const { encryptionKey: key, authenticationKey } = keysOf(suite)
      for (const [name, style] of STYLES) {
        const sealing = { ...protection(1, 0x30 | suite), encryptionKey: key, authenticationKey }
        const telegram = encodeDlms(houseState(), style, sealing)
        // Few bits of each, others in each suite and style.
        for (let bit = (name.length + suite) % 31; bit < 8 * telegram.length; bit += 31) {
          const bad = telegram.slice()
          bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7))
          for (const event of decode(bad, { key, authenticationKey })) {
            // Ports of the wrapper are nobody's to vouch for.
            if (event.type !== 'reading') continue
            assert.equal(style.link, 'wrapper', `${name}, suite ${suite}, bit ${bit}`)
            assert.ok(event.reading.security?.authentic, `bit ${bit}`)
          }
        }
        assert.equal(readings(decode(telegram, { key, authenticationKey })), 1)
      }
    }
  })

  it('says why a ciphered telegram gives nothing', () => {
    const bytes = encodeDlms(houseState(), DLMS_STYLES.described, protection(5))
    assert.deepEqual(reasons(decode(bytes, {})), ['key-missing'])
    assert.deepEqual(reasons(decode(bytes, { ...KEYS, key: AUTH_KEY })), ['key-wrong'])
    assert.deepEqual(reasons(decode(bytes, { ...KEYS, authenticationKey: KEY })), ['unauthentic'])
    assert.deepEqual(reasons(decode(bytes, { ...KEYS, key: join(KEY, KEY) })), ['key-wrong'])
    assert.deepEqual(reasons(decode(bytes)), ['reading'])
  })

  it('reads with the encryption key alone, and says that nobody vouches for it', () => {
    const bytes = encodeDlms(houseState(), DLMS_STYLES.described, protection(5))
    const [event] = decode(bytes, { key: KEY })
    assert.ok(event?.type === 'reading')
    assert.ok(event.reading.flags.includes('unauthenticated'))
    assert.equal(event.reading.security?.authentic, false)
  })

  it('wants counters that rise, over restarts too', () => {
    const telegram = (counter: number): Uint8Array =>
      encodeDlms(houseState(), DLMS_STYLES.described, protection(counter))
    const events = decode(join(telegram(7), telegram(7), telegram(6), telegram(8)))
    assert.deepEqual(reasons(events), ['reading', 'replay', 'replay', 'reading'])
    const last = events.at(-1)
    assert.ok(last?.type === 'reading' && last.reading.security !== undefined)
    const { security } = last.reading
    const counters = new Map([[counterName(security), security.counter]])
    const later = decode(join(telegram(8), telegram(9)), { ...KEYS, counters })
    assert.deepEqual(reasons(later), ['replay', 'reading'])
  })

  it('lets no telegram without tag move the counter of those with one', () => {
    const telegram = (counter: number, control: number): Uint8Array =>
      encodeDlms(houseState(), DLMS_STYLES.described, protection(counter, control))
    const events = decode(join(telegram(0xffffffff, 0x20), telegram(3, 0x30), telegram(2, 0x20)))
    assert.deepEqual(reasons(events), ['reading', 'reading', 'replay'])
    const counters = new Map<string, number>()
    for (const event of events) {
      const security = event.type === 'reading' ? event.reading.security : undefined
      if (security !== undefined) counters.set(counterName(security), security.counter)
    }
    const later = decode(join(telegram(4, 0x30), telegram(9, 0x20)), { ...KEYS, counters })
    assert.deepEqual(reasons(later), ['reading', 'replay'])
  })

  it('finds SML and DLMS by turns on one line', () => {
    const sml = encodeSml(houseState())
    const dlms = encodeDlms(houseState(), DLMS_STYLES.segmented)
    const noise = new Uint8Array(AUTO_PATIENCE_BYTES_MAX + 2 * AUTO_REPORT_BYTES_MAX).fill(0x55)
    const events = decodeAll(createDecoder('auto'), join(sml, noise, dlms, noise, sml))
    const found = events.flatMap((event) => (event.type === 'reading' ? [event.reading] : []))
    assert.deepEqual(
      found.map(({ protocol }) => protocol),
      ['sml', 'dlms', 'sml'],
    )
  })

  it('reads ciphered P1 on a line of its own, again and again, and refuses a replay', () => {
    const text = encodeDsmr(houseState())
    const telegram = (counter: number): Uint8Array => protect(text, protection(counter))
    const noise = hex('55db08aa')
    const events = decodeAll(
      createDecoder('auto', KEYS),
      join(noise, telegram(1), telegram(2), telegram(2), noise, telegram(3)),
      [8],
    )
    const found = events.flatMap((event) => (event.type === 'reading' ? [event.reading] : []))
    assert.deepEqual(
      found.map(({ protocol, security }) => [protocol, security?.counter, security?.authentic]),
      [1, 2, 3].map((counter) => ['dsmr', counter, true]),
    )
    assert.ok(reasons(events).includes('replay'))
  })

  it('gives one reading of a text inside the cipher, whatever link carries it', () => {
    const text = encodeDsmr(houseState())
    for (const style of Object.values(DLMS_STYLES)) {
      const bytes = frameApdu(protect(text, protection(1)), style)
      const events = decodeAll(createDecoder('auto', KEYS), bytes, [16])
      assertAccounted(events, bytes.length)
      assert.equal(readings(events), 1, style.device)
    }
  })

  it('reads an APDU that lost its link when asked to, and flags it', () => {
    for (const head of ['', 'e6e700']) {
      const bytes = join(hex(head), encodeDlms(houseState(), { link: 'bare' }))
      assert.deepEqual(reasons(decode(bytes, {})), ['garbage'])
      const [event] = decode(bytes, { bodies: true })
      assert.ok(event?.type === 'reading')
      assert.deepEqual(event.reading.flags, ['unframed'])
    }
  })

  it('hands out bytes of its own, which later telegrams leave alone', () => {
    const decoder = createDecoder('dlms')
    const [first] = decoder.push(encodeDlms(houseState(), { device: 'FIRST00001' }))
    assert.ok(first?.type === 'reading')
    decoder.push(encodeDlms(houseState(), { device: 'SECOND0002' }))
    const [text] = first.reading.texts
    assert.equal(printable(text?.bytes ?? new Uint8Array()), 'FIRST00001')
  })

  it('accounts for every byte of captured telegrams, in small chunks as in one', function () {
    this.timeout(60_000)
    for (const { name, bytes } of captures(this, 'dlms')) {
      const part = bytes.subarray(0, 20_000)
      const whole = decodeAll(createDecoder('auto', { bodies: true }), part)
      assertAccounted(whole, part.length)
      const cut = decodeAll(createDecoder('auto', { bodies: true }), part, [1, 7, 64])
      assert.deepEqual(cut, whole, name)
    }
  })
})
