import { createServer, type Server } from 'node:http'
import { listenError } from '../transport/udp.ts'
import { listenerFor, refusal, type Fetcher } from './adapter.ts'

/** Ports tried after one in use, where that is wanted. */
export const PORTS_TRIED_MAX = 20
/** Connections at once; further ones wait in the kernel's queue. */
export const CONNECTIONS_MAX = 1024
/** Bytes of a request's head. */
export const REQUEST_HEAD_BYTES_MAX = 16_384
/** How long a request may take to arrive. */
export const REQUEST_MS_MAX = 10_000

/** Where to listen. */
export interface HttpOptions {
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  /** Steps over a port in use to the next one. */
  readonly nextPort?: boolean
}

/** A running server. */
export interface HttpServer {
  /** For people: `http://127.0.0.1:8480/`. */
  readonly url: string
  readonly port: number
  close(): Promise<void>
}

/**
 * Serves HTTP. On a loopback address only requests that name this machine are answered, so that no
 * page from elsewhere can read it through a name that it points here (DNS rebinding).
 *
 * @throws HeadendError `ERR_HEADEND_LISTEN` in a sentence that says what to do.
 */
export async function serveHttp(app: Fetcher, options: HttpOptions): Promise<HttpServer> {
  const loopback = isLoopback(options.host)
  const listener = listenerFor({
    fetch: (request) => (!loopback || namesThisMachine(request) ? app.fetch(request) : wrongHost()),
  })
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

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.[0-9]{1,3}){3}$/.test(host)
}

function namesThisMachine(request: Request): boolean {
  const { hostname } = new URL(request.url)
  return isLoopback(hostname.replace(/^\[|\]$/g, ''))
}

function wrongHost(): Response {
  return refusal(421, 'wrong_host', 'host: expected this machine’s own name')
}
