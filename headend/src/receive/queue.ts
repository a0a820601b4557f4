import type { RecordKind } from '@s3mp/envelope'

/** What matters most when not everything can be taken: events, then billing, then live values. */
export type ObjectClass = 'event' | 'billing' | 'live'

/** Objects that wait to be verified and stored. */
export const QUEUE_OBJECTS_MAX = 16_384
/** Bytes that they may take together. */
export const QUEUE_BYTES_MAX = 32 * 1024 * 1024

const ORDER = ['event', 'billing', 'live'] as const satisfies readonly ObjectClass[]

/** The class of a kind. A seal is what makes live values worth anything, and there are few. */
export function classOf(kind: RecordKind): ObjectClass {
  switch (kind) {
    case 'event':
      return 'event'
    case 'fast':
      return 'live'
    case 'reading':
    case 'seal':
    case 'heartbeat':
    case 'schema':
      return 'billing'
  }
}

/** Something that waits. */
export interface Waiting {
  readonly kind: RecordKind
  readonly object: Uint8Array
}

/**
 * What waits for the next commit, by class. When it is full, the newest of the lowest class goes: the
 * older ones have waited longer, and their acks let meters free what they hold.
 */
export class ObjectQueue<Item extends Waiting> {
  readonly #classes: Record<ObjectClass, Item[]> = { event: [], billing: [], live: [] }
  readonly #objectsMax: number
  readonly #bytesMax: number
  #objects = 0
  #bytes = 0

  constructor(objectsMax: number = QUEUE_OBJECTS_MAX, bytesMax: number = QUEUE_BYTES_MAX) {
    this.#objectsMax = objectsMax
    this.#bytesMax = bytesMax
  }

  /** Objects waiting. */
  get size(): number {
    return this.#objects
  }

  /** How full it is, from 0 to 1, by whichever bound is nearer. */
  get fill(): number {
    return Math.max(this.#objects / this.#objectsMax, this.#bytes / this.#bytesMax)
  }

  /** Adds an item; gives back what had to go for it, which may be the item itself. */
  push(item: Item): readonly Item[] {
    const shed: Item[] = []
    while (this.#isFullFor(item)) {
      const victim = this.#victimFor(classOf(item.kind))
      if (victim === undefined) return [...shed, item]
      shed.push(victim)
    }
    this.#classes[classOf(item.kind)].push(item)
    this.#objects++
    this.#bytes += item.object.length
    return shed
  }

  /** Takes up to `count` items, the most important first, each class in order of arrival. */
  take(count: number): readonly Item[] {
    const taken: Item[] = []
    for (const each of ORDER) {
      const items = this.#classes[each].splice(0, count - taken.length)
      taken.push(...items)
      if (taken.length === count) break
    }
    for (const item of taken) this.#bytes -= item.object.length
    this.#objects -= taken.length
    return taken
  }

  #isFullFor(item: Item): boolean {
    return this.#objects >= this.#objectsMax || this.#bytes + item.object.length > this.#bytesMax
  }

  /** The newest of the lowest class below that of the newcomer. */
  #victimFor(newcomer: ObjectClass): Item | undefined {
    for (const each of [...ORDER].reverse()) {
      if (each === newcomer) return undefined
      const victim = this.#classes[each].pop()
      if (victim === undefined) continue
      this.#objects--
      this.#bytes -= victim.object.length
      return victim
    }
    return undefined
  }
}
