import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { toHex } from '../../src/index.ts'
import type { SmlCrc } from '../../src/sml/framer.ts'
import { SML_FRAME_BYTES_MAX, SML_GARBAGE_BYTES_MAX, SmlFramer } from '../../src/sml/framer.ts'
import { crc16Kermit, crc16X25 } from '../../src/crc16.ts'
import { hex, join } from '../support/telegrams.ts'

const START = '1b1b1b1b 01010101'

/** All events of a stream in short words: `frame 0+20 x25 12345678`, `crc 0+20`. */
function frames(bytes: Uint8Array, size = bytes.length): readonly string[] {
  const framer = new SmlFramer()
  const found: string[] = []
  const note = (): void => {
    const { event } = framer
    if (event?.type === 'frame') {
      found.push(`frame ${event.offset}+${event.length} ${event.crc} ${toHex(event.body)}`)
    } else if (event !== undefined) found.push(`${event.reason} ${event.offset}+${event.bytes}`)
  }
  for (let at = 0; at < bytes.length; at += size) {
    const chunk = bytes.subarray(at, at + size)
    for (let done = 0; done < chunk.length;) {
      done = framer.scan(chunk, done)
      note()
    }
  }
  framer.end()
  note()
  return found
}

/** Wraps what stands between the start and the end's checksum. */
function sealed(content: Uint8Array, crc: SmlCrc = 'x25'): Uint8Array {
  const value = crc === 'x25' ? crc16X25(content) : crc16Kermit(content)
  const low = value & 0xff
  const high = value >> 8
  return join(content, crc === 'x25' ? Uint8Array.of(low, high) : Uint8Array.of(high, low))
}

function frame(body: string, fill = 0, crc: SmlCrc = 'x25'): Uint8Array {
  return sealed(hex(`${START} ${body} 1b1b1b1b 1a0${fill}`), crc)
}

/** The same telegram as sml-rs documents it, checksum and all. */
const PUBLISHED = hex('1b1b1b1b 01010101 12345678 1b1b1b1b 1a00b87b')

