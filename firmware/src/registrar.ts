import { createHash } from 'node:crypto'

import {
  schemaIdOf,
  toHex,
  type DeviceRecord,
  type Schema,
  type SchemaRegister,
  type StatusFlag,
} from '@s3mp/envelope'
import type { Clock } from '@s3mp/hal'
import type { Reading, ReadingFlag } from '@s3mp/meter'

import type { Journal } from './journal.ts'
import type { Recorder } from './recorder.ts'
import {
  advanceSchedule,
  FRESH_SCHEDULE,
  type ScheduleDecision,
  type ScheduleState,
} from './schedule.ts'
import { fitSchema } from './schema-fit.ts'
import type { SpoolBox } from './spool/box.ts'
import { STREAM_PRIORITY, streamOf, type ReadingStream } from './streams.ts'

/** One registration stream. */
interface Period {
  readonly name: 'billing' | 'minute'
  readonly periodMs: number
}

/** What the registrar needs. */
export interface RegistrarOptions {
  readonly recorder: Recorder
  readonly journal: Journal
  readonly box: SpoolBox
  readonly clock: Clock
  /** The place of the meter whose telegrams these are; gives the stream numbers. */
  readonly place: number
  /** Every record is marked: no real meter is behind it. */
  readonly isSimulated: boolean
  /** Readings are registered as they come ({@link Registrar.each}), not by periods. */
  readonly isEach: boolean
  readonly billingMs: number
  /** Undefined: no fine stream. */
  readonly minuteMs: number | undefined
  readonly isLive: boolean
  readonly sealEvery: number
  readonly sealAfterMs: number
}

/** What a stream remembers beside its chain. */
interface Memory {
  schedule: ScheduleState
  schema: Schema | undefined
  /** Time of the newest reading, where each is registered as it comes. */
  newestMs: number
  /** Beginning of a gap that could not be marked yet, because there was no room. */
  unmarkedMs?: number | undefined
}

/** Doubts of the decoder that make the values themselves doubtful. */
const DOUBTS: readonly ReadingFlag[] = ['sign-doubt', 'sign-unknown', 'sign-contradicts-energy']

/** What cannot be, by physics or by what was read before. */
const IMPLAUSIBLE: readonly ReadingFlag[] = [
  'register-went-back',
  'register-jumped',
  'energy-doubt',
  'power-doubt',
  'phase-doubt',
  'grid-doubt',
]

/** The longest that a reading may be ahead of the clock, in milliseconds: an hour of summer time. */
export const READING_AHEAD_MS_MAX = 3_600_000

/**
 * Turns the telegrams of one meter into records: registers them when their period is due, writes every one to the
 * live stream, announces schemas, marks gaps, and seals the live stream.
 */
export class Registrar {
  readonly #options: RegistrarOptions
  readonly #periods: readonly Period[]
  readonly #memories = new Map<number, Memory>()
  #unsealed: number
  #unsealedSinceMs: number

  constructor(options: RegistrarOptions) {
    this.#options = options
    const { billingMs, minuteMs, box, clock, isEach } = options
    const billing = { name: 'billing' as const, periodMs: billingMs }
    const minute = minuteMs === undefined ? [] : [{ name: 'minute' as const, periodMs: minuteMs }]
    this.#periods = isEach ? [] : [billing, ...minute]
    // Live readings of before a power cut are still without their seal.
    this.#unsealed = box.spool.unsealed(this.#stream('live')).length
    this.#unsealedSinceMs = clock.monotonicMs()
  }

