import { HalError } from './errors.ts'
import { SERIAL_RECEIVE_BYTES_MAX } from './serial.ts'

/** Fewer bytes than this are copied together, so that a trickle does not cost an array a byte. */
const CHUNK_BYTES = 256

type Item = { readonly bytes: Uint8Array; used: number } | { lost: number }

interface Waiting {
  readonly resolve: (bytes: Uint8Array) => void
  readonly reject: (reason: unknown) => void
}

/**
 * What has arrived and is not yet read: the receiving half of every serial backend.
 *
 * Keeps the order between bytes and the gap left by an overrun, so that a decoder learns of a gap
 * exactly where it is. Implements clauses 1–4, 8 and 9 of SerialPort.
 */
export class ReceiveBuffer {
  readonly #bytesMax: number
  #items: Item[] = []
  #held = 0
  #waiting: Waiting | undefined
  #end: HalError | undefined

  constructor(bytesMax: number = SERIAL_RECEIVE_BYTES_MAX) {
    this.#bytesMax = bytesMax
  }

  /** Bytes held at this moment. */
  get held(): number {
    return this.#held
  }

  /** Takes a copy of bytes from the driver; what does not fit is counted as lost. */
  push(bytes: Uint8Array): void {
    if (this.#end || bytes.length === 0) return
    const waiting = this.#waiting
    if (waiting) {
      this.#waiting = undefined
      // Not slice(): the driver hands over Buffers, whose slice() is a view into its pool.
      waiting.resolve(new Uint8Array(bytes))
      return
    }
    // After a gap nothing is taken until the reader has come past it: one gap, told once.
    const last = this.#items.at(-1)
    if (last && 'lost' in last && this.#held > 0) {
      last.lost += bytes.length
      return
    }
    const fits = Math.min(bytes.length, this.#bytesMax - this.#held)
    this.#append(bytes.subarray(0, fits))
    if (fits < bytes.length) this.#items.push({ lost: bytes.length - fits })
  }

  /** The next bytes; see SerialPort.read. */
  async read(signal?: AbortSignal): Promise<Uint8Array> {
    if (this.#waiting) throw new HalError('busy', 'serial read: another read is pending')
    signal?.throwIfAborted()
    const item = this.#items.shift()
    if (item) {
      if ('lost' in item) {
        throw new HalError('overrun', `serial read: ${item.lost} bytes lost, nobody read in time`)
      }
      this.#held -= item.used
      return item.bytes.subarray(0, item.used)
    }
    if (this.#end) throw this.#end
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting = undefined
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
        reject(signal?.reason)
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      const settle =
        <T>(end: (value: T) => void) =>
        (value: T): void => {
          signal?.removeEventListener('abort', onAbort)
          end(value)
        }
      this.#waiting = { resolve: settle(resolve), reject: settle(reject) }
    })
  }

  /** The device went away: what is held can still be read, then `error` is the answer. */
  fail(error: HalError): void {
    this.#end ??= error
    this.#waiting?.reject(this.#end)
    this.#waiting = undefined
  }

  /** The owner closed the port: what is held is dropped. */
  close(error: HalError): void {
    this.#end = error
    this.#items = []
    this.#held = 0
    this.#waiting?.reject(error)
    this.#waiting = undefined
  }

  #append(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#held += bytes.length
    const last = this.#items.at(-1)
    if (last && 'bytes' in last && last.used + bytes.length <= last.bytes.length) {
      last.bytes.set(bytes, last.used)
      last.used += bytes.length
      return
    }
    const room = new Uint8Array(Math.max(bytes.length, CHUNK_BYTES))
    room.set(bytes)
    this.#items.push({ bytes: room, used: bytes.length })
  }
}
