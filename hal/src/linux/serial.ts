import type { Clock } from '../clock.ts'
import { systemClock } from '../clock.ts'
import { HalError } from '../errors.ts'
import { ReceiveBuffer } from '../receive-buffer.ts'
import type { SerialBackend, SerialPort, SerialPortInfo, SerialSettings } from '../serial.ts'
import { SERIAL_WRITE_BYTES_MAX, checkSettings, lineTimeMs, sameFormat } from '../serial.ts'
import { driverError } from './driver-error.ts'
import type { NativeSerialConstructor, NativeSerialPort, Natives } from './natives.ts'
import { systemNatives } from './natives.ts'
import type { PortRoots } from './ports.ts'
import { listPorts } from './ports.ts'

/** Calls to `write`, `drain` and `reconfigure` that may wait for their turn. */
export const SERIAL_OPERATIONS_MAX = 64

/** Patience with the driver, on top of the time that the bytes take on the line. */
export const SERIAL_DRIVER_MS_MAX = 5000

/** How often a silent port is asked whether its device is still there. */
export const SERIAL_PROBE_MS = 500

/** What the Linux backend needs; everything has the machine's own as default. */
export interface LinuxSerialOptions {
  readonly natives?: Natives
  readonly clock?: Clock
  /** Where sysfs and the device nodes are. */
  readonly roots?: PortRoots
}

/** The serial ports of a Linux machine, over the `serialport` package. */
export function linuxSerial(options: LinuxSerialOptions = {}): SerialBackend {
  const { natives = systemNatives(), clock = systemClock, roots } = options
  return {
    async list(): Promise<readonly SerialPortInfo[]> {
      return listPorts(roots)
    },
    async open(path, settings): Promise<SerialPort> {
      checkSettings(settings)
      const port = new LinuxSerialPort(await natives.serialPort(), clock, path, settings)
      await port.open()
      return port
    },
  }
}

/** Runs one call of the driver, which answers through a callback. */
function call(run: (done: (error?: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    run((error) => {
      if (error) reject(error)
      else resolve()
    })
  })
}

class LinuxSerialPort implements SerialPort {
  readonly #Native: NativeSerialConstructor
  readonly #clock: Clock
  readonly #path: string
  readonly #received = new ReceiveBuffer()
  readonly #ended = new AbortController()
  #settings: SerialSettings
  #native: NativeSerialPort
  #end: HalError | undefined
  #tail: Promise<unknown> = Promise.resolve()
  #operations = 0
  #unsent = 0
  #lastByteMs = 0
  #switching: Promise<void> | undefined
  #closing: Promise<void> | undefined

  constructor(
    Native: NativeSerialConstructor,
    clock: Clock,
    path: string,
    settings: SerialSettings,
  ) {
    this.#Native = Native
    this.#clock = clock
    this.#path = path
    this.#settings = settings
    this.#native = this.#create(settings)
  }

  async open(): Promise<void> {
    await this.#openNative(this.#native)
    void this.#probe()
  }