  /** A telegram was understood just now. */
  take(reading: Reading): void {
    const { clock, journal, isLive, place } = this.#options
    if (reading.flags.includes('register-went-back'))
      journal.tell('register-decreased', 'warning', [], String(place))
    const nowMs = clock.nowMs()
    for (const period of this.#periods) this.#advance(period, nowMs, reading)
    if (isLive) this.#live(reading, nowMs)
  }

  /**
   * Registers a reading by itself, without periods: a meter behind the meter, one that is heard by
   * radio, or what a meter remembered of an outage. `timeMs` is when it was taken. Answers whether it
   * is new: of each moment one is registered, and of any minute no more than one.
   */
  each(reading: Reading, timeMs: number, flags: readonly StatusFlag[] = []): boolean {
    const { clock } = this.#options
    const memory = this.#memory(this.#stream('billing'))
    const isAhead = timeMs > clock.nowMs() + READING_AHEAD_MS_MAX
    if (isAhead || timeMs < memory.newestMs + EACH_MS_MIN) return false
    const beforeMs = memory.newestMs
    memory.newestMs = timeMs
    const intervalMs = this.#periods[0]?.periodMs ?? 0
    void this.#record('billing', 'reading', reading, timeMs, intervalMs, flags).then((record) => {
      // No room: whoever hands it over again is heard.
      if (record === undefined) memory.newestMs = Math.min(memory.newestMs, beforeMs)
    })
    return true
  }

  /** Time of the newest reading that is registered; undefined before the first. */
  newestMs(): number | undefined {
    const { schedule, newestMs } = this.#memory(this.#stream('billing'))
    const { slot, settledMs, gapFromSlot } = schedule
    // In a gap slots are settled without a reading: the newest one is from before it.
    const [period] = this.#periods
    const isGap = gapFromSlot !== undefined && period !== undefined
    const lastMs = isGap ? gapFromSlot * period.periodMs - 1000 : settledMs
    const registeredMs = slot === undefined ? 0 : Math.min(settledMs, lastMs)
    return Math.max(registeredMs, newestMs) || undefined
  }

  /**
   * Time has passed; call it about once a second, and whenever the meter is silent. Where the meter
   * was replaced (`isCurrent` false) nothing is missed any more, only the last seal is made.
   */
  tick(isCurrent: boolean): void {
    const { clock, sealAfterMs } = this.#options
    const periods = isCurrent ? this.#periods : []
    for (const period of periods) this.#advance(period, clock.nowMs(), undefined)
    const ageMs = clock.monotonicMs() - this.#unsealedSinceMs
    if (this.#unsealed > 0 && ageMs >= sealAfterMs) this.seal()
  }

  /** Signs over everything of the live stream that is not sealed yet. */
  seal(): void {
    if (this.#unsealed === 0) return
    this.#unsealed = 0
    const { box, clock, recorder, isSimulated } = this.#options
    const timeMs = clock.nowMs()
    const stream = this.#stream('live')
    void recorder.append({
      stream,
      isSimulated,
      priority: STREAM_PRIORITY.live,
      build: (link, status) => {
        const links = box.spool.unsealed(stream)
        const digest = createHash('sha256')
        for (const { hash } of links) digest.update(hash)
        return {
          kind: 'seal',
          ...link,
          timeMs,
          status: status([]),
          firstSeq: links[0]?.seq ?? link.seq,
          records: links.length,
          digest: new Uint8Array(digest.digest()),
        }
      },
    })
  }

  #advance({ name, periodMs }: Period, nowMs: number, reading: Reading | undefined): void {
    const stream = this.#stream(name)
    const memory = this.#memory(stream)
    // A stream that never registered anything has no gap to mark.
    const isHeard = reading !== undefined
    const before = memory.schedule
    const step = advanceSchedule(before, periodMs, nowMs, isHeard)
    memory.schedule = step.state
    if (isHeard && memory.unmarkedMs !== undefined) this.#gap(name, memory.unmarkedMs)
    for (const decision of step.decisions) {
      if (decision.kind !== 'register' || reading === undefined) this.#note(name, decision)
      else {
        const flags: readonly StatusFlag[] = decision.late ? ['late'] : []
        void this.#record(name, 'reading', reading, nowMs, periodMs, flags).then((record) => {
          // No room: the slot stays open, and the next telegram tries again.
          if (record === undefined && memory.schedule === step.state) memory.schedule = before
        })
      }
    }
  }

  /** Says what a schedule decided beside registering. */
  #note(name: 'billing' | 'minute', decision: ScheduleDecision): void {
    if (decision.kind === 'gap') this.#gap(name, decision.fromMs)
    if (decision.kind !== 'gap-closed') return
    const { fromMs, slots } = decision
    const { journal, place } = this.#options
    journal.tell('gap-closed', 'notice', [name, BigInt(fromMs), BigInt(slots)], String(place))
  }

  #live(reading: Reading, nowMs: number): void {
    const { clock, sealEvery } = this.#options
    if (this.#unsealed === 0) this.#unsealedSinceMs = clock.monotonicMs()
    void this.#record('live', 'fast', reading, nowMs, 0, [])
    this.#unsealed += 1
    if (this.#unsealed >= sealEvery) this.seal()
  }

  /** Announces the schema where it is new, then orders the record. */
  #record(
    name: ReadingStream,
    kind: 'reading' | 'fast',
    reading: Reading,
    timeMs: number,
    intervalMs: number,
    flags: readonly StatusFlag[],
  ): Promise<DeviceRecord | undefined> {
    const { recorder, isSimulated } = this.#options
    const stream = this.#stream(name)
    const priority = STREAM_PRIORITY[name]
    const memory = this.#memory(stream)
    const { schema, registers } = fitSchema(memory.schema, reading, intervalMs)
    const schemaId = schemaIdOf(schema)
    const isNew = memory.schema === undefined || !same(schemaIdOf(memory.schema), schemaId)
    memory.schema = schema
    const kept = remember(memory)
    if (isNew) {
      void recorder.append({
        stream,
        isSimulated,
        priority,
        build: (link, status) => ({ kind: 'schema', ...link, timeMs, status: status([]), schema }),
      })
    }
    const doubts = flagsOf(reading)
    return recorder.append({
      stream,
      isSimulated,
      priority,
      memory: kept,
      build: (link, statusOf) => {
        const status = statusOf([...flags, ...doubts])
        return { kind, ...link, timeMs, status, schemaId, samples: [{ timeMs, status, registers }] }
      },
    })
  }

  /** Says in the stream itself that nothing is known from `fromMs` on. */
  #gap(name: 'billing' | 'minute', fromMs: number): void {
    const stream = this.#stream(name)
    const memory = this.#memory(stream)
    const { schema } = memory
    if (schema === undefined) return
    memory.unmarkedMs = undefined
    const schemaId = schemaIdOf(schema)
    const { recorder, isSimulated } = this.#options
    const marked = recorder.append({
      stream,
      isSimulated,
      priority: STREAM_PRIORITY[name],
      memory: remember(memory),
      build: (link, statusOf) => {
        const status = statusOf(['gap'])
        const samples = [{ timeMs: fromMs, status, registers: [] }]
        return { kind: 'reading', ...link, timeMs: fromMs, status, schemaId, samples }
      },
    })
    void marked.then((record) => {
      if (record === undefined) memory.unmarkedMs = fromMs
    })
  }

  #stream(name: ReadingStream): number {
    return streamOf(this.#options.place, name)
  }

  #memory(stream: number): Memory {
    let memory = this.#memories.get(stream)
    if (memory === undefined) {
      memory = recall(this.#options.recorder.memory(stream))
      this.#memories.set(stream, memory)
    }
    return memory
  }
}

