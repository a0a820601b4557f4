import type { LiveEvent, ServerInfo } from './api.ts'

/** Events that a feed holds for readers who come back; about half an hour of a demo's life. */
export const FEED_EVENTS_MAX = 1024

/** Bytes of text that a feed holds for readers who come back. */
export const FEED_BYTES_MAX = 1 << 20

/** Readers served at once; a further one is told to come back later. */
export const FEED_READERS_MAX = 256

/** Bytes that may wait for one slow reader before it is cut off, to come back and resume. */
export const FEED_READER_BYTES_MAX = 1 << 18

/** Silence after which a reader gets a comment, so that proxies and phones keep the line open. */
export const FEED_KEEPALIVE_MS_MAX = 15_000

/** The wait that readers are asked to keep before they come back, in milliseconds. */
const RETRY = new TextEncoder().encode('retry: 1000\n\n')

interface Held {
  readonly number: number
  readonly bytes: Uint8Array
}

interface Reader {
  readonly send: (bytes: Uint8Array) => void
  readonly end: () => void
}

/** What a feed is made with. */
export interface LiveFeedOptions {
  /** The server's run, new with every start: an id of an earlier run cannot be resumed. */
  readonly run: string
  readonly eventsMax?: number
  readonly bytesMax?: number
  readonly readersMax?: number
}

/**
 * The live stream of a server: server-sent events (WHATWG HTML §9.2) that resume after a cut.
 *
 * Contract:
 * - `publish` never waits and never throws; what it is given is encoded once for all readers.
 * - A reader with a `Last-Event-ID` that is still held gets what it missed, in order, once;
 *   any other reader gets one `reset` with the server's description.
 * - A reader that does not keep up is cut off, never buffered without end.
 * - `close` ends every reader and may be called twice.
 */
export class LiveFeed {
  readonly #options: Required<LiveFeedOptions>
  readonly #held: Held[] = []
  readonly #readers = new Set<Reader>()
  readonly #encoder = new TextEncoder()
  #heldBytes = 0
  #number = 0
  #keepAlive: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: LiveFeedOptions) {
    this.#options = {
      eventsMax: FEED_EVENTS_MAX,
      bytesMax: FEED_BYTES_MAX,
      readersMax: FEED_READERS_MAX,
      ...options,
    }
  }

  /** How many readers listen now; a server with none may save itself the work of telling. */
  get readers(): number {
    return this.#readers.size
  }

  /** Tells every reader, and holds the event for those who come back. */
  publish(event: LiveEvent): void {
    if (this.#closed) return
    this.#number += 1
    const bytes = this.#encode(event)
    this.#held.push({ number: this.#number, bytes })
    this.#heldBytes += bytes.length
    while (
      this.#held.length > this.#options.eventsMax ||
      this.#heldBytes > this.#options.bytesMax
    ) {
      this.#heldBytes -= this.#held.shift()?.bytes.length ?? 0
    }
    for (const reader of this.#readers) reader.send(bytes)
  }

  /**
   * Answers one reader. `describe` gives the server's description for a `reset`; the answer ends
   * when the reader goes, falls behind, or the feed is closed.
   */
  respond(request: Request, describe: () => ServerInfo): Response {
    if (this.#closed || this.#readers.size >= this.#options.readersMax) {
      const error = { code: 'busy', message: 'live: expected fewer readers at once' }
      return Response.json({ error }, { status: 503, headers: { 'retry-after': '5' } })
    }
    const missed = this.#missedSince(request.headers.get('last-event-id'))
    const opening = missed ?? [this.#encode({ type: 'reset', data: describe() })]
    return new Response(this.#stream(opening, request.signal), {
      headers: {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        // A proxy that collects answers before it passes them on would hold the curve back.
        'x-accel-buffering': 'no',
      },
    })
  }

  /** Ends every reader; nothing is published afterwards. */
  close(): void {
    this.#closed = true
    for (const reader of [...this.#readers]) reader.end()
    clearInterval(this.#keepAlive)
  }

  #encode(event: LiveEvent): Uint8Array {
    const id = `${this.#options.run}-${this.#number}`
    const data = JSON.stringify(event.data)
    return this.#encoder.encode(`id: ${id}\nevent: ${event.type}\ndata: ${data}\n\n`)
  }

  /** What followed the event of that id, or undefined where that is not known any more. */
  #missedSince(id: string | null): readonly Uint8Array[] | undefined {
    const prefix = `${this.#options.run}-`
    if (id?.startsWith(prefix) !== true) return undefined
    const text = id.slice(prefix.length)
    const seen = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    const oldest = this.#held[0]?.number ?? this.#number + 1
    if (!(seen <= this.#number && seen >= oldest - 1)) return undefined
    return this.#held.filter((held) => held.number > seen).map((held) => held.bytes)
  }

  #stream(opening: readonly Uint8Array[], signal: AbortSignal): ReadableStream<Uint8Array> {
    let reader: Reader | undefined
    // What it missed is there for all and was asked for; only what comes on top is held for it alone.
    const owed = opening.reduce((sum, bytes) => sum + bytes.length, RETRY.length)
    const leave = (): void => {
      if (reader !== undefined) this.#readers.delete(reader)
      if (this.#readers.size === 0) clearInterval(this.#keepAlive)
    }
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          const end = (): void => {
            if (reader === undefined || !this.#readers.has(reader)) return
            leave()
            controller.close()
          }
          reader = {
            end,
            send: (bytes) => {
              if ((controller.desiredSize ?? 0) < bytes.length) end()
              else controller.enqueue(bytes)
            },
          }
          controller.enqueue(RETRY)
          for (const bytes of opening) controller.enqueue(bytes)
          this.#join(reader)
          signal.addEventListener('abort', end, { once: true })
        },
        cancel: leave,
      },
      new ByteLengthQueuingStrategy({ highWaterMark: FEED_READER_BYTES_MAX + owed }),
    )
  }

  #join(reader: Reader): void {
    this.#readers.add(reader)
    if (this.#readers.size > 1) return
    const comment = this.#encoder.encode(': still here\n\n')
    this.#keepAlive = setInterval(() => {
      for (const each of [...this.#readers]) each.send(comment)
    }, FEED_KEEPALIVE_MS_MAX)
    this.#keepAlive.unref()
  }
}
