import { abortReason } from '../abort.ts'
import { ScionError } from '../errors.ts'

/** Datagrams that wait for the program to take them. */
export const RECEIVE_QUEUE_MAX = 1_024
/** Bytes of payload that wait. */
export const RECEIVE_QUEUE_BYTES_MAX = 1_048_576
/** Calls of `receive` that wait for a datagram. */
export const RECEIVERS_MAX = 64

interface Waiting<T> {
  readonly resolve: (item: T) => void
  readonly reject: (error: Error) => void
}

/** Datagrams on their way to the program: bounded, newest dropped first, never blocking the sender. */
export class ReceiveQueue<T extends { readonly payload: Uint8Array }> {
  readonly #items: T[] = []
  readonly #waiting = new Set<Waiting<T>>()
  #bytes = 0
  #closed = false

  /** Datagrams that wait. */
  get length(): number {
    return this.#items.length
  }

  /** Hands an item to whoever waits, or keeps it; false where there is no room. */
  push(item: T): boolean {
    if (this.#closed) return false
    for (const waiting of this.#waiting) {
      this.#waiting.delete(waiting)
      waiting.resolve(item)
      return true
    }
    const bytes = this.#bytes + item.payload.length
    if (this.#items.length >= RECEIVE_QUEUE_MAX || bytes > RECEIVE_QUEUE_BYTES_MAX) return false
    this.#items.push(item)
    this.#bytes = bytes
    return true
  }

  /** The next item; rejects when the queue is closed and empty, or the signal aborts. */
  take(signal?: AbortSignal): Promise<T> {
    if (signal?.aborted === true) return Promise.reject(abortReason(signal))
    const item = this.#items.shift()
    if (item !== undefined) {
      this.#bytes -= item.payload.length
      return Promise.resolve(item)
    }
    if (this.#closed) return Promise.reject(closedError())
    if (this.#waiting.size >= RECEIVERS_MAX) {
      return Promise.reject(
        new ScionError('ERR_SCION_TOO_LARGE', `receive: at most ${RECEIVERS_MAX} calls at a time`),
      )
    }
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#waiting.delete(waiting)
        if (signal !== undefined) reject(abortReason(signal))
      }
      const done = (): void => {
        signal?.removeEventListener('abort', abort)
      }
      const waiting: Waiting<T> = {
        resolve: (next) => {
          done()
          resolve(next)
        },
        reject: (error) => {
          done()
          reject(error)
        },
      }
      signal?.addEventListener('abort', abort, { once: true })
      this.#waiting.add(waiting)
    })
  }

  /** Ends all waiting; what is queued can still be taken. */
  close(): void {
    this.#closed = true
    for (const waiting of this.#waiting) waiting.reject(closedError())
    this.#waiting.clear()
  }
}

/** The error of everything that is asked of a closed socket. */
export function closedError(): ScionError {
  return new ScionError('ERR_SCION_CLOSED', 'socket: open, found closed')
}
