import { SCOPES } from '../api.ts'
import type { LiveEvent, ServerInfo, SessionAnswer } from '../api.ts'
import { accessStore, askAccess, noteRefusal } from './access.ts'
import { client, ClientError, listenForRefusals } from './client.ts'
import { browserNowMs } from './clock.ts'
import { followLive } from './live.ts'
import { POWER_OBIS } from './logic/reading.ts'
import { toCurve } from './logic/series.ts'
import { applyLive, EMPTY_STATE, LIVE_SPAN_MS } from './logic/state.ts'
import type { PageState } from './logic/state.ts'
import { createStore } from './store.ts'

/** What the page knows. */
export const pageStore = createStore<PageState>(EMPTY_STATE)

/** The server's time now. */
export function serverNowMs(): number {
  return browserNowMs() + pageStore.get().skewMs
}

/** Devices fetched at the start; the fleet view asks for more as it is scrolled. */
const DEVICES_AT_ONCE = 100

/** How long the page waits before it asks a silent server again who the reader is. */
const ASK_AGAIN_MS = 3000

/** Follows the server whenever the reader is let in, for as long as the page is open. */
export function startSession(): void {
  let stop: AbortController | undefined
  listenForRefusals(noteRefusal)
  const change = (): void => {
    const { state } = accessStore.get()
    if (state === 'in' && stop === undefined) {
      stop = new AbortController()
      follow(stop.signal)
    }
    if (state === 'out') {
      stop?.abort()
      stop = undefined
      // What one reader saw is none of the next one's business.
      pageStore.set(EMPTY_STATE)
    }
  }
  accessStore.subscribe(change)
  const knock = (): void => {
    askAccess().catch((error: unknown) => {
      // A server that knows of no sessions asks nobody; one that is not there is asked again.
      if (error instanceof ClientError && error.status === 404)
        accessStore.set({ state: 'in', session: OPEN, expired: false })
      else setTimeout(knock, ASK_AGAIN_MS)
    })
  }
  knock()
}

const OPEN: SessionAnswer = { access: 'open', scopes: SCOPES }

function follow(signal: AbortSignal): void {
  void followLive(
    {
      onConnection: (live) => {
        pageStore.update((state) => {
          const connection = live ? 'live' : state.server === undefined ? 'connecting' : 'lost'
          return state.connection === connection ? state : { ...state, connection }
        })
      },
      onEvent: (event) => {
        pageStore.update((state) => applyLive(state, event))
        if (event.type === 'reset') void refetch(event.data)
      },
      onRefused: () => {
        void askAccess().catch(() => undefined)
      },
    },
    signal,
  )
}

/** Shows another meter. */
export function selectDevice(id: string): void {
  const state = pageStore.get()
  if (state.selected === id) return
  const latest = state.devices.find((device) => device.id === id)?.latest
  pageStore.set({ ...state, selected: id, head: 0, power: EMPTY_STATE.power, latest })
  if (!state.devices.some((device) => device.id === id)) void fetchDevice(id)
  void fetchPower(id)
}

/** Shows another meter of the same device. */
export function selectHead(head: number): void {
  const state = pageStore.get()
  if (state.selected === undefined || state.head === head) return
  const id = state.selected
  pageStore.set({ ...state, head, power: EMPTY_STATE.power, latest: undefined })
  void client.latest(id, head).then(
    (latest) => {
      pageStore.update((now) =>
        now.selected === id && now.head === head ? { ...now, latest } : now,
      )
    },
    () => undefined,
  )
  void fetchPower(id)
}

/** A device that the list did not hold: one of ten thousand. */
async function fetchDevice(id: string): Promise<void> {
  const device = await client.device(id).catch(() => undefined)
  if (device === undefined) return
  pageStore.update((state) => ({
    ...state,
    devices: [...state.devices.filter((each) => each.id !== id), device],
    ...(state.selected === id && device.latest !== undefined && { latest: device.latest }),
  }))
}

/** Everything anew: at the start, and when too much was missed to be caught up with. */
async function refetch(server: ServerInfo): Promise<void> {
  pageStore.update((state) => ({ ...state, skewMs: Math.round(server.nowMs - browserNowMs()) }))
  const has = (view: ServerInfo['views'][number]): boolean => server.views.includes(view)
  const tell = <T extends LiveEvent['type']>(
    type: T,
    answer: Promise<Extract<LiveEvent, { type: T }>['data']>,
  ): Promise<void> =>
    answer.then(
      (data) => {
        pageStore.update((state) => applyLive(state, { type, data } as LiveEvent))
      },
      // What is not there yet will come as an event.
      () => undefined,
    )
  await Promise.all([
    client.devices({ limit: DEVICES_AT_ONCE }).then(
      ({ devices }) => {
        pageStore.update((state) => {
          const selected = devices.find((each) => each.id === state.selected) ?? devices[0]
          if (selected === undefined) return { ...state, devices }
          const latest = selected.latest ?? state.latest
          return { ...state, devices, selected: selected.id, ...(latest && { latest }) }
        })
      },
      () => undefined,
    ),
    client.events({ limit: 50 }).then(
      ({ events }) => {
        pageStore.update((state) =>
          [...events]
            .reverse()
            .reduce((now, data) => applyLive(now, { type: 'event', data }), state),
        )
      },
      () => undefined,
    ),
    ...(has('network') ? [tell('network', client.network())] : []),
    ...(has('journey') ? [tell('journey', client.journey())] : []),
    ...(server.role === 'demo' ? [tell('demo', client.demo())] : []),
  ])
  const { selected } = pageStore.get()
  if (selected !== undefined) await fetchPower(selected)
}

/** The last minutes of a meter's power, under what arrived meanwhile. */
async function fetchPower(id: string): Promise<void> {
  const toMs = serverNowMs()
  const { head } = pageStore.get()
  const question = { register: POWER_OBIS, fromMs: toMs - LIVE_SPAN_MS, toMs, points: 1000, head }
  const answer = await client.series(id, question).catch(() => undefined)
  if (answer === undefined) return
  pageStore.update((state) => {
    if (state.selected !== id || state.head !== head) return state
    const past = toCurve(answer.timesMs, answer.values)
    const end = past.seconds.at(-1) ?? 0
    const later = state.power.seconds.findIndex((second) => second > end)
    if (later < 0) return { ...state, power: past }
    return {
      ...state,
      power: {
        seconds: [...past.seconds, ...state.power.seconds.slice(later)],
        values: [...past.values, ...state.power.values.slice(later)],
      },
    }
  })
}