describe('SmlFramer', () => {
  it('takes a telegram that others published', () => {
    assert.deepEqual(frames(PUBLISHED), ['frame 0+20 x25 12345678'])
    assert.deepEqual(frame('12345678'), PUBLISHED)
  })

  it('takes fill bytes off', () => {
    assert.deepEqual(frames(frame('12345600', 1)), ['frame 0+20 x25 123456'])
    assert.deepEqual(frames(frame('12000000', 3)), ['frame 0+20 x25 12'])
    assert.deepEqual(frames(frame('12345678 00000000', 4)), ['frame 0+24 x25 12345678'])
  })

  it('refuses more fill bytes than anyone sends, or than the telegram has', () => {
    assert.deepEqual(frames(frame('12000000 00000000', 5)), ['padding 0+24'])
    assert.deepEqual(frames(frame('', 1)), ['padding 0+16'])
  })

  it('refuses a telegram that is no multiple of four bytes', () => {
    assert.deepEqual(frames(frame('123456', 0)), ['padding 0+19'])
  })

  it('takes the Kermit checksum, high byte first', () => {
    assert.deepEqual(frames(frame('12345678', 0, 'kermit')), ['frame 0+20 kermit 12345678'])
  })

  it('refuses a checksum with its bytes the other way round', () => {
    const swapped = Uint8Array.of(...PUBLISHED.subarray(0, 18), 0x7b, 0xb8)
    assert.deepEqual(frames(swapped), ['crc 0+20'])
  })

  it('halves doubled escapes in the body', () => {
    assert.deepEqual(frames(frame('12 1b1b1b1b 1b1b1b1b 34 5678')), [
      'frame 0+28 x25 121b1b1b1b345678',
    ])
    assert.deepEqual(frames(frame('1b1b1b1b 1b1b1b1b 1b1b1b1b 1b1b1b1b')), [
      'frame 0+32 x25 1b1b1b1b1b1b1b1b',
    ])
    assert.deepEqual(frames(frame('1b1b1b1b 1b1b1b1b 1b 123456')), [
      'frame 0+28 x25 1b1b1b1b1b123456',
    ])
  })

  it('keeps escape bytes that belong to the body right before the end', () => {
    assert.deepEqual(frames(frame('12 1b1b1b')), ['frame 0+20 x25 121b1b1b'])
    assert.deepEqual(frames(frame('121212 1b')), ['frame 0+20 x25 1212121b'])
  })

  it('drops a telegram with an escape that the transport does not have', () => {
    const bad = hex(`${START} 12345678 1b1b1b1b 77665544 ${toHex(PUBLISHED)}`)
    assert.deepEqual(frames(bad), ['escape 0+20', 'frame 20+20 x25 12345678'])
  })

  it('begins anew at a start inside a telegram', () => {
    assert.deepEqual(frames(join(hex(`${START} 1234`), PUBLISHED)), [
      'truncated 0+10',
      'frame 10+20 x25 12345678',
    ])
  })

  it('finds a start behind more escape bytes than it needs', () => {
    assert.deepEqual(frames(join(hex('1b1b1b1b1b1b'), PUBLISHED)), [
      'garbage 0+6',
      'frame 6+20 x25 12345678',
    ])
    assert.deepEqual(frames(join(hex('1b1b1b1b 01'), PUBLISHED)), [
      'garbage 0+5',
      'frame 5+20 x25 12345678',
    ])
  })

  it('loses no telegram when bytes before it were lost, up to the whole checksum', () => {
    for (let lost = 1; lost <= 3; lost++) {
      const cut = PUBLISHED.subarray(0, PUBLISHED.length - lost)
      const [first, second] = frames(join(cut, PUBLISHED))
      assert.equal(first, `crc 0+${20 - lost}`)
      assert.equal(second, `frame ${20 - lost}+20 x25 12345678`)
    }
  })

  it('reports what the end of the input cuts off', () => {
    assert.deepEqual(frames(hex(`${START} 1234`)), ['truncated 0+10'])
    assert.deepEqual(frames(hex('1b1b1b1b0101')), ['garbage 0+6'])
    assert.deepEqual(frames(new Uint8Array()), [])
  })

  it('holds no more than its limit and goes on behind it', () => {
    const long = join(hex(START), new Uint8Array(SML_FRAME_BYTES_MAX + 100), PUBLISHED)
    assert.deepEqual(frames(long, 1000), [
      `oversize 0+${SML_FRAME_BYTES_MAX}`,
      `garbage ${SML_FRAME_BYTES_MAX}+108`,
      `frame ${SML_FRAME_BYTES_MAX + 108}+20 x25 12345678`,
    ])
  })

  it('takes a telegram of just the limit, and refuses one of four bytes more', () => {
    const room = SML_FRAME_BYTES_MAX - 16
    const [most = ''] = frames(frame('00'.repeat(room)))
    assert.ok(most.startsWith(`frame 0+${SML_FRAME_BYTES_MAX} `), most.slice(0, 40))
    const [more = ''] = frames(frame('00'.repeat(room + 4)))
    assert.ok(more.startsWith('oversize 0+'), more.slice(0, 40))
  })

  it('survives escapes that straddle the limit', () => {
    for (let shift = 0; shift < 24; shift++) {
      const filler = new Uint8Array(SML_FRAME_BYTES_MAX - 8 - shift)
      const bytes = join(hex(START), filler, hex('1b'.repeat(40)), PUBLISHED)
      const events = frames(bytes, 777)
      assert.match(events[0] ?? '', /^oversize/)
      assert.match(events.at(-1) ?? '', /^frame .*12345678$/, `shift ${shift}`)
    }
  })

  it('reports endless garbage while it lasts', () => {
    const events = frames(new Uint8Array(3 * SML_GARBAGE_BYTES_MAX))
    assert.deepEqual(events, ['garbage 0+1024', 'garbage 1024+1024', 'garbage 2048+1024'])
  })

  it('accounts for every byte once, in order, however the stream is cut', () => {
    const shaped = fc.oneof(
      fc.constant(hex('1b1b1b1b')),
      fc.constant(hex(START)),
      fc.constant(hex('1a00')),
      fc.constant(PUBLISHED),
      fc.constant(frame('12 1b1b1b1b 1b1b1b1b 34 5678', 0, 'kermit')),
      fc.uint8Array({ maxLength: 9 }),
      fc.constant(hex('1b')),
      fc.constant(hex('01')),
    )
    fc.assert(
      fc.property(
        fc.array(shaped, { maxLength: 25 }),
        fc.integer({ min: 1, max: 40 }),
        (parts, size) => {
          const bytes = join(...parts)
          const whole = frames(bytes)
          assert.deepEqual(frames(bytes, size), whole)
          let next = 0
          for (const line of whole) {
            const [, offset, length] = /^\S+ (\d+)\+(\d+)/.exec(line) ?? []
            assert.equal(Number(offset), next)
            assert.ok(Number(length) > 0, line)
            next += Number(length)
          }
          assert.equal(next, bytes.length)
        },
      ),
      { numRuns: 1500 },
    )
  })
})
