import { createHash } from 'node:crypto'

import { createDecoder, type DecoderOptions } from '../decoder.ts'
import type { DecoderEvent } from '../events.ts'
import { decimal, type Reading } from '../reading.ts'
import { Alias } from './alias.ts'
import { carryOver } from './checks.ts'
import { frameAt, type Frame } from './frames.ts'
import { identitiesOf, type Identity } from './identities.ts'

/** Attempts with other aliases until every checksum fits into its field. */
export const ANONYMISE_ATTEMPTS_MAX = 64

/** Bytes in a row of a name that are looked for in what no decoder understood. */
const FRAGMENT_BYTES = 5

/** What a report cannot be, and why. */
export type AnonymousNote =
  /** Ciphered telegrams: their sender's name is changed, so nobody can open them any more. */
  | 'ciphered'
  /** Nothing was understood, so nothing is known to look for: numbers may be left in it. */
  | 'nothing-understood'
  /** The readings are not the same as before; the capture is still of use for looking at frames. */
  | 'not-the-same'

/** A capture in which nobody's meter can be known again. */
export interface Anonymous {
  readonly bytes: Uint8Array
  /** Names for which others stand. */
  readonly names: number
  /** Whether it decodes to the same values, at the same places. */
  readonly isSame: boolean
  readonly notes: readonly AnonymousNote[]
}

/**
 * Puts aliases for every name and number of a meter in a capture, the same one everywhere, and carries
 * the change over into each checksum: what was sound is sound again, and what was damaged is damaged in
 * the same way. Names broken by the damage are changed as well.
 *
 * What is ciphered stays so, under another sender's name. `secret` decides the aliases.
 */
export function anonymise(
  capture: Uint8Array,
  secret: Uint8Array,
  options: DecoderOptions = {},
): Anonymous {
  const events = decode(capture, options)
  const readings = events.flatMap((event) => (event.type === 'reading' ? [event.reading] : []))
  const frames = framesOf(capture)
  let best: Anonymous | undefined
  for (let attempt = 0; attempt < ANONYMISE_ATTEMPTS_MAX; attempt++) {
    const alias = new Alias(derive(secret, attempt))
    const identities = identitiesOf(readings, alias)
    const bytes = Uint8Array.from(capture)
    edit(bytes, frames, identities, events, alias)
    const isCarried = frames.every(({ checks }) =>
      checks.every((check) => carryOver(check, capture, bytes)),
    )
    const isSame = isCarried && sameValues(events, decode(bytes, options))
    best ??= { bytes, names: identities.length, isSame, notes: [] }
    if (isSame) best = { bytes, names: identities.length, isSame, notes: [] }
    // Another alias helps only where a checksum did not fit into its field.
    if (isSame || isCarried) break
  }
  const { bytes, names, isSame } = best ?? { bytes: capture, names: 0, isSame: false }
  const notes: AnonymousNote[] = []
  if (frames.some(({ isCiphered }) => isCiphered === true)) notes.push('ciphered')
  if (readings.length === 0) notes.push('nothing-understood')
  if (!isSame) notes.push('not-the-same')
  return { bytes, names, isSame, notes }
}

function derive(secret: Uint8Array, attempt: number): Uint8Array {
  return createHash('sha256').update(Uint8Array.of(attempt)).update(secret).digest()
}

function decode(bytes: Uint8Array, options: DecoderOptions): readonly DecoderEvent[] {
  const decoder = createDecoder('auto', options)
  return [...decoder.push(bytes), ...decoder.end()]
}

/** Every frame, sound or not, none inside another. */
function framesOf(bytes: Uint8Array): readonly Frame[] {
  const frames: Frame[] = []
  for (let at = 0; at < bytes.length;) {
    const frame = frameAt(bytes, at)
    if (frame !== undefined) frames.push(frame)
    at = frame === undefined ? at + 1 : Math.max(at + 1, frame.end)
  }
  return frames
}

