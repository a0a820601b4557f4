import { MeterError } from '../errors.ts'
import { latin } from './framer.ts'

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

/** How a readout goes on after the identification: A stays, B switches alone, C on acknowledgement. */
export type ReadoutMode = 'A' | 'B' | 'C'

/** What an identification line says. */
export interface Identification {
  /** Three letters, the third lower-case where the meter answers fast. */
  readonly maker: string
  readonly mode: ReadoutMode
  /** Speed at which the meter offers to send. */
  readonly baudRate: number
  /** Name behind the escape sequences. */
  readonly model: string
  /** The meter also offers HDLC (mode E): `\2` in the line. */
  readonly offersHdlc: boolean
  readonly fast: boolean
}

/** What the owner of the port does, in order. */
export type HandshakeAction =
  /** Opens or sets the port to this speed, seven data bits, even parity. */
  | { readonly kind: 'speed'; readonly baudRate: number }
  /** Writes, and waits until the last bit has left. */
  | { readonly kind: 'write'; readonly bytes: Uint8Array }
  | { readonly kind: 'wait'; readonly ms: number }
  /** Hands over what is received; calls `silence` when nothing has come for so long. */
  | { readonly kind: 'listen'; readonly silenceMs: number }
  /** The readout follows: a decoder is given `ahead`, then everything received. */
  | {
      readonly kind: 'readout'
      readonly identification: Identification
      readonly baudRate: number
      readonly ahead: Uint8Array
    }
  /** No meter answered, or none that could be understood. */
  | { readonly kind: 'failed'; readonly reason: 'silent' | 'garbled' }

/** What a handshake can be told. */
export interface HandshakeOptions {
  /** Device address, for several meters on one line. */
  readonly address?: string
  /** Sends NULs first, for meters that sleep. */
  readonly wakeUp?: boolean
  readonly switchSpeedMs?: number
}

const START_BAUD = 300
/** Characters of ten bits that 300 baud carry in a second. */
const CHARACTERS_A_SECOND = 30
const SPEEDS = [300, 600, 1_200, 2_400, 4_800, 9_600, 19_200] as const
const NUL = 0
/** A head may echo the acknowledgement, which is no readout yet. */
const ECHO_BYTES = 6

/** Reads `/XXXZ…`; undefined for what is no identification. */
export function parseIdentification(line: string): Identification | undefined {
  const match = /^\/([A-Za-z]{3})([!-~])([ -~]*)$/.exec(line)
  if (match === null) return undefined
  const [, maker = '', z = '', rest = ''] = match
  const digit = '0123456'.indexOf(z)
  const letter = 'ABCDEF'.indexOf(z)
  return {
    maker,
    mode: digit >= 0 ? 'C' : letter >= 0 ? 'B' : 'A',
    baudRate: SPEEDS[digit >= 0 ? digit : letter + 1] ?? START_BAUD,
    model: rest.replace(/\\[ -~]/g, '').trim(),
    offersHdlc: rest.includes('\\2'),
    fast: /[a-z]$/.test(maker),
  }
}

/**
 * The sign-on of IEC 62056-21 for modes A, B and C as a pure state machine: it says what to do at
 * the port and is told what came. Mode D meters send by themselves and need none of it.
 *
 * ```text
 *  300 baud:  /?! CR LF                        ─▶
 *                                              ◀─  /XXXZ ident CR LF
 *             ACK 0 Z 0 CR LF (mode C alone)   ─▶
 *  Z baud:                                     ◀─  STX data ! CR LF ETX BCC
 * ```
 *
 * A head that echoes what is sent through it is listened through. After an acknowledgement without
 * answer the old speed is tried, at which a meter sends that did not hear it.
 */
export class Handshake {
  readonly #request: Uint8Array
  readonly #wakeUp: boolean
  readonly #switchMs: number
  #state: 'idle' | 'identification' | 'data' | 'fallback' | 'over' = 'idle'
  #attempts = 0
  #received: number[] = []
  #found: Identification | undefined
  #line: Uint8Array = new Uint8Array()
  #garbled = false
  /** Bytes received since the readout was announced. */
  #heardBytes = 0

  /** @throws {@link MeterError} `range` for an address that no device can have. */
  constructor(options: HandshakeOptions = {}) {
    const { address = '', wakeUp = false, switchSpeedMs = HANDSHAKE_TIMES_MS.switchSpeed } = options
    if (address.length > HANDSHAKE_ADDRESS_LETTERS_MAX || !/^[0-9A-Za-z ]*$/.test(address)) {
      throw new MeterError(
        'range',
        `address: expected at most ${HANDSHAKE_ADDRESS_LETTERS_MAX} letters and digits, found ${JSON.stringify(address.slice(0, 64))}`,
      )
    }
    this.#request = bytesOf(`/?${address}!\r\n`)
    this.#wakeUp = wakeUp
    this.#switchMs = switchSpeedMs
  }

