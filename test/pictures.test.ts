import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { decodePng, encodeApng } from '../scripts/browser/png.ts'
import type { Frame } from '../scripts/browser/png.ts'

const frames = fc.integer({ min: 1, max: 24 }).chain((width) =>
  fc.integer({ min: 1, max: 16 }).chain((height) => {
    const rgba = fc.uint8Array({ minLength: width * height * 4, maxLength: width * height * 4 })
    const frame = rgba.map((bytes): Frame => ({ width, height, rgba: opaque(bytes), delayMs: 40 }))
    return fc.array(frame, { minLength: 1, maxLength: 4 })
  }),
)

/** Screenshots hide nothing behind them. */
function opaque(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte, index) => (index % 4 === 3 ? 255 : byte))
}

/** Names of a PNG's chunks, in order. */
function chunkNames(file: Uint8Array): readonly string[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const names: string[] = []
  for (let at = 8; at < file.length; at += 12 + view.getUint32(at))
    names.push(String.fromCharCode(...file.subarray(at + 4, at + 8)))
  return names
}

describe('animated pictures', () => {
  it('begin with the first frame, as any reader of PNG sees it', () => {
    fc.assert(
      fc.property(frames, (each) => {
        const [first] = each
        const { width, height, rgba } = decodePng(encodeApng(each))
        assert.deepEqual({ width, height, rgba }, { width: first?.width, height: first?.height, rgba: first?.rgba }) // prettier-ignore
      }),
    )
  })

  it('hold a control and a picture for every frame, in order', () => {
    fc.assert(
      fc.property(frames, (each) => {
        const further = each.slice(1).flatMap(() => ['fcTL', 'fdAT'])
        const expected = ['IHDR', 'acTL', 'fcTL', 'IDAT', ...further, 'IEND']
        assert.deepEqual(chunkNames(encodeApng(each)), expected)
      }),
    )
  })

  it('cost next to nothing where nothing moves', () => {
    const rgba = opaque(new Uint8Array(200 * 100 * 4).map((_, index) => (index * 7919) % 251))
    const frame: Frame = { width: 200, height: 100, rgba, delayMs: 100 }
    const one = encodeApng([frame]).length
    assert.ok(encodeApng(Array.from({ length: 10 }, () => frame)).length < one + 9 * 400)
  })

  it('are not made of nothing, nor read from anything else', () => {
    assert.throws(() => encodeApng([]), RangeError)
    assert.throws(() => decodePng(new Uint8Array(40)), RangeError)
  })
})
