import { HalError } from '../errors.ts'
import { ReceiveBuffer } from '../receive-buffer.ts'
import type { SerialPort, SerialSettings } from '../serial.ts'
import { SERIAL_WRITE_BYTES_MAX, checkSettings } from '../serial.ts'

/** What a pretended device does when its port is used; all optional. */
export interface MockPortHooks {
  /** Bytes have been written. A throw rejects the write. */
  write?(bytes: Uint8Array, settings: SerialSettings): void
  /** The last bit leaves the line. */
  drain?(): Promise<void>
  /** The line is held in its space state, or let go. */
  setBreak?(on: boolean): void
  /** The line has been switched. */
  reconfigure?(settings: SerialSettings): void
  closed?(): void
}

/** The near end of a pretended line: everything a SerialPort promises, no device of its own. */
export class MockPort implements SerialPort {
  readonly #path: string
  readonly #hooks: MockPortHooks
  readonly #received = new ReceiveBuffer()
  #settings: SerialSettings
  #end: HalError | undefined
  #isBroken = false

  constructor(path: string, settings: SerialSettings, hooks: MockPortHooks) {
    this.#path = path
    this.#settings = settings
    this.#hooks = hooks
  }

  /** The settings of this moment, for a device that sends garbage at the wrong speed. */
  get settings(): SerialSettings {
    return this.#settings
  }

  /** Bytes come in from the line. */
  receive(bytes: Uint8Array): void {
    this.#received.push(bytes)
  }

  /** The device is pulled out. */
  unplug(): void {
    const error = new HalError('io', `${this.#path}: the device went away`)
    this.#end ??= error
    this.#received.fail(error)
  }

  async read(signal?: AbortSignal): Promise<Uint8Array> {
    return this.#received.read(signal)
  }

  async write(bytes: Uint8Array): Promise<void> {
    await Promise.resolve()
    this.#throwIfEnded()
    if (bytes.length > SERIAL_WRITE_BYTES_MAX) {
      throw new HalError(
        'busy',
        `serial write: expected at most ${SERIAL_WRITE_BYTES_MAX} bytes, found ${bytes.length}`,
      )
    }
    this.#hooks.write?.(new Uint8Array(bytes), this.#settings)
  }

  async drain(): Promise<void> {
    this.#throwIfEnded()
    await this.#hooks.drain?.()
    this.#throwIfEnded()
  }

  async reconfigure(settings: SerialSettings): Promise<void> {
    this.#throwIfEnded()
    checkSettings(settings)
    await this.drain()
    this.#settings = settings
    this.#hooks.reconfigure?.(settings)
  }

  async setBreak(on: boolean): Promise<void> {
    await this.drain()
    this.#isBroken = on
    this.#hooks.setBreak?.(on)
  }

  async close(): Promise<void> {
    await Promise.resolve()
    if (this.#end?.code === 'closed') return
    this.#end = new HalError('closed', `${this.#path}: the port is closed`)
    this.#received.close(this.#end)
    if (this.#isBroken) this.#hooks.setBreak?.(false)
    this.#hooks.closed?.()
  }

  #throwIfEnded(): void {
    if (this.#end) throw this.#end
  }
}
