import type { DurableMap } from '../durable-map.ts'
import { PLACES_MAX } from '../streams.ts'

/** Telegrams in a row with another meter's number before a meter is believed to have been swapped. */
export const PLACE_SIGHTINGS_MIN = 2

/** Characters of a meter's number that tell it from others. */
export const PLACE_DEVICE_CHARS_MAX = 64

/** A meter that was heard this lately is still there beside the one heard now, in milliseconds. */
export const PLACE_QUIET_MS = 600_000

/** One metering device, bound to its streams for ever. */
export interface Place {
  /** 0 to {@link PLACES_MAX} − 1; gives the stream numbers. */
  readonly number: number
  /** Name of the head it is heard by. */
  readonly head: string
  /** '' for the meter itself, else which of the meters behind it. */
  readonly part: string
  /** Its own number; '' where it says none, or has never been heard. */
  readonly device: string
}

/** Where a reading belongs. */
export type Sighting =
  | {
      readonly kind: 'known' | 'found' | 'changed'
      readonly place: Place
      /** Number of the meter that was heard there before, for `changed`. */
      readonly before?: string
    }
  /** Another meter's number, once: it may be a slip; one more telegram will tell. */
  | { readonly kind: 'unsure' }
  /** There is no place left. */
  | { readonly kind: 'full' }

/** Who was heard. */
export interface Heard {
  readonly head: string
  readonly part: string
  readonly device: string
  /** Several meters are usual here (a radio adapter), so another number is no swap. */
  readonly isShared: boolean
  readonly monotonicMs: number
}

interface Held {
  place: Place
  heardMs: number
  /** Kept for a head that was never heard: on the disk only when it is. */
  isReserved: boolean
}

/**
 * Gives every metering device streams of its own, and the same ones after every start: a stream never
 * speaks of two meters. A meter that was swapped for another gets a new place; one that comes back,
 * or whose head has another name now, finds its old one.
 */
export class Places {
  readonly #map: DurableMap
  readonly #heads: ReadonlySet<string>
  readonly #held = new Map<number, Held>()
  /** The place in use by head and part. */
  readonly #current = new Map<string, number>()
  readonly #unsure = new Map<string, { device: string; count: number }>()

  /** `heads` are the configured ones, in order: the first takes place 0 of a fresh meter. */
  constructor(map: DurableMap, heads: readonly string[]) {
    this.#map = map
    this.#heads = new Set(heads)
    for (const [name, value] of map.entries()) {
      const place = placeOf(name, value)
      if (place !== undefined) this.#hold(place, false)
    }
    for (const head of heads) {
      if (!this.#current.has(keyOf(head, ''))) this.#make({ head, part: '', device: '' }, true)
    }
  }

  /** Every place that was ever given, in order. */
  all(): readonly Place[] {
    return [...this.#held.values()]
      .filter(({ isReserved }) => !isReserved)
      .map(({ place }) => place)
      .sort((a, b) => a.number - b.number)
  }

  /** Whether a place is the one that its head fills now. */
  isCurrent({ head, part, number }: Place): boolean {
    return this.#heads.has(head) && this.#current.get(keyOf(head, part)) === number
  }

  /** Where a reading of that meter belongs. */
  find(heard: Heard): Sighting {
    const device = heard.device.slice(0, PLACE_DEVICE_CHARS_MAX)
    const sighting = this.#search({ ...heard, device })
    if (sighting.kind !== 'unsure') this.#unsure.delete(keyOf(heard.head, heard.part))
    if ('place' in sighting) {
      const { place } = sighting
      this.#current.set(keyOf(place.head, place.part), place.number)
      const held = this.#held.get(place.number)
      if (held?.isReserved === true) this.#put(place)
      if (held !== undefined) held.heardMs = heard.monotonicMs
    }
    return sighting
  }

  #search(heard: Heard): Sighting {
    const { head, part, device, monotonicMs } = heard
    const current = this.#held.get(this.#current.get(keyOf(head, part)) ?? -1)
    if (device === '' && current !== undefined) return { kind: 'known', place: current.place }
    const own = this.#find((one) => one.head === head && one.part === part && one.device === device)
    if (own !== undefined) {
      const isBack =
        current !== undefined &&
        current !== own &&
        !heard.isShared &&
        monotonicMs - current.heardMs > PLACE_QUIET_MS
      return isBack
        ? { kind: 'changed', place: own.place, before: current.place.device }
        : { kind: 'known', place: own.place }
    }
    const moved = this.#find(
      (one) => one.part === part && one.device === device && !this.#heads.has(one.head),
    )
    if (moved !== undefined) {
      if (current?.isReserved === true) this.#held.delete(current.place.number)
      return { kind: 'found', place: this.#put({ ...moved.place, head }) }
    }
    if (current?.place.device === '') {
      return { kind: 'found', place: this.#put({ ...current.place, device }) }
    }
    return this.#another(heard, current)
  }

  /** A meter that was never heard here. */
  #another(heard: Heard, current: Held | undefined): Sighting {
    const { head, part, device, isShared } = heard
    if (current !== undefined && !isShared && !this.#isSure(keyOf(head, part), device)) {
      return { kind: 'unsure' }
    }
    const place = this.#make({ head, part, device })
    if (place === undefined) return { kind: 'full' }
    return current === undefined || isShared
      ? { kind: 'found', place }
      : { kind: 'changed', place, before: current.place.device }
  }

  #isSure(key: string, device: string): boolean {
    const unsure = this.#unsure.get(key)
    const count = unsure?.device === device ? unsure.count + 1 : 1
    this.#unsure.set(key, { device, count })
    return count >= PLACE_SIGHTINGS_MIN
  }

  #find(isIt: (place: Place) => boolean): Held | undefined {
    for (const held of this.#held.values()) if (isIt(held.place)) return held
    return undefined
  }

  #make(place: Omit<Place, 'number'>, isReserved = false): Place | undefined {
    let number = 0
    while (this.#held.has(number)) number += 1
    if (number >= PLACES_MAX) return undefined
    if (isReserved) this.#hold({ ...place, number }, true)
    else this.#put({ ...place, number })
    return { ...place, number }
  }

  #put(place: Place): Place {
    const { number, head, part, device } = place
    this.#map.set(String(number), JSON.stringify([head, part, device]), true)
    this.#hold(place, false)
    return place
  }

  #hold(place: Place, isReserved: boolean): void {
    const held = this.#held.get(place.number)
    const heardMs = held?.heardMs ?? -Infinity
    if (held === undefined) this.#held.set(place.number, { place, heardMs, isReserved })
    else Object.assign(held, { place, isReserved })
    this.#current.set(keyOf(place.head, place.part), place.number)
  }
}

function keyOf(head: string, part: string): string {
  return `${head}\n${part}`
}

function placeOf(name: string, value: string): Place | undefined {
  const number = Number(name)
  if (!Number.isInteger(number) || number < 0 || number >= PLACES_MAX) return undefined
  let parsed: unknown
  try {
    parsed = JSON.parse(value)
  } catch {
    return undefined
  }
  if (!Array.isArray(parsed)) return undefined
  const [head, part, device] = parsed as readonly unknown[]
  const isPlace = typeof head === 'string' && typeof part === 'string' && typeof device === 'string'
  return isPlace ? { number, head, part, device } : undefined
}
