import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import {
  AUTO_PATIENCE_BYTES_MAX,
  AUTO_WEAK_TELEGRAMS_MIN,
  Competition,
} from '../src/competition.ts'
import type { DecoderEvent, DecoderProtocol, DiscardReason } from '../src/index.ts'
import { MeterError, createDecoder } from '../src/index.ts'
import type { Recognizer } from '../src/recognizer.ts'
import { decodeAll } from './support/telegrams.ts'

/** A toy protocol: a letter, a length digit, so many bytes, and the letter again. */
class Toy implements Recognizer {
  readonly name: string
  readonly protocol = 'sml'
  readonly weak: boolean
  readonly #mark: number
  readonly #reason: DiscardReason
  #buffer: number[] = []
  #offset = 0

  constructor(mark: string, weak: boolean, reason: DiscardReason) {
    this.name = mark
    this.weak = weak
    this.#mark = mark.charCodeAt(0)
    this.#reason = reason
  }

  scan(chunk: Uint8Array, from: number, out: DecoderEvent[]): number {
    for (let at = from; at < chunk.length; at++) {
      this.#buffer.push(chunk[at] ?? 0)
      if (this.#step(out)) return at + 1
    }
    return chunk.length
  }

  end(out: DecoderEvent[]): void {
    if (this.#buffer.length > 0) this.#drop(out, this.#buffer.length, 'truncated')
  }

  #step(out: DecoderEvent[]): boolean {
    const [first, digit = 0x30] = this.#buffer
    if (first !== this.#mark) return this.#drop(out, 1, 'garbage')
    const length = 3 + (digit & 7)
    if (this.#buffer.length < length) return false
    if (this.#buffer[length - 1] !== this.#mark) return this.#drop(out, length, this.#reason)
    out.push({
      type: 'reading',
      offset: this.#offset,
      length,
      reading: { protocol: 'sml', device: this.name, registers: [], texts: [], flags: [] },
    })
    this.#offset += length
    this.#buffer = []
    return true
  }

  #drop(out: DecoderEvent[], bytes: number, reason: DiscardReason): boolean {
    out.push({ type: 'discarded', offset: this.#offset, bytes, reason })
    this.#offset += bytes
    this.#buffer = this.#buffer.slice(bytes)
    return true
  }
}

function race(): Competition {
  return new Competition(() => [
    new Toy('a', false, 'crc'),
    new Toy('b', false, 'escape'),
    new Toy('c', true, 'padding'),
  ])
}

function words(text: string, sizes?: readonly number[]): readonly string[] {
  return decodeAll(race(), new TextEncoder().encode(text), sizes).map((event) =>
    event.type === 'reading'
      ? `${event.reading.device} ${event.offset}+${event.length}`
      : `${event.reason} ${event.offset}+${event.bytes}`,
  )
}

describe('a competition of protocols', () => {
  it('is won by the first whose telegram holds, with its own account of what was before', () => {
    assert.deepEqual(words('a1xab1xb'), ['a 0+4', ...garbage(4, 4)])
    assert.deepEqual(words('a1xxb1xb'), [
      'garbage 0+1',
      'garbage 1+1',
      'garbage 2+1',
      'garbage 3+1',
      'b 4+4',
    ])
  })

  it('is not ended by a telegram that proves little', () => {
    assert.deepEqual(words('c1xca1xac1xc'), ['c 0+4', 'a 4+4', ...garbage(8, 4)])
  })

  it('is ended by enough of them in a row, with nothing lost between', () => {
    const row = 'c1xc'.repeat(AUTO_WEAK_TELEGRAMS_MIN)
    assert.equal(words(`${row}a1xa`).at(-1), `garbage ${row.length + 3}+1`)
    const broken = `${row.slice(4)}.c1xca1xa`
    assert.equal(words(broken).at(-1), `a ${broken.length - 4}+4`)
  })

  it('is opened again when the winner has been silent for long', () => {
    const noise = '.'.repeat(AUTO_PATIENCE_BYTES_MAX + 1)
    const line = words(`a1xa${noise}b1xb`)
    assert.equal(line[0], 'a 0+4')
    assert.equal(line.at(-1), `b ${AUTO_PATIENCE_BYTES_MAX + 5}+4`)
  })

  it('tells the most telling account of bytes that nobody understood', () => {
    assert.deepEqual(words('b1xx'), ['escape 0+4'])
  })

  it('accounts for every byte once, however the stream is cut', () => {
    const text = fc.array(
      fc.oneof(
        { weight: 3, arbitrary: fc.constantFrom('a1xa', 'b2xyb', 'c1xc', 'a3', 'b7', 'c5', 'x') },
        { weight: 1, arbitrary: fc.constantFrom('.'.repeat(700), '.'.repeat(5000)) },
      ),
      { maxLength: 20 },
    )
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 60 }), (parts, size) => {
        const line = parts.join('')
        const whole = words(line)
        assert.deepEqual(words(line, [size]), whole)
        let next = 0
        for (const word of whole) {
          const [, offset, length] = /(\d+)\+(\d+)/.exec(word) ?? []
          assert.equal(Number(offset), next)
          next += Number(length)
        }
        assert.equal(next, line.length)
      }),
      { numRuns: 200 },
    )
  })
})

function garbage(from: number, count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => `garbage ${from + at}+1`)
}

describe('createDecoder', () => {
  it('names the protocols it knows when asked for another', () => {
    assert.throws(
      () => createDecoder(fromOutside('morse')),
      (error) => {
        assert.ok(error instanceof MeterError)
        assert.equal(error.code, 'unsupported')
        assert.match(error.message, /expected auto or one of sml.*found morse/)
        return true
      },
    )
  })
})

/** A name as it comes from a configuration, checked by nobody. */
function fromOutside(name: string): DecoderProtocol {
  return name as DecoderProtocol
}
