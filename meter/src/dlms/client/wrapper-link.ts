import { unsignedAt } from '../../bytes.ts'
import { MeterError } from '../../errors.ts'
import { join, u16 } from '../encode.ts'
import type { ApduLink } from './link.ts'
import { DLMS_CLIENT_APDU_BYTES_MAX, DLMS_PAUSE_MS, DLMS_TRICKLE_MS_MAX } from './link.ts'
import type { TimedPort } from './port.ts'

/** Who asks whom over the wrapper for IP networks. */
export interface WrapperOptions {
  /** The client's port number within DLMS: 16 is the public client, 1 that for management. */
  readonly client?: number
  /** The logical device asked; 1 is the management logical device. */
  readonly server?: number
}

const VERSION = 1
const HEAD_BYTES = 8

/**
 * The wrapper over TCP (IEC 62056-47): the connection itself is the port, so there is nothing to
 * open and nothing to repeat. Bytes that are no wrapper end the conversation: behind them no
 * beginning could be found.
 */
export class WrapperLink implements ApduLink {
  readonly endsAssociation = false
  readonly #port: TimedPort
  readonly #answerMs: number
  readonly #client: number
  readonly #server: number
  readonly #buffer = new Uint8Array(HEAD_BYTES + DLMS_CLIENT_APDU_BYTES_MAX)
  #length = 0
  /** Bytes at the front of the buffer that the caller has been given. */
  #given = 0

  constructor(port: TimedPort, options: WrapperOptions, answerMs: number) {
    this.#port = port
    this.#answerMs = answerMs
    this.#client = number('client', options.client ?? 16)
    this.#server = number('server', options.server ?? 1)
  }

  async open(): Promise<void> {
    this.#length = 0
    this.#given = 0
    await Promise.resolve()
  }

  async exchange(apdu: Uint8Array, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const head = join(u16(VERSION), u16(this.#client), u16(this.#server), u16(apdu.length))
    await this.#port.write(join(head, apdu), signal)
    return await this.next(signal)
  }

  async next(signal: AbortSignal | undefined): Promise<Uint8Array> {
    this.#buffer.copyWithin(0, this.#given, this.#length)
    this.#length -= this.#given
    this.#given = 0
    let untilMs = this.#port.nowMs() + this.#answerMs
    const lastMs = untilMs + DLMS_TRICKLE_MS_MAX
    for (;;) {
      const end = this.#end()
      if (end <= this.#length) {
        this.#given = end
        return this.#buffer.subarray(HEAD_BYTES, end)
      }
      const bytes = await this.#port.read(untilMs, signal)
      if (bytes === undefined) {
        const found = `${this.#length} bytes of an answer in ${this.#answerMs} ms`
        throw new MeterError('timeout', `link: expected an answer, found ${found}`)
      }
      if (bytes.length > this.#buffer.length - this.#length) {
        throw new MeterError(
          'too-many',
          `link: expected one answer, found more bytes than it may have`,
        )
      }
      this.#buffer.set(bytes, this.#length)
      this.#length += bytes.length
      untilMs = Math.min(lastMs, Math.max(untilMs, this.#port.nowMs() + DLMS_PAUSE_MS))
    }
  }

  async close(): Promise<void> {
    await Promise.resolve()
  }

  /** Where the present APDU ends; beyond the buffer while its head is not there. */
  #end(): number {
    if (this.#length < HEAD_BYTES) return Infinity
    const word = (at: number): number => unsignedAt(this.#buffer, at, 2)
    const expected = [VERSION, this.#server, this.#client]
    for (const [index, field] of ['version', 'server', 'client'].entries()) {
      if (word(2 * index) === expected[index]) continue
      throw new MeterError(
        'malformed',
        `wrapper.${field}: expected ${expected[index] ?? 0}, found ${word(2 * index)}`,
      )
    }
    const length = word(6)
    if (length === 0 || length > DLMS_CLIENT_APDU_BYTES_MAX) {
      const most = DLMS_CLIENT_APDU_BYTES_MAX
      throw new MeterError('malformed', `wrapper.length: expected 1 to ${most}, found ${length}`)
    }
    return HEAD_BYTES + length
  }
}

function number(field: string, value: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= 0xffff) return value
  throw new MeterError('range', `${field}: expected 16 bits, found ${value}`)
}
