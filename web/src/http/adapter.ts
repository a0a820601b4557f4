import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'

/** Bytes of a request's body; a device's card and a tariff are the largest there are. */
export const REQUEST_BODY_BYTES_MAX = 65_536

/**
 * How long a reader may take nothing at all of its answer, in milliseconds. What an answer holds (a
 * download's place, a live stream) must not be held by a machine that fell asleep, or by malice.
 */
export const ANSWER_STALL_MS_MAX = 60_000

/** Anything that answers requests: a Hono app, or a function. */
export interface Fetcher {
  fetch(request: Request): Response | Promise<Response>
}

const PEERS = new WeakMap<Request, string>()

/**
 * The address that a request's connection came from, as the kernel says; undefined for a request that
 * came over none, such as a test's. Whoever wraps a request hands the peer on with {@link withPeer}.
 */
export function peerOf(request: Request): string | undefined {
  return PEERS.get(request)
}

/** Notes where a request came from; gives the request back. */
export function withPeer(request: Request, address: string | undefined): Request {
  if (address !== undefined) PEERS.set(request, address)
  return request
}

/**
 * Joins node's HTTP server to whoever answers `Request` by `Response`. The body of an answer is read
 * only as fast as its reader takes it, and cancelled when the reader goes, or takes nothing for
 * `stallMs`.
 */
export function listenerFor(
  app: Fetcher,
  stallMs = ANSWER_STALL_MS_MAX,
): (from: IncomingMessage, to: ServerResponse) => void {
  return (from, to) => {
    const gone = new AbortController()
    to.once('close', () => {
      gone.abort()
    })
    exchange(app, from, to, { signal: gone.signal, stallMs }).catch(() => {
      // The reader went away, or an answer broke off: either way nobody can be told.
      to.destroy()
    })
  }
}

/** Until when an answer is worth writing. */
interface Patience {
  /** Aborts when the reader is gone. */
  readonly signal: AbortSignal
  readonly stallMs: number
}

async function exchange(
  app: Fetcher,
  from: IncomingMessage,
  to: ServerResponse,
  patience: Patience,
): Promise<void> {
  const request = await requestOf(from, patience.signal)
  const response =
    request instanceof Response
      ? request
      : await app.fetch(withPeer(request, from.socket.remoteAddress))
  to.statusCode = response.status
  for (const [name, value] of response.headers) to.appendHeader(name, value)
  if (response.body === null || from.method === 'HEAD') {
    await response.body?.cancel()
    to.end()
    return
  }
  await pour(response.body, to, patience)
}

async function pour(
  body: ReadableStream<Uint8Array>,
  to: ServerResponse,
  { signal, stallMs }: Patience,
): Promise<void> {
  const reader = body.getReader()
  const cancel = (): void => {
    reader.cancel().catch(() => undefined)
  }
  signal.addEventListener('abort', cancel, { once: true })
  // The head goes out at once: a live stream may have nothing to say for a while.
  to.flushHeaders()
  for (;;) {
    const part = await reader.read()
    if (part.done) break
    if (!to.write(part.value)) await drained(to, signal, stallMs)
  }
  to.end()
}

/** Resolves when the reader has taken what was written; rejects when it is gone, or takes nothing. */
async function drained(to: ServerResponse, signal: AbortSignal, stallMs: number): Promise<void> {
  const stall = AbortSignal.timeout(stallMs)
  await once(to, 'drain', { signal: AbortSignal.any([signal, stall]) })
}

/** The request in the platform's terms, or the answer to one that cannot be put so. */
async function requestOf(from: IncomingMessage, signal: AbortSignal): Promise<Request | Response> {
  const url = urlOf(from)
  if (url === undefined) return refusal(400, 'bad_request', 'request: expected a path and a host')
  const headers = new Headers()
  for (const [name, value] of Object.entries(from.headers)) {
    for (const one of [value ?? []].flat()) headers.append(name, one)
  }
  const method = from.method ?? 'GET'
  if (method === 'GET' || method === 'HEAD') return new Request(url, { method, headers, signal })
  if (method === 'TRACE' || method === 'CONNECT') {
    return refusal(405, 'method_not_allowed', 'expected GET or HEAD')
  }
  const body = await bodyOf(from)
  return body === undefined
    ? refusal(413, 'too_large', `body: expected at most ${REQUEST_BODY_BYTES_MAX} bytes`)
    : new Request(url, { method, headers, signal, body })
}

function urlOf({ url, headers }: IncomingMessage): URL | undefined {
  if (url?.startsWith('/') !== true || headers.host === undefined) return undefined
  const base = `http://${headers.host}`
  // Joined as text: a path that begins with two slashes must not become a host.
  return URL.canParse(`${base}${url}`) ? new URL(`${base}${url}`) : undefined
}

async function bodyOf(from: IncomingMessage): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const body = new Uint8Array(REQUEST_BODY_BYTES_MAX)
  let length = 0
  for await (const part of from) {
    if (!(part instanceof Uint8Array) || length + part.length > body.length) return undefined
    body.set(part, length)
    length += part.length
  }
  return body.subarray(0, length)
}

/** A refusal as the API words them. */
export function refusal(status: number, code: string, message: string): Response {
  return Response.json({ error: { code, message } }, { status })
}
