import { ScionError } from '../errors.ts'

/** One question to a control service or daemon, and its one answer. */
export interface RpcCall {
  /** Full name, such as `proto.control_plane.v1.SegmentLookupService`. */
  readonly service: string
  readonly method: string
  /** A Protocol Buffers message. */
  readonly request: Uint8Array
  /** Ends the call; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /** Patience with the answer; {@link RPC_MS_MAX} unless given. */
  readonly timeoutMs?: number | undefined
}

/**
 * A way to put questions to one server.
 *
 * Contract: `call` resolves with the answer's message; it rejects with `ERR_SCION_TIMEOUT` when the
 * answer does not come in time, `ERR_SCION_IO` when the server cannot be reached, and
 * `ERR_SCION_CONTROL` when it answers with an error or with something that is no answer. `close` may
 * be called twice and ends calls under way with `ERR_SCION_CLOSED`.
 */
export interface RpcTransport {
  /** What the server is called in messages: its address. */
  readonly name: string
  call(call: RpcCall): Promise<Uint8Array>
  close(): Promise<void>
}

/** Patience with an answer where a call names none. */
export const RPC_MS_MAX = 5000

/** The end of a call that comes before its answer: the caller's signal, time, or the closing. */
export class Deadline {
  readonly #controller = new AbortController()
  readonly #timer: NodeJS.Timeout
  readonly #call: RpcCall
  readonly #forward: () => void
  readonly #closed: AbortSignal

  constructor(call: RpcCall, name: string, closed: AbortSignal) {
    const timeoutMs = call.timeoutMs ?? RPC_MS_MAX
    this.#call = call
    this.#closed = closed
    this.#timer = setTimeout(() => {
      const place = `${name} ${call.method}`
      const error = new ScionError('ERR_SCION_TIMEOUT', `${place}: an answer in ${timeoutMs} ms`)
      this.#controller.abort(error)
    }, timeoutMs)
    this.#forward = () => {
      const { signal } = call
      this.#controller.abort(closed.aborted ? closed.reason : signal?.reason)
    }
    if (closed.aborted || call.signal?.aborted === true) this.#forward()
    closed.addEventListener('abort', this.#forward)
    call.signal?.addEventListener('abort', this.#forward)
  }

  /** Aborts with the reason that the call shall reject with. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Forgets everything; to be called when the answer is there. */
  clear(): void {
    clearTimeout(this.#timer)
    this.#closed.removeEventListener('abort', this.#forward)
    this.#call.signal?.removeEventListener('abort', this.#forward)
  }
}

/** What a failed call rejects with: the reason of its end, or the failure with its place. */
export function callError(cause: unknown, deadline: Deadline, place: string): unknown {
  if (deadline.signal.aborted) return deadline.signal.reason
  if (cause instanceof ScionError) return cause
  const reason = cause instanceof Error ? cause.message : String(cause)
  const words = reason.includes('ECONNREFUSED') ? 'nobody listens there (ECONNREFUSED)' : reason
  return new ScionError('ERR_SCION_IO', `${place}: ${words}`, { cause })
}

/** Foreign text made fit for an error message: one line, printable, not long. */
export function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]+/g, ' ').slice(0, 300)
}
