import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { DiscardedEvent } from '../../src/index.ts'
import { MeterError, toHex } from '../../src/index.ts'
import { Assembler, DLMS_APDU_BYTES_MAX, DLMS_GAP_BYTES_MAX } from '../../src/dlms/assembler.ts'
import { decodeBlock } from '../../src/dlms/gbt.ts'
import { FrameScanner } from '../../src/dlms/frame-scanner.ts'
import type { Framing } from '../../src/dlms/frame-scanner.ts'
import { HDLC } from '../../src/dlms/hdlc.ts'
import { MBUS } from '../../src/dlms/mbus.ts'
import { WRAPPER } from '../../src/dlms/wrapper.ts'
import { DLMS_STYLES, frameApdu } from '../../src/simulator/index.ts'
import { hex, join } from '../support/telegrams.ts'

interface Vectors {
  readonly hdlc: readonly Case[]
  readonly mbus: readonly Case[]
  readonly blocks: readonly {
    readonly name: string
    readonly blocks: readonly string[]
    readonly apdu: string | null
  }[]
}
interface Case {
  readonly name: string
  readonly bytes: string
  readonly apdus: readonly string[]
}

const VECTORS = JSON.parse(
  readFileSync(new URL('../vectors/dlms.json', import.meta.url), 'utf8'),
) as Vectors

interface Found {
  readonly apdus: readonly string[]
  readonly discarded: readonly DiscardedEvent[]
}

/** All APDUs in a stream; asserts that every byte is accounted for once and in order. */
function apdusOf(framing: Framing, bytes: Uint8Array): Found {
  const apdus: string[] = []
  const discarded: DiscardedEvent[] = []
  let next = 0
  const assembler = new Assembler({
    apdu(apdu, offset, length) {
      assert.equal(offset, next)
      next += length
      apdus.push(toHex(apdu))
    },
    discarded(event) {
      assert.equal(event.offset, next)
      next += event.bytes
      discarded.push(event)
    },
  })
  const scanner = new FrameScanner(framing, assembler)
  for (const byte of bytes) scanner.push(byte)
  scanner.end()
  assembler.end()
  assert.equal(next, bytes.length)
  return { apdus, discarded }
}

const STYLE = { ...DLMS_STYLES.described, blockBytes: 0 }

