import { FirmwareError } from '../errors.ts'
import { CHANNEL_MESSAGE_BYTES_MAX } from './message.ts'

/*
 *  0                   4
 * +-------------------+----------------------+
 * | length, big endian | that many bytes      |
 * +-------------------+----------------------+
 */
const LENGTH_BYTES = 4

/** A message with its length in front, as it goes onto the socket. */
export function frame(body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(LENGTH_BYTES + body.length)
  new DataView(bytes.buffer).setUint32(0, body.length)
  bytes.set(body, LENGTH_BYTES)
  return bytes
}

/** Cuts a byte stream into messages; holds at most one message, however the stream was cut. */
export class FrameReader {
  readonly #buffer = new Uint8Array(LENGTH_BYTES + CHANNEL_MESSAGE_BYTES_MAX)
  #filled = 0

  /**
   * Takes bytes that stay the caller's and returns the messages they completed, as copies.
   *
   * @throws FirmwareError `malformed` when a length is beyond CHANNEL_MESSAGE_BYTES_MAX.
   */
  push(chunk: Uint8Array): readonly Uint8Array[] {
    const messages: Uint8Array[] = []
    let at = 0
    while (at < chunk.length) {
      const end = this.#filled < LENGTH_BYTES ? LENGTH_BYTES : LENGTH_BYTES + this.#length()
      const part = chunk.subarray(at, at + end - this.#filled)
      this.#buffer.set(part, this.#filled)
      this.#filled += part.length
      at += part.length
      if (this.#filled >= LENGTH_BYTES && this.#filled === LENGTH_BYTES + this.#length()) {
        messages.push(this.#buffer.slice(LENGTH_BYTES, this.#filled))
        this.#filled = 0
      }
    }
    return messages
  }

  #length(): number {
    const length = new DataView(this.#buffer.buffer).getUint32(0)
    if (length <= CHANNEL_MESSAGE_BYTES_MAX) return length
    throw new FirmwareError(
      'malformed',
      `message.length: expected at most ${String(CHANNEL_MESSAGE_BYTES_MAX)}, found ${String(length)}`,
    )
  }
}
