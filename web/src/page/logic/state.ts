import type {
  DemoAnswer,
  Device,
  EventView,
  Journey,
  LiveEvent,
  NetworkAnswer,
  ReadingView,
  ServerInfo,
} from '../../api.ts'
import { isOfHead } from './heads.ts'
import { powerOf } from './reading.ts'
import { appendPoint } from './series.ts'
import type { Curve } from './series.ts'

/** How the page stands with its server. */
export type Connection = 'connecting' | 'live' | 'lost'

/** Everything that the page knows; views are drawn from this and nothing else. */
export interface PageState {
  readonly connection: Connection
  readonly server?: ServerInfo
  /** What to add to this machine's clock to get the server's. */
  readonly skewMs: number
  readonly devices: readonly Device[]
  /** The meter whose curves are shown. */
  readonly selected?: string | undefined
  /** Which of that device's meters. */
  readonly head: number
  readonly latest?: ReadingView | undefined
  /** The last minutes of the selected meter's power. */
  readonly power: Curve
  readonly events: readonly EventView[]
  readonly network?: NetworkAnswer
  readonly journey?: Journey
  readonly demo?: DemoAnswer
}

/** What the live curve shows. */
export const LIVE_SPAN_MS = 5 * 60_000

/** Readings further apart than this are a gap on the live curve. */
export const LIVE_GAP_MS = 5_000

/** Events that the page keeps at hand. */
export const PAGE_EVENTS_MAX = 200

/** Devices that the page keeps at hand; the fleet's list fetches what it shows. */
export const PAGE_DEVICES_MAX = 200

/** Before the first answer. */
export const EMPTY_STATE: PageState = {
  connection: 'connecting',
  skewMs: 0,
  devices: [],
  head: 0,
  power: { seconds: [], values: [] },
  events: [],
}

/** What becomes of the state when the server tells something. */
export function applyLive(state: PageState, event: LiveEvent): PageState {
  switch (event.type) {
    case 'reset':
      return { ...state, server: event.data }
    case 'reading':
      return applyReading(state, event.data)
    case 'device':
      if (
        state.devices.length >= PAGE_DEVICES_MAX &&
        !state.devices.some((each) => each.id === event.data.id)
      )
        return state
      return {
        ...state,
        devices: replace(state.devices, event.data, (device) => device.id),
        selected: state.selected ?? event.data.id,
      }
    case 'event': {
      const events = replace(state.events, event.data, (each) => each.id)
      const sorted = [...events].sort((one, two) => two.atMs - one.atMs)
      return { ...state, events: sorted.slice(0, PAGE_EVENTS_MAX) }
    }
    case 'network':
      return { ...state, network: event.data }
    case 'journey':
      return { ...state, journey: event.data }
    case 'demo':
      return { ...state, demo: event.data }
  }
}

function applyReading(state: PageState, reading: ReadingView): PageState {
  const devices = state.devices.map((device) =>
    device.id === reading.device && !(device.latest && device.latest.timeMs > reading.timeMs)
      ? { ...device, latest: reading, lastSeenMs: reading.storedMs }
      : device,
  )
  if (reading.device !== state.selected || !isOfHead(reading, state.head))
    return { ...state, devices }
  const power = powerOf(reading)
  const newer = state.latest === undefined || reading.timeMs >= state.latest.timeMs
  return {
    ...state,
    devices,
    ...(newer && (power !== undefined || state.head > 0) && { latest: reading }),
    ...(power !== undefined && {
      power: appendPoint(state.power, reading.timeMs, power.watts, LIVE_SPAN_MS, LIVE_GAP_MS),
    }),
  }
}

function replace<T>(list: readonly T[], item: T, key: (item: T) => string): readonly T[] {
  const index = list.findIndex((each) => key(each) === key(item))
  return index < 0 ? [...list, item] : list.with(index, item)
}
