import { chmodSync, rmSync } from 'node:fs'
import { createServer, request as ask, type IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'

import { listenerFor, refusal, type Fetcher } from '@s3mp/web/http'

import { FirmwareError, reasonOf } from '../errors.ts'

/** Programs that may ask the meter at once over its page's socket. */
export const PAGE_CLIENTS_MAX = 64

/** Time for a question's head to arrive, and for the answer's to come, in milliseconds. */
export const PAGE_ANSWER_MS_MAX = 10_000

/** Bytes of a question's head. */
const HEAD_BYTES_MAX = 16_384

/** A socket that is served. */
export interface UnixServer {
  close(): Promise<void>
}

/**
 * Serves HTTP on a Unix socket for the socket's group: the process that has the keys has no network, the
 * one that has the network asks it here.
 *
 * @throws FirmwareError `channel` where the socket cannot be made.
 */
export async function serveUnix(path: string, app: Fetcher): Promise<UnixServer> {
  const limits = { maxHeaderSize: HEAD_BYTES_MAX, requestTimeout: PAGE_ANSWER_MS_MAX }
  const server = createServer(limits, listenerFor(app))
  server.maxConnections = PAGE_CLIENTS_MAX
  try {
    rmSync(path, { force: true })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(path, resolve)
    })
    chmodSync(path, 0o660)
  } catch (error) {
    throw new FirmwareError('channel', `${path}: ${reasonOf(error)}`, { cause: error })
  }
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve()
        })
        server.closeAllConnections()
      }),
  }
}

/** Headers of a question that the meter needs; cookies and the like stay where they are. */
const ASKED = ['content-type', 'last-event-id', 'accept']

/** Asks the meter over its page's socket; answers 503 while it is away. Reads only as it is read from. */
export function unixFetcher(path: string): Fetcher {
  return {
    fetch: async (request) => {
      const body = request.body === null ? undefined : new Uint8Array(await request.arrayBuffer())
      try {
        return await forward(path, request, body)
      } catch (error) {
        if (request.signal.aborted) throw error
        return refusal(503, 'meter_away', `${path}: the meter does not answer; is it running?`)
      }
    },
  }
}

function forward(path: string, request: Request, body: Uint8Array | undefined): Promise<Response> {
  const { pathname, search } = new URL(request.url)
  const headers: Record<string, string> = { host: 'meter' }
  for (const name of ASKED) {
    const value = request.headers.get(name)
    if (value !== null) headers[name] = value
  }
  return new Promise((resolve, reject) => {
    const question = ask(
      {
        socketPath: path,
        path: pathname + search,
        method: request.method,
        headers,
        signal: request.signal,
      },
      (answer) => {
        question.setTimeout(0)
        resolve(responseOf(answer))
      },
    )
    question.setTimeout(PAGE_ANSWER_MS_MAX, () => {
      question.destroy(new Error('no answer in time'))
    })
    question.on('error', reject)
    question.end(body)
  })
}

function responseOf(answer: IncomingMessage): Response {
  const headers = new Headers()
  for (const [name, value] of Object.entries(answer.headers)) {
    const isOwn = name !== 'connection' && name !== 'transfer-encoding' && name !== 'keep-alive'
    if (isOwn && typeof value === 'string') headers.set(name, value)
  }
  const status = answer.statusCode ?? 502
  const isEmpty = status === 204 || status === 304
  if (isEmpty) answer.resume()
  // A web stream over node's own: its reader's pace is the meter's.
  const body = Readable.toWeb(answer, { strategy: new ByteLengthQueuingStrategy({ highWaterMark: 65_536 }) }) // prettier-ignore
  return new Response(isEmpty ? null : (body as ReadableStream<Uint8Array>), { status, headers })
}
