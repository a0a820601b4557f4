import { HalError, readWithin, type Clock, type SerialPort } from '@s3mp/hal'
import { createDecoder, type DecoderProtocol, type Reading } from '@s3mp/meter'

import { detailOf, isFull, isMore, joined, NO_DETAIL, type Detail } from './detail.ts'
import type { Lamp } from './lamp.ts'
import { durationMs, menuFlashes, pinFlashes, type Flash, type PinPlanOptions } from './plan.ts'

/** How long the meter is looked at before and after, in milliseconds: four telegrams of a slow one. */
export const PIN_LOOK_MS = 16_000

/** Telegrams that are enough of a look. */
export const PIN_LOOK_TELEGRAMS = 4

/** What became of an attempt to type a PIN. */
export type PinOutcome =
  /** More is shown than before. */
  | 'open'
  /** Everything was shown already; nothing was typed. */
  | 'was-open'
  /** Typed, and nothing changed: another PIN, another menu, or a head that does not shine. */
  | 'unchanged'
  /** No telegram came that could tell, so nothing was typed. */
  | 'silent'

/** What is going on, for whoever watches. */
export type PinStep =
  | { readonly type: 'look'; readonly when: 'before' | 'after' }
  | { readonly type: 'seen'; readonly detail: Detail }
  | {
      readonly type: 'flash'
      readonly flash: Flash
      readonly index: number
      readonly count: number
      readonly leftMs: number
    }

/** What typing needs. */
export interface UnlockOptions extends PinPlanOptions {
  readonly port: SerialPort
  readonly lamp: Lamp
  readonly pin: string
  /** Steps to the entry that switches long telegrams on; undefined: the PIN is all. */
  readonly menuSteps?: number
  readonly protocol: DecoderProtocol
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly onStep?: (step: PinStep) => void
}

/** How it ended, and what was shown before and after. */
export interface UnlockResult {
  readonly outcome: PinOutcome
  readonly before: Detail
  readonly after: Detail
}

/**
 * Types a meter's PIN by light, once, and looks whether it helped. It never tries twice: a meter locks
 * itself after a few wrong PINs, and only a person knows whether this one is right.
 *
 * @throws HalError where the port breaks, FirmwareError `usage` for a PIN that is none.
 */
export async function unlockMeter(options: UnlockOptions): Promise<UnlockResult> {
  const { pin, menuSteps, onStep } = options
  const typing = pinFlashes(pin, options)
  const switching = menuSteps === undefined ? [] : menuFlashes(menuSteps)
  const before = await look('before', options, isFull)
  if (before === undefined) return { outcome: 'silent', before: NO_DETAIL, after: NO_DETAIL }
  onStep?.({ type: 'seen', detail: before })
  if (isFull(before)) return { outcome: 'was-open', before, after: before }
  const isBetter = (now: Detail): boolean => isMore(now, before)
  await shine(typing, options)
  let after = (await look('after', options, isBetter)) ?? before
  if (!isBetter(after) && switching.length > 0) {
    await shine(switching, options)
    after = (await look('after', options, isBetter)) ?? before
  }
  onStep?.({ type: 'seen', detail: after })
  return { outcome: isBetter(after) ? 'open' : 'unchanged', before, after }
}

/** Gives the flashes one after the other; whatever happens the lamp ends dark. */
export async function shine(
  flashes: readonly Flash[],
  options: Pick<UnlockOptions, 'lamp' | 'clock' | 'signal' | 'onStep'>,
): Promise<void> {
  const { lamp, clock, signal, onStep } = options
  let leftMs = durationMs(flashes)
  try {
    for (const [index, flash] of flashes.entries()) {
      onStep?.({ type: 'flash', flash, index, count: flashes.length, leftMs })
      if (flash.litMs > 0) await lamp.flash(flash.litMs, signal)
      await clock.sleep(flash.darkMs, signal)
      leftMs -= flash.litMs + flash.darkMs
    }
  } finally {
    await lamp.release()
  }
}

/** What telegrams show, until it is enough or the time is over; undefined when none came. */
async function look(
  when: 'before' | 'after',
  { port, protocol, clock, signal, onStep }: UnlockOptions,
  isEnough: (detail: Detail) => boolean,
): Promise<Detail | undefined> {
  onStep?.({ type: 'look', when })
  await forget(port, clock, signal)
  const decoder = createDecoder(protocol)
  const endMs = clock.monotonicMs() + PIN_LOOK_MS
  let detail: Detail | undefined
  for (let telegrams = 0; telegrams < PIN_LOOK_TELEGRAMS;) {
    const leftMs = endMs - clock.monotonicMs()
    if (leftMs <= 0) break
    const bytes = await readWithin(port, leftMs, clock, signal).catch(nothing)
    for (const event of decoder.push(bytes)) {
      if (event.type !== 'reading' || !isMeter(event.reading)) continue
      telegrams += 1
      detail = joined(detail ?? NO_DETAIL, detailOf(event.reading))
    }
    if (detail !== undefined && isEnough(detail)) break
  }
  return detail
}

/** Throws away what was sent before this moment: it says nothing about what is shown now. */
async function forget(port: SerialPort, clock: Clock, signal: AbortSignal): Promise<void> {
  while ((await readWithin(port, 1, clock, signal).catch(nothing)).length > 0);
}

/** A telegram with an energy in it: others say nothing about what is kept back. */
function isMeter({ registers }: Reading): boolean {
  return registers.some(({ obis }) => obis.includes('.8.'))
}

/** A quiet line and a full buffer, which fills while the light shines, are no reason to stop. */
function nothing(error: unknown): Uint8Array {
  if (error instanceof HalError && (error.code === 'timeout' || error.code === 'overrun')) {
    return new Uint8Array(0)
  }
  throw error
}
