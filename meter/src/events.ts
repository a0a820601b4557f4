import type { Reading } from './reading.ts'

/** Why bytes were dropped. */
export type DiscardReason =
  /** No telegram begins here. */
  | 'garbage'
  /** The checksum over the telegram does not hold. */
  | 'crc'
  /** An escape sequence that the transport does not know. */
  | 'escape'
  /** Fill bytes or alignment are wrong although the checksum holds. */
  | 'padding'
  /** Longer than any telegram may be. */
  | 'oversize'
  /** The end is missing: another telegram began, or the input ended. */
  | 'truncated'
  /** The checksum of a message inside the telegram does not hold. */
  | 'message-crc'
  /** Checksums hold, but the content breaks the protocol's grammar. */
  | 'malformed'
  /** A sound telegram without any reading in it. */
  | 'empty'
  /** A ciphered telegram, and no key for it is given. */
  | 'key-missing'
  /** The encryption key given does not open the telegram. */
  | 'key-wrong'
  /** The encryption key is right, but the tag does not hold with the authentication key given. */
  | 'unauthentic'
  /** A ciphered telegram whose counter has been used before. */
  | 'replay'

/** A telegram that was understood. */
export interface ReadingEvent {
  readonly type: 'reading'
  /** Position of the telegram's first byte, counted from the first byte ever pushed. */
  readonly offset: number
  /** Bytes that the telegram takes, its frame included. */
  readonly length: number
  readonly reading: Reading
}

/** Bytes that were not part of an accepted telegram. */
export interface DiscardedEvent {
  readonly type: 'discarded'
  readonly offset: number
  readonly bytes: number
  readonly reason: DiscardReason
}

/** What a decoder has to say, in the order of the bytes. */
export type DecoderEvent = ReadingEvent | DiscardedEvent

/**
 * Turns a stream of bytes, cut anywhere, into readings.
 *
 * Contract: every byte pushed is accounted for exactly once, as part of a reading or as discarded;
 * how the stream was cut into chunks changes nothing; bad input is data and never throws; memory
 * and the work per byte are bounded whatever comes.
 */
export interface TelegramDecoder {
  /** Takes the next bytes, which stay the caller's, and answers what they completed. */
  push(chunk: Uint8Array): readonly DecoderEvent[]
  /** Tells that the input has ended or paused for good: what is pending becomes `truncated`. */
  end(): readonly DecoderEvent[]
}
