import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { CAPTURE_PROBE_BYTES_MAX, CaptureBytes } from '../src/capture.ts'
import { toHex } from '../src/index.ts'
import { join } from './support/telegrams.ts'

/** What a capture's bytes come out as, fed in pieces. */
function read(bytes: Uint8Array, size = bytes.length): { kind: string; bytes: Uint8Array } {
  const capture = new CaptureBytes()
  const parts: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += size) {
    parts.push(capture.push(bytes.subarray(at, at + size)).slice())
  }
  parts.push(capture.end())
  return { kind: capture.kind, bytes: join(...parts) }
}

function text(content: string): Uint8Array {
  return new TextEncoder().encode(content)
}

const SPELLINGS: Readonly<Record<string, (bytes: Uint8Array) => string>> = {
  plain: toHex,
  capitals: (bytes) => toHex(bytes).toUpperCase(),
  'with blanks': (bytes) => [...bytes].map((byte) => toHex(Uint8Array.of(byte))).join(' '),
  'in lines': (bytes) => toHex(bytes).replace(/.{60}/g, '$&\n'),
  'in lines that break within a byte': (bytes) => toHex(bytes).replace(/.{61}/g, '$&\r\n'),
  'as C source': (bytes) => [...bytes].map((byte) => `0x${byte.toString(16)}`).join(', '),
  'with colons': (bytes) =>
    [...bytes].map((byte) => byte.toString(16).padStart(2, '0').toUpperCase()).join(':'),
}

describe('CaptureBytes', () => {
  for (const [name, spell] of Object.entries(SPELLINGS)) {
    it(`reads hex text ${name}`, () => {
      fc.assert(
        fc.property(
          fc.uint8Array({ minLength: 1, maxLength: 400 }),
          fc.integer({ min: 1, max: 99 }),
          (bytes, size) => {
            const found = read(text(spell(bytes)), size)
            assert.equal(found.kind, 'hex')
            assert.deepEqual(found.bytes, bytes)
          },
        ),
      )
    })
  }

  it('passes raw bytes through, however they are cut', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 900 }),
        fc.integer({ min: 1, max: 99 }),
        (noise, size) => {
          const bytes = Uint8Array.of(...text('1b 1b'), 0x1b, ...noise)
          const found = read(bytes, size)
          assert.equal(found.kind, 'raw')
          assert.deepEqual(found.bytes, bytes)
        },
      ),
    )
  })

  it('takes text telegrams for raw, not for hex', () => {
    assert.equal(read(text('/ABC5\\2DEF\r\n\r\n1-0:1.8.0(00001.000*kWh)\r\n!\r\n')).kind, 'raw')
  })

  it('has nothing to say of an empty capture', () => {
    assert.deepEqual(read(new Uint8Array()), { kind: 'raw', bytes: new Uint8Array() })
  })

  it('skips a byte order mark before hex text', () => {
    assert.deepEqual(
      read(Uint8Array.of(0xef, 0xbb, 0xbf, ...text('1b 02'))).bytes,
      Uint8Array.of(0x1b, 2),
    )
  })

  it('names the position where hex text stops being hex', () => {
    const long = text('1b'.repeat(CAPTURE_PROBE_BYTES_MAX) + 'zz')
    assert.throws(() => read(long), {
      code: 'malformed',
      message: 'hex text at position 512: expected a hex digit, found 0x7a',
    })
  })

  it('refuses hex text that ends within a byte', () => {
    assert.throws(() => read(text('1b1b1')), { code: 'malformed' })
  })
})
