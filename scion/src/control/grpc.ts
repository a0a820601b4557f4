import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2'
import { connect, constants } from 'node:http2'
import type { UnderlayAddress } from '../addr/underlay.ts'
import { formatUnderlay } from '../addr/underlay.ts'
import { ScionError } from '../errors.ts'
import { u32At } from '../reader.ts'
import { putU32 } from '../writer.ts'
import { readBody } from './connect.ts'
import { MESSAGE_BYTES_MAX } from './protobuf.ts'
import type { RpcCall, RpcTransport } from './rpc.ts'
import { Deadline, RPC_MS_MAX, callError, printable } from './rpc.ts'

const PREFIX_BYTES = 5

/** Names of the gRPC status codes that servers give. */
const STATUS: Readonly<Record<number, string>> = {
  1: 'cancelled',
  2: 'unknown',
  3: 'invalid argument',
  4: 'deadline exceeded',
  5: 'not found',
  7: 'permission denied',
  8: 'resource exhausted',
  12: 'unimplemented',
  13: 'internal',
  14: 'unavailable',
  16: 'unauthenticated',
}

/**
 * Questions by gRPC over HTTP/2 without TLS and with prior knowledge: what SCION daemons speak, and
 * control services before v0.14.0. One connection, opened when needed and again after it broke.
 */
export class GrpcTransport implements RpcTransport {
  readonly name: string
  readonly #closing = new AbortController()
  #session: ClientHttp2Session | undefined

  constructor(server: UnderlayAddress) {
    this.name = formatUnderlay(server)
  }

  async call(call: RpcCall): Promise<Uint8Array> {
    const deadline = new Deadline(call, this.name, this.#closing.signal)
    const place = `${this.name} ${call.method}`
    try {
      deadline.signal.throwIfAborted()
      return await this.#exchange(call, deadline.signal, place)
    } catch (cause) {
      const error = callError(cause, deadline, place)
      // What does not answer in time may be a connection whose other end is gone without a word.
      if (error instanceof ScionError && error.code === 'ERR_SCION_TIMEOUT') this.#giveUp()
      throw error
    } finally {
      deadline.clear()
    }
  }

  /** The next call opens another connection. */
  #giveUp(): void {
    this.#session?.destroy()
    this.#session = undefined
  }

  close(): Promise<void> {
    this.#closing.abort(new ScionError('ERR_SCION_CLOSED', `${this.name}: closed`))
    this.#session?.destroy()
    return Promise.resolve()
  }

  async #exchange(call: RpcCall, signal: AbortSignal, place: string): Promise<Uint8Array> {
    const stream = this.#open().request(
      {
        [constants.HTTP2_HEADER_METHOD]: 'POST',
        [constants.HTTP2_HEADER_PATH]: `/${call.service}/${call.method}`,
        [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc+proto',
        [constants.HTTP2_HEADER_TE]: 'trailers',
        'grpc-timeout': `${call.timeoutMs ?? RPC_MS_MAX}m`,
      },
      { signal },
    )
    // Errors of the stream end the reading below; an unheard one would end the process.
    stream.on('error', () => undefined)
    const headers = responseOf(stream)
    const trailers: IncomingHttpHeaders = {}
    stream.on('trailers', (found: IncomingHttpHeaders) => Object.assign(trailers, found))
    stream.end(frame(call.request))
    const [head, body] = await Promise.all([
      headers,
      readBody(stream, MESSAGE_BYTES_MAX + PREFIX_BYTES),
    ])
    if (Number(head[':status']) !== 200) {
      throw new ScionError('ERR_SCION_CONTROL', `${place}: status ${Number(head[':status'])}`)
    }
    checkStatus({ ...head, ...trailers }, place)
    return unframe(body, place)
  }

  #open(): ClientHttp2Session {
    const known = this.#session
    if (known !== undefined && !known.closed && !known.destroyed) return known
    const session = connect(`http://${this.name}`)
    // A broken connection fails the calls on it; the next call opens another.
    session.on('error', () => undefined)
    // A quiet daemon must not keep the process alive.
    session.unref()
    this.#session = session
    return session
  }
}

function responseOf(stream: ClientHttp2Stream): Promise<IncomingHttpHeaders> {
  return new Promise((resolve, reject) => {
    stream.once('response', resolve)
    stream.once('error', reject)
    stream.once('close', () => {
      reject(new Error('connection closed without an answer'))
    })
  })
}

/** A message with gRPC's prefix: not compressed, length. */
function frame(message: Uint8Array): Uint8Array {
  const framed = new Uint8Array(PREFIX_BYTES + message.length)
  putU32(framed, 1, message.length)
  framed.set(message, PREFIX_BYTES)
  return framed
}

function unframe(body: Uint8Array, place: string): Uint8Array {
  if (
    body.length < PREFIX_BYTES ||
    body[0] !== 0 ||
    u32At(body, 1) !== body.length - PREFIX_BYTES
  ) {
    throw new ScionError('ERR_SCION_CONTROL', `${place}: one uncompressed message, found another`)
  }
  return body.subarray(PREFIX_BYTES)
}

function checkStatus(headers: IncomingHttpHeaders, place: string): void {
  const status = Number(headers['grpc-status'] ?? NaN)
  if (status === 0) return
  const words = Number.isNaN(status) ? 'no gRPC status' : (STATUS[status] ?? `code ${status}`)
  const message = headers['grpc-message']
  const detail = typeof message === 'string' ? `: ${printable(decodeMessage(message))}` : ''
  throw new ScionError('ERR_SCION_CONTROL', `${place}: ${words}${detail}`)
}

/** gRPC percent-encodes its messages; a badly encoded one is shown as it is. */
function decodeMessage(message: string): string {
  try {
    return decodeURIComponent(message)
  } catch {
    return message
  }
}
