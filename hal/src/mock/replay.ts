import type { Clock } from '../clock.ts'
import type { SerialSettings } from '../serial.ts'
import { lineTimeMs, sameSettings } from '../serial.ts'
import type { MockPort, MockPortHooks } from './port.ts'
import { MockSocket } from './socket.ts'

/** Bytes that a USB converter hands over at once, at most. */
export const REPLAY_CHUNK_BYTES_MAX = 64

/** Bytes of answers and noise waiting for their turn on the line. */
export const REPLAY_QUEUE_BYTES_MAX = 65_536

/** How badly the head sits. All rates are probabilities in [0, 1); 0 when left out. */
export interface ReplayFaults {
  /** Chance that a byte arrives with one bit turned. */
  readonly byteErrorRate?: number
  /** Chance that a telegram loses a run of bytes somewhere in it. */
  readonly gapRate?: number
  /** Chance that foreign light makes a burst of random bytes before a telegram. */
  readonly noiseRate?: number
}

/** What a ReplaySerial plays, and how. */
export interface ReplayOptions {
  readonly clock: Clock
  /** A number in [0, 1); decides faults and where chunks end. */
  readonly random: () => number
  readonly path?: string
  /** The line the device really speaks; a port opened otherwise receives garbage. */
  readonly settings: SerialSettings
  /**
   * The telegrams: a recording that is played round and round, or a function of the telegram's
   * number and the moment it starts, which may also keep silent.
   */
  readonly telegrams:
    readonly Uint8Array[] | ((index: number, nowMs: number) => Uint8Array | undefined)
  /** Start of one telegram to the start of the next. Default 1000. */
  readonly periodMs?: number
  readonly faults?: ReplayFaults
  /** Moments, counted from the first opening, when the device is pulled out or put in. */
  readonly plugs?: readonly { readonly atMs: number; readonly plugged: boolean }[]
  /** The device is lit by the head's LED, or no longer: a meter's optical button sees it. */
  readonly light?: (isOn: boolean) => void
  /** The device's answer to what was written, if it has a receiver. */
  readonly answer?: (bytes: Uint8Array, settings: SerialSettings) => Uint8Array | undefined
}

/**
 * A meter on a table: plays recorded or made telegrams at line speed, with the faults of real heads.
 *
 * It goes on talking whether or not somebody listens, so a port opened in the middle of a telegram
 * receives the rest of it first, as with a real head. All time comes from `clock` and all chance
 * from `random`: the same two give the same bytes.
 */
export class ReplaySerial extends MockSocket {
  readonly #options: ReplayOptions
  readonly #periodMs: number
  readonly #startMs: number
  #waiting: Uint8Array[] = []
  #waitingBytes = 0
  #plugsStarted = false
  #ring: (() => void) | undefined

