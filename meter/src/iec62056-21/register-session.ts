import type { Conversation, ConversationFailure, MeterAction } from '../conversation.ts'
import { EchoCanceller } from '../echo.ts'
import { MeterError } from '../errors.ts'
import type { Reading } from '../reading.ts'
import { TEXT_TELEGRAM_BYTES_MAX, latin } from './framer.ts'
import { HANDSHAKE_TIMES_MS } from './handshake.ts'
import type { Identification } from './identification.ts'
import { parseLines } from './lines.ts'
import { readText } from './reading.ts'
import { checkParity, withEvenParity } from './seven-bit.ts'
import type { SessionMessage } from './session-message.ts'
import { SessionReader, encodeCommand } from './session-message.ts'

/** Times that one request is sent before it counts as unanswered. */
export const SESSION_ATTEMPTS_MAX = 3

/** Requests of one session; a meter ends sessions of more than a few minutes by itself. */
export const SESSION_REQUESTS_MAX = 256

/** Letters of a password (IEC 62056-21, 6.4.3.2). */
export const SESSION_PASSWORD_LETTERS_MAX = 32

/** Letters of a register's code, and of the argument in its brackets. */
export const SESSION_CODE_LETTERS_MAX = 64

/**
 * A register or table to read. The commands are those that read, and no other exists here: R1
 * plain, R2 coded, R5 by register code, R6 by register code in several blocks.
 */
export interface RegisterRequest {
  readonly command: 'R1' | 'R2' | 'R5' | 'R6'
  /** `1.8.0`, `P.01`, or an address where the meter has no codes. */
  readonly code: string
  /** What stands in the brackets, such as the span of a load profile: see {@link profileSpan}. */
  readonly argument?: string
}

/** What a session is told. */
export interface RegisterSessionOptions {
  readonly identification: Identification
  readonly requests: readonly RegisterRequest[]
  /**
   * Password for reading (P1), where the meter wants one. It is sent once: a meter that refuses it
   * counts, and locks itself after a few.
   */
  readonly password?: string
  /** The port has no parity: parity bits are made and checked here. */
  readonly software7E1?: boolean
}

