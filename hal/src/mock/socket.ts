import { HalError } from '../errors.ts'
import type { SerialBackend, SerialPortInfo, SerialSettings } from '../serial.ts'
import { checkSettings } from '../serial.ts'
import type { MockPortHooks } from './port.ts'
import { MockPort } from './port.ts'

/** The socket a pretended device sits in: one path, plugged or not, open or not. */
export abstract class MockSocket implements SerialBackend {
  readonly path: string
  #plugged = true
  #port: MockPort | undefined

  constructor(path: string) {
    this.path = path
  }

  /** Whether the device is there. */
  get plugged(): boolean {
    return this.#plugged
  }

  async list(): Promise<readonly SerialPortInfo[]> {
    await Promise.resolve()
    return this.#plugged ? [{ path: this.path, device: this.path, aliases: [] }] : []
  }

  async open(path: string, settings: SerialSettings): Promise<MockPort> {
    await Promise.resolve()
    checkSettings(settings)
    if (path !== this.path || !this.#plugged)
      throw new HalError('not-found', `${path}: no such port`)
    if (this.#port) throw new HalError('busy', `${path}: already open`)
    const hooks = this.hooks()
    const port = new MockPort(path, settings, {
      ...hooks,
      closed: () => {
        if (this.#port === port) this.#port = undefined
        hooks.closed?.()
      },
    })
    this.#port = port
    this.opened(port)
    return port
  }

  /** Pulls the device out: an open port fails with `io`, opening fails with `not-found`. */
  unplug(): void {
    this.#plugged = false
    this.#port?.unplug()
    this.#port = undefined
  }

  /** Puts the device in again. */
  plug(): void {
    this.#plugged = true
  }

  /** The open port, if any. */
  protected get port(): MockPort | undefined {
    return this.#port
  }

  /** What the device does with an opened port. */
  protected abstract hooks(): MockPortHooks

  /** Called once the port is open. */
  protected abstract opened(port: MockPort): void
}
