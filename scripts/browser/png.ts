import { crc32, deflateSync, inflateSync } from 'node:zlib'

/** A picture of eight bits a channel, red, green, blue and alpha. */
export interface Bitmap {
  readonly width: number
  readonly height: number
  readonly rgba: Uint8Array
}

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)

/** Colour types of PNG that browsers write screenshots in, with their channels. */
const CHANNELS: Readonly<Record<number, number>> = { 2: 3, 6: 4 }

/** One chunk of a PNG file (W3C PNG §5.3). */
interface Chunk {
  readonly type: string
  readonly data: Uint8Array
}

/** Reads a PNG of eight bits a channel without interlacing. @throws RangeError for any other. */
export function decodePng(file: Uint8Array): Bitmap {
  const chunks = [...chunksOf(file)]
  const header = chunks.find((chunk) => chunk.type === 'IHDR')?.data
  if (header?.length !== 13) throw new RangeError('png: expected a header')
  const view = new DataView(header.buffer, header.byteOffset)
  const [width, height] = [view.getUint32(0), view.getUint32(4)]
  const channels = CHANNELS[view.getUint8(9)]
  if (view.getUint8(8) !== 8 || channels === undefined || view.getUint8(12) !== 0)
    throw new RangeError('png: expected eight bits of RGB or RGBA')
  const packed = chunks.filter((chunk) => chunk.type === 'IDAT').map((chunk) => chunk.data)
  const lines = inflateSync(joined(packed))
  return { width, height, rgba: unfilter(lines, width, height, channels) }
}

function* chunksOf(file: Uint8Array): Generator<Chunk> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  for (let at = SIGNATURE.length; at + 12 <= file.length;) {
    const length = view.getUint32(at)
    const type = String.fromCharCode(...file.subarray(at + 4, at + 8))
    yield { type, data: file.subarray(at + 8, at + 8 + length) }
    at += 12 + length
  }
}

/** Undoes the filters of the lines (W3C PNG §9). */
function unfilter(lines: Uint8Array, width: number, height: number, channels: number): Uint8Array {
  const stride = width * channels
  const raw = new Uint8Array(stride * height)
  for (let y = 0; y < height; y += 1) {
    const filter = lines[y * (stride + 1)] ?? 0
    for (let x = 0; x < stride; x += 1) {
      const at = y * stride + x
      const left = x < channels ? 0 : (raw[at - channels] ?? 0)
      const up = y === 0 ? 0 : (raw[at - stride] ?? 0)
      const corner = x < channels || y === 0 ? 0 : (raw[at - stride - channels] ?? 0)
      raw[at] = (lines[y * (stride + 1) + 1 + x] ?? 0) + predicted(filter, left, up, corner)
    }
  }
  if (channels === 4) return raw
  const rgba = new Uint8Array(width * height * 4).fill(255)
  for (let pixel = 0; pixel < width * height; pixel += 1)
    rgba.set(raw.subarray(pixel * 3, pixel * 3 + 3), pixel * 4)
  return rgba
}

function predicted(filter: number, left: number, up: number, corner: number): number {
  if (filter === 1) return left
  if (filter === 2) return up
  if (filter === 3) return (left + up) >> 1
  if (filter !== 4) return 0
  const guess = left + up - corner
  const [toLeft, toUp, toCorner] = [left, up, corner].map((each) => Math.abs(guess - each)) as [number, number, number] // prettier-ignore
  if (toLeft <= toUp && toLeft <= toCorner) return left
  return toUp <= toCorner ? up : corner
}

/** One picture of an animation, and how long it stands. */
export interface Frame extends Bitmap {
  readonly delayMs: number
}

/**
 * Writes an animated PNG (W3C PNG §11.3) that plays for ever: the first frame whole, of each further
 * one only the pixels that changed, so that a still page costs next to nothing.
 */
export function encodeApng(frames: readonly Frame[]): Uint8Array {
  const [first] = frames
  if (first === undefined) throw new RangeError('animation: expected a frame')
  const header = new Uint8Array(13)
  const view = new DataView(header.buffer)
  view.setUint32(0, first.width)
  view.setUint32(4, first.height)
  header.set([8, 6, 0, 0, 0], 8)
  const control = new Uint8Array(8)
  new DataView(control.buffer).setUint32(0, frames.length)
  const parts = [SIGNATURE, chunk('IHDR', header), chunk('acTL', control)]
  let sequence = 0
  frames.forEach((frame, index) => {
    const before = frames[index - 1]
    parts.push(chunk('fcTL', frameControl(sequence, frame, before !== undefined)))
    sequence += 1
    const lines = deflateSync(filterLess(changedPixels(frame, before)), { level: 9 })
    if (before === undefined) {
      parts.push(chunk('IDAT', lines))
      return
    }
    const numbered = new Uint8Array(4 + lines.length)
    new DataView(numbered.buffer).setUint32(0, sequence)
    numbered.set(lines, 4)
    parts.push(chunk('fdAT', numbered))
    sequence += 1
  })
  return joined([...parts, chunk('IEND', new Uint8Array(0))])
}

function frameControl(sequence: number, frame: Frame, isOver: boolean): Uint8Array {
  const bytes = new Uint8Array(26)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, sequence)
  view.setUint32(4, frame.width)
  view.setUint32(8, frame.height)
  view.setUint16(20, Math.round(frame.delayMs))
  view.setUint16(22, 1000)
  bytes[25] = isOver ? 1 : 0
  return bytes
}

/** The frame with everything that is as before left out: transparent, which shows what was there. */
function changedPixels(frame: Bitmap, before: Bitmap | undefined): Bitmap {
  if (before === undefined) return frame
  const rgba = frame.rgba.slice()
  for (let at = 0; at < rgba.length; at += 4) {
    const same = [0, 1, 2].every((channel) => rgba[at + channel] === before.rgba[at + channel])
    if (same) rgba.fill(0, at, at + 4)
  }
  return { ...frame, rgba }
}

/** Lines with the filter that suits flat colours: none. */
function filterLess({ width, height, rgba }: Bitmap): Uint8Array {
  const stride = width * 4
  const lines = new Uint8Array((stride + 1) * height)
  for (let y = 0; y < height; y += 1)
    lines.set(rgba.subarray(y * stride, (y + 1) * stride), y * (stride + 1) + 1)
  return lines
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + data.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, data.length)
  bytes.set(new TextEncoder().encode(type), 4)
  bytes.set(data, 8)
  view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)))
  return bytes
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
