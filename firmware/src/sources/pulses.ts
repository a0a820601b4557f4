import { HalError, type GpioBackend, type InputPin } from '@s3mp/hal'
import { S0Counter, UNIT, type Medium, type Reading } from '@s3mp/meter'

import { retryDelayMs } from '../backoff.ts'
import { FirmwareError, reasonOf } from '../errors.ts'
import { LinkQualityMeter } from '../link-quality.ts'
import { RawRing } from '../raw-ring.ts'
import { pause } from './pause.ts'
import type { Source, SourceContext, SourceSpec } from './source.ts'

/** The counter survives a power cut but for the pulses of this time, in milliseconds. */
export const PULSE_SYNC_MS = 10_000

/** A reading is made at least this often, and at most once a second, in milliseconds. */
export const PULSE_READING_MS_MAX = 5000

/** Longest wait before a pin that failed is opened again, in milliseconds. */
export const PULSE_RETRY_MS_MAX = 60_000

/** A pulse output on a pin. */
export interface PulseOptions {
  readonly name: string
  readonly gpio: GpioBackend
  /** BCM number. */
  readonly line: number
  /** A pulse pulls the line to ground. */
  readonly activeLow: boolean
  /** Pulses a kWh, or a cubic metre. */
  readonly pulsesPerUnit: number
  readonly medium: Medium
  /** Number of the meter: nobody but its owner can tell. */
  readonly device: string
  /** What the meter showed when counting began, kWh or m³, as a decimal text. */
  readonly start?: string
  readonly bounceMs: number
  readonly isSimulated: boolean
}

/** The source of a meter that gives a pulse for so much energy or volume. */
export function pulses(options: PulseOptions): SourceSpec {
  const { name, line, isSimulated } = options
  return {
    name,
    kind: 's0',
    device: `gpio:${String(line)}`,
    isSimulated,
    create: (context) => new PulseSource(options, context),
  }
}

/**
 * Counts pulses for ever. Every pulse is in the file of counts before the next one can come, so that
 * the end of the process costs none; the disk is told every ten seconds, which a power cut may cost.
 * While the pin is not watched nothing is counted, and that is said.
 */
class PulseSource implements Source {
  readonly quality = new LinkQualityMeter()
  readonly ring = new RawRing()
  readonly #options: PulseOptions
  readonly #context: SourceContext
  #counter: S0Counter
  #failures = 0
  #syncedMs: number
  #readMs = -Infinity
  #told = -1n
  #isSilent = false

  constructor(options: PulseOptions, context: SourceContext) {
    this.#options = options
    this.#context = context
    this.#syncedMs = context.clock.monotonicMs()
    const kept = context.pulses.get(options.name)
    const isKept = kept !== undefined && /^\d{1,18}$/u.test(kept)
    this.#counter = this.#make(isKept ? BigInt(kept) : startPulses(options))
    if (isKept) this.#uncertain('nothing was counted before this start')
  }

  async run(signal: AbortSignal, progress: () => void): Promise<void> {
    const { clock, random, log } = this.#context
    while (!signal.aborted) {
      try {
        await this.#watch(signal, progress)
      } catch (error) {
        if (!(error instanceof HalError)) throw error
        const bounds = { minMs: 1000, maxMs: PULSE_RETRY_MS_MAX }
        const retryMs = retryDelayMs(this.#failures, random(), bounds)
        this.#failures += 1
        const { name, line } = this.#options
        log.warn('pin.failed', { meter: name, line, code: error.code, reason: reasonOf(error), retryMs }) // prettier-ignore
        if (!this.#isSilent) {
          this.#isSilent = true
          this.#context.onSilence(true)
          this.#uncertain(`the pin failed: ${error.code}`)
        }
        await pause(retryMs, clock, signal, progress)
      }
    }
    this.#keep(true)
  }

  /** One life of the pin. */
  async #watch(signal: AbortSignal, progress: () => void): Promise<void> {
    const { gpio, line, activeLow } = this.#options
    const pin = await gpio.openInput(line, { activeLow })
    try {
      await this.#count(pin, signal, progress)
    } finally {
      await pin.close()
    }
  }

