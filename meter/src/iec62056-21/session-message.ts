import { TEXT_TELEGRAM_BYTES_MAX } from './framer.ts'

const SOH = 0x01
const STX = 0x02
const ETX = 0x03
const EOT = 0x04
const ACK = 0x06
const NAK = 0x15

/** A message of programming mode (IEC 62056-21, 6.3.3 and 6.4). */
export type SessionMessage =
  | { readonly kind: 'acknowledged' }
  | { readonly kind: 'repeat' }
  /** Its block check does not hold, or it is longer than any message. */
  | { readonly kind: 'damaged' }
  | {
      readonly kind: 'message'
      /** `P0`, `B0`, …; '' for data alone. */
      readonly command: string
      readonly data: Uint8Array
      /** EOT in place of ETX: another block follows when this one is acknowledged. */
      readonly partial: boolean
    }

/**
 * Finds the messages of programming mode in characters of seven bits:
 *
 * ```text
 *  SOH P 0 STX (operand) ETX BCC       command
 *  STX data ETX BCC                    answer, EOT in place of ETX where more follows
 *  ACK                                 NAK
 * ```
 *
 * Holds at most {@link TEXT_TELEGRAM_BYTES_MAX} bytes.
 */
export class SessionReader {
  #buffer = new Uint8Array(256)
  #length = 0
  #state: 'idle' | 'inside' | 'check' = 'idle'

  /** Whether a message has begun and not ended. */
  get pending(): boolean {
    return this.#state !== 'idle'
  }

  /** Forgets what has begun. */
  reset(): void {
    this.#length = 0
    this.#state = 'idle'
  }

  push(bytes: Uint8Array): readonly SessionMessage[] {
    const out: SessionMessage[] = []
    for (const byte of bytes) {
      const message = this.#take(byte)
      if (message !== undefined) out.push(message)
    }
    return out
  }

  #take(byte: number): SessionMessage | undefined {
    if (this.#state === 'idle') {
      if (byte === ACK) return { kind: 'acknowledged' }
      if (byte === NAK) return { kind: 'repeat' }
      if (byte === SOH || byte === STX) {
        this.#state = 'inside'
        this.#append(byte)
      }
      return undefined
    }
    this.#append(byte)
    if (this.#state === 'check') return this.#complete()
    if (byte === ETX || byte === EOT) this.#state = 'check'
    else if (this.#length >= TEXT_TELEGRAM_BYTES_MAX) {
      this.reset()
      return { kind: 'damaged' }
    }
    return undefined
  }

  #complete(): SessionMessage {
    const message = this.#buffer.slice(0, this.#length)
    this.reset()
    if (blockCheck(message.subarray(0, -1)) !== message.at(-1)) return { kind: 'damaged' }
    const partial = message.at(-2) === EOT
    const stx = message.indexOf(STX)
    const body = message.subarray(1, -2)
    if (message[0] === STX) return { kind: 'message', command: '', data: body, partial }
    const end = stx < 0 ? message.length - 2 : stx
    const command = String.fromCharCode(...message.subarray(1, Math.min(end, 8)))
    const data = stx < 0 ? new Uint8Array() : message.subarray(stx + 1, -2)
    return { kind: 'message', command, data, partial }
  }

  #append(byte: number): void {
    if (this.#length >= this.#buffer.length) {
      const larger = new Uint8Array(2 * this.#buffer.length)
      larger.set(this.#buffer)
      this.#buffer = larger
    }
    this.#buffer[this.#length++] = byte
  }
}

/** XOR of everything behind the first character up to and with ETX or EOT (ISO 1155, here even). */
export function blockCheck(message: Uint8Array): number {
  let sum = 0
  for (let at = 1; at < message.length; at++) sum ^= message[at] ?? 0
  return sum
}

/** A command with its operand, framed: `SOH R5 STX 1.8.0() ETX BCC`. */
export function encodeCommand(command: string, operand?: string): Uint8Array {
  const text = operand === undefined ? `\x01${command}\x03` : `\x01${command}\x02${operand}\x03`
  return withCheck(text)
}

/** Data as a meter answers them. */
export function encodeAnswer(data: string, partial = false): Uint8Array {
  return withCheck(`\x02${data}${partial ? '\x04' : '\x03'}`)
}

function withCheck(text: string): Uint8Array {
  const bytes = Uint8Array.from(`${text}?`, (letter) => letter.charCodeAt(0))
  bytes[bytes.length - 1] = blockCheck(bytes.subarray(0, -1))
  return bytes
}
