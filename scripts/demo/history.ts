import { createHash } from 'node:crypto'
import {
  advance,
  encodeRecord,
  encodeStatus,
  genesis,
  nextLink,
  recordSpan,
  schemaIdOf,
  signRecord,
} from '@s3mp/envelope'
import type { ChainState, DeviceRecord, Schema, Signer } from '@s3mp/envelope'
import { streamOf } from '../../firmware/src/streams.ts'
import type { SqliteStore } from '@s3mp/headend'

/** Days that the demonstration's household looks back on: a year and a month. */
export const HISTORY_DAYS_MAX = 400

const QUARTER_MS = 900_000
const QUARTERS_A_DAY = 96

/** Days in one commit; between two the program may do something else. */
const DAYS_A_COMMIT = 40

/** What the house had used when a quarter hour ended. */
export interface PastMoment {
  readonly timeMs: number
  /** Energy drawn and fed in since ever, in tenths of a watt-hour. */
  readonly drawn: number
  readonly fed: number
  /** Mean power of the quarter hour, in watts; less than nothing is fed in. */
  readonly watts: number
  /** Gas burnt since ever, in litres. */
  readonly litres: number
}

/** One register of a planted stream. */
export interface PastRegister {
  readonly obis: string
  /** Of DLMS UA (IEC 62056-6-2). */
  readonly unitCode: number
  readonly scaler: number
  readonly digits: (moment: PastMoment) => bigint
}

/** The past of one meter, as its own billing stream would have it. */
export interface PastStream {
  /** Which of the device's meters it is, from 0 on. */
  readonly place: number
  readonly meterId: string
  readonly protocol: string
  /** What its schema says: 0 for a meter whose values are registered as they come. */
  readonly intervalMs: number
  /** Readings a day. */
  readonly aDay: number
  readonly registers: readonly PastRegister[]
}

/** Where a simulated house stands when the demonstration begins, and the meters that tell of it. */
export interface DemoPast {
  readonly importMilliWh: bigint
  readonly exportMilliWh: bigint
  /** What the gas meter will show at a moment, in litres. */
  readonly gasLitresAt: (timeMs: number) => number
  readonly streams: readonly PastStream[]
}

/** What a history is made of. */
export interface HistoryOptions {
  readonly store: SqliteStore
  readonly signer: Signer
  /** Whom the records are signed for. */
  readonly recipientId: Uint8Array
  readonly past: DemoPast
  /** Until when; the registers then stand at the values given. */
  readonly endMs: number
  readonly days: number
  /** How large the household is, 1 that of the demonstration. */
  readonly size?: number
}

/**
 * Gives the demonstration's meter a past: quarter hours of a simulated household, marked as simulated,
 * chained and signed by the meter's own key like any other record, one record a day and meter. Resolves
 * with where the meter's own chains go on, so that the head-end finds no seam.
 */
export async function plantHistory(options: HistoryOptions): Promise<readonly ChainState[]> {
  const moments = momentsOf(options)
  const chains: ChainState[] = []
  for (const stream of options.past.streams) {
    chains.push(await plantStream(options, stream, moments))
  }
  return chains
}

async function plantStream(
  { store, signer, recipientId, endMs }: HistoryOptions,
  past: PastStream,
  moments: readonly PastMoment[],
): Promise<ChainState> {
  const device = store.registry.device(signer.ueid)
  if (device === undefined) throw new Error('history: expected an enrolled device')
  const { meterId, protocol, intervalMs, registers, aDay } = past
  const schema: Schema = {
    meterId,
    protocol,
    intervalMs,
    registers: registers.map(({ obis, unitCode, scaler }) => ({ obis, unitCode, scaler })),
  }
  const status = encodeStatus({ clock: 'synced', flags: ['simulated'] })
  const schemaId = schemaIdOf(schema)
  let chain = genesis(signer.ueid, streamOf(past.place, 'billing'))
  let entries: Parameters<SqliteStore['commit']>[0][number][] = []
  const append = async (record: DeviceRecord): Promise<void> => {
    const payload = encodeRecord(record)
    const bytes = await signRecord(signer, record, recipientId)
    const hash = new Uint8Array(createHash('sha256').update(payload).digest())
    entries.push({ device: device.row, ueid: signer.ueid, record, hash, bytes, path: undefined })
    chain = advance(chain, payload, recordSpan(record))
  }
  const every = (QUARTERS_A_DAY / aDay) * QUARTER_MS
  const samples = moments
    .filter(({ timeMs }) => timeMs % every === 0)
    .map((moment) => ({
      timeMs: moment.timeMs,
      status,
      registers: registers.map(({ digits }) => digits(moment)),
    }))
  const firstMs = samples[0]?.timeMs ?? endMs
  await append({ kind: 'schema', ...nextLink(chain), timeMs: firstMs, status, schema })
  for (let at = 0; at < samples.length; at += aDay) {
    const day = samples.slice(at, at + aDay)
    const timeMs = day[0]?.timeMs ?? endMs
    await append({ kind: 'reading', ...nextLink(chain), timeMs, status, schemaId, samples: day })
    if (entries.length < DAYS_A_COMMIT && at + aDay < samples.length) continue
    await store.commit(entries, endMs)
    entries = []
  }
  if (entries.length > 0) await store.commit(entries, endMs)
  return chain
}

