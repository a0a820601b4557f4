import type { StatusFlag } from '@s3mp/envelope'
import type { Clock } from '@s3mp/hal'
import { splitMedia, type MediumReading, type Reading } from '@s3mp/meter'

import { CLOCK_FLOOR_MS } from '../clock-state.ts'
import type { Journal } from '../journal.ts'
import type { Log } from '../log.ts'
import type { Registrar } from '../registrar.ts'
import { captureMs, zoneOf, type WallZone } from './capture-time.ts'
import type { Place, Places } from './places.ts'
import type { ReadingTime, SourceSpec } from './source.ts'

/** What taking readings in needs. */
export interface IntakeOptions {
  readonly spec: SourceSpec
  readonly places: Places
  /** The registrar of a place; `isEach` for readings that come without a period of ours. */
  readonly registrarOf: (place: Place, isEach: boolean) => Registrar
  /** A place is not heard any more, because another meter took over. */
  readonly retire: (place: number) => void
  readonly journal: Journal
  readonly clock: Clock
  readonly log: Log
}

/**
 * Sorts what one source hears to the meters that it is about: the meter itself and those behind it,
 * each to its own streams. It notices a meter that was swapped for another.
 */
export class Intake {
  readonly #options: IntakeOptions
  /** Capture time of the newest value of each meter behind the meter. */
  readonly #captured = new Map<string, string>()

  constructor(options: IntakeOptions) {
    this.#options = options
  }

  /** Takes a reading; answers the place of the meter itself, where it has one. */
  take(reading: Reading, time: ReadingTime | undefined): number | undefined {
    const [own, ...parts] = splitMedia(reading)
    if (own === undefined) return undefined
    const place = this.#placeOf(own)
    if (place === undefined) return undefined
    this.#register(place, own.reading, time)
    const zone = zoneOf(reading.meterTime, this.#options.clock.nowMs())
    for (const part of parts) this.#takePart(part, zone)
    return place.number
  }

  #register(place: Place, reading: Reading, time: ReadingTime | undefined): void {
    const { spec, registrarOf, clock } = this.#options
    const isShared = spec.isShared === true
    const registrar = registrarOf(place, isShared)
    if (reading.registers.length === 0) return
    if (time?.isBackfill === true) registrar.each(reading, time.timeMs, ['late'])
    else if (isShared) registrar.each(reading, time?.timeMs ?? clock.nowMs())
    else registrar.take(reading)
  }

  /** A meter behind the meter: its value changes now and then, and is repeated in every telegram. */
  #takePart(part: MediumReading, zone: WallZone | undefined): void {
    const { registrarOf, clock } = this.#options
    const { reading, channel } = part
    if (reading.registers.length === 0) return
    const place = this.#placeOf(part)
    if (place === undefined) return
    const capturedMs = captureMs(reading.meterTime, zone)
    // A clock that was never set, as of a gas meter after a new battery, dates nothing.
    const isDated = capturedMs !== undefined && capturedMs >= CLOCK_FLOOR_MS
    const captured = captureOf(reading, isDated)
    if (this.#captured.get(String(channel)) === captured) return
    const nowMs = clock.nowMs()
    // A value cannot have been read after the telegram that tells it.
    const timeMs = isDated ? Math.min(nowMs, capturedMs) : nowMs
    const flags: readonly StatusFlag[] =
      reading.meterTime !== undefined && !isDated ? ['time-doubt'] : []
    if (registrarOf(place, true).each(reading, timeMs, flags)) {
      this.#captured.set(String(channel), captured)
    }
  }

  #placeOf({ reading, channel, medium }: MediumReading): Place | undefined {
    const { spec, places, clock, journal, log, retire } = this.#options
    const part = channel === 0 ? '' : String(channel)
    const sighting = places.find({
      head: spec.name,
      part,
      device: reading.device,
      isShared: spec.isShared === true,
      monotonicMs: clock.monotonicMs(),
    })
    if (sighting.kind === 'unsure') {
      log.info('meter.unsure', { head: spec.name, device: reading.device })
      return undefined
    }
    if (sighting.kind === 'full') {
      log.error('meter.refused', { head: spec.name, device: reading.device, reason: NO_PLACE })
      journal.tell(
        'meter-refused',
        'warning',
        [shown(spec.name), shown(reading.device), NO_PLACE],
        spec.name,
      )
      return undefined
    }
    const { place } = sighting
    const details = [shown(reading.device), shown(spec.name)]
    if (sighting.kind === 'changed') {
      log.warn('meter.changed', { head: spec.name, device: reading.device, place: place.number })
      journal.tell('meter-changed', 'alarm', [...details, shown(sighting.before ?? '')], spec.name)
      for (const one of places.all()) {
        const isBefore = one.head === place.head && one.part === part && one !== place
        if (isBefore) retire(one.number)
      }
    }
    if (sighting.kind === 'found') {
      const what = [BigInt(place.number), shown(reading.device), reading.protocol, medium]
      journal.tell('meter-found', 'notice', [...what, shown(spec.name)], spec.name)
    }
    return place
  }
}

const NO_PLACE = 'every place is taken'

/** A text of a meter or of the configuration, as far as an event carries it. */
export function shown(text: string): string {
  return text.replace(/[^\x20-\x7e]/gu, '?').slice(0, 64)
}

/** What tells one value of a sub-meter from the next: when it was taken, else the value itself. */
function captureOf({ meterTime, registers }: Reading, isDated: boolean): string {
  if (isDated && meterTime !== undefined) return String(meterTime.seconds)
  return registers.map(({ digits, scaler }) => `${String(digits)}e${String(scaler)}`).join()
}
