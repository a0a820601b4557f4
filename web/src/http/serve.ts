import { createServer, type Server } from 'node:http'
import { listenerFor, peerOf, refusal, type Fetcher } from './adapter.ts'
import { HttpError } from './errors.ts'

/** Ports tried after one in use, where that is wanted. */
export const PORTS_TRIED_MAX = 20
/** Connections at once; further ones wait in the kernel's queue. */
export const CONNECTIONS_MAX = 1024
/** Bytes of a request's head. */
export const REQUEST_HEAD_BYTES_MAX = 16_384
/** How long a request may take to arrive. */
export const REQUEST_MS_MAX = 10_000
/** Characters of an X-Forwarded-For header that are looked at. */
export const FORWARDED_CHARS_MAX = 1024

/** Where to listen. */
export interface HttpOptions {
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  /** Steps over a port in use to the next one. */
  readonly nextPort?: boolean
  /** `https://…` under which a proxy in front shows this server, where there is one. */
  readonly origin?: string | undefined
  /** How long a reader may take nothing of its answer; {@link ANSWER_STALL_MS_MAX} where left out. */
  readonly stallMs?: number
}

/** A running server. */
export interface HttpServer {
  /** For people: `http://127.0.0.1:8480/`. */
  readonly url: string
  readonly port: number
  close(): Promise<void>
}

/**
 * Serves HTTP. On a loopback address only requests that name this machine (or the proxy's origin) are
 * answered, so that no page from elsewhere can read it through a name that it points here (DNS
 * rebinding).
 *
 * @throws HttpError `ERR_HTTP_LISTEN` in a sentence that says what to do.
 */
export async function serveHttp(app: Fetcher, options: HttpOptions): Promise<HttpServer> {
  const loopback = isLoopback(options.host)
  const listener = listenerFor(
    {
      fetch: (request) =>
        !loopback || namesThisServer(request, options.origin) ? app.fetch(request) : wrongHost(),
    },
    options.stallMs,
  )
  const limits = { maxHeaderSize: REQUEST_HEAD_BYTES_MAX, requestTimeout: REQUEST_MS_MAX }
  const server = createServer(limits, listener)
  server.maxConnections = CONNECTIONS_MAX
  const port = await listenFrom(server, options)
  const host = options.host.includes(':') ? `[${options.host}]` : options.host
  return {
    url: `http://${host}:${port}/`,
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve()
        })
        server.closeAllConnections()
      }),
  }
}

/**
 * The address that asks: the connection's, or where a proxy on this machine stands in front (`origin`
 * is set), the one that the proxy itself added last to X-Forwarded-For. Undefined for a request that
 * came over no connection.
 */
export function clientOf(request: Request, origin?: string): string | undefined {
  const peer = peerOf(request)
  if (peer === undefined || origin === undefined || !isLoopback(peer)) return peer
  const forwarded = request.headers.get('x-forwarded-for')
  if (forwarded === null || forwarded.length > FORWARDED_CHARS_MAX) return peer
  const last = forwarded.split(',').at(-1)?.trim() ?? ''
  return /^[0-9a-fA-F.:]{2,45}$/.test(last) ? last : peer
}

/** Whether an address or name means this machine and nobody else. */
export function isLoopback(host: string): boolean {
  const plain = host.replace(/^::ffff:(?=\d+\.)/i, '')
  return plain === 'localhost' || plain === '::1' || /^127(\.[0-9]{1,3}){3}$/.test(plain)
}

async function listenFrom(server: Server, { host, port, nextPort }: HttpOptions): Promise<number> {
  const last = nextPort === true && port !== 0 ? Math.min(65_535, port + PORTS_TRIED_MAX) : port
  for (let tried = port; ; tried++) {
    try {
      return await listen(server, host, tried)
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code !== 'EADDRINUSE' || tried >= last) {
        throw listenError(`${host}:${tried}`, error as NodeJS.ErrnoException)
      }
    }
  }
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.removeListener('error', reject)
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })
}

function listenError(address: string, error: NodeJS.ErrnoException): HttpError {
  const remedies: Readonly<Record<string, string>> = {
    EADDRINUSE: 'the port is in use; stop the other program, or choose another port (0 takes any)',
    EACCES: 'this user may not use the port; choose one from 1024 on',
    EADDRNOTAVAIL: 'this machine does not have the address; use one of its own, or 127.0.0.1',
    ENOTFOUND: 'the name is not known; use an IP address',
  }
  const remedy = remedies[error.code ?? ''] ?? error.message
  const message = `cannot listen on ${address}: ${remedy}`
  return new HttpError('ERR_HTTP_LISTEN', message, { cause: error })
}

function namesThisServer(request: Request, origin: string | undefined): boolean {
  const { hostname, host } = new URL(request.url)
  return (
    isLoopback(hostname.replace(/^\[|\]$/g, '')) ||
    (origin !== undefined && new URL(origin).host === host)
  )
}

function wrongHost(): Response {
  return refusal(421, 'wrong_host', 'host: expected this machine’s own name')
}