  constructor(options: ReplayOptions) {
    super(options.path ?? '/dev/replay')
    this.#options = options
    this.#periodMs = options.periodMs ?? 1000
    if (!(this.#periodMs > 0))
      throw new RangeError(`periodMs: expected > 0, found ${this.#periodMs}`)
    this.#startMs = options.clock.monotonicMs()
  }

  /** Sends bytes out of turn, at line speed; the device drops what exceeds REPLAY_QUEUE_BYTES_MAX. */
  say(bytes: Uint8Array): void {
    if (this.#waitingBytes + bytes.length > REPLAY_QUEUE_BYTES_MAX) return
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
    this.#ring?.()
  }

  protected hooks(): MockPortHooks {
    let writtenUntilMs = 0
    const { clock, answer } = this.#options
    return {
      write: (bytes, settings) => {
        const fromMs = Math.max(writtenUntilMs, clock.monotonicMs())
        writtenUntilMs = fromMs + lineTimeMs(settings, bytes.length)
        const reply = answer?.(bytes, settings)
        if (reply) this.say(reply)
      },
      drain: async () => {
        await clock.sleep(writtenUntilMs - clock.monotonicMs())
      },
      setBreak: (on) => this.#options.light?.(on),
      closed: () => this.#ring?.(),
    }
  }

  override unplug(): void {
    super.unplug()
    this.#waiting = []
    this.#waitingBytes = 0
    this.#ring?.()
  }

  protected opened(port: MockPort): void {
    void this.#play(port)
    if (this.#plugsStarted) return
    this.#plugsStarted = true
    void this.#movePlug()
  }

  async #movePlug(): Promise<void> {
    const { clock, plugs = [] } = this.#options
    const startMs = clock.monotonicMs()
    for (const { atMs, plugged } of plugs) {
      await clock.sleep(startMs + atMs - clock.monotonicMs())
      if (plugged) this.plug()
      else this.unplug()
    }
  }

  async #play(port: MockPort): Promise<void> {
    const { clock, settings } = this.#options
    let index = Math.floor((clock.monotonicMs() - this.#startMs) / this.#periodMs)
    // The telegram under way began before the port was opened: its first bytes are gone.
    let missed = Math.floor(
      (clock.monotonicMs() - this.#startMs - index * this.#periodMs) / lineTimeMs(settings, 1),
    )
    while (this.port === port) {
      const startMs = this.#startMs + index * this.#periodMs
      await this.#untilDue(port, startMs)
      const telegram = this.#telegram(index)
      if (telegram) await this.#send(port, this.#spoil(telegram).subarray(missed))
      missed = 0
      // A telegram longer than the period pushes the next one back, it is not cut short.
      index = Math.max(
        index + 1,
        Math.floor((clock.monotonicMs() - this.#startMs) / this.#periodMs),
      )
    }
  }

  /** Waits for the next telegram's turn; meanwhile sends what `say` and `answer` put in the queue. */
  async #untilDue(port: MockPort, startMs: number): Promise<void> {
    const { clock } = this.#options
    while (this.port === port) {
      const bytes = this.#waiting.shift()
      if (bytes) {
        this.#waitingBytes -= bytes.length
        await this.#send(port, bytes)
        continue
      }
      const leftMs = startMs - clock.monotonicMs()
      if (leftMs <= 0) return
      const rung = new AbortController()
      const ring = (): void => {
        rung.abort()
      }
      this.#ring = ring
      await clock.sleep(leftMs, rung.signal).catch(() => undefined)
      if (this.#ring === ring) this.#ring = undefined
    }
  }

  #telegram(index: number): Uint8Array | undefined {
    const { clock, telegrams } = this.#options
    if (typeof telegrams === 'function') return telegrams(index, clock.nowMs())
    return telegrams[index % telegrams.length]
  }

  /** Sends at line speed, in chunks of random length. */
  async #send(port: MockPort, bytes: Uint8Array): Promise<void> {
    const { clock, random, settings } = this.#options
    const startMs = clock.monotonicMs()
    for (let at = 0; at < bytes.length && this.port === port;) {
      const length = 1 + Math.floor(random() * REPLAY_CHUNK_BYTES_MAX)
      const chunk = bytes.subarray(at, at + length)
      at += chunk.length
      await clock.sleep(startMs + lineTimeMs(settings, at) - clock.monotonicMs())
      if (this.port !== port) return
      port.receive(sameSettings(port.settings, settings) ? chunk : this.#garble(chunk))
    }
  }

  /** What a receiver with another speed or format makes of the same light: nothing of use. */
  #garble(bytes: Uint8Array): Uint8Array {
    return bytes.map(() => Math.floor(this.#options.random() * 256))
  }

  #spoil(telegram: Uint8Array): Uint8Array {
    const { random, faults = {} } = this.#options
    const { byteErrorRate = 0, gapRate = 0, noiseRate = 0 } = faults
    let bytes = telegram
    if (byteErrorRate > 0) {
      bytes = bytes.map((byte) =>
        random() < byteErrorRate ? byte ^ (1 << Math.floor(random() * 8)) : byte,
      )
    }
    if (gapRate > 0 && random() < gapRate) {
      const from = Math.floor(random() * bytes.length)
      const to = from + 1 + Math.floor(random() * (bytes.length - from))
      bytes = Uint8Array.from([...bytes.subarray(0, from), ...bytes.subarray(to)])
    }
    if (noiseRate > 0 && random() < noiseRate) {
      const burst = this.#garble(new Uint8Array(1 + Math.floor(random() * REPLAY_CHUNK_BYTES_MAX)))
      bytes = Uint8Array.from([...burst, ...bytes])
    }
    return bytes
  }
}
