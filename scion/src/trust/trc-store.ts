import type { Clock } from '../clock.ts'
import { ScionError } from '../errors.ts'
import { isValidAt } from './certificate.ts'
import type { TrustOptions } from './store.ts'
import { hexOf } from './der.ts'
import type { SignedTrc, Trc, TrcId } from './trc.ts'
import { formatTrcId, gracePeriod, isBase, parseTrc } from './trc.ts'
import { verifyBaseTrc, verifyTrcUpdate } from './trc-update.ts'

/** Updates of one TRC that are fetched in a row; more are missing only after years. */
export const TRC_UPDATES_MAX = 64
/** Isolation domains whose TRCs are kept. */
export const TRC_ISDS_MAX = 256

/** How long a TRC that could not be had or believed is not asked for again, in milliseconds. */
export const TRC_PAUSE_MS = 10_000

/** What the store needs of the options: of the clock only that it goes on. */
export type TrcStoreOptions = Omit<TrustOptions, 'clock'> & {
  readonly clock: Pick<Clock, 'monotonicMs'>
}

/** The newest TRC of an ISD and the one before, which may still be in its grace period. */
interface IsdRecord {
  readonly newest: SignedTrc
  readonly previous: SignedTrc | undefined
}

/** That TRCs of one base could not be had; until then nobody is asked again. */
interface Pause {
  readonly untilMs: number
  readonly reason: Error
}

/** The TRCs that are believed, and how they come to be: from anchors, by updates, on first use. */
export class TrcStore {
  readonly #options: TrcStoreOptions
  readonly #records = new Map<number, IsdRecord>()
  readonly #underWay = new Map<number, Promise<void>>()
  readonly #pauses = new Map<string, Pause>()

  /** Throws `ERR_SCION_UNTRUSTED` when an anchor contradicts itself or another. */
  constructor(options: TrcStoreOptions) {
    this.#options = options
    const order = (a: SignedTrc, b: SignedTrc): number =>
      a.trc.id.isd - b.trc.id.isd ||
      a.trc.id.base - b.trc.id.base ||
      a.trc.id.serial - b.trc.id.serial
    for (const anchor of [...options.anchors].sort(order)) this.#addAnchor(anchor)
  }

