import { readFileSync, statSync } from 'node:fs'

import { formatSettings, parseSettings, type SerialSettings } from '@s3mp/hal'
import { CaptureBytes, MeterError } from '@s3mp/meter'

import { FirmwareError, fileReasonOf } from '../errors.ts'

/** Bytes of a capture that are read, written or played. */
export const CAPTURE_FILE_BYTES_MAX = 64 * 2 ** 20

/** Pieces of one capture: an hour of a fast meter in pieces as its driver gives them. */
export const CAPTURE_CHUNKS_MAX = 1_000_000

/** What a capture of this program begins with. */
export const CAPTURE_MARK = '# s3mp capture 1'

/** Bytes as they came at once, so many milliseconds after the beginning. */
export interface CaptureChunk {
  readonly atMs: number
  readonly bytes: Uint8Array
}

/** What was heard on a line, and when. */
export interface Capture {
  /** How the line was set; undefined where the file does not say. */
  readonly settings?: SerialSettings
  /** Wall-clock time of the beginning, milliseconds since 1970. */
  readonly startedMs?: number
  /** Remarks, a line each. */
  readonly notes: readonly string[]
  readonly chunks: readonly CaptureChunk[]
  /** False where the file tells no times: a raw dump of bytes. */
  readonly isTimed: boolean
}

/**
 * A capture as text, for people and for programs: remarks behind `#`, then a line a piece, the
 * milliseconds since the beginning and the bytes in hex.
 */
export function* captureLines(capture: Capture): Generator<string> {
  const { settings, startedMs, notes, chunks } = capture
  yield CAPTURE_MARK
  if (startedMs !== undefined) yield `# started ${new Date(startedMs).toISOString()}`
  if (settings !== undefined) yield `# settings ${formatSettings(settings)}`
  for (const note of notes) yield `# ${note.replace(/[^\x20-\x7e]/gu, '?')}`
  for (const chunk of chunks) yield chunkLine(chunk)
}

/** One piece as a line. */
export function chunkLine({ atMs, bytes }: CaptureChunk): string {
  return `${String(Math.max(0, Math.round(atMs)))} ${Buffer.from(bytes).toString('hex')}`
}

/**
 * Reads a capture: one with times, or the raw bytes or hex text of any other program.
 *
 * @throws FirmwareError `source` naming the line.
 */
export function readCapture(file: string): Capture {
  let content: Uint8Array
  try {
    const { size } = statSync(file)
    if (size > CAPTURE_FILE_BYTES_MAX) {
      const expected = `expected at most ${String(CAPTURE_FILE_BYTES_MAX)} bytes`
      throw new FirmwareError('source', `${expected}, found ${String(size)}`)
    }
    content = Uint8Array.from(readFileSync(file))
  } catch (error) {
    throw new FirmwareError('source', `${file}: ${fileReasonOf(error)}`, { cause: error })
  }
  const begin = Buffer.from(content.subarray(0, CAPTURE_MARK.length)).toString('latin1')
  if (begin === CAPTURE_MARK) return parseCapture(Buffer.from(content).toString('latin1'), file)
  try {
    const bytes = new CaptureBytes()
    const parts = [bytes.push(content), bytes.end()].map((part) => Uint8Array.from(part))
    const chunks = parts.filter((part) => part.length > 0)
    return { notes: [], isTimed: false, chunks: chunks.map((part) => ({ atMs: 0, bytes: part })) }
  } catch (error) {
    if (!(error instanceof MeterError)) throw error
    throw new FirmwareError('source', `${file}: ${error.message}`, { cause: error })
  }
}

/** Reads a capture's text. @throws FirmwareError `source` naming the line. */
export function parseCapture(text: string, name: string): Capture {
  const notes: string[] = []
  const chunks: CaptureChunk[] = []
  let settings: SerialSettings | undefined
  let startedMs: number | undefined
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trimEnd()
    const fail = (expected: string): never => {
      const where = `${name}:${String(index + 1)}`
      throw new FirmwareError(
        'source',
        `${where}: expected ${expected}, found ${line.slice(0, 40)}`,
      )
    }
    if (line === '' || line === CAPTURE_MARK) continue
    const [, key, value = ''] = /^# (settings|started) (.*)$/u.exec(line) ?? []
    if (key === 'settings') settings = attempt(() => parseSettings(value)) ?? fail('settings')
    else if (key === 'started') startedMs = timeOf(value) ?? fail('a time')
    else if (line.startsWith('#')) notes.push(line.slice(1).trim())
    else chunks.push(chunkOf(line, chunks.at(-1)?.atMs ?? 0) ?? fail('milliseconds and hex'))
    if (chunks.length > CAPTURE_CHUNKS_MAX) fail(`at most ${String(CAPTURE_CHUNKS_MAX)} pieces`)
  }
  return {
    ...(settings === undefined ? {} : { settings }),
    ...(startedMs === undefined ? {} : { startedMs }),
    notes,
    chunks,
    isTimed: true,
  }
}

/** All bytes of a capture in one piece. */
export function bytesOf({ chunks }: Pick<Capture, 'chunks'>): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.bytes.length, 0))
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk.bytes, at)
    at += chunk.bytes.length
  }
  return bytes
}

/** The same pieces at the same times with other bytes, as many as before. */
export function withBytes(chunks: readonly CaptureChunk[], bytes: Uint8Array): CaptureChunk[] {
  let at = 0
  return chunks.map((chunk) => {
    const part = bytes.slice(at, at + chunk.bytes.length)
    at += part.length
    return { atMs: chunk.atMs, bytes: part }
  })
}

function chunkOf(line: string, afterMs: number): CaptureChunk | undefined {
  const match = /^(\d{1,12}) ((?:[0-9a-f]{2})+)$/u.exec(line)
  const atMs = Number(match?.[1])
  if (match?.[2] === undefined || atMs < afterMs) return undefined
  return { atMs, bytes: Uint8Array.from(Buffer.from(match[2], 'hex')) }
}

function timeOf(text: string): number | undefined {
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? undefined : ms
}

function attempt<Value>(look: () => Value): Value | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}
