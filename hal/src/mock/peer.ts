import type { Clock } from '../clock.ts'
import type { SerialSettings } from '../serial.ts'
import { formatSettings, lineTimeMs, parseSettings } from '../serial.ts'
import type { MockPort, MockPortHooks } from './port.ts'
import { MockSocket } from './socket.ts'

/** How often a device is asked whether it says something by itself, in milliseconds. */
export const PEER_POLL_MS = 100

/** Answers of a device that wait for their turn; a device that has more to say loses it. */
export const PEER_REPLIES_MAX = 64

/** Something that a device says: from when, and how the line is clocked for it. */
export interface PeerReply {
  /** Wall-clock milliseconds at which its first bit leaves. */
  readonly atMs: number
  readonly baudRate: number
  /** `7E1`, `8N1`, … */
  readonly framing: string
  readonly bytes: Uint8Array
}

/** A device that answers: it is given what arrives, and asked now and then. */
export interface AnsweringPeer {
  receive(
    bytes: Uint8Array,
    moment: { readonly timeMs: number; readonly baudRate: number },
  ): readonly PeerReply[]
  poll(timeMs: number): readonly PeerReply[]
}

/** What a PeerSerial is made of. */
export interface PeerOptions {
  readonly clock: Clock
  /** In [0, 1), for the noise that a wrong speed makes. */
  readonly random: () => number
  readonly path?: string
  /** Everybody on the line. */
  readonly peers: readonly AnsweringPeer[]
  /** The head hears its own light. */
  readonly echo?: boolean
}

/**
 * A serial port with devices behind it that answer: sign-on meters, slaves of a bus. Bytes take their
 * time on the line in both directions, and what is said at another speed than the port's is noise.
 */
export class PeerSerial extends MockSocket {
  readonly #options: PeerOptions
  #replies: PeerReply[] = []

  constructor(options: PeerOptions) {
    super(options.path ?? '/dev/peer')
    this.#options = options
  }

  protected hooks(): MockPortHooks {
    const { clock, echo } = this.#options
    let writtenUntilMs = 0
    return {
      write: (bytes, settings) => {
        const fromMs = Math.max(writtenUntilMs, clock.monotonicMs())
        writtenUntilMs = fromMs + lineTimeMs(settings, bytes.length)
        if (echo === true) this.port?.receive(bytes)
        void this.#carry(bytes, settings, writtenUntilMs)
      },
      drain: async () => {
        await clock.sleep(writtenUntilMs - clock.monotonicMs())
      },
    }
  }

  protected opened(port: MockPort): void {
    this.#replies = []
    void this.#play(port)
  }

  /** What was written reaches the devices when its last bit has left. */
  async #carry(bytes: Uint8Array, settings: SerialSettings, atMs: number): Promise<void> {
    const { clock, peers } = this.#options
    await clock.sleep(atMs - clock.monotonicMs())
    const moment = { timeMs: clock.nowMs(), baudRate: settings.baudRate }
    for (const peer of peers) this.#queue(peer.receive(bytes, moment))
  }

  #queue(replies: readonly PeerReply[]): void {
    this.#replies.push(...replies)
    this.#replies.sort((a, b) => a.atMs - b.atMs)
    this.#replies.splice(PEER_REPLIES_MAX)
  }

  async #play(port: MockPort): Promise<void> {
    const { clock, peers } = this.#options
    while (this.port === port) {
      for (const peer of peers) this.#queue(peer.poll(clock.nowMs()))
      const next = this.#replies[0]
      if (next === undefined || next.atMs > clock.nowMs() + PEER_POLL_MS) {
        await clock.sleep(PEER_POLL_MS)
        continue
      }
      this.#replies.shift()
      await clock.sleep(next.atMs - clock.nowMs())
      await this.#send(port, next)
    }
  }

  async #send(port: MockPort, { baudRate, framing, bytes }: PeerReply): Promise<void> {
    const { clock } = this.#options
    const line = parseSettings(`${baudRate} ${framing}`)
    const startMs = clock.monotonicMs()
    for (let at = 0; at < bytes.length && this.port === port; at += CHUNK_BYTES) {
      const chunk = bytes.subarray(at, at + CHUNK_BYTES)
      await clock.sleep(startMs + lineTimeMs(line, at + chunk.length) - clock.monotonicMs())
      if (this.port === port) port.receive(this.#seen(chunk, line, port.settings))
    }
  }

  /** What a receiver makes of bytes on the line. */
  #seen(bytes: Uint8Array, line: SerialSettings, port: SerialSettings): Uint8Array {
    if (line.baudRate !== port.baudRate) {
      return bytes.map(() => Math.floor(this.#options.random() * 256))
    }
    const isSeven = line.dataBits === 7 && port.dataBits === 8
    if (isSeven) return bytes.map((byte) => (isOdd(byte & 0x7f) ? byte | 0x80 : byte & 0x7f))
    return formatSettings(line) === formatSettings(port) || line.dataBits === port.dataBits
      ? bytes
      : bytes.map((byte) => byte & 0x7f)
  }
}

const CHUNK_BYTES = 32

function isOdd(byte: number): boolean {
  let ones = 0
  for (let rest = byte; rest > 0; rest >>= 1) ones += rest & 1
  return ones % 2 === 1
}
