import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:http'
import { Agent as SecureAgent, request as secureRequest } from 'node:https'
import type { UnderlayAddress } from '../addr/underlay.ts'
import { ScionError } from '../errors.ts'
import type { HttpServer } from './http-server.ts'
import { serverAt } from './http-server.ts'
import { MESSAGE_BYTES_MAX } from './protobuf.ts'
import type { RpcCall, RpcTransport } from './rpc.ts'
import { Deadline, RPC_MS_MAX, callError, printable } from './rpc.ts'

/** Calls to one server that run at once; further ones wait for their turn. */
export const CONNECT_CALLS_MAX = 8
const ERROR_BYTES_MAX = 64 * 1024

/** How to reach a server. */
export interface ConnectOptions {
  /** The IP address to ask from: a control service gives host keys only to the host itself. */
  readonly localAddress?: string
  /** A bearer token (RFC 6750) that the server asks for. */
  readonly token?: string
  /** Certificates (PEM) of authorities that are believed instead of the system's, for `https:` URLs. */
  readonly ca?: string
}

/**
 * Questions by the Connect protocol (https://connectrpc.com/docs/protocol, unary calls) with
 * Protocol Buffers over HTTP/1.1, with TLS where the server is named by an `https:` URL: what control
 * services of the reference speak since v0.14.0, and endhost APIs. Redirections are not followed.
 */
export class ConnectTransport implements RpcTransport {
  readonly name: string
  readonly #server: HttpServer
  readonly #options: ConnectOptions
  readonly #agent: Agent
  readonly #closing = new AbortController()

  constructor(server: UnderlayAddress | HttpServer, options: ConnectOptions = {}) {
    this.#server = 'prefix' in server ? server : serverAt(server)
    this.#options = options
    this.name = this.#server.name
    const { ca } = options
    const keeping = { keepAlive: true, maxSockets: CONNECT_CALLS_MAX }
    this.#agent = this.#server.secure
      ? new SecureAgent({ ...keeping, ...(ca === undefined ? {} : { ca }) })
      : new Agent(keeping)
  }

  async call(call: RpcCall): Promise<Uint8Array> {
    const deadline = new Deadline(call, this.name, this.#closing.signal)
    const place = `${this.name} ${call.method}`
    try {
      deadline.signal.throwIfAborted()
      const response = await this.#send(call, deadline.signal)
      const isAnswer = response.statusCode === 200
      const body = await readBody(response, isAnswer ? MESSAGE_BYTES_MAX : ERROR_BYTES_MAX)
      if (!isAnswer) throw refusal(place, response.statusCode ?? 0, body)
      const type = response.headers['content-type']
      if (type === 'application/proto') return body
      const found = printable(type ?? 'nothing')
      throw new ScionError('ERR_SCION_CONTROL', `${place}: application/proto, found ${found}`)
    } catch (cause) {
      throw callError(cause, deadline, place)
    } finally {
      deadline.clear()
    }
  }

  close(): Promise<void> {
    this.#closing.abort(new ScionError('ERR_SCION_CLOSED', `${this.name}: closed`))
    this.#agent.destroy()
    return Promise.resolve()
  }

  /**
   * Puts the question, and once more where the server closed a connection that was kept from the last
   * one at this very moment, as one that restarts does: every question may be put twice.
   */
  async #send(call: RpcCall, signal: AbortSignal): Promise<IncomingMessage> {
    const kept = { wasClosed: false }
    try {
      return await this.#sendOnce(call, signal, kept)
    } catch (error) {
      if (!kept.wasClosed) throw error
      return await this.#sendOnce(call, signal, kept)
    }
  }

  #sendOnce(
    call: RpcCall,
    signal: AbortSignal,
    kept: { wasClosed: boolean },
  ): Promise<IncomingMessage> {
    const { host, port, prefix, secure } = this.#server
    const { localAddress, token } = this.#options
    return new Promise((resolve, reject) => {
      const sent = (secure ? secureRequest : request)({
        agent: this.#agent,
        host,
        port,
        localAddress,
        method: 'POST',
        path: `${prefix}/${call.service}/${call.method}`,
        headers: {
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          'content-type': 'application/proto',
          'connect-protocol-version': '1',
          'connect-timeout-ms': String(call.timeoutMs ?? RPC_MS_MAX),
          'content-length': call.request.length,
        },
        signal,
      })
      sent.once('response', resolve)
      sent.once('error', (error) => {
        kept.wasClosed = sent.reusedSocket && 'code' in error && error.code === 'ECONNRESET'
        reject(error)
      })
      sent.end(call.request)
    })
  }
}

/** Reads a body of at most `limit` bytes. */
export async function readBody(body: AsyncIterable<unknown>, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body) {
    if (!(chunk instanceof Uint8Array)) continue
    length += chunk.length
    if (length > limit) {
      throw new ScionError('ERR_SCION_CONTROL', `answer: at most ${limit} bytes, found more`)
    }
    chunks.push(chunk)
  }
  const whole = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.length
  }
  return whole
}

/** The error of a Connect answer: JSON with `code` and `message`, from whomever it comes. */
function refusal(place: string, status: number, body: Uint8Array): ScionError {
  const text = new TextDecoder().decode(body)
  let code = ''
  let message = text
  try {
    const parsed = JSON.parse(text) as unknown
    if (typeof parsed === 'object' && parsed !== null) {
      if ('code' in parsed && typeof parsed.code === 'string') code = parsed.code
      if ('message' in parsed && typeof parsed.message === 'string') message = parsed.message
    }
  } catch {
    // Not JSON: a proxy or another program answers; its text is all that there is.
  }
  const reason = printable([code, message].filter((part) => part !== '').join(': '))
  return new ScionError('ERR_SCION_CONTROL', `${place}: status ${status} (${reason})`)
}
