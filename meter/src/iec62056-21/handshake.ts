import type { Conversation, ConversationFailure, Framing, MeterAction } from '../conversation.ts'
import { EchoCanceller } from '../echo.ts'
import { MeterError } from '../errors.ts'
import { latin } from './framer.ts'
import type { Identification } from './identification.ts'
import { START_BAUD, parseIdentification, speedDigit } from './identification.ts'
import { checkParity, withEvenParity } from './seven-bit.ts'

/** Times of IEC 62056-21, 6.3 and annex B, in milliseconds, and those of real adapters. */
export const HANDSHAKE_TIMES_MS = {
  /** A meter answers no sooner and no later; a lower-case third letter promises 20 ms. */
  reactionLeast: 200,
  reactionLeastFast: 20,
  reactionMost: 1_500,
  /** Longest pause between two characters of a message. */
  betweenCharacters: 1_500,
  /** From the last bit of the acknowledgement to the new speed: adapters need longer than meters. */
  switchSpeed: 300,
  /** A meter that missed the acknowledgement sends at the old speed after about two seconds. */
  withoutAcknowledgement: 2_500,
  /** NULs that wake a sleeping meter, and the rest after them. */
  wakeUp: 2_200,
  wakeUpPause: 1_600,
  /** Between attempts: a meter that was cut short needs its own time-out first. */
  retry: 3_000,
} as const

/** Sign-ons before a meter counts as silent. */
export const HANDSHAKE_ATTEMPTS_MAX = 3

/** Bytes that an answer to a sign-on may have: echo, wake-up noise, identification. */
export const HANDSHAKE_ANSWER_BYTES_MAX = 256

/** Letters and digits of a device address (IEC 62056-21, 6.3.2). */
export const HANDSHAKE_ADDRESS_LETTERS_MAX = 32

/** What a sign-on is for: the list that the meter sends, single registers, or DLMS over HDLC. */
export type HandshakePurpose = 'readout' | 'registers' | 'hdlc'

/** What a handshake can be told. */
export interface HandshakeOptions {
  readonly purpose?: HandshakePurpose
  /** Device address, for several meters on one line. */
  readonly address?: string
  /** Sends NULs first, for meters that sleep. */
  readonly wakeUp?: boolean
  readonly switchSpeedMs?: number
  /** The port has no parity: parity bits are made and checked here, eight bits a character. */
  readonly software7E1?: boolean
  /** Which list: `?` the usual one; some makers keep a service list under `2` or `4`. */
  readonly list?: '?' | '2' | '4'
}

/** Characters of ten bits that 300 baud carry in a second. */
const CHARACTERS_A_SECOND = 30
const NUL = 0
const LF = 0x0a
const ACK = '\x06'
/** Protocol and mode of an acknowledgement (IEC 62056-21, 6.3.3 and annex E). */
const CONTROL: Readonly<Record<HandshakePurpose, readonly [protocol: string, mode: string]>> = {
  readout: ['0', '0'],
  registers: ['0', '1'],
  hdlc: ['2', '2'],
}
/** A head may echo the acknowledgement, which is no readout yet. */
const ECHO_BYTES = 6

/**
 * The sign-on of IEC 62056-21 for modes A, B, C and E. Mode D meters send by themselves and need
 * none of it.
 *
 * ```text
 *  300 baud:  /?! CR LF                        ─▶
 *                                              ◀─  /XXXZ ident CR LF
 *             ACK V Z Y CR LF (modes C and E)  ─▶
 *  Z baud:                                     ◀─  STX data ! CR LF ETX BCC     V Y = 0 0
 *                                              ◀─  SOH P0 STX (…) ETX BCC       V Y = 0 1
 *  300 baud:                                   ◀─  ACK 2 Z 2 CR LF, then HDLC   V Y = 2 2
 * ```
 *
 * A head that echoes what is sent through it is listened through. After an acknowledgement without
 * answer the old speed is tried, at which a meter sends that did not hear it; the last attempt asks
 * for 300 baud, which every adapter can.
 */
