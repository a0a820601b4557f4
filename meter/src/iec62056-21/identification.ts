/** How a readout goes on after the identification: A stays, B switches alone, C on acknowledgement. */
export type ReadoutMode = 'A' | 'B' | 'C'

/** What an identification line says (IEC 62056-21, 6.3.2). */
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

/** Speed before any agreement. */
export const START_BAUD = 300

const SPEEDS: readonly number[] = [START_BAUD, 600, 1_200, 2_400, 4_800, 9_600, 19_200]

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

/** The digit that stands for a speed in an acknowledgement. */
export function speedDigit(baudRate: number): string {
  return String.fromCharCode(0x30 + Math.max(0, SPEEDS.indexOf(baudRate)))
}

/** The speed that a digit of an acknowledgement stands for; undefined for none. */
export function speedOfDigit(digit: string): number | undefined {
  return SPEEDS[Number.parseInt(digit, 10)]
}
