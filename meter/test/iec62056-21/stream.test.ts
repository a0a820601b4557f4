import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { DecoderEvent, Reading } from '../../src/index.ts'
import { createDecoder, decimal } from '../../src/index.ts'
import { TEXT_LINE_BYTES_MAX, TEXT_TELEGRAM_BYTES_MAX } from '../../src/iec62056-21/framer.ts'
import { TEXT_ENTRIES_MAX } from '../../src/iec62056-21/lines.ts'
import { CHECK_CHANGE_TELEGRAMS_MIN } from '../../src/iec62056-21/stream.ts'
import { D0_STYLES, DSMR_STYLES, SML_STYLES } from '../../src/simulator/index.ts'
import { encodeD0, encodeDsmr, encodeSml, withEvenParity } from '../../src/simulator/index.ts'
import { asciiBytes } from '../../src/simulator/text.ts'
import { decodeAll, houseState, join } from '../support/telegrams.ts'
import { assertAccounted } from '../support/accounting.ts'

const D0 = Object.values(D0_STYLES).map((style) => encodeD0(houseState(), style))
const DSMR = Object.values(DSMR_STYLES).map((style) => encodeDsmr(houseState(), style))
const BLOCK = encodeD0(houseState(), D0_STYLES.coarse)
const PUSH = encodeD0(houseState(), D0_STYLES.push)
const P1 = encodeDsmr(houseState(), DSMR_STYLES.v5)
const STX = 2

function readings(events: readonly DecoderEvent[]): readonly Reading[] {
  return events.filter((event) => event.type === 'reading').map(({ reading }) => reading)
}

function outcome(events: readonly DecoderEvent[]): readonly string[] {
  return events.map((event) =>
    event.type === 'reading' ? `reading ${event.length}` : `${event.reason} ${event.bytes}`,
  )
}

/** What a decoder of one protocol makes of text. */
function heard(text: string, protocol: 'd0' | 'dsmr' | 'auto' = 'd0'): readonly string[] {
  return outcome(decodeAll(createDecoder(protocol), asciiBytes(text)))
}

const whole = fc.constantFrom(...D0, ...DSMR, withEvenParity(BLOCK), encodeSml(houseState()))
const piece = fc.oneof(
  { weight: 4, arbitrary: whole },
  {
    weight: 3,
    arbitrary: fc
      .tuple(whole, fc.nat(900), fc.nat(255))
      .map(([bytes, at, value]) => bytes.map((byte, index) => (index === at ? value : byte))),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(whole, fc.nat(900), fc.nat(900))
      .map(([bytes, a, b]) => bytes.slice(Math.min(a, b), Math.max(a, b))),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(...['/', '/SIM5', '!', '\x02', '/?!\r\n']).map(asciiBytes),
  },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 60 }) },
)