function edit(
  bytes: Uint8Array,
  frames: readonly Frame[],
  identities: readonly Identity[],
  events: readonly DecoderEvent[],
  alias: Alias,
): void {
  // Both what the frames carry, in which a name may go over the edge of two, and everything as it is.
  const content = Uint32Array.from(frames.flatMap((frame) => frame.content))
  const all = Uint32Array.from(bytes, (_, at) => at)
  const done = new Uint8Array(bytes.length)
  for (const identity of identities) {
    for (const positions of [content, all]) replace(bytes, positions, identity, done)
  }
  for (const event of events) {
    if (event.type !== 'discarded') continue
    const positions = all.subarray(event.offset, event.offset + event.bytes)
    for (const identity of identities) replaceFragments(bytes, positions, identity, done)
  }
  for (const frame of frames) if (frame.isCiphered === true) renameSender(bytes, frame, alias)
  renameInIdent(bytes, alias, done)
}

/** Puts the alias wherever the name stands. */
function replace(
  bytes: Uint8Array,
  positions: Uint32Array,
  { original, alias }: Identity,
  done: Uint8Array,
): void {
  const stream = Buffer.from(Uint8Array.from(positions, (position) => bytes[position] ?? 0))
  for (let at = stream.indexOf(original); at >= 0; at = stream.indexOf(original, at + 1)) {
    const places = positions.subarray(at, at + original.length)
    if (places.some((position) => done[position] === 1)) continue
    for (const [index, position] of places.entries()) {
      bytes[position] = alias[index] ?? 0
      done[position] = 1
    }
  }
}

/** Puts parts of the alias where parts of the name survived damage. */
function replaceFragments(
  bytes: Uint8Array,
  positions: Uint32Array,
  { original, alias }: Identity,
  done: Uint8Array,
): void {
  const stream = Buffer.from(Uint8Array.from(positions, (position) => bytes[position] ?? 0))
  for (let from = 0; from + FRAGMENT_BYTES <= original.length; from++) {
    const part = original.subarray(from, from + FRAGMENT_BYTES)
    if (new Set(part).size < 3) continue
    for (let at = stream.indexOf(part); at >= 0; at = stream.indexOf(part, at + 1)) {
      for (let index = 0; index < FRAGMENT_BYTES; index++) {
        const position = positions[at + index] ?? 0
        if (done[position] === 1) continue
        bytes[position] = alias[from + index] ?? 0
      }
    }
  }
}

/** Bytes of a system title (IEC 62056-5-3 §5.3.4.8.3): maker's letters, then the number. */
const TITLE_BYTES = 8

/** The name of a ciphered telegram's sender: tag, length 8, then the system title. */
function renameSender(bytes: Uint8Array, { content }: Frame, alias: Alias): void {
  const places = content.slice(2, 2 + TITLE_BYTES)
  if (bytes[content[1] ?? 0] !== TITLE_BYTES || places.length < TITLE_BYTES) return
  const title = alias.raw(Uint8Array.from(places, (position) => bytes[position] ?? 0))
  for (const [index, position] of places.entries()) bytes[position] = title[index] ?? 0
}

/** Long numbers in identification lines (`/XMX5…`): some makers put the serial number there. */
function renameInIdent(bytes: Uint8Array, alias: Alias, done: Uint8Array): void {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
  for (const line of text.matchAll(/\/[A-Za-z]{3}[0-9A-Za-z][^\r\n]{1,64}(?=\r?\n)/g)) {
    for (const run of line[0].matchAll(/\d{7,}/g)) {
      const from = line.index + run.index
      if (done[from] === 1) continue
      bytes.set(Buffer.from(alias.digits(run[0]), 'latin1'), from)
    }
  }
}

/** The same events at the same places, and the same values in the readings. */
function sameValues(before: readonly DecoderEvent[], after: readonly DecoderEvent[]): boolean {
  return (
    before.length === after.length &&
    before.every((event, index) => summary(event) === summary(after[index]))
  )
}

function summary(event: DecoderEvent | undefined): string {
  if (event === undefined) return ''
  if (event.type === 'discarded') return `${event.offset} ${event.bytes} ${event.reason}`
  return `${event.offset} ${event.length} ${valuesOf(event.reading)}`
}

/** Registers that are measurements; some meters send their number as one. */
function valuesOf({ protocol, registers, flags }: Reading): string {
  const values = registers.map(
    (one) => `${one.obis}=${isNumber(one.obis) ? '' : decimal(one)}${one.unit}`,
  )
  return `${protocol} ${values.join(' ')} ${flags.join(' ')}`
}

function isNumber(obis: string): boolean {
  return /:(0\.0\.\d+|96\.1\.\d+|9\.2[01]\.0)\*/.test(obis)
}