export class Handshake implements Conversation {
  readonly #options: Required<HandshakeOptions>
  readonly #request: Uint8Array
  #echo = new EchoCanceller()
  #state: 'idle' | 'identification' | 'data' | 'fallback' | 'confirmation' | 'over' = 'idle'
  #attempts = 0
  #received: number[] = []
  #found: Identification | undefined
  #baudRate = START_BAUD
  #line: Uint8Array = new Uint8Array()
  #garbled = false
  /** Bytes received since the readout was announced. */
  #heardBytes = 0

  /** @throws {@link MeterError} `range` for an address that no device can have. */
  constructor(options: HandshakeOptions = {}) {
    this.#options = {
      purpose: 'readout',
      address: '',
      wakeUp: false,
      switchSpeedMs: HANDSHAKE_TIMES_MS.switchSpeed,
      software7E1: false,
      list: '?',
      ...options,
    }
    const { address, list } = this.#options
    if (address.length > HANDSHAKE_ADDRESS_LETTERS_MAX || !/^[0-9A-Za-z ]*$/.test(address)) {
      throw new MeterError(
        'range',
        `address: expected at most ${HANDSHAKE_ADDRESS_LETTERS_MAX} letters and digits, found ${JSON.stringify(address.slice(0, 64))}`,
      )
    }
    this.#request = bytesOf(`/${list}${address}!\r\n`)
  }

  start(): readonly MeterAction[] {
    this.#attempts = 0
    this.#garbled = false
    return this.#signOn()
  }

  receive(bytes: Uint8Array): readonly MeterAction[] {
    if (this.#state !== 'identification' && this.#state !== 'confirmation') {
      this.#heardBytes += bytes.length
      return []
    }
    for (const byte of this.#heard(bytes)) {
      if (byte === NUL && this.#received.length === 0) continue
      this.#received.push(byte)
      if (this.#received.length > HANDSHAKE_ANSWER_BYTES_MAX) return this.#again()
      if (byte !== LF) continue
      const line = Uint8Array.from(this.#received)
      this.#received = []
      if (this.#state === 'confirmation') return this.#confirmed()
      const found = this.#identify(line)
      if (found !== undefined) return this.#acknowledge(found)
    }
    return []
  }

  silence(): readonly MeterAction[] {
    if (this.#state === 'identification') return this.#again()
    // Whether the confirmation was eaten as an echo or never came: the meter is at HDLC or silent.
    if (this.#state === 'confirmation') return this.#confirmed()
    if (this.#heardBytes > ECHO_BYTES) {
      this.#state = 'over'
      return []
    }
    if (this.#state === 'data' && this.#found?.mode === 'C' && this.#baudRate !== START_BAUD) {
      this.#state = 'fallback'
      return [
        this.#speed(START_BAUD),
        this.#readout(this.#found, START_BAUD),
        { kind: 'listen', silenceMs: HANDSHAKE_TIMES_MS.withoutAcknowledgement },
      ]
    }
    if (this.#state === 'data' || this.#state === 'fallback') return this.#again()
    return []
  }

  /** Seven bits a character, whatever the port delivers, without what was sent. */
  #heard(bytes: Uint8Array): Uint8Array {
    const heard = this.#options.software7E1 ? checkParity(bytes) : bytes.map((byte) => byte & 0x7f)
    return this.#echo.receive(heard.filter((byte) => byte !== NUL))
  }

  #signOn(): readonly MeterAction[] {
    this.#attempts++
    this.#state = 'identification'
    this.#received = []
    this.#echo = new EchoCanceller()
    const nuls = Math.ceil((HANDSHAKE_TIMES_MS.wakeUp / 1000) * CHARACTERS_A_SECOND)
    return [
      this.#speed(START_BAUD),
      ...(this.#options.wakeUp
        ? ([
            { kind: 'write', bytes: new Uint8Array(nuls) },
            { kind: 'wait', ms: HANDSHAKE_TIMES_MS.wakeUpPause },
          ] as const)
        : []),
      this.#write(this.#request),
      { kind: 'listen', silenceMs: HANDSHAKE_TIMES_MS.reactionMost },
    ]
  }

  #again(): readonly MeterAction[] {
    if (this.#received.length > 0) this.#garbled = true
    if (this.#attempts < HANDSHAKE_ATTEMPTS_MAX) {
      return [{ kind: 'wait', ms: HANDSHAKE_TIMES_MS.retry }, ...this.#signOn()]
    }
    return this.#fail(this.#garbled ? 'garbled' : 'silent')
  }

  #fail(reason: ConversationFailure): readonly MeterAction[] {
    this.#state = 'over'
    return [{ kind: 'failed', reason }]
  }

  /** The identification in a line, behind an echo without line end and noise; keeps the line. */
  #identify(line: Uint8Array): Identification | undefined {
    const text = latin(line)
    const at = text.lastIndexOf('/')
    const words = text.slice(at).replace(/\r?\n$/, '')
    // Our own request, from a head whose echo was not whole.
    if (/^\/[?24].{0,32}!$/.test(words)) return undefined
    const found = at < 0 ? undefined : parseIdentification(words)
    if (found === undefined) this.#garbled = true
    else this.#line = line.slice(at)
    return found
  }

  #acknowledge(found: Identification): readonly MeterAction[] {
    const { purpose, switchSpeedMs } = this.#options
    this.#found = found
    this.#heardBytes = 0
    const { mode, fast } = found
    if (purpose !== 'readout' && (mode !== 'C' || (purpose === 'hdlc' && !found.offersHdlc))) {
      return this.#fail('unsupported')
    }
    const slow = mode === 'C' && this.#attempts === HANDSHAKE_ATTEMPTS_MAX && purpose !== 'hdlc'
    this.#baudRate = slow ? START_BAUD : found.baudRate
    const [protocol, control] = CONTROL[purpose]
    const answer = bytesOf(`${ACK}${protocol}${speedDigit(this.#baudRate)}${control}\r\n`)
    const acknowledged: readonly MeterAction[] =
      mode === 'C'
        ? [
            {
              kind: 'wait',
              ms: fast ? HANDSHAKE_TIMES_MS.reactionLeastFast : HANDSHAKE_TIMES_MS.reactionLeast,
            },
            // Heads that do not echo deliver the meter's confirmation, which is the same.
            this.#write(answer, purpose !== 'hdlc' || this.#echo.echoes === true),
          ]
        : []
    const listen = { kind: 'listen', silenceMs: HANDSHAKE_TIMES_MS.reactionMost } as const
    if (purpose === 'hdlc') {
      this.#state = 'confirmation'
      return [...acknowledged, listen]
    }
    const faster: readonly MeterAction[] =
      this.#baudRate === START_BAUD
        ? []
        : mode === 'C'
          ? [{ kind: 'wait', ms: switchSpeedMs }, this.#speed(this.#baudRate)]
          : [this.#speed(this.#baudRate)]
    if (purpose === 'registers') {
      this.#state = 'over'
      return [
        ...acknowledged,
        ...faster,
        { kind: 'session', identification: found, baudRate: this.#baudRate },
      ]
    }
    this.#state = 'data'
    return [...acknowledged, ...faster, this.#readout(found, this.#baudRate), listen]
  }

  /** Mode E: both sides change to HDLC now. */
  #confirmed(): readonly MeterAction[] {
    const identification = this.#found
    if (identification === undefined) return this.#again()
    this.#state = 'over'
    const { baudRate } = identification
    return [
      { kind: 'wait', ms: this.#options.switchSpeedMs },
      { kind: 'speed', baudRate, framing: '8N1' },
      { kind: 'hdlc', identification, baudRate },
    ]
  }

  #speed(baudRate: number): MeterAction {
    const framing: Framing = this.#options.software7E1 ? '8N1' : '7E1'
    return { kind: 'speed', baudRate, framing }
  }

  #write(bytes: Uint8Array, echo = true): MeterAction {
    if (echo) this.#echo.sent(bytes)
    return { kind: 'write', bytes: this.#options.software7E1 ? withEvenParity(bytes) : bytes }
  }

  #readout(identification: Identification, baudRate: number): MeterAction {
    // The decoder is to hear one kind of line: parity bits from the first byte on, or none.
    const ahead = this.#options.software7E1 ? withEvenParity(this.#line) : this.#line
    return { kind: 'readout', identification, baudRate, ahead }
  }
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0))
}