const COMMANDS = ['R1', 'R2', 'R5', 'R6']
const CODE = /^[0-9A-Za-z.:*&-]+$/
const ARGUMENT = /^[0-9A-Za-z.:;,*+ -]*$/
const PASSWORD = /^[!-'*-~]*$/
const ACK = Uint8Array.of(0x06)
const NAK = Uint8Array.of(0x15)
/** Meters take their time over a load profile. */
const ANSWER_MS = 5_000

/**
 * Reads registers and tables in programming mode (IEC 62056-21, 6.4), which in spite of its name is
 * used for reading alone: the only commands that this class can send are P1, R1, R2, R5, R6 and the
 * break B0.
 *
 * ```text
 *              ◀─  SOH P0 STX (operand) ETX BCC
 *  SOH P1 STX (password) ETX BCC  ─▶
 *              ◀─  ACK
 *  SOH R5 STX 1.8.0() ETX BCC     ─▶
 *              ◀─  STX 1.8.0(000123.4*kWh) ETX BCC
 *  SOH B0 ETX BCC                 ─▶
 * ```
 *
 * Begins where a `Handshake` for registers ended. Each answer is a reading of its own.
 */
export class RegisterSession implements Conversation {
  readonly #options: RegisterSessionOptions
  readonly #reader = new SessionReader()
  #echo = new EchoCanceller()
  #state: 'idle' | 'greeting' | 'password' | 'answer' | 'over' = 'idle'
  #next = 0
  #attempts = 0
  #parts = ''
  #readings = 0

  /** @throws {@link MeterError} `range` for requests or a password that no meter could take. */
  constructor(options: RegisterSessionOptions) {
    this.#options = options
    checkOptions(options)
  }

  start(): readonly MeterAction[] {
    this.#state = 'greeting'
    this.#next = 0
    this.#attempts = 0
    this.#readings = 0
    this.#reader.reset()
    this.#echo = new EchoCanceller()
    return [{ kind: 'listen', silenceMs: ANSWER_MS }]
  }

  receive(bytes: Uint8Array): readonly MeterAction[] {
    if (this.#state === 'idle' || this.#state === 'over') return []
    const seven = this.#options.software7E1 === true ? checkParity(bytes) : bytes.map(seventh)
    return this.#handleAll(this.#echo.receive(seven))
  }

  silence(): readonly MeterAction[] {
    if (this.#state === 'idle' || this.#state === 'over') return []
    const held = this.#handleAll(this.#echo.flush())
    if (held.length > 0) return held
    this.#reader.reset()
    if (this.#state === 'greeting') return this.#fail('silent')
    if (this.#state === 'password') return this.#end('silent')
    return this.#repeat('silent')
  }

  #handleAll(bytes: Uint8Array): readonly MeterAction[] {
    const actions: MeterAction[] = []
    for (const message of this.#reader.push(bytes)) actions.push(...this.#handle(message))
    return actions
  }

  #handle(message: SessionMessage): readonly MeterAction[] {
    if (message.kind === 'message' && message.command.startsWith('B')) return this.#fail('refused')
    if (this.#state === 'greeting') return this.#greeted(message)
    if (this.#state === 'answer') return this.#answered(message)
    if (this.#state !== 'password' || message.kind === 'damaged') return []
    return message.kind === 'acknowledged' ? this.#ask() : this.#end('refused')
  }

  #greeted(message: SessionMessage): readonly MeterAction[] {
    if (message.kind !== 'message') return []
    const { password } = this.#options
    if (password === undefined) return this.#ask()
    this.#state = 'password'
    return this.#say(encodeCommand('P1', `(${password})`))
  }

  #answered(message: SessionMessage): readonly MeterAction[] {
    if (message.kind === 'acknowledged') return []
    if (message.kind === 'repeat') return this.#repeat('not understood')
    if (message.kind === 'damaged') {
      this.#attempts++
      if (this.#attempts > SESSION_ATTEMPTS_MAX) return this.#refuse('garbled')
      return this.#say(NAK)
    }
    this.#parts += latin(message.data)
    if (this.#parts.length > TEXT_TELEGRAM_BYTES_MAX) return this.#refuse('too long')
    if (message.partial) return this.#say(ACK)
    const text = this.#parts
    const error = /^\(?(ER(?:ROR)?[^()]*)\)?$/.exec(text.trim())?.[1]
    if (error !== undefined) return this.#refuse(error.slice(0, SESSION_CODE_LETTERS_MAX))
    const reading = this.#read(text)
    if (reading === undefined) return this.#refuse('not understood')
    this.#readings++
    return [{ kind: 'reading', reading }, ...this.#askNext()]
  }

  /** An answer may leave out the code that was asked for. */
  #read(text: string): Reading | undefined {
    const { code } = this.#request()
    const full = text.trimStart().startsWith('(') ? `${code}${text.trimStart()}` : text
    const bytes = Uint8Array.from(full, (letter) => letter.charCodeAt(0) & 0xff)
    const lines = parseLines(bytes)
    if (lines === undefined || lines.entries.length === 0) return undefined
    const { maker } = this.#options.identification
    return readText(lines.entries, {
      protocol: 'd0',
      ident: maker,
      flags: lines.skipped > 0 ? ['lines-skipped'] : [],
    })
  }

  #request(): RegisterRequest {
    return this.#options.requests[this.#next] ?? { command: 'R5', code: '' }
  }

  #ask(): readonly MeterAction[] {
    if (this.#next >= this.#options.requests.length) return this.#end(undefined)
    this.#state = 'answer'
    this.#parts = ''
    const { command, code, argument = '' } = this.#request()
    return this.#say(encodeCommand(command, `${code}(${argument})`))
  }

  #askNext(): readonly MeterAction[] {
    this.#next++
    this.#attempts = 0
    return this.#ask()
  }

  #repeat(reason: string): readonly MeterAction[] {
    this.#attempts++
    return this.#attempts >= SESSION_ATTEMPTS_MAX ? this.#refuse(reason) : this.#ask()
  }

  #refuse(reason: string): readonly MeterAction[] {
    const { command, code } = this.#request()
    return [{ kind: 'refused', request: `${command} ${code}`, reason }, ...this.#askNext()]
  }

  /** Says goodbye, so that the meter need not wait for its own time-out. */
  #end(reason: ConversationFailure | undefined): readonly MeterAction[] {
    this.#state = 'over'
    const failure = reason ?? (this.#readings > 0 ? undefined : 'refused')
    return [
      { kind: 'write', bytes: this.#framed(encodeCommand('B0')) },
      failure === undefined ? { kind: 'done' } : { kind: 'failed', reason: failure },
    ]
  }

  #fail(reason: ConversationFailure): readonly MeterAction[] {
    this.#state = 'over'
    return [{ kind: 'failed', reason }]
  }

  #say(bytes: Uint8Array): readonly MeterAction[] {
    this.#echo.sent(bytes)
    const { fast } = this.#options.identification
    return [
      {
        kind: 'wait',
        ms: fast ? HANDSHAKE_TIMES_MS.reactionLeastFast : HANDSHAKE_TIMES_MS.reactionLeast,
      },
      { kind: 'write', bytes: this.#framed(bytes) },
      { kind: 'listen', silenceMs: ANSWER_MS },
    ]
  }

  #framed(bytes: Uint8Array): Uint8Array {
    return this.#options.software7E1 === true ? withEvenParity(bytes) : bytes
  }
}

/**
 * The argument of a load profile's request: from one moment to another, as the meter's clock shows
 * them, both counted as if they were UTC.
 */
export function profileSpan(fromMs: number, toMs: number): string {
  const stamp = (ms: number): string =>
    `0${new Date(ms).toISOString().slice(2, 16).replace(/\D/g, '')}`
  return `${stamp(fromMs)};${stamp(toMs)}`
}

function checkOptions({ requests, password = '' }: RegisterSessionOptions): void {
  if (requests.length === 0 || requests.length > SESSION_REQUESTS_MAX) {
    throw new MeterError(
      'range',
      `requests: expected 1 to ${SESSION_REQUESTS_MAX}, found ${requests.length}`,
    )
  }
  for (const { command, code, argument = '' } of requests) {
    if (!COMMANDS.includes(command)) {
      throw new MeterError(
        'range',
        `command: expected one of ${COMMANDS.join(', ')}, found ${JSON.stringify(command)}`,
      )
    }
    const tooLong = Math.max(code.length, argument.length) > SESSION_CODE_LETTERS_MAX
    if (tooLong || !CODE.test(code) || !ARGUMENT.test(argument)) {
      throw new MeterError(
        'range',
        `code: expected at most ${SESSION_CODE_LETTERS_MAX} letters, digits and points, found ${JSON.stringify(`${code}(${argument})`.slice(0, 160))}`,
      )
    }
  }
  if (password.length > SESSION_PASSWORD_LETTERS_MAX || !PASSWORD.test(password)) {
    throw new MeterError(
      'range',
      `password: expected at most ${SESSION_PASSWORD_LETTERS_MAX} printable letters without brackets`,
    )
  }
}

function seventh(byte: number): number {
  return byte & 0x7f
}
