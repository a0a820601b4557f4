import { HalError } from '../errors.ts'
import type { SerialSettings } from '../serial.ts'
import { formatSettings, sameSettings } from '../serial.ts'
import type { MockPortHooks } from './port.ts'
import { MockSocket } from './socket.ts'

/** One step of a scripted conversation, seen from the device. */
export type SerialStep =
  /** The device sends these bytes, as soon as the steps before are done. */
  | { readonly say: Uint8Array }
  /** The device expects exactly these bytes next, in one write or several. */
  | { readonly hear: Uint8Array }
  /** The device expects the line to be switched to these settings next. */
  | { readonly settings: SerialSettings }
  /** The device is pulled out. */
  | { readonly unplug: true }

function hex(bytes: Uint8Array): string {
  const shown = Buffer.from(bytes.subarray(0, 16)).toString('hex')
  return bytes.length > 16 ? `${shown}… (${bytes.length} bytes)` : shown
}

/**
 * A device that follows a script, for tests of protocols: it says, hears, and is switched.
 *
 * Without a script it accepts every write. A write that is not in the script rejects with `io`
 * saying what was expected, and `done` says it again, so that a test cannot miss it.
 */
export class MockSerial extends MockSocket {
  readonly #script: SerialStep[] = []
  readonly #onWrite: ((bytes: Uint8Array) => void) | undefined
  #isLit = false
  #scripted = false
  #heard = 0
  #broken: string | undefined

  /** `onWrite` is told every write, script or not. */
  constructor(path = '/dev/mock', onWrite?: (bytes: Uint8Array) => void) {
    super(path)
    this.#onWrite = onWrite
  }

  /** Whether the near end holds the line, which lights the LED of a head. */
  get isLit(): boolean {
    return this.#isLit
  }

  /** Appends steps to the script. */
  expect(steps: readonly SerialStep[]): this {
    this.#scripted = true
    this.#script.push(...steps)
    this.#proceed()
    return this
  }

  /** The device sends now, outside any script. */
  say(bytes: Uint8Array): void {
    this.port?.receive(bytes)
  }

  /** Throws unless the whole script has been played. */
  done(): void {
    if (this.#broken !== undefined) throw new Error(this.#broken)
    const next = this.#script[0]
    if (next) {
      throw new Error(`script: ${this.#script.length} steps left, next ${Object.keys(next).join()}`)
    }
  }

  protected hooks(): MockPortHooks {
    return {
      write: (bytes) => {
        this.#onWrite?.(bytes)
        this.#hear(bytes)
      },
      reconfigure: (settings) => {
        this.#switch(settings)
      },
      setBreak: (on) => {
        this.#isLit = on
      },
    }
  }

  protected opened(): void {
    // A script written before the port was opened starts with what the device says at once.
    queueMicrotask(() => {
      this.#proceed()
    })
  }

  #hear(bytes: Uint8Array): void {
    if (!this.#scripted) return
    for (let at = 0; at < bytes.length;) {
      const step = this.#script[0]
      if (!step || !('hear' in step)) {
        this.#break(`script: expected ${step ? Object.keys(step).join() : 'nothing'}`, bytes)
      }
      const wanted = step.hear.subarray(this.#heard)
      const part = bytes.subarray(at, at + wanted.length)
      const same = part.every((byte, index) => byte === wanted[index])
      if (!same) this.#break(`script: expected to hear ${hex(step.hear)}`, bytes)
      at += part.length
      this.#heard += part.length
      if (this.#heard === step.hear.length) {
        this.#heard = 0
        this.#script.shift()
        this.#proceed()
      }
    }
  }

  #switch(settings: SerialSettings): void {
    if (!this.#scripted) return
    const step = this.#script[0]
    const found = new TextEncoder().encode(formatSettings(settings))
    if (!step || !('settings' in step)) {
      this.#break(`script: expected ${step ? Object.keys(step).join() : 'nothing'}`, found)
    }
    if (!sameSettings(step.settings, settings)) {
      this.#break(`script: expected ${formatSettings(step.settings)}`, found)
    }
    this.#script.shift()
    this.#proceed()
  }

  /** Plays the steps that need nobody else. */
  #proceed(): void {
    for (let step = this.#script[0]; step && this.port; step = this.#script[0]) {
      if ('say' in step) this.port.receive(step.say)
      else if ('unplug' in step) this.unplug()
      else return
      this.#script.shift()
    }
  }

  #break(expected: string, found: Uint8Array): never {
    this.#broken ??= `${expected}, found ${hex(found)}`
    throw new HalError('io', this.#broken)
  }
}