/** Readings that are registered as they come are at least this far apart, in milliseconds. */
export const EACH_MS_MIN = 60_000

function same(a: Uint8Array, b: Uint8Array): boolean {
  return toHex(a) === toHex(b)
}

function flagsOf(reading: Reading): readonly StatusFlag[] {
  const flags: StatusFlag[] = []
  if (reading.flags.some((flag) => DOUBTS.includes(flag))) flags.push('doubt')
  if (reading.flags.some((flag) => IMPLAUSIBLE.includes(flag))) flags.push('implausible')
  if (reading.flags.includes('unauthenticated')) flags.push('unauthenticated')
  if (reading.flags.includes('meter-clock-doubt')) flags.push('time-doubt')
  return flags
}

/** A stream's memory as it is stored with its chain. */
function remember({ schedule, schema, newestMs }: Memory): string {
  return JSON.stringify({
    schedule: [schedule.slot ?? null, schedule.settledMs, schedule.gapFromSlot ?? null],
    ...(newestMs > 0 ? { newestMs } : {}),
    ...(schema === undefined
      ? {}
      : {
          meterId: schema.meterId,
          protocol: schema.protocol,
          intervalMs: schema.intervalMs,
          registers: schema.registers.map(({ obis, unitCode, scaler }) => [obis, unitCode, scaler]),
        }),
  })
}

/** Reads {@link remember}'s text; what is not readable is a fresh start, which costs nothing. */
function recall(text: string): Memory {
  const fresh: Memory = { schedule: FRESH_SCHEDULE, schema: undefined, newestMs: 0 }
  if (text === '') return fresh
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return fresh
  }
  if (typeof value !== 'object' || value === null) return fresh
  const { schedule, meterId, protocol, intervalMs, registers, newestMs } = value as Record<
    string,
    unknown
  >
  const columns = Array.isArray(registers) ? registers.map(columnOf) : []
  const isSchema =
    typeof meterId === 'string' &&
    typeof protocol === 'string' &&
    typeof intervalMs === 'number' &&
    columns.length > 0 &&
    columns.every((column) => column !== undefined)
  return {
    schedule: scheduleOf(schedule),
    newestMs: typeof newestMs === 'number' ? newestMs : 0,
    schema: isSchema ? { meterId, protocol, intervalMs, registers: columns } : undefined,
  }
}

function columnOf(value: unknown): SchemaRegister | undefined {
  if (!Array.isArray(value)) return undefined
  const [obis, unitCode, scaler] = value as readonly unknown[]
  const isColumn =
    typeof obis === 'string' && typeof unitCode === 'number' && typeof scaler === 'number'
  return isColumn ? { obis, unitCode, scaler } : undefined
}

function scheduleOf(value: unknown): ScheduleState {
  if (!Array.isArray(value)) return FRESH_SCHEDULE
  const [slot, settledMs, gapFromSlot] = value as readonly unknown[]
  if (typeof slot !== 'number' || typeof settledMs !== 'number') return FRESH_SCHEDULE
  return { slot, settledMs, gapFromSlot: typeof gapFromSlot === 'number' ? gapFromSlot : undefined }
}
