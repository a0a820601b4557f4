import type {
  Device,
  EventView,
  Medium,
  ReadingView,
  RegisterView,
  StreamState,
} from '../../api.ts'
import { EXPORT_OBIS, IMPORT_OBIS, NOW, obisParts } from './reading.ts'

/** One of the meters that a device reads. */
export interface Head {
  readonly head: number
  readonly medium: Medium
  readonly meterId?: string
  /** Codes of its registers, where the server knows them. */
  readonly registers: readonly string[]
}

/** Which of a device's meters a stream is of: 'live' is of the first, 'live-2' of the third. */
export function headOfStream(stream: string): number {
  return Number(/-(\d{1,3})$/.exec(stream)?.[1] ?? 0)
}

/** The medium by what the device said of the meter, where its registers alone do not tell. */
export function toldMedium(head: Head, events: readonly EventView[]): Head {
  if (head.medium !== 'other') return head
  const found = events.find(
    ({ code, values }) => code === 'device.meter-found' && values.detail1 === head.head,
  )
  const medium = MEDIA.find((each) => each === found?.values.detail4)
  return medium === undefined ? head : { ...head, medium }
}

/** The meters of a device, in order; one of unknown registers where nothing was said yet. */
export function headsOf(device: Device | undefined): readonly Head[] {
  const heads = new Map<number, Head>()
  for (const stream of device?.streams ?? []) {
    if (stream.head === undefined || heads.has(stream.head)) continue
    heads.set(stream.head, headOf(stream, stream.head))
  }
  if (heads.size === 0) return [{ head: 0, medium: 'electricity', registers: [] }]
  return [...heads.values()].sort((one, two) => one.head - two.head)
}

function headOf(stream: StreamState, head: number): Head {
  return {
    head,
    medium: stream.medium ?? 'electricity',
    registers: stream.registers ?? [],
    ...(stream.meterId !== undefined && { meterId: stream.meterId }),
  }
}

/** Counters whose sum says what was used, and those of what was given back. */
export interface Counters {
  readonly drawn: readonly string[]
  readonly fed: readonly string[]
}

const MEDIA: readonly Medium[] = ['electricity', 'heat', 'cooling', 'gas', 'cold-water', 'hot-water', 'heat-cost'] // prettier-ignore

/** Counters by medium: the quantity's number in its OBIS code. */
const COUNTED: Readonly<Record<Medium, readonly number[]>> = {
  electricity: [1],
  'heat-cost': [1],
  cooling: [1],
  heat: [1],
  gas: [3, 1, 2, 23],
  'cold-water': [1],
  'hot-water': [1],
  other: [],
}

/** What a meter counts, from the registers it has. */
export function countersOf(head: Head, seen: readonly RegisterView[]): Counters | undefined {
  const codes = head.registers.length > 0 ? head.registers : seen.map((each) => each.obis)
  if (head.medium === 'electricity') {
    if (codes.length === 0) return { drawn: [IMPORT_OBIS], fed: [EXPORT_OBIS] }
    const drawn = energyCounters(codes, 1)
    return drawn.length === 0 ? undefined : { drawn, fed: energyCounters(codes, 2) }
  }
  const counter =
    codes.find((code) => isSubMeter(code)) ??
    codes.find((code) => isCounted(code, head.medium)) ??
    codes[0]
  return counter === undefined ? undefined : { drawn: [counter], fed: [] }
}

/** The counter of all tariffs of a direction where there is one, else those of each tariff. */
function energyCounters(codes: readonly string[], quantity: 1 | 2): readonly string[] {
  const own = codes.filter((code) => isEnergyCounter(code) && obisParts(code)?.c === quantity)
  const total = own.find((code) => obisParts(code)?.e === 0)
  return total === undefined ? own : [total]
}

/** Energy drawn or fed in, in all or by tariff. */
export function isEnergyCounter(code: string): boolean {
  const parts = obisParts(code)
  return parts?.a === 1 && parts.f === NOW && parts.d === 8 && parts.c >= 1 && parts.c <= 2
}

function isCounted(code: string, medium: Medium): boolean {
  const parts = obisParts(code)
  return parts?.f === NOW && COUNTED[medium].includes(parts.c)
}

function isSubMeter(code: string): boolean {
  const parts = obisParts(code)
  return parts?.a === 0 && parts.c === 24 && parts.d === 2
}

/**
 * Counters that can have a price: by tariff where the meter keeps them by tariff (so that nothing is
 * paid twice), in all where it does not.
 */
export function pricedCounters(head: Head, seen: readonly RegisterView[]): readonly string[] {
  const codes = head.registers.length > 0 ? head.registers : seen.map((each) => each.obis)
  if (head.medium !== 'electricity') {
    const counters = countersOf(head, seen)
    return counters?.drawn ?? []
  }
  const counters = codes.filter((code) => isEnergyCounter(code))
  return [1, 2].flatMap((quantity) => {
    const own = counters.filter((code) => obisParts(code)?.c === quantity)
    const byTariff = own.filter((code) => (obisParts(code)?.e ?? 0) > 0)
    return byTariff.length > 1 ? byTariff : own.slice(0, 1)
  })
}

/** Whether a reading is of the meter that is looked at. */
export function isOfHead(reading: Pick<ReadingView, 'stream'>, head: number): boolean {
  return headOfStream(reading.stream) === head
}