/** Quarter hours up to the end, with registers that arrive there at the values given. */
function momentsOf({ past, endMs, days, size = 1 }: HistoryOptions): readonly PastMoment[] {
  const lastMs = Math.floor(endMs / QUARTER_MS) * QUARTER_MS
  const count = Math.max(0, Math.min(days, HISTORY_DAYS_MAX)) * QUARTERS_A_DAY
  let [drawn, fed] = [Number(past.importMilliWh / 100n), Number(past.exportMilliWh / 100n)]
  let litres = past.gasLitresAt(lastMs)
  const moments: PastMoment[] = []
  for (let index = 0; index < count; index += 1) {
    const timeMs = lastMs - index * QUARTER_MS
    const watts = size * wattsAt(timeMs)
    if (drawn < 0 || fed < 0) break
    moments.push({ timeMs, drawn, fed, watts, litres: Math.max(0, litres) })
    // Backwards: what this quarter hour adds is not there before it.
    const tenths = (Math.abs(watts) / 4) * 10
    if (watts > 0) drawn -= tenths
    else fed -= tenths
    litres -= gasAt(timeMs)
  }
  return moments.reverse()
}

/** Litres of gas that the house burns in the quarter hour that ends then: most of it in winter. */
function gasAt(timeMs: number): number {
  const local = new Date(timeMs - QUARTER_MS / 2)
  const winter = (1 + Math.cos((2 * Math.PI * (local.getMonth() + 0.5)) / 12)) / 2
  const hour = local.getHours()
  const heating = hour >= 6 && hour < 23 ? 90 * winter : 30 * winter
  const shower = (hour === 7 || hour === 20) && unit(Math.floor(timeMs / QUARTER_MS)) > 0.5 ? 90 : 0
  return heating + shower
}

/** Mean power of the house in the quarter hour that ends then: its load less its sunshine. */
function wattsAt(timeMs: number): number {
  const local = new Date(timeMs - QUARTER_MS / 2)
  const hour = local.getHours() + local.getMinutes() / 60
  const day = Math.floor(timeMs / 86_400_000)
  const year = (local.getMonth() + local.getDate() / 31) / 12
  // Longest days at the end of June, in this house's half of the world.
  const summer = (1 - Math.cos(2 * Math.PI * (year + 0.02))) / 2
  const halfDay = 4.2 + 4 * summer
  const noon = Math.max(0, Math.cos(((hour - 12.6) / halfDay) * (Math.PI / 2)))
  const sky = 0.25 + 0.75 * unit(day * 31) ** 0.7
  const sun =
    Math.abs(hour - 12.6) < halfDay ? 4600 * (0.35 + 0.65 * summer) * noon ** 1.3 * sky : 0
  const bump = (at: number, width: number): number => Math.exp(-(((hour - at) / width) ** 2))
  const people = 260 * bump(7.2, 1.1) + 420 * bump(12.4, 0.8) + 720 * bump(19.3, 2.1)
  const quarter = Math.floor(timeMs / QUARTER_MS)
  const appliance =
    unit(quarter) > 0.94 && hour > 6.5 && hour < 22 ? 1100 + 900 * unit(quarter * 7) : 0
  const load = 170 + 60 * unit(quarter * 3) + people * (0.6 + 0.8 * unit(day * 17)) + appliance
  return load - sun * (0.9 + 0.2 * unit(quarter * 5))
}

/** A number from 0 to 1 that is always the same for the same seed (a hash after Knuth's and Murmur's mixers). */
function unit(seed: number): number {
  let x = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return ((x ^ (x >>> 16)) >>> 0) / 4_294_967_296
}
