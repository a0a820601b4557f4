import { MeterError } from '../../errors.ts'

/**
 * A line to a meter that can be asked: a serial port, a TCP connection, a test.
 *
 * Contract: `read` resolves with one byte or more in the order of arrival; when its signal aborts it
 * rejects and no byte is lost, the next `read` gets it. `write` resolves when the bytes are taken.
 * What either rejects with otherwise is the end of the line.
 */
export interface MeterPort {
  read(signal?: AbortSignal): Promise<Uint8Array>
  write(bytes: Uint8Array): Promise<void>
}

/** Time for a client: what a wait needs and no wall clock. */
export interface MeterClock {
  monotonicMs(): number
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** A port with deadlines: waits end in time, whatever the line does. */
export class TimedPort {
  readonly #port: MeterPort
  readonly #clock: MeterClock

  constructor(port: MeterPort, clock: MeterClock) {
    this.#port = port
    this.#clock = clock
  }

  /** Monotonic milliseconds. */
  nowMs(): number {
    return this.#clock.monotonicMs()
  }

  /** Waits without reading. */
  async pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
    await this.#clock.sleep(ms, signal)
  }

  /** @throws {@link MeterError} `port` when the line is gone. */
  async write(bytes: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted()
    try {
      await this.#port.write(bytes)
    } catch (cause) {
      throw new MeterError('port', `port: expected to write, found ${wordsOf(cause)}`, { cause })
    }
  }

  /**
   * The next bytes; undefined when none came before `untilMs`.
   *
   * @throws {@link MeterError} `port` when the line is gone, and the reason of an aborted `signal`.
   */
  async read(untilMs: number, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    signal?.throwIfAborted()
    const left = untilMs - this.#clock.monotonicMs()
    if (left <= 0) return undefined
    const over = new AbortController()
    const either = signal === undefined ? over.signal : AbortSignal.any([signal, over.signal])
    const late = this.#clock.sleep(left, either).then(
      () => {
        over.abort(new Error('late'))
      },
      () => undefined,
    )
    try {
      return await this.#port.read(either)
    } catch (cause) {
      signal?.throwIfAborted()
      if (over.signal.aborted) return undefined
      throw new MeterError('port', `port: expected to read, found ${wordsOf(cause)}`, { cause })
    } finally {
      over.abort(new Error('done'))
      await late
    }
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
