import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { DecoderEvent } from '../../src/index.ts'
import { createDecoder } from '../../src/index.ts'
import { SML_FRAME_BYTES_MAX } from '../../src/sml/framer.ts'
import { SML_STYLES, encodeSml, encodeSmlBody } from '../../src/simulator/index.ts'
import { captures } from '../support/corpus.ts'
import { decodeAll, hex, houseState, join } from '../support/telegrams.ts'

const BODIES = Object.values(SML_STYLES).map((style) => encodeSmlBody(houseState(), style))

function words(bytes: Uint8Array, sizes?: readonly number[]): readonly string[] {
  return decodeAll(createDecoder('sml', { bodies: true }), bytes, sizes).map(inWords)
}

function inWords(event: DecoderEvent): string {
  return event.type === 'reading'
    ? `reading ${event.offset}+${event.length} ${event.reading.flags.includes('unframed') ? 'unframed' : 'framed'}`
    : `${event.reason} ${event.offset}+${event.bytes}`
}

describe('SML bodies without their frame', () => {
  it('are read one after the other and say what they lack', () => {
    let offset = 0
    const expected = BODIES.map((body) => {
      const line = `reading ${offset}+${body.length} unframed`
      offset += body.length
      return line
    })
    assert.deepEqual(words(join(...BODIES)), expected)
    assert.deepEqual(words(join(...BODIES), [3]), expected)
  })

  it('may be padded with zeros', () => {
    const [body = new Uint8Array()] = BODIES
    assert.deepEqual(words(join(body, hex('0000'), body, hex('00'))), [
      `reading 0+${body.length} unframed`,
      `garbage ${body.length}+2`,
      `reading ${body.length + 2}+${body.length} unframed`,
      `garbage ${2 * body.length + 2}+1`,
    ])
  })

  it('are nothing to a decoder on a live line', () => {
    const [body = new Uint8Array()] = BODIES
    const events = decodeAll(createDecoder('auto'), body)
    assert.deepEqual(events.map(inWords), [`garbage 0+${body.length}`])
  })

  it('are refused when the end of a frame follows: nobody vouches for what was before', () => {
    const telegram = encodeSml(houseState())
    const late = telegram.subarray(8)
    assert.deepEqual(words(late), [
      `truncated 0+${late.length - 8}`,
      `garbage ${late.length - 8}+8`,
    ])
    assert.deepEqual(
      words(join(late, telegram)).at(-1),
      `reading ${late.length}+${telegram.length} framed`,
    )
  })

  it('lead over to framed telegrams', () => {
    const [body = new Uint8Array()] = BODIES
    const telegram = encodeSml(houseState())
    const line = words(join(body, hex('0d0a'), telegram, telegram))
    assert.deepEqual(line, [
      `reading 0+${body.length} unframed`,
      `garbage ${body.length}+2`,
      `reading ${body.length + 2}+${telegram.length} framed`,
      `reading ${body.length + 2 + telegram.length}+${telegram.length} framed`,
    ])
  })

  it('are accepted with no bit flipped and with none doubled', function () {
    this.timeout(30_000)
    for (const body of BODIES.slice(0, 2)) {
      for (let bit = 0; bit < 8 * body.length; bit++) {
        const bad = body.slice()
        bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        const found = words(bad).filter((line) => line.startsWith('reading'))
        // Flips in the close.Res leave the list before it whole; then the body has not ended.
        assert.ok(found.length === 0, `bit ${bit}: ${found.join()}`)
      }
    }
  })

  it('are cut at the limit of a telegram', () => {
    const endless = join(hex('76 ff ff ff 0f'), new Uint8Array(SML_FRAME_BYTES_MAX + 50).fill(0x01))
    const line = words(endless, [999])
    assert.ok(line.every((word) => !word.startsWith('reading')))
    const bytes = line.map((word) => Number(word.split('+')[1])).reduce((sum, n) => sum + n, 0)
    assert.equal(bytes, endless.length)
  })

  it('account for every byte once, however the stream is cut', () => {
    const piece = fc.oneof(
      fc.constantFrom(...BODIES),
      fc.constantFrom(...BODIES).map((body) => body.slice(0, 90)),
      fc.constant(hex('00')),
      fc.constant(hex('76')),
      fc.constant(encodeSml(houseState())),
      fc.uint8Array({ maxLength: 5 }),
    )
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 8 }),
        fc.integer({ min: 1, max: 50 }),
        (parts, size) => {
          const bytes = join(...parts)
          const whole = words(bytes)
          assert.deepEqual(words(bytes, [size]), whole)
          let next = 0
          for (const line of whole) {
            const [, offset, length] = /(\d+)\+(\d+)/.exec(line) ?? []
            assert.equal(Number(offset), next)
            next += Number(length)
          }
          assert.equal(next, bytes.length)
        },
      ),
      { numRuns: 400 },
    )
  })

  it('are read from captures, whole ones only', function () {
    for (const { name, bytes } of captures(this, 'sml-frame-only')) {
      const found = words(bytes).filter((line) => line.startsWith('reading'))
      assert.ok(found.length <= 1, name)
    }
  })
})
