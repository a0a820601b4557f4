import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:http'
import type { UnderlayAddress } from '../addr/underlay.ts'
import { formatUnderlay } from '../addr/underlay.ts'
import { ScionError } from '../errors.ts'
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
}

/**
 * Questions by the Connect protocol (https://connectrpc.com/docs/protocol, unary calls) with
 * Protocol Buffers over HTTP/1.1: what control services of the reference speak since v0.14.0.
 */
export class ConnectTransport implements RpcTransport {
  readonly name: string
  readonly #server: UnderlayAddress
  readonly #localAddress: string | undefined
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONNECT_CALLS_MAX })
  readonly #closing = new AbortController()

  constructor(server: UnderlayAddress, options: ConnectOptions = {}) {
    this.#server = server
    this.#localAddress = options.localAddress
    this.name = formatUnderlay(server)
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

  #send(call: RpcCall, signal: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const sent = request({
        agent: this.#agent,
        host: this.#server.host,
        port: this.#server.port,
        localAddress: this.#localAddress,
        method: 'POST',
        path: `/${call.service}/${call.method}`,
        headers: {
          'content-type': 'application/proto',
          'connect-protocol-version': '1',
          'connect-timeout-ms': String(call.timeoutMs ?? RPC_MS_MAX),
          'content-length': call.request.length,
        },
        signal,
      })
      sent.once('response', resolve)
      sent.once('error', reject)
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