describe('a decoder of text telegrams', () => {
  for (const protocol of ['d0', 'dsmr', 'auto'] as const) {
    it(`accounts for every byte once, however the stream is cut (${protocol})`, function () {
      this.timeout(20_000)
      fc.assert(
        fc.property(
          fc.array(piece, { maxLength: 10 }),
          fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 5 }),
          (parts, sizes) => {
            const bytes = join(...parts)
            const all = decodeAll(createDecoder(protocol), bytes)
            assertAccounted(all, bytes.length)
            assert.deepEqual(decodeAll(createDecoder(protocol), bytes, sizes), all)
          },
        ),
        { numRuns: 120 },
      )
    })
  }

  it('never throws at random bytes shaped like telegrams', () => {
    const letter = fc.constantFrom(...'/!()*.:-&0159CFLPSIM\r\n\x02\x03\x06 kWh'.split(''))
    fc.assert(
      fc.property(fc.array(letter, { maxLength: 300 }), (letters) => {
        const bytes = asciiBytes(`/SIM5A\r\n${letters.join('')}\r\n!\r\n`)
        assertAccounted(decodeAll(createDecoder('auto'), bytes), bytes.length)
      }),
      { numRuns: 300 },
    )
  })

  it('finds the telegram behind any garbage without text in it', () => {
    const noise = fc
      .uint8Array({ maxLength: 3000 })
      .map((bytes) => bytes.filter((byte) => byte > 0x2f))
    fc.assert(
      fc.property(noise, fc.constantFrom(...D0, ...DSMR), (before, telegram) => {
        const events = decodeAll(createDecoder('auto'), join(before, telegram), [64])
        assert.equal(readings(events).length, 1)
      }),
      { numRuns: 50 },
    )
  })

  it('accepts no P1 telegram with a single bit flipped, anywhere', function () {
    this.timeout(60_000)
    for (const telegram of DSMR.slice(1)) {
      for (const protocol of ['dsmr', 'd0'] as const) {
        const decoder = createDecoder(protocol)
        for (let bit = 0; bit < 8 * telegram.length; bit++) {
          const events = decodeAll(decoder, flipped(telegram, bit))
          assert.deepEqual(readings(events), [], `${protocol} bit ${bit}`)
        }
        assert.equal(readings(decodeAll(decoder, telegram)).length, 1)
      }
    }
  })

  it('accepts no block with a single bit flipped from its STX to its block check', function () {
    this.timeout(60_000)
    for (const style of [D0_STYLES.coarse, D0_STYLES.readout, D0_STYLES.bare]) {
      const telegram = encodeD0(houseState(), style)
      for (let bit = 8 * telegram.indexOf(STX); bit < 8 * telegram.length; bit++) {
        for (const protocol of ['d0', 'auto'] as const) {
          const events = decodeAll(createDecoder(protocol), flipped(telegram, bit))
          assert.deepEqual(readings(events), [], `${style.ident} ${protocol} bit ${bit}`)
        }
      }
    }
  })

  it('keeps a block whose identification was damaged, without the maker', () => {
    const [reading] = readings(decodeAll(createDecoder('d0'), flipped(BLOCK, 0)))
    assert.equal(reading?.manufacturer, undefined)
    assert.equal(reading?.device, '1SIM0010203053')
  })

  it('refuses a wrong block check, and flags one that is missing', () => {
    const text = '/SIM5A\r\n\x021.8.0(1.5*kWh)\r\n!\r\n'
    assert.deepEqual(heard(`${text}\x03\x00`), [`crc ${text.length + 2}`])
    const [reading] = readings(decodeAll(createDecoder('d0'), asciiBytes(text)))
    assert.deepEqual(reading?.flags, ['bcc-missing'])
    assert.deepEqual(heard(`${text}\x07`), [`malformed ${text.length}`, 'garbage 1'])
  })

  it('refuses a wrong CRC-16, and telegrams that all at once come without', () => {
    const text = Buffer.from(P1).toString('latin1')
    assert.deepEqual(heard(text.replace(/![0-9A-F]{4}/, '!0000'), 'dsmr'), [`crc ${text.length}`])
    assert.deepEqual(
      heard(text.replace(/![0-9A-F]{4}/, '!12345'), 'dsmr')[0]?.split(' ')[0],
      'malformed',
    )
    const bare = asciiBytes(text.replace(/![0-9A-F]{4}/, '!'))
    const decoder = createDecoder('dsmr')
    decoder.push(P1)
    for (let count = 1; count < CHECK_CHANGE_TELEGRAMS_MIN; count++) {
      assert.deepEqual(outcome(decoder.push(bare)), [`crc ${bare.length}`])
    }
    assert.deepEqual(readings(decoder.push(bare))[0]?.flags, ['crc-missing'])
  })
})

