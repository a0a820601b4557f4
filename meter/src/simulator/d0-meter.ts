import { latin } from '../iec62056-21/framer.ts'
import { START_BAUD, speedDigit, speedOfDigit } from '../iec62056-21/identification.ts'
import type { SessionMessage } from '../iec62056-21/session-message.ts'
import { SessionReader, encodeAnswer, encodeCommand } from '../iec62056-21/session-message.ts'
import type { D0Style } from './d0.ts'
import { D0_STYLES, encodeD0 } from './d0.ts'
import type { Household } from './household.ts'
import type { LineMoment, LinePeer, LineReply } from './line-peer.ts'
import { profileRows } from './profile.ts'
import { asciiBytes } from './text.ts'

/** What a {@link D0Meter} is made of. */
export interface D0MeterOptions {
  readonly household: Household
  readonly style?: Partial<D0Style>
  /** Mode of IEC 62056-21: C and E wait for an acknowledgement, D sends by itself. */
  readonly mode: 'A' | 'B' | 'C' | 'D' | 'E'
  /** Speed of the data; that of sign-on is 300. */
  readonly baudRate?: number
  /** Answers only a request with this address, or with none. */
  readonly address?: string
  /** Wants a password before registers are read. */
  readonly password?: string
  /** Sleeps until it hears NULs for two seconds, as battery meters do. */
  readonly sleeps?: boolean
  /** Milliseconds between telegrams of mode D. */
  readonly intervalMs?: number
  /** What answers behind the door of mode E. */
  readonly hdlc?: (bytes: Uint8Array, timeMs: number) => Uint8Array
  /** Quarter hours of the load profile. */
  readonly profileRows?: number
}

const ACK = '\x06'
const REACTION_MS = 200
const SWITCH_MS = 250
/** A meter that hears no acknowledgement sends at 300 baud after this time. */
const UNACKNOWLEDGED_MS = 2_000
/** NULs that wake a sleeping meter, and how long it then listens. */
const WAKE_NULS = 40
const AWAKE_MS = 8_000
const REQUEST_BYTES_MAX = 64
const CHARACTER_BITS = 10

/**
 * A simulated meter that answers the sign-on of IEC 62056-21 in every mode: identification, change of
 * speed, readout, programming mode for reading, and the door to HDLC. It holds what it is told to the
 * standard: a wrong speed, a missing wake-up or a wrong password get what a real one gives.
 */
export class D0Meter implements LinePeer {
  /** Commands that would have changed the meter: none of ours may ever be among them. */
  readonly writes: string[] = []
  readonly #options: D0MeterOptions
  readonly #style: D0Style
  readonly #session = new SessionReader()
  #state: 'idle' | 'offered' | 'session' | 'hdlc' = 'idle'
  #baudRate = START_BAUD
  #received = ''
  #nuls = 0
  #awakeUntilMs = -Infinity
  #offeredMs = 0
  #nextMs = -Infinity
  #open = false

  constructor(options: D0MeterOptions) {
    this.#options = options
    this.#style = { ...D0_STYLES.readout, ...options.style }
  }