  /** The first actions. */
  start(): readonly HandshakeAction[] {
    this.#attempts = 0
    this.#garbled = false
    return this.#signOn()
  }

  /** Takes what was received; from `readout` on the decoder is given the same bytes. */
  receive(bytes: Uint8Array): readonly HandshakeAction[] {
    if (this.#state !== 'identification') {
      this.#heardBytes += bytes.length
      return []
    }
    for (const byte of bytes) {
      if (byte === NUL && this.#received.length === 0) continue
      this.#received.push(byte & 0x7f)
      if (this.#received.length > HANDSHAKE_ANSWER_BYTES_MAX) return this.#again()
      if (byte % 0x80 !== 0x0a) continue
      const line = Uint8Array.from(this.#received)
      this.#received = []
      const found = this.#identify(line)
      if (found !== undefined) return this.#acknowledge(found)
    }
    return []
  }

  /** Nothing has come for as long as the last `listen` said. */
  silence(): readonly HandshakeAction[] {
    if (this.#state === 'identification') return this.#again()
    if (this.#heardBytes > ECHO_BYTES) {
      this.#state = 'over'
      return []
    }
    if (this.#state === 'data' && this.#found?.mode === 'C') {
      this.#state = 'fallback'
      return [
        { kind: 'speed', baudRate: START_BAUD },
        this.#readout(this.#found, START_BAUD),
        { kind: 'listen', silenceMs: HANDSHAKE_TIMES_MS.withoutAcknowledgement },
      ]
    }
    if (this.#state === 'data' || this.#state === 'fallback') return this.#again()
    return []
  }

  #signOn(): readonly HandshakeAction[] {
    this.#attempts++
    this.#state = 'identification'
    this.#received = []
    const nuls = Math.ceil((HANDSHAKE_TIMES_MS.wakeUp / 1000) * CHARACTERS_A_SECOND)
    return [
      { kind: 'speed', baudRate: START_BAUD },
      ...(this.#wakeUp
        ? ([
            { kind: 'write', bytes: new Uint8Array(nuls) },
            { kind: 'wait', ms: HANDSHAKE_TIMES_MS.wakeUpPause },
          ] as const)
        : []),
      { kind: 'write', bytes: this.#request },
      { kind: 'listen', silenceMs: HANDSHAKE_TIMES_MS.reactionMost },
    ]
  }

  #again(): readonly HandshakeAction[] {
    if (this.#received.length > 0) this.#garbled = true
    if (this.#attempts < HANDSHAKE_ATTEMPTS_MAX) {
      return [{ kind: 'wait', ms: HANDSHAKE_TIMES_MS.retry }, ...this.#signOn()]
    }
    this.#state = 'over'
    return [{ kind: 'failed', reason: this.#garbled ? 'garbled' : 'silent' }]
  }

  /** The identification in a line, behind an echo without line end and noise; keeps the line. */
  #identify(line: Uint8Array): Identification | undefined {
    const text = latin(line)
    const at = text.lastIndexOf('/')
    const words = text.slice(at).replace(/\r?\n$/, '')
    // Our own request, from a head that echoes.
    if (words.startsWith('/?')) return undefined
    const found = at < 0 ? undefined : parseIdentification(words)
    if (found === undefined) this.#garbled = true
    else this.#line = line.slice(at)
    return found
  }

  #acknowledge(found: Identification): readonly HandshakeAction[] {
    this.#found = found
    this.#state = 'data'
    this.#heardBytes = 0
    const { mode, baudRate, fast } = found
    const rest = fast ? HANDSHAKE_TIMES_MS.reactionLeastFast : HANDSHAKE_TIMES_MS.reactionLeast
    const speed = String.fromCharCode(0x30 + SPEEDS.findIndex((one) => one === baudRate))
    return [
      ...(mode === 'C'
        ? ([
            { kind: 'wait', ms: rest },
            { kind: 'write', bytes: bytesOf(`\x060${speed}0\r\n`) },
            { kind: 'wait', ms: this.#switchMs },
          ] as const)
        : []),
      ...(baudRate === START_BAUD ? [] : [{ kind: 'speed', baudRate } as const]),
      this.#readout(found, baudRate),
      { kind: 'listen', silenceMs: HANDSHAKE_TIMES_MS.reactionMost },
    ]
  }

  #readout(identification: Identification, baudRate: number): HandshakeAction {
    return { kind: 'readout', identification, baudRate, ahead: this.#line }
  }
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0))
}