describe('a decoder of IEC 62056-21', () => {
  it('passes over wake-up, the echo of the request and of the acknowledgement', () => {
    const text = Buffer.from(BLOCK).toString('latin1')
    const at = text.indexOf('\x02')
    const line = `${'\0'.repeat(66)}/?!\r\n${text.slice(0, at)}\x06050\r\n${text.slice(at)}`
    const events = decodeAll(createDecoder('auto'), asciiBytes(line), [5])
    const [reading] = readings(events)
    assert.equal(events.at(-1)?.type, 'reading')
    assert.deepEqual([reading?.manufacturer, reading?.flags], ['SIM', []])
  })

  it('reads push telegrams at once, with the checksum that the meter does not send flagged', () => {
    const decoder = createDecoder('auto')
    assert.deepEqual(outcome(decoder.push(PUSH)), [`reading ${PUSH.length}`])
    assert.deepEqual(outcome(decoder.push(PUSH)), [`reading ${PUSH.length}`])
  })

  it('loses nothing but the telegram that was cut, wherever the next one begins', () => {
    for (let at = 0; at <= PUSH.indexOf(0x21); at++) {
      const events = decodeAll(createDecoder('d0'), join(PUSH.subarray(0, at), PUSH))
      assert.equal(readings(events).length, 1, `cut at ${at}`)
      assertAccounted(events, at + PUSH.length)
    }
  })

  it('refuses a telegram without checksum as soon as one line breaks the grammar', () => {
    assert.deepEqual(heard('/SIM5A\r\n1.8.0(1*kWh)\r\n1.8.0(2*kWh\r\n!\r\n'), ['malformed 38'])
    assert.deepEqual(heard('/SIM5A\r\n1.8.0(1*kWh)\r\n999.8.0(2*kWh)\r\n!\r\n'), ['malformed 41'])
    assert.deepEqual(heard('/SIM5A\r\n1.8.0(1*kWh)\n!\r\n'), ['malformed 20', 'garbage 4'])
    assert.deepEqual(heard('/SIM5A\r\n!\r\n'), ['empty 11'])
  })

  it('derives net power from one signed register, never where the direction is not known', () => {
    const net = (rows: string, ident = 'SIM5A'): string | undefined => {
      const text = asciiBytes(`/${ident}\r\n${rows}!\r\n`)
      const [reading] = readings(decodeAll(createDecoder('d0'), text))
      const found = reading?.registers.find(({ obis }) => obis === '1-0:16.7.0*255')
      return found === undefined ? undefined : decimal(found)
    }
    assert.equal(net('1.7.0(1.5*kW)\r\n2.7.0(20*W)\r\n'), '1480')
    assert.equal(net('1.7.0(1.5*kW)\r\n'), '1500')
    assert.equal(net('1.7.0(-1.50*W)\r\n2.8.0(1*kWh)\r\n'), '-1.50')
    assert.equal(net('1.7.0(1.5*kW)\r\n2.8.0(1*kWh)\r\n'), undefined)
    assert.equal(net('1.7.0(1.5*kW)\r\n2.8.0(1*kWh)\r\n', 'ESY5Q3D'), '1500')
    assert.equal(net('2.7.0(1.5*kW)\r\n'), undefined)
  })

  it('keeps exact what does not fit a number', () => {
    const rows =
      '1.8.0(1234567890123456789*kWh)\r\n0.2.0(V1)\r\n1.7.0(5*furlong)\r\n1.8.0(7)\r\n1.8.0(8)\r\n'
    const [reading] = readings(decodeAll(createDecoder('d0'), asciiBytes(`/SIM5A\r\n${rows}!\r\n`)))
    assert.deepEqual(
      reading?.texts.map(({ bytes }) => Buffer.from(bytes).toString()),
      ['1234567890123456789*kWh', 'V1', '5*furlong', '8'],
    )
    assert.deepEqual(reading.registers.map(decimal), ['7'])
  })

  it('takes blanks around lines, clocks in any spelling, and letters beyond ASCII', () => {
    const text = asciiBytes(
      '/SIM5A\n 0.9.1(13:05:59) \n0.9.2(2026-07-04)\n1.8.0(1*kWh)\n0.2.2(Z\xe4hler)\n!\n',
    )
    const [reading] = readings(decodeAll(createDecoder('d0'), text))
    assert.deepEqual(reading?.meterTime, {
      kind: 'wall',
      seconds: Date.UTC(2026, 6, 4, 13, 5, 59) / 1000,
    })
    assert.equal(Buffer.from(reading.texts.at(-1)?.bytes ?? []).toString('latin1'), 'Z\xe4hler')
  })

  it('bounds lines, telegrams and entries', () => {
    const line = `0.0.0(${'7'.repeat(TEXT_LINE_BYTES_MAX)}`
    assert.match(heard(`/SIM5A\r\n${line}`)[0] ?? '', /^oversize/)
    const rows = '1.8.0(000001.5*kWh)\r\n'.repeat(TEXT_TELEGRAM_BYTES_MAX / 20)
    assert.match(heard(`/SIM5A\r\n${rows}!\r\n`)[0] ?? '', /^oversize 65536/)
    const many = '1.8.0(1)'.repeat(100) + '\r\n'
    const entries = many.repeat(Math.ceil(TEXT_ENTRIES_MAX / 100) + 1)
    assert.match(heard(`/SIM5A\r\n${entries}!\r\n`)[0] ?? '', /^oversize/)
  })
})

describe('detection of text protocols', () => {
  it('names each protocol within three telegrams, and goes on after a change of meter', () => {
    const sml = encodeSml(houseState(), SML_STYLES.modern)
    const bytes = join(sml, sml, P1, P1, P1, PUSH, PUSH, BLOCK, BLOCK, BLOCK)
    const noise = new Uint8Array(6_000).fill(0x55)
    const events = decodeAll(
      createDecoder('auto'),
      join(bytes.subarray(0, 2 * sml.length), noise, P1, P1, noise, BLOCK, BLOCK, PUSH, PUSH, PUSH),
      [33],
    )
    const names = readings(events).map(({ protocol }) => protocol)
    assert.deepEqual(names, ['sml', 'sml', 'dsmr', 'dsmr', 'd0', 'd0', 'd0'])
  })

  it('tells P1 without checksum from a push telegram by its codes', () => {
    const v2 = encodeDsmr(houseState(), DSMR_STYLES.v2)
    const names = readings(decodeAll(createDecoder('auto'), join(v2, PUSH, v2, PUSH))).map(
      ({ protocol }) => protocol,
    )
    assert.deepEqual(names, ['dsmr', 'd0', 'dsmr', 'd0'])
  })
})

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const bad = bytes.slice()
  bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  return bad
}
