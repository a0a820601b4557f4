import { useEffect, useRef, useState } from 'preact/hooks'
import type { Device, DevicesAnswer, DevicesQuestion, FleetCounts } from '../api.ts'
import { client } from './client.ts'
import { pagesOf } from './logic/window.ts'

/** Devices asked for at once. */
export const DEVICES_PER_PAGE = 100

/** Pages of devices kept while the list is scrolled; older ones are fetched anew. */
export const DEVICE_PAGES_MAX = 20

/** How long typing must rest before the server is asked. */
const REST_MS = 150

/** How often what is on the screen is asked for anew. */
const REFRESH_MS = 5000

/** A window into the devices that fit a question. */
export interface DeviceWindow {
  /** False until the first answer has come. */
  readonly isKnown: boolean
  readonly total: number
  readonly counts: FleetCounts | undefined
  /** The device at that place; undefined while it is being fetched. */
  at(index: number): Device | undefined
  /** Fetches what is shown anew. */
  refresh(): void
}

interface Pages {
  readonly key: string
  readonly total: number
  readonly counts: FleetCounts | undefined
  readonly pages: ReadonlyMap<number, readonly Device[]>
}

/**
 * Holds the part of a long list that is looked at, from row `first` up to `end`, in pages, and keeps
 * it fresh. A new question begins anew; until its answer comes, the old one stays on the screen.
 */
export function useDevices(question: DevicesQuestion, first: number, end: number): DeviceWindow {
  const key = JSON.stringify(question)
  const [held, setHeld] = useState<Pages>({
    key,
    total: 0,
    counts: undefined,
    pages: new Map(),
  })
  const [round, setRound] = useState(0)
  const latest = useRef({ key, first, end })
  latest.current = { key, first, end }
  const wanted = pagesOf(first, Math.max(end, first + 1), DEVICES_PER_PAGE)
  useEffect(() => {
    const fetchShown = async (): Promise<void> => {
      for (const page of wanted) {
        const offset = page * DEVICES_PER_PAGE
        const asked = client.devices({ ...question, offset, limit: DEVICES_PER_PAGE })
        const answer = await asked.catch(() => undefined)
        if (answer === undefined || latest.current.key !== key) return
        setHeld((before) => withPage(before, key, page, answer))
      }
    }
    const soon = setTimeout(() => void fetchShown(), held.key === key ? 0 : REST_MS)
    const again = setInterval(() => void fetchShown(), REFRESH_MS)
    return () => {
      clearTimeout(soon)
      clearInterval(again)
    }
  }, [key, wanted.join(), round])
  return {
    isKnown: held.pages.size > 0,
    total: held.total,
    counts: held.counts,
    at: (index) => held.pages.get(Math.floor(index / DEVICES_PER_PAGE))?.[index % DEVICES_PER_PAGE],
    refresh: () => {
      setRound((count) => count + 1)
    },
  }
}

function withPage(before: Pages, key: string, page: number, answer: DevicesAnswer): Pages {
  const pages = new Map(before.key === key ? before.pages : [])
  // The page asked for last is kept longest.
  pages.delete(page)
  pages.set(page, answer.devices)
  const [oldest] = pages.keys()
  if (pages.size > DEVICE_PAGES_MAX && oldest !== undefined) pages.delete(oldest)
  return { key, total: answer.total, counts: answer.counts ?? before.counts, pages }
}
