import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { DecoderEvent, TelegramDecoder } from '../../src/index.ts'
import { createDecoder } from '../../src/index.ts'
import { CRC_CHANGE_TELEGRAMS_MIN } from '../../src/sml/memory.ts'
import { SML_STYLES, SmlWriter, encodeSml } from '../../src/simulator/index.ts'
import { captures } from '../support/corpus.ts'
import { decodeAll, hex, houseState, join } from '../support/telegrams.ts'
import { assertAccounted } from '../support/accounting.ts'

const STYLES = Object.entries(SML_STYLES)
const TELEGRAMS = STYLES.map(([, style]) => encodeSml(houseState(), style))

function readings(events: readonly DecoderEvent[]): number {
  return events.filter(({ type }) => type === 'reading').length
}

/** Pieces of a noisy line: telegrams whole, cut, damaged; starts, ends, noise. */
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
  { weight: 1, arbitrary: fc.constant(hex('1b1b1b1b01010101')) },
  { weight: 1, arbitrary: fc.constant(hex('1b1b1b1b1a00')) },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 60 }) },
)

describe('an SML decoder', () => {
  for (const protocol of ['sml', 'auto'] as const) {
    it(`accounts for every byte once, however the stream is cut (${protocol})`, function () {
      this.timeout(20_000)
      fc.assert(
        fc.property(
          fc.array(piece, { maxLength: 12 }),
          fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 5 }),
          (parts, sizes) => {
            const bytes = join(...parts)
            const whole = decodeAll(createDecoder(protocol), bytes)
            assertAccounted(whole, bytes.length)
            assert.deepEqual(decodeAll(createDecoder(protocol), bytes, sizes), whole)
          },
        ),
        { numRuns: 300 },
      )
    })
  }

  it('reads every telegram of a clean line', () => {
    const events = decodeAll(createDecoder('sml'), join(...TELEGRAMS), [8])
    assert.deepEqual(
      events.map((event) => event.type),
      TELEGRAMS.map(() => 'reading'),
    )
  })

  it('finds the telegram behind any garbage', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 3000 }),
        fc.constantFrom(...TELEGRAMS),
        (noise, telegram) => {
          const events = decodeAll(createDecoder('sml'), join(noise, telegram), [64])
          assert.equal(readings(events), 1)
          assert.deepEqual(events.at(-1)?.offset, noise.length)
        },
      ),
    )
  })

  it('accepts no telegram with a single bit flipped, anywhere', function () {
    this.timeout(60_000)
    for (const [index, telegram] of TELEGRAMS.entries()) {
      const decoder = createDecoder('sml')
      for (let bit = 0; bit < 8 * telegram.length; bit++) {
        const bad = telegram.slice()
        bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        const events = decodeAll(decoder, bad)
        assert.equal(readings(events), 0, `${STYLES[index]?.[0] ?? ''} bit ${bit}`)
      }
      assert.equal(readings(decodeAll(decoder, telegram)), 1)
    }
  })

  it('accepts no telegram cut short or with a byte doubled', () => {
    for (const telegram of TELEGRAMS) {
      for (let at = 0; at < telegram.length; at++) {
        const cut = join(telegram.subarray(0, at), telegram.subarray(at + 1))
        const doubled = join(telegram.subarray(0, at + 1), telegram.subarray(at))
        assert.equal(readings(decodeAll(createDecoder('sml'), cut)), 0, `without byte ${at}`)
        // A byte too many in front of the start or behind the end leaves the telegram whole.
        const whole = Buffer.from(doubled).includes(Buffer.from(telegram)) ? 1 : 0
        assert.equal(readings(decodeAll(createDecoder('sml'), doubled)), whole, `twice ${at}`)
      }
    }
  })

  it('refuses a mix of checksums', () => {
    const body = (message: 'x25' | 'kermit', frame: 'x25' | 'kermit'): Uint8Array => {
      const writer = new SmlWriter()
      writer.begin(1, 0, 0x0201)
      writer.list(1)
      writer.absent()
      writer.finish(message, true)
      return writer.frame(frame, false)
    }
    const reasons = [body('x25', 'kermit'), body('kermit', 'x25'), body('kermit', 'kermit')].map(
      (bytes) => {
        const [event] = decodeAll(createDecoder('sml'), bytes)
        return event?.type === 'discarded' ? event.reason : 'reading'
      },
    )
    assert.deepEqual(reasons, ['message-crc', 'message-crc', 'empty'])
  })

  it('holds a meter to the checksum it used before, until it insists', () => {
    const decoder = createDecoder('sml')
    const other = encodeSml(houseState(), { crc: 'kermit' })
    assert.equal(readings(decoder.push(encodeSml(houseState()))), 1)
    for (let count = 1; count < CRC_CHANGE_TELEGRAMS_MIN; count++) {
      const [event] = decoder.push(other)
      assert.ok(event?.type === 'discarded')
      assert.equal(event.reason, 'crc')
    }
    assert.equal(readings(decoder.push(other)), 1)
    assert.equal(readings(decoder.push(encodeSml(houseState()))), 0)
  })

  it('tells a sound telegram without reading from a broken one', () => {
    const writer = new SmlWriter()
    writer.begin(1, 0, 0x0101)
    writer.absent()
    writer.finish('x25', true)
    const bytes = writer.frame('x25', false)
    const events = decodeAll(createDecoder('sml'), bytes)
    assert.deepEqual(events, [
      { type: 'discarded', offset: 0, bytes: bytes.length, reason: 'empty' },
    ])
  })

  it('calls grammar that checksums vouch for malformed', () => {
    const writer = new SmlWriter()
    writer.begin(1, 0, 0x0701)
    writer.text('this is no list')
    writer.finish('x25', true)
    const [event] = decodeAll(createDecoder('sml'), writer.frame('x25', false))
    assert.ok(event?.type === 'discarded')
    assert.equal(event.reason, 'malformed')
  })

  it('gives one reading a device when a telegram speaks for several', () => {
    const writer = new SmlWriter()
    for (const id of ['first', 'second']) {
      writer.begin(1, 0, 0x0701)
      writer.list(7)
      writer.absent()
      writer.text(id)
      writer.absent()
      writer.absent()
      writer.list(1)
      writer.list(7)
      writer.octets([1, 0, 1, 8, 0, 255])
      for (let count = 0; count < 4; count++) writer.absent()
      writer.unsigned(7)
      writer.absent()
      writer.absent()
      writer.absent()
      writer.finish('x25', true)
    }
    const bytes = writer.frame('x25', false)
    const events = decodeAll(createDecoder('sml'), bytes)
    assertAccounted(events.slice(0, 1), bytes.length)
    assert.deepEqual(
      events.map((event) => (event.type === 'reading' ? [event.reading.device, event.length] : [])),
      [
        ['first', bytes.length],
        ['second', 0],
      ],
    )
  })

  it('goes on after the end of the input', () => {
    const decoder: TelegramDecoder = createDecoder('sml')
    const [telegram = new Uint8Array()] = TELEGRAMS
    decoder.push(telegram.subarray(0, 50))
    assert.deepEqual(decoder.end(), [
      { type: 'discarded', offset: 0, bytes: 50, reason: 'truncated' },
    ])
    assert.deepEqual(decoder.end(), [])
    const [event] = decoder.push(telegram)
    assert.equal(event?.offset, 50)
    assert.equal(event.type, 'reading')
  })

  it('hands out bytes of its own, which later telegrams leave alone', () => {
    const decoder = createDecoder('sml')
    const [first] = decoder.push(encodeSml(houseState(), SML_STYLES.emhOld))
    assert.ok(first?.type === 'reading')
    const before = JSON.stringify(first.reading.texts.map(({ bytes }) => [...bytes]))
    decoder.push(encodeSml(houseState({ powerMw: 1 }), SML_STYLES.easyMeter))
    assert.equal(JSON.stringify(first.reading.texts.map(({ bytes }) => [...bytes])), before)
  })

  it('accounts for every byte of captured lines, in small chunks as in one', function () {
    this.timeout(60_000)
    for (const { name, bytes } of captures(this, 'sml')) {
      const whole = decodeAll(createDecoder('auto', { bodies: true }), bytes)
      assertAccounted(whole, bytes.length)
      const cut = decodeAll(createDecoder('auto', { bodies: true }), bytes, [1, 7, 64])
      assert.deepEqual(cut, whole, name)
    }
  })
})
