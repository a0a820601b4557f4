import { FirmwareError } from '../errors.ts'

/**
 * How long light and dark last, in milliseconds.
 *
 * Makers' manuals call a light of under 4.5 s (EMH mMe4.0) or under 5 s (Sagemcom Smarty BZ) short
 * and any longer one long, take a digit as entered after 3 s of dark, and forget everything after
 * 120 s without light. An EMH ED300L misses flashes of 200 ms and takes those of 400 ms.
 */
export const PIN_TIMES_MS = {
  short: 500,
  gap: 500,
  /** After the flash that wakes the display, and after the one that asks for the PIN. */
  prompt: 1500,
  /** After the last flash of a digit: longer than the 3 s after which it counts. */
  digit: 4000,
  long: 6000,
} as const

/** Digits of a PIN (FNN basic meter: four). */
export const PIN_DIGITS = 4

/** Steps through the meter's menu to the entry that is switched: no list of any maker is longer. */
export const PIN_MENU_STEPS_MAX = 32

/** One flash and the dark after it. */
export interface Flash {
  /** What the meter should make of it. */
  readonly meaning: 'wake' | 'ask' | 'digit' | 'menu' | 'switch'
  /** Which digit of the PIN, counted from 0, for `digit`; the digit itself is nobody's business. */
  readonly place?: number
  /** 0 where only the dark counts. */
  readonly litMs: number
  readonly darkMs: number
}

/** How a meter wants its PIN. */
export interface PinPlanOptions {
  /**
   * Flashes for a zero. Ten bring every meter's digit round to zero again; none leave it as the meter
   * shows it first, which not every meter takes as an entry.
   */
  readonly zeroFlashes?: 0 | 10
}

/**
 * The light that types a PIN: one flash wakes the display, one asks for the PIN, and then each digit
 * is counted up from zero by as many flashes.
 *
 * @throws FirmwareError `usage` for anything but four digits.
 */
export function pinFlashes(pin: string, options: PinPlanOptions = {}): readonly Flash[] {
  if (!/^\d{4}$/u.test(pin)) {
    // The text itself stays unsaid: it may be the PIN with a slip in it.
    throw new FirmwareError('usage', `PIN: expected ${String(PIN_DIGITS)} digits`)
  }
  const { short, gap, prompt, digit: after } = PIN_TIMES_MS
  const { zeroFlashes = 10 } = options
  const digits = Array.from(pin).flatMap((digit, place): readonly Flash[] => {
    const count = digit === '0' ? zeroFlashes : Number(digit)
    if (count === 0) return [{ meaning: 'digit', place, litMs: 0, darkMs: after }]
    return Array.from({ length: count }, (_, index): Flash => ({
      meaning: 'digit',
      place,
      litMs: short,
      darkMs: index === count - 1 ? after : gap,
    }))
  })
  return [
    { meaning: 'wake', litMs: short, darkMs: prompt },
    { meaning: 'ask', litMs: short, darkMs: prompt },
    ...digits,
  ]
}

/**
 * The light that switches the long telegrams on (`InF`) once the PIN is taken: so many short flashes
 * through the meter's menu, then a long one.
 *
 * @throws FirmwareError `usage` for more than PIN_MENU_STEPS_MAX steps.
 */
export function menuFlashes(steps: number): readonly Flash[] {
  if (!Number.isInteger(steps) || steps < 0 || steps > PIN_MENU_STEPS_MAX) {
    const bounds = `0 to ${String(PIN_MENU_STEPS_MAX)}`
    throw new FirmwareError('usage', `menu: expected ${bounds} steps, found ${String(steps)}`)
  }
  const { short, prompt, long } = PIN_TIMES_MS
  return [
    ...Array.from({ length: steps }, (): Flash => ({
      meaning: 'menu',
      litMs: short,
      darkMs: prompt,
    })),
    { meaning: 'switch', litMs: long, darkMs: prompt },
  ]
}

/** How long flashes take together, in milliseconds. */
export function durationMs(flashes: readonly Flash[]): number {
  return flashes.reduce((sum, { litMs, darkMs }) => sum + litMs + darkMs, 0)
}