describe('DLMS framing', () => {
  for (const [name, framing, cases] of [
    ['HDLC', HDLC, VECTORS.hdlc],
    ['M-Bus', MBUS, VECTORS.mbus],
  ] as const) {
    for (const vector of cases) {
      it(`finds what ${name} carries: ${vector.name}`, () => {
        assert.deepEqual(apdusOf(framing, hex(vector.bytes)).apdus, vector.apdus)
      })
    }
  }

  for (const vector of VECTORS.blocks) {
    it(`joins blocks: ${vector.name}`, () => {
      const frames = vector.blocks.map((block) => frameApdu(hex(block), STYLE))
      const wanted = vector.apdu === null ? [] : [vector.apdu]
      // What begins like a block and is none is handed on as it is: the cipher may know it.
      const joined = apdusOf(HDLC, join(...frames)).apdus.filter((apdu) => !apdu.startsWith('e0'))
      assert.deepEqual(joined, wanted)
    })
  }

  it('joins whatever it has taken apart: parts, blocks, shared flags, any size', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 20, maxLength: 1_200 }),
        fc.constantFrom('hdlc' as const, 'mbus' as const),
        fc.integer({ min: 90, max: 250 }),
        fc.constantFrom(0, 60, 130),
        fc.boolean(),
        (content, link, partBytes, blockBytes, sharedFlags) => {
          const apdu = join(hex('0f'), content)
          const style = {
            ...STYLE,
            link,
            partBytes,
            sharedFlags,
            blockBytes: link === 'mbus' ? 0 : blockBytes,
          }
          const framing = link === 'hdlc' ? HDLC : MBUS
          const bytes = frameApdu(apdu, style)
          assert.deepEqual(apdusOf(framing, bytes), { apdus: [toHex(apdu)], discarded: [] })
        },
      ),
      { numRuns: 60 },
    )
  })

  it('takes a stored HDLC frame without the flags at its ends, and no other', () => {
    const apdu = hex('0f0000000100020312000112000212000' + '3')
    const frame = frameApdu(apdu, STYLE)
    const bare = frame.subarray(1, -1)
    assert.deepEqual(apdusOf(HDLC, bare), { apdus: [toHex(apdu)], discarded: [] })
    assert.deepEqual(apdusOf(HDLC, join(hex('55'), bare)).apdus, [])
    assert.deepEqual(apdusOf(HDLC, join(bare, hex('55'))).apdus, [])
    assert.deepEqual(apdusOf(HDLC, bare.subarray(0, -1)).apdus, [])
  })

  it('delimits the wrapper by its length', () => {
    const apdu = hex('0f000000010002020906')
    const bytes = frameApdu(apdu, { ...STYLE, link: 'wrapper' })
    assert.deepEqual(apdusOf(WRAPPER, join(bytes, bytes)).apdus, [toHex(apdu), toHex(apdu)])
  })

  it('bears noise between the numbered parts of one APDU, up to the limit', () => {
    const apdu = new Uint8Array(200).fill(7)
    const bytes = frameApdu(apdu, { ...STYLE, link: 'mbus', partBytes: 120 })
    const at = 120 + 11
    const split = (size: number): Uint8Array =>
      join(bytes.subarray(0, at), new Uint8Array(size).fill(0x55), bytes.subarray(at))
    assert.equal(apdusOf(MBUS, split(0)).apdus.length, 1)
    assert.equal(apdusOf(MBUS, split(DLMS_GAP_BYTES_MAX)).apdus.length, 1)
    const { apdus, discarded } = apdusOf(MBUS, split(DLMS_GAP_BYTES_MAX + 1))
    assert.deepEqual(apdus, [])
    assert.equal(discarded[0]?.reason, 'truncated')
  })

  it('bears no noise between HDLC segments, which may have been one of them', () => {
    const bytes = frameApdu(new Uint8Array(300).fill(7), { ...STYLE, partBytes: 110 })
    const size = 110 + 11
    const without = join(bytes.subarray(0, size), Uint8Array.of(0x55), bytes.subarray(2 * size))
    const { discarded } = apdusOf(HDLC, without)
    const [first] = discarded
    assert.equal(first?.reason, 'truncated')
    assert.equal(first.bytes, size)
  })

  it('drops an APDU that has no end', () => {
    const frame = frameApdu(new Uint8Array(400).fill(7), { ...STYLE, partBytes: 300 })
    const first = frame.subarray(0, 2 + 5 + 2 + 300 + 2 + 1)
    const count = Math.ceil(DLMS_APDU_BYTES_MAX / 300) + 1
    const { apdus, discarded } = apdusOf(HDLC, join(...Array.from({ length: count }, () => first)))
    assert.deepEqual(apdus, [])
    assert.equal(discarded[0]?.reason, 'oversize')
  })

  it('finds the frame behind any garbage, in each framing', () => {
    const apdu = hex('0f00000001000203')
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 400 }),
        fc.constantFrom('hdlc' as const, 'mbus' as const),
        (noise, link) => {
          const bytes = join(noise, frameApdu(apdu, { ...STYLE, link }))
          const { apdus } = apdusOf(link === 'hdlc' ? HDLC : MBUS, bytes)
          assert.equal(apdus.at(-1), toHex(apdu))
        },
      ),
      { numRuns: 100 },
    )
  })

  it('accounts for bytes that look like starts and lengths, in each framing', () => {
    const shaped = fc.array(
      fc.oneof(fc.constantFrom(0x7e, 0xa0, 0xa7, 0x68, 0x16, 0x53, 0x00, 0x01), fc.nat(255)),
      { maxLength: 600 },
    )
    fc.assert(
      fc.property(shaped, fc.constantFrom(HDLC, MBUS, WRAPPER), (bytes, framing) => {
        apdusOf(framing, Uint8Array.from(bytes))
      }),
      { numRuns: 150 },
    )
  })

  it('throws nothing but MeterError on blocks of arbitrary bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), (bytes) => {
        try {
          decodeBlock(bytes)
        } catch (error) {
          assert.ok(error instanceof MeterError)
        }
      }),
    )
  })
})