  async read(signal?: AbortSignal): Promise<Uint8Array> {
    return this.#received.read(signal)
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#throwIfEnded()
    if (this.#unsent + bytes.length > SERIAL_WRITE_BYTES_MAX) {
      throw this.#error(
        'busy',
        `write: expected at most ${SERIAL_WRITE_BYTES_MAX} bytes waiting, found ${this.#unsent + bytes.length}`,
      )
    }
    this.#unsent += bytes.length
    try {
      await this.#enqueue('write', bytes.length, async () => {
        await call((done) => this.#native.write(bytes, done))
      })
    } finally {
      this.#unsent -= bytes.length
    }
  }

  async drain(): Promise<void> {
    await this.#enqueue('drain', SERIAL_WRITE_BYTES_MAX, () => this.#drainNative())
  }

  async reconfigure(settings: SerialSettings): Promise<void> {
    this.#throwIfEnded()
    checkSettings(settings)
    await this.#enqueue('reconfigure', SERIAL_WRITE_BYTES_MAX, async () => {
      await this.#drainNative()
      if (sameFormat(settings, this.#settings)) {
        await call((done) => {
          this.#native.update({ baudRate: settings.baudRate }, done)
        })
      } else {
        this.#switching = this.#reopen(settings)
        await this.#switching
      }
      this.#settings = settings
    })
  }

  async setBreak(on: boolean): Promise<void> {
    await this.#enqueue('break', SERIAL_WRITE_BYTES_MAX, async () => {
      await this.#drainNative()
      await call((done) => {
        this.#native.set({ brk: on }, done)
      })
    })
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close()
    await this.#closing
  }

  async #close(): Promise<void> {
    this.#end = this.#error('closed', 'the port is closed')
    this.#received.close(this.#end)
    this.#ended.abort(this.#end)
    // A switch under way must come to its end first, or its new descriptor would be left open.
    await this.#switching?.catch(() => undefined)
    await this.#closeNative(this.#native)
  }

  #create(settings: SerialSettings): NativeSerialPort {
    // hupcl false: heads that take their power from DTR stay lit while the line is switched.
    const native = new this.#Native({
      path: this.#path,
      baudRate: settings.baudRate,
      dataBits: settings.dataBits,
      parity: settings.parity,
      stopBits: settings.stopBits,
      autoOpen: false,
      hupcl: false,
      lock: true,
    })
    native.on('error', (error) => {
      this.#lose(native, error)
    })
    native.on('close', (error) => {
      this.#lose(native, error)
    })
    native.on('end', () => {
      this.#lose(native, null)
    })
    return native
  }

  async #openNative(native: NativeSerialPort): Promise<void> {
    try {
      await this.#within('open', 0, call(native.open.bind(native)))
    } catch (cause) {
      throw driverError(this.#path, cause)
    }
    this.#lastByteMs = this.#clock.monotonicMs()
    // Flowing all the time: the driver's own queue never fills unseen, ours counts what it drops.
    native.on('data', (chunk) => {
      this.#lastByteMs = this.#clock.monotonicMs()
      this.#received.push(chunk)
    })
  }

  /** Parity and data bits cannot be changed on an open port with this driver: close, open again. */
  async #reopen(settings: SerialSettings): Promise<void> {
    await this.#closeNative(this.#native)
    const native = this.#create(settings)
    try {
      await this.#openNative(native)
    } catch (cause) {
      const gone = this.#error('io', 'lost while it was switched', cause)
      this.#finish(gone)
      throw gone
    }
    this.#native = native
  }

  async #closeNative(native: NativeSerialPort): Promise<void> {
    native.removeAllListeners()
    // An error event without a listener would end the process.
    native.on('error', () => undefined)
    const closed = this.#within('close', SERIAL_WRITE_BYTES_MAX, call(native.close.bind(native)))
    await closed.catch(() => undefined)
  }

  #drainNative(): Promise<void> {
    return call(this.#native.drain.bind(this.#native))
  }

  /** One after the other, each with a limit, none after the end of the port. */
  async #enqueue(what: string, bytes: number, work: () => Promise<void>): Promise<void> {
    this.#throwIfEnded()
    if (this.#operations >= SERIAL_OPERATIONS_MAX) {
      throw this.#error('busy', `${what}: expected at most ${SERIAL_OPERATIONS_MAX} calls waiting`)
    }
    this.#operations += 1
    const turn = this.#tail.then(async () => {
      this.#throwIfEnded()
      await this.#within(what, bytes, work(), this.#ended.signal)
    })
    this.#tail = turn.catch(() => undefined)
    try {
      await turn
    } catch (cause) {
      throw this.#end ?? driverError(`${this.#path}: ${what}`, cause)
    } finally {
      this.#operations -= 1
    }
  }

  /** Ends `work` with `timeout` when it takes longer than its bytes need, or when `ended` aborts. */
  async #within(
    what: string,
    bytes: number,
    work: Promise<void>,
    ended?: AbortSignal,
  ): Promise<void> {
    const limitMs = Math.ceil(SERIAL_DRIVER_MS_MAX + lineTimeMs(this.#settings, bytes))
    const done = new AbortController()
    const signal = ended ? AbortSignal.any([done.signal, ended]) : done.signal
    const limit = this.#clock.sleep(limitMs, signal).then(
      () => {
        throw this.#error('timeout', `${what}: the driver took longer than ${limitMs} ms`)
      },
      () => {
        if (!done.signal.aborted) throw this.#end ?? this.#error('io', `${what}: interrupted`)
      },
    )
    work.catch(() => undefined)
    try {
      await Promise.race([work, limit])
    } finally {
      done.abort()
    }
  }

  /**
   * Asks a silent port now and then whether it is still there.
   *
   * After a hang-up a read returns nothing at once, for ever, and the driver then reads again in a
   * circle that keeps a core busy and grows; only this question finds out and ends it.
   */
  async #probe(): Promise<void> {
    let native = this.#native
    let state = await this.#stateOf(native)
    if (state === 'mute') return
    while (!this.#ended.signal.aborted) {
      // While it is being switched the old descriptor is closed: not a loss.
      if (state !== 'alive' && this.#operations === 0) {
        this.#lose(native, new Error('the descriptor is dead'))
      }
      await this.#clock.sleep(SERIAL_PROBE_MS, this.#ended.signal).catch(() => undefined)
      native = this.#native
      const isHeard = this.#clock.monotonicMs() - this.#lastByteMs < SERIAL_PROBE_MS
      state = isHeard ? 'alive' : await this.#stateOf(native)
    }
  }

  /** Whether a descriptor answers; `mute` is a device that is no terminal and knows no such question. */
  async #stateOf(native: NativeSerialPort): Promise<'alive' | 'dead' | 'mute'> {
    try {
      return (await native.port?.getBaudRate()) === undefined ? 'mute' : 'alive'
    } catch (cause) {
      return driverError(this.#path, cause).code === 'unsupported' ? 'mute' : 'dead'
    }
  }

  #lose(native: NativeSerialPort, cause: unknown): void {
    if (native !== this.#native) return
    this.#finish(this.#error('io', 'the device went away', cause))
    void this.#closeNative(native)
  }

  #finish(error: HalError): void {
    if (this.#end) return
    this.#end = error
    this.#received.fail(error)
    this.#ended.abort(error)
  }

  #throwIfEnded(): void {
    if (this.#end) throw this.#end
  }

  #error(code: HalError['code'], message: string, cause?: unknown): HalError {
    return new HalError(code, `${this.#path}: ${message}`, cause ? { cause } : {})
  }
}
