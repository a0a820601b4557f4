import type { Clock } from './clock.ts'
import { HalError } from './errors.ts'

/** Bits beside the data bits of a character: `even` or `odd` adds one that is checked. */
export type Parity = 'none' | 'even' | 'odd'

/** How the line is clocked: 9600 8N1 for SML, 300 7E1 for the greeting of IEC 62056-21. */
export interface SerialSettings {
  /** Bits per second, one of {@link BAUD_RATES}. */
  readonly baudRate: number
  readonly dataBits: 7 | 8
  readonly parity: Parity
  readonly stopBits: 1 | 2
}

/** Speeds that meters and optical heads use (IEC 62056-21 §6.3.14, SML, DSMR P1). */
export const BAUD_RATES = [
  300, 600, 1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200,
] as const

/** Bytes held for a slow reader: 1.4 s at 115200 baud, 17 s at 9600. */
export const SERIAL_RECEIVE_BYTES_MAX = 16_384

/** Bytes one `write` takes, and bytes that may wait to leave; a request to a meter is under 300. */
export const SERIAL_WRITE_BYTES_MAX = 4096

/** Names of serial ports that `list` returns; more are cut off. */
export const SERIAL_PORTS_MAX = 64

/**
 * An open serial port: the optical head, or anything that pretends to be one.
 *
 * Contract (each clause is a test in `test/contract/serial.ts`, run against every backend):
 *  1. `read` resolves with one byte or more, in the order of arrival; the bytes belong to the
 *     caller and are never written to again.
 *  2. `read` waits without limit. When `signal` aborts it rejects with the signal's reason and no
 *     byte is lost: the next `read` gets it.
 *  3. Overlapping reads are a bug in the caller: the second rejects with `busy`, the first goes on.
 *  4. Bytes that nobody reads are held up to SERIAL_RECEIVE_BYTES_MAX. What arrives beyond is
 *     dropped; after the held bytes one `read` rejects with `overrun` and the number lost, and the
 *     next goes on with what arrived later.
 *  5. `write` resolves when the driver has taken all bytes; the array may then be reused. Writes
 *     leave in the order of the calls. More than SERIAL_WRITE_BYTES_MAX waiting: `busy`.
 *  6. `drain` resolves when the last written bit has left the line.
 *  7. `reconfigure` lets written bytes leave at the old speed, then switches. Bytes received before
 *     stay readable. Settings the port cannot do reject with `unsupported` and change nothing.
 *  8. `close` may be called twice. It rejects a pending `read` with `closed`; everything called
 *     after it rejects with `closed`; the path can then be opened again.
 *  9. When the device goes away, bytes that arrived before can still be read; then the pending and
 *     every later call rejects with `io`, and `close` still works.
 * 10. Nothing but a HalError (or the reason of the caller's own signal) is thrown, and nothing but
 *     `read` and an unaborted wait lasts for ever: `write` and `drain` give up with `timeout`.
 * 14. `setBreak(true)` holds the line in its space state, in which an optical head lights its LED,
 *     until `setBreak(false)` or `close`. Bytes written before leave first.
 */
export interface SerialPort {
  read(signal?: AbortSignal): Promise<Uint8Array>
  write(bytes: Uint8Array): Promise<void>
  drain(): Promise<void>
  /** Changes speed between frames: IEC 62056-21 mode C greets at 300 baud, then switches. */
  reconfigure(settings: SerialSettings): Promise<void>
  /** Lights the head's LED, or ends it: the torch that a meter's optical button waits for. */
  setBreak(on: boolean): Promise<void>
  close(): Promise<void>
}

/** A port that could be opened now. */
export interface SerialPortInfo {
  /** The name to keep in a configuration: it stays the same when devices are plugged in and out. */
  readonly path: string
  /** The kernel's name of this moment, such as `/dev/ttyUSB0`. */
  readonly device: string
  /** Every other name of the same port. */
  readonly aliases: readonly string[]
  /** USB ids in lower-case hex, four digits; absent for a UART on the board. */
  readonly vendorId?: string
  readonly productId?: string
  readonly serialNumber?: string
  readonly manufacturer?: string
  readonly product?: string
}

