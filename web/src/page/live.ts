import { API_ROOT, LIVE_EVENT_TYPES } from '../api.ts'
import type { LiveEvent } from '../api.ts'
import { browserRandom } from './clock.ts'
import { comebackDelayMs, SseParser } from './logic/sse.ts'

/** What a live connection tells. */
export interface LiveListener {
  /** True once events flow, false once they do not. */
  onConnection(live: boolean): void
  onEvent(event: LiveEvent): void
  /** The session has ended. */
  onRefused(): void
}

/** Silence after which a stream counts as dead: two of the server's own comments missing. */
const SILENCE_MS = 40_000

/** How long a page that nobody looks at keeps its stream. */
const HIDDEN_MS = 10_000

/**
 * Keeps a live stream open for as long as `signal` lets it, and comes back after every cut with the
 * id of the last event, so that nothing in between is lost.
 */
export async function followLive(listener: LiveListener, signal: AbortSignal): Promise<void> {
  const ended = (): boolean => signal.aborted
  let parser = new SseParser()
  let failures = 0
  while (!ended()) {
    await shown(signal)
    try {
      for await (const text of openStream(parser.lastEventId, listener, signal)) {
        failures = 0
        listener.onConnection(true)
        for (const event of parser.push(text)) deliver(event.type, event.data, listener)
      }
    } catch {
      // Whatever ended the stream, the answer is the same: say so, wait, come back.
    }
    if (ended()) return
    listener.onConnection(false)
    const { lastEventId, retryMs } = parser
    // Half an event may be left of the old stream; the id says where to go on.
    parser = new SseParser(lastEventId)
    await pause(comebackDelayMs(failures, browserRandom(), retryMs), signal)
    failures += 1
  }
}

function deliver(type: string, data: string, listener: LiveListener): void {
  const known = LIVE_EVENT_TYPES.find((each) => each === type)
  // A newer server may tell more than this page knows.
  if (known === undefined) return
  const parsed: unknown = JSON.parse(data)
  listener.onEvent({ type: known, data: parsed } as LiveEvent)
}

async function* openStream(
  lastEventId: string,
  listener: LiveListener,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const silence = new AbortController()
  // A browser opens six connections to one server: tabs that nobody looks at must not hold them all.
  let hidden: ReturnType<typeof setTimeout> | undefined
  const look = (): void => {
    clearTimeout(hidden)
    if (document.hidden)
      hidden = setTimeout(() => {
        silence.abort()
      }, HIDDEN_MS)
  }
  document.addEventListener('visibilitychange', look, { signal: silence.signal })
  const headers: Record<string, string> = { accept: 'text/event-stream' }
  if (lastEventId !== '') headers['last-event-id'] = lastEventId
  let timer = setTimeout(() => {
    silence.abort()
  }, SILENCE_MS)
  try {
    const both = AbortSignal.any([signal, silence.signal])
    const response = await fetch(`${API_ROOT}/live`, { headers, signal: both, cache: 'no-store' })
    if (response.status === 401) listener.onRefused()
    if (!response.ok || response.body === null) throw new Error(`live: HTTP ${response.status}`)
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      clearTimeout(timer)
      timer = setTimeout(() => {
        silence.abort()
      }, SILENCE_MS)
      yield value
    }
  } finally {
    clearTimeout(timer)
    clearTimeout(hidden)
    silence.abort()
  }
}

/** Resolves once the page can be seen, or is to end. */
function shown(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (!document.hidden) {
      resolve()
      return
    }
    const over = new AbortController()
    const finish = (): void => {
      if (document.hidden && !signal.aborted) return
      over.abort()
      resolve()
    }
    document.addEventListener('visibilitychange', finish, { signal: over.signal })
    signal.addEventListener('abort', finish, { signal: over.signal })
  })
}

/** Waits, but not for a phone that was just unlocked: coming online or into view ends the wait. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const over = new AbortController()
    const finish = (): void => {
      clearTimeout(timer)
      over.abort()
      resolve()
    }
    const timer = setTimeout(finish, ms)
    const options = { signal: over.signal }
    signal.addEventListener('abort', finish, options)
    addEventListener('online', finish, options)
    document.addEventListener(
      'visibilitychange',
      () => {
        if (!document.hidden) finish()
      },
      options,
    )
  })
}
