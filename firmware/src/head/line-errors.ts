/** Folders in which drivers count (Linux, drivers/tty/serial/serial_core.c). */
const COUNTS = '/proc/tty/driver'

/** The driver's name for a kind of port. */
const DRIVERS: readonly (readonly [RegExp, string])[] = [
  [/^ttyS(\d+)$/u, 'serial'],
  [/^ttyAMA(\d+)$/u, 'ttyAMA'],
]

/**
 * Characters that a UART received with a wrong stop bit or parity since its driver was loaded. Only
 * UARTs on the board are counted, and only root may read it; undefined everywhere else.
 */
export function lineErrors(
  device: string,
  read: (path: string) => string | undefined,
): number | undefined {
  const name = device.split('/').at(-1) ?? ''
  for (const [pattern, driver] of DRIVERS) {
    const number = pattern.exec(name)?.[1]
    if (number === undefined) continue
    const lines = read(`${COUNTS}/${driver}`)?.split('\n') ?? []
    const line = lines.find((one) => one.startsWith(`${number}: `))
    if (line === undefined) return undefined
    const of = (key: string): number =>
      Number(new RegExp(`\\b${key}:(\\d+)`, 'u').exec(line)?.[1] ?? 0)
    return of('fe') + of('pe')
  }
  return undefined
}
