import { anonymise, type AnonymousNote, type DecoderOptions } from '@s3mp/meter'

import { bytesOf, withBytes, type Capture } from './capture.ts'

/** A capture that may be shown to anybody, and what is to be said of it. */
export interface Report {
  readonly capture: Capture
  /** Names and numbers that were replaced. */
  readonly names: number
  readonly notes: readonly AnonymousNote[]
}

/** Facts about the machine that help and name nobody. */
export interface ReportFacts {
  readonly version: string
  readonly board: string
}

/** Remarks of a capture that are kept: others may name a port, a source, a person. */
const KEPT_NOTES = /^fault \d+ ms after the beginning: [a-z0-9 ,-]+$/u

/**
 * Makes a report of a capture: aliases for every name of a meter, everything else as it was, the times
 * between bytes included. The day it was taken on is left out.
 */
export function reportOf(
  capture: Capture,
  facts: ReportFacts,
  secret: Uint8Array,
  keys: DecoderOptions = {},
): Report {
  const { bytes, names, notes } = anonymise(bytesOf(capture), secret, keys)
  const { settings, isTimed } = capture
  return {
    names,
    notes,
    capture: {
      ...(settings === undefined ? {} : { settings }),
      isTimed,
      notes: [
        `report of s3mp ${facts.version} on ${facts.board}`,
        ...capture.notes.filter((note) => KEPT_NOTES.test(note)),
        ...notes.map((note) => NOTES[note]),
      ],
      chunks: withBytes(capture.chunks, bytes),
    },
  }
}

/** What the notes mean, for people. */
export const NOTES: Readonly<Record<AnonymousNote, string>> = {
  ciphered:
    'ciphered telegrams stay ciphered and cannot be opened any more, because the name of their sender is part of what protects them; frames, lengths and checksums can still be looked at',
  'nothing-understood':
    'nothing in it was understood, so nothing is known to look for: read it before it is given away',
  'not-the-same':
    'it does not decode to quite the same readings as the original: a checksum did not fit its field',
}