/**
 * Something that knows serial ports.
 *
 * Contract (tests in `test/contract/serial.ts`):
 * 11. `open` of a path that is not there rejects with `not-found`, of one that is open already with
 *     `busy`, with settings outside the types' ranges or BAUD_RATES with `unsupported`.
 * 12. After the device went away, `open` works again as soon as it is back.
 * 13. `list` names what can be opened, at most SERIAL_PORTS_MAX, sorted by path.
 */
export interface SerialBackend {
  list(): Promise<readonly SerialPortInfo[]>
  open(path: string, settings: SerialSettings): Promise<SerialPort>
}

/** Checks settings that may come from a configuration file; throws `unsupported` naming the field. */
export function checkSettings(settings: SerialSettings): void {
  const { baudRate, dataBits, parity, stopBits } = settings
  const fail = (field: string, expected: string, found: unknown): never => {
    throw new HalError('unsupported', `${field}: expected ${expected}, found ${String(found)}`)
  }
  const rates: readonly number[] = BAUD_RATES
  if (!rates.includes(baudRate)) fail('baudRate', `one of ${BAUD_RATES.join(' ')}`, baudRate)
  if (![7, 8].includes(dataBits)) fail('dataBits', '7 or 8', dataBits)
  if (!['none', 'even', 'odd'].includes(parity)) fail('parity', 'none, even or odd', parity)
  if (![1, 2].includes(stopBits)) fail('stopBits', '1 or 2', stopBits)
}

/** Bits on the line per character: start, data, parity and stop bits. */
export function bitsPerCharacter(settings: SerialSettings): number {
  return 1 + settings.dataBits + (settings.parity === 'none' ? 0 : 1) + settings.stopBits
}

/** Milliseconds that `bytes` characters take on the line. */
export function lineTimeMs(settings: SerialSettings, bytes: number): number {
  return (bytes * bitsPerCharacter(settings) * 1000) / settings.baudRate
}

/** Two settings that mean the same line. */
export function sameSettings(a: SerialSettings, b: SerialSettings): boolean {
  return a.baudRate === b.baudRate && sameFormat(a, b)
}

/** Two settings that differ in nothing but speed. */
export function sameFormat(a: SerialSettings, b: SerialSettings): boolean {
  return a.dataBits === b.dataBits && a.parity === b.parity && a.stopBits === b.stopBits
}

/** Settings the way people say them: `9600 8N1`. */
export function formatSettings(settings: SerialSettings): string {
  const parity = { none: 'N', even: 'E', odd: 'O' }[settings.parity]
  return `${settings.baudRate} ${settings.dataBits}${parity}${settings.stopBits}`
}

/** Parses `9600 8N1`; throws HalError `unsupported` that names the part that is wrong. */
export function parseSettings(text: string): SerialSettings {
  const match = /^(\d{3,6})[ -]([78])([NEO])([12])$/i.exec(text.trim())
  if (!match) {
    const found = text.slice(0, 40)
    throw new HalError('unsupported', `serial settings: expected like '9600 8N1', found '${found}'`)
  }
  const letter = match[3]?.toUpperCase()
  const settings: SerialSettings = {
    baudRate: Number(match[1]),
    dataBits: match[2] === '7' ? 7 : 8,
    parity: letter === 'E' ? 'even' : letter === 'O' ? 'odd' : 'none',
    stopBits: match[4] === '2' ? 2 : 1,
  }
  checkSettings(settings)
  return settings
}

/**
 * Reads once, waiting at most `ms`; rejects with `timeout` when nothing came.
 *
 * Bytes that arrive too late are not lost, the next read gets them. `signal` is the caller's own
 * way out and rejects with its reason.
 */
export async function readWithin(
  port: SerialPort,
  ms: number,
  clock: Clock,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const late = new HalError('timeout', `serial read: expected bytes within ${ms} ms, found none`)
  const stop = new AbortController()
  const both = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal
  const done = new AbortController()
  const timer = clock.sleep(ms, done.signal).then(
    () => {
      stop.abort(late)
    },
    () => undefined,
  )
  try {
    return await port.read(both)
  } finally {
    done.abort()
    await timer
  }
}