  async #count(pin: InputPin, signal: AbortSignal, progress: () => void): Promise<void> {
    const { clock } = this.#context
    const { bounceMs } = this.#options
    const state: { failure: HalError | undefined; wake: AbortController } = {
      failure: undefined,
      wake: new AbortController(),
    }
    // The level that a new counter believes in is low; a pulse under way is one that will end.
    this.#counter = this.#make(this.#counter.state.pulses)
    const stop = pin.watch({
      edge: (edge) => {
        if (this.#counter.push(edge) > 0) this.#keep(false)
        state.wake.abort()
      },
      failed: (error) => {
        state.failure = error
        state.wake.abort()
      },
    })
    try {
      if (await pin.read()) this.#counter.push({ active: true, monotonicMs: clock.monotonicMs() })
      this.#back()
      while (!signal.aborted) {
        progress()
        if (state.failure !== undefined) throw state.failure
        if (this.#counter.settle(clock.monotonicMs()) > 0) this.#keep(false)
        this.#tell()
        const hasEdge = state.wake.signal.aborted
        state.wake = new AbortController()
        const either = AbortSignal.any([signal, state.wake.signal])
        await clock.sleep(hasEdge ? bounceMs : LOOK_MS, either).catch(() => undefined)
      }
    } finally {
      stop()
    }
  }

  /** A reading a second while pulses come, and now and then when none do. */
  #tell(): void {
    const { clock, onReading } = this.#context
    const nowMs = clock.monotonicMs()
    const { pulses: count } = this.#counter.state
    const waitMs = count === this.#told ? PULSE_READING_MS_MAX : LOOK_MS
    if (nowMs - this.#readMs < waitMs) return
    this.#readMs = nowMs
    this.#told = count
    if (nowMs - this.#syncedMs >= PULSE_SYNC_MS) this.#keep(true)
    const reading = measured(this.#counter.reading(nowMs), this.#options.medium)
    this.quality.decoded({ type: 'reading', offset: 0, length: 0, reading })
    onReading(reading, new Uint8Array(0))
  }

  #back(): void {
    this.#failures = 0
    if (!this.#isSilent) return
    this.#isSilent = false
    this.#context.onSilence(false)
  }

  /** Writes the count; a disk that refuses costs nothing but what a restart would lose. */
  #keep(isDurable: boolean): void {
    const { pulses: map, log, clock } = this.#context
    try {
      map.set(this.#options.name, String(this.#counter.state.pulses), isDurable)
      if (isDurable) this.#syncedMs = clock.monotonicMs()
    } catch (error) {
      if (!(error instanceof FirmwareError)) throw error
      log.error('pulses.unwritten', { meter: this.#options.name, reason: error.message })
    }
  }

  #uncertain(reason: string): void {
    const { pulses: count } = this.#counter.state
    this.#context.onTrouble({ kind: 'pulses-uncertain', pulses: count, reason })
  }

  #make(count: bigint): S0Counter {
    const { device, pulsesPerUnit, bounceMs, medium } = this.#options
    return new S0Counter({
      device,
      pulsesPerKwh: pulsesPerUnit,
      bounceMs,
      state: { pulses: count },
      ...(medium === 'electricity' ? {} : { energyObis: VOLUME_OBIS[medium] ?? OTHER_OBIS }),
    })
  }
}

/** How long nothing is looked at while no edge comes, in milliseconds. */
const LOOK_MS = 1000

/** Totals of media (IEC 62056-61, value groups of A = 6 to 9). */
const VOLUME_OBIS: Readonly<Partial<Record<Medium, string>>> = {
  gas: '7-0:3.0.0*255',
  water: '8-0:1.0.0*255',
  'hot-water': '9-0:1.0.0*255',
  heat: '6-0:1.0.0*255',
}
const OTHER_OBIS = '8-0:1.0.0*255'
/** The unit m³ (IEC 62056-6-2, table of units). */
const CUBIC_METRE = 13

/** The pulses that a start reading stands for, rounded down. */
export function startPulses({
  start,
  pulsesPerUnit,
}: Pick<PulseOptions, 'start' | 'pulsesPerUnit'>): bigint {
  const [whole = '0', part = ''] = (start ?? '0').split('.')
  const millionths = BigInt(whole) * 1_000_000n + BigInt(part.padEnd(6, '0').slice(0, 6))
  return (millionths * BigInt(Math.round(pulsesPerUnit * 1000))) / 1_000_000_000n
}

/** The counter speaks of kilowatt-hours; of gas and water a unit is a cubic metre. */
function measured(reading: Reading, medium: Medium): Reading {
  if (medium === 'electricity' || medium === 'heat') return reading
  const registers = reading.registers
    .filter(({ unitCode: code }) => code === UNIT.wattHour)
    .map((register) => ({
      ...register,
      // A ten-thousandth of a watt-hour is 10^-7 of the unit.
      scaler: register.scaler - 3,
      unit: 'm³',
      unitCode: CUBIC_METRE,
    }))
  return { ...reading, registers }
}