  /** The line that it answers a sign-on with. */
  get identification(): string {
    const { mode } = this.#options
    const { ident } = this.#style
    const speed = speedDigit(this.#dataBaud)
    const letter = mode === 'A' ? ':' : mode === 'B' ? String.fromCharCode(0x40 + +speed) : speed
    const model = ident.slice(4).replace(/\\2/g, '')
    return `/${ident.slice(0, 3)}${letter}${mode === 'E' ? '\\2' : ''}${model}\r\n`
  }

  receive(bytes: Uint8Array, moment: LineMoment): readonly LineReply[] {
    if (moment.baudRate !== this.#baudRate) return []
    const { hdlc } = this.#options
    if (this.#state === 'hdlc' && hdlc !== undefined) {
      const answer = hdlc(bytes, moment.timeMs)
      return answer.length === 0 ? [] : [this.#reply(answer, moment.timeMs, 20)]
    }
    const seven = bytes.map((byte) => byte & 0x7f)
    if (this.#state === 'session') {
      return this.#session.push(seven).flatMap((message) => this.#command(message, moment.timeMs))
    }
    return [...seven].flatMap((byte) => this.#take(byte, moment.timeMs))
  }

  poll(timeMs: number): readonly LineReply[] {
    if (this.#options.mode === 'D') return this.#push(timeMs)
    if (this.#state !== 'offered' || timeMs < this.#offeredMs + UNACKNOWLEDGED_MS) return []
    this.#state = 'idle'
    return [this.#reply(this.#block(timeMs), timeMs, 0)]
  }

  #push(timeMs: number): readonly LineReply[] {
    if (timeMs < this.#nextMs) return []
    this.#nextMs = timeMs + (this.#options.intervalMs ?? 2_000)
    this.#baudRate = this.#dataBaud
    const state = this.#options.household.at(timeMs)
    const bytes = encodeD0(state, { ...D0_STYLES.push, ...this.#options.style })
    return [this.#reply(bytes, timeMs, 0)]
  }

  get #dataBaud(): number {
    return this.#options.baudRate ?? 9_600
  }

  #take(byte: number, timeMs: number): readonly LineReply[] {
    if (byte === 0) {
      this.#nuls++
      if (this.#nuls >= WAKE_NULS) this.#awakeUntilMs = timeMs + AWAKE_MS
      return []
    }
    this.#nuls = 0
    this.#received = (this.#received + String.fromCharCode(byte)).slice(-REQUEST_BYTES_MAX)
    if (byte !== 0x0a) return []
    const line = this.#received
    this.#received = ''
    const request = /\/\?([0-9A-Za-z ]*)!\r\n$/.exec(line)
    if (request !== null) return this.#identify(request[1] ?? '', timeMs)
    const chosen = /^.([02])([0-6])([012])\r\n$/.exec(line.slice(line.lastIndexOf(ACK)))
    if (!line.includes(ACK) || chosen === null || this.#state !== 'offered') return []
    return this.#acknowledged(chosen[1] ?? '', chosen[2] ?? '', chosen[3] ?? '', timeMs)
  }

  #identify(address: string, timeMs: number): readonly LineReply[] {
    const { mode, sleeps = false } = this.#options
    if (sleeps && timeMs > this.#awakeUntilMs) return []
    if (address !== '' && address !== (this.#options.address ?? this.#style.device)) return []
    const head = this.#reply(asciiBytes(this.identification), timeMs, REACTION_MS)
    const behind = head.atMs + (head.bytes.length * CHARACTER_BITS * 1_000) / START_BAUD
    if (mode === 'A') return [head, this.#reply(this.#block(timeMs), behind, 0)]
    if (mode === 'B') {
      return [
        head,
        { ...this.#reply(this.#block(timeMs), behind, SWITCH_MS), baudRate: this.#dataBaud },
      ]
    }
    this.#state = 'offered'
    this.#offeredMs = behind
    return [head]
  }

  #acknowledged(
    protocol: string,
    speed: string,
    control: string,
    timeMs: number,
  ): readonly LineReply[] {
    this.#state = 'idle'
    const baudRate = speedOfDigit(speed) ?? START_BAUD
    if (protocol === '2' && control === '2') {
      if (this.#options.mode !== 'E') return []
      const reply = this.#reply(asciiBytes(`\x062${speed}2\r\n`), timeMs, REACTION_MS)
      this.#state = 'hdlc'
      this.#baudRate = baudRate
      return [reply]
    }
    if (control === '1') {
      this.#state = 'session'
      this.#open = this.#options.password === undefined
      this.#session.reset()
      this.#baudRate = baudRate
      return [this.#reply(encodeCommand('P0', '()'), timeMs, SWITCH_MS + REACTION_MS)]
    }
    return [{ ...this.#reply(this.#block(timeMs), timeMs, SWITCH_MS + REACTION_MS), baudRate }]
  }

  #command(message: SessionMessage, timeMs: number): readonly LineReply[] {
    if (message.kind === 'damaged') return [this.#reply(Uint8Array.of(0x15), timeMs, REACTION_MS)]
    if (message.kind !== 'message') return []
    const { command, data } = message
    if (command === 'B0') {
      this.#state = 'idle'
      this.#baudRate = START_BAUD
      return []
    }
    return [this.#reply(this.#answer(command, latin(data), timeMs), timeMs, REACTION_MS)]
  }

  #answer(command: string, operand: string, timeMs: number): Uint8Array {
    if (command === 'P1') {
      this.#open = operand === `(${this.#options.password ?? ''})`
      return this.#open ? Uint8Array.of(0x06) : encodeCommand('B0')
    }
    if (!command.startsWith('R')) {
      this.writes.push(`${command} ${operand}`)
      return encodeAnswer('(ERROR)')
    }
    if (!this.#open) return encodeAnswer('(ER02)')
    const code = operand.replace(/\(.*$/, '')
    if (code === 'P.01') {
      return encodeAnswer(
        profileRows(this.#options.household, timeMs, this.#options.profileRows ?? 4),
      )
    }
    const lines = latin(encodeD0(this.#options.household.at(timeMs), this.#style)).split('\r\n')
    const line = lines.find((one) => one.replace('\x02', '').startsWith(`${code}(`))
    return encodeAnswer(line === undefined ? '(ER01)' : line.replace('\x02', ''))
  }

  /** The data block, from STX to the block check. */
  #block(timeMs: number): Uint8Array {
    const telegram = encodeD0(this.#options.household.at(timeMs), { ...this.#style, block: true })
    return telegram.subarray(telegram.indexOf(0x02))
  }

  #reply(bytes: Uint8Array, timeMs: number, afterMs: number): LineReply {
    const framing = this.#state === 'hdlc' ? '8N1' : '7E1'
    return { atMs: timeMs + afterMs, baudRate: this.#baudRate, framing, bytes }
  }
}