  /** The newest TRC of every ISD. */
  newest(): readonly Trc[] {
    return [...this.#records.values()].map(({ newest }) => newest.trc)
  }

  /**
   * The TRCs that certificates of an ISD may lead to now: the newest, and in its grace period the
   * one before. Throws `ERR_SCION_UNTRUSTED` when there is none, `ERR_SCION_VALIDITY` when the newest
   * is not valid.
   */
  active(isd: number, nowMs: number): readonly Trc[] {
    const record = this.#records.get(isd)
    if (record === undefined) throw unknownIsd(isd)
    const { trc } = record.newest
    if (!isValidAt(trc, nowMs)) {
      const [when, moment] = nowMs < trc.notBeforeMs ? ['from', trc.notBeforeMs] : ['until', trc.notAfterMs] // prettier-ignore
      throw new ScionError(
        'ERR_SCION_VALIDITY',
        `trc ${formatTrcId(trc.id)}: valid now, found valid ${when} ${new Date(moment).toISOString()}`,
      )
    }
    const grace = gracePeriod(trc)
    const previous = record.previous?.trc
    return grace !== undefined && previous !== undefined && isValidAt(grace, nowMs)
      ? [trc, previous]
      : [trc]
  }

  /**
   * Makes sure that the TRC which a signer names is known: fetches the updates up to it, or on first
   * use its base. Throws when it cannot be had or believed, or is of another base.
   */
  async notify(id: TrcId, signal?: AbortSignal): Promise<void> {
    for (let underWay = this.#underWay.get(id.isd); underWay !== undefined;) {
      await underWay.catch(() => undefined)
      underWay = this.#underWay.get(id.isd)
    }
    const known = this.#records.get(id.isd)?.newest.trc.id
    if (known !== undefined && known.base !== id.base) {
      throw new ScionError(
        'ERR_SCION_UNTRUSTED',
        `trc: base ${known.base} of ISD ${id.isd}, found ${formatTrcId(id)}`,
      )
    }
    if (known !== undefined && known.serial >= id.serial) return
    if (known === undefined && this.#options.firstUse !== true) throw unknownIsd(id.isd)
    const from = known?.serial ?? id.base
    if (id.serial - from > TRC_UPDATES_MAX) {
      throw new ScionError(
        'ERR_SCION_UNTRUSTED',
        `trc: at most ${TRC_UPDATES_MAX} updates from serial ${from}, found ${formatTrcId(id)}`,
      )
    }
    const base = `${id.isd} ${id.base}`
    const pause = this.#pauses.get(base)
    if (pause !== undefined && this.#options.clock.monotonicMs() < pause.untilMs) throw pause.reason
    const promise = this.#fetchUpTo(id, signal)
    this.#underWay.set(id.isd, promise)
    try {
      await promise
      this.#pauses.delete(base)
    } catch (reason) {
      // Who gave up says nothing about the TRC.
      if (signal?.aborted !== true) this.#pause(base, reason)
      throw reason
    } finally {
      this.#underWay.delete(id.isd)
    }
  }

  /**
   * Everything up to the newest TRC that could be had is known by now: what names a later one waits,
   * so that a thousand segments with made-up TRCs cost one question.
   */
  #pause(base: string, cause: unknown): void {
    const reason = cause instanceof Error ? cause : new Error(String(cause))
    this.#pauses.delete(base)
    this.#pauses.set(base, { untilMs: this.#options.clock.monotonicMs() + TRC_PAUSE_MS, reason })
    if (this.#pauses.size <= TRC_ISDS_MAX) return
    const [oldest] = this.#pauses.keys()
    if (oldest !== undefined) this.#pauses.delete(oldest)
  }

  /** Which TRCs count at a moment, in words: while it stays the same, so does what follows from them. */
  standing(nowMs: number): string {
    const words = [...this.#records.keys()].map((isd) => {
      try {
        return this.active(isd, nowMs)
          .map(({ id }) => formatTrcId(id))
          .join('+')
      } catch {
        return `ISD${isd} none`
      }
    })
    return words.join(' ')
  }

  async #fetchUpTo(id: TrcId, signal: AbortSignal | undefined): Promise<void> {
    let record = this.#records.get(id.isd)
    if (record === undefined) {
      if (this.#records.size >= TRC_ISDS_MAX) throw unknownIsd(id.isd)
      const newest = await this.#fetch({ ...id, serial: id.base }, signal)
      verifyBaseTrc(newest)
      record = this.#keep({ newest, previous: undefined })
    }
    for (let serial = record.newest.trc.id.serial + 1; serial <= id.serial; serial++) {
      const update = await this.#fetch({ ...id, serial }, signal)
      verifyTrcUpdate(update, record.newest.trc)
      record = this.#keep({ newest: update, previous: record.newest })
    }
  }

  async #fetch(id: TrcId, signal: AbortSignal | undefined): Promise<SignedTrc> {
    const fetched = parseTrc((await this.#options.material.trc(id, signal)).slice())
    const found = formatTrcId(fetched.trc.id)
    if (found !== formatTrcId(id)) {
      throw new ScionError('ERR_SCION_UNTRUSTED', `trc: ${formatTrcId(id)}, found ${found}`)
    }
    return fetched
  }

  #keep(record: IsdRecord): IsdRecord {
    this.#records.set(record.newest.trc.id.isd, record)
    this.#options.onTrc?.(record.newest)
    return record
  }

  /** Anchors come sorted: a base first, then its updates. */
  #addAnchor(anchor: SignedTrc): void {
    const { id } = anchor.trc
    const record = this.#records.get(id.isd)
    const known = record?.newest
    if (known !== undefined && formatTrcId(known.trc.id) === formatTrcId(id)) {
      if (hexOf(known.data.content) === hexOf(anchor.data.content)) return
      throw new ScionError('ERR_SCION_UNTRUSTED', `trc ${formatTrcId(id)}: one, found two`)
    }
    if (isBase(anchor.trc)) verifyBaseTrc(anchor)
    // One whose predecessor is not at hand is believed because the operator says so.
    const previous = known !== undefined && isNext(known.trc.id, id) ? known : undefined
    if (previous !== undefined) verifyTrcUpdate(anchor, previous.trc)
    this.#records.set(id.isd, { newest: anchor, previous })
  }
}

function isNext(before: TrcId, after: TrcId): boolean {
  return before.base === after.base && before.serial + 1 === after.serial
}

function unknownIsd(isd: number): ScionError {
  return new ScionError('ERR_SCION_UNTRUSTED', `trc: one of ISD ${isd}, found none`)
}
