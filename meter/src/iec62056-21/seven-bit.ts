const PARITY = 0x80

/** Whether a byte has an even number of ones, as seven bits with even parity do. */
export function isEven(byte: number): boolean {
  const pairs = byte ^ (byte >> 4)
  const ones = pairs ^ (pairs >> 2)
  return ((ones ^ (ones >> 1)) & 1) === 0
}

/**
 * Seven bits and even parity in bytes of eight bits without: what a port that cannot do parity, such
 * as a Pi's mini-UART, must write to be understood, and hears from such a meter.
 */
export function withEvenParity(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte) => {
    const seven = byte & ~PARITY
    return isEven(seven) ? seven : seven | PARITY
  })
}

/** What stands for a character whose parity bit was wrong: DEL, which no message contains. */
export const SPOILED = 0x7f

/**
 * Characters that a port without parity received from a meter with seven bits and even parity:
 * without their parity bits, and {@link SPOILED} where it was wrong.
 */
export function checkParity(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte) => (isEven(byte) ? byte & ~PARITY : SPOILED))
}
