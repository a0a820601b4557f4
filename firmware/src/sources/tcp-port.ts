import { connect, type Socket } from 'node:net'

import { HalError, ReceiveBuffer, type SerialPort } from '@s3mp/hal'

/** The longest that a meter or gateway may take to answer a connection, in milliseconds. */
export const TCP_CONNECT_MS_MAX = 10_000

/** Bytes that may wait to leave; a request has a few hundred. */
export const TCP_WRITE_BYTES_MAX = 65_536

/**
 * Where a gateway is: `HOST:PORT`, or the path of a Unix socket behind which somebody else holds the
 * connection, for a meter role that has no network.
 */
export interface TcpPlace {
  readonly host?: string
  readonly port?: number
  readonly path?: string
}

/** Takes what stands behind `tcp:` apart. */
export function tcpPlace(text: string): TcpPlace {
  if (text.startsWith('/')) return { path: text }
  const at = text.lastIndexOf(':')
  const host = text.slice(0, at).replace(/^\[|\]$/gu, '')
  return { host, port: Number(text.slice(at + 1)) }
}

/**
 * A TCP connection as a serial port: opened when something is written, and again after it was lost.
 * Its line has no speed: `reconfigure` does nothing. As with a serial port, no byte is lost by an
 * aborted read, and bytes that nobody reads are bounded.
 */
export class TcpPort implements SerialPort {
  readonly #place: TcpPlace
  #socket: Socket | undefined
  #received = new ReceiveBuffer()
  /** The last connection is gone, and with it what may still come of it. */
  #isLost = false
  #isClosed = false

  constructor(place: TcpPlace) {
    this.#place = place
  }

  async read(signal?: AbortSignal): Promise<Uint8Array> {
    this.#throwIfClosed()
    return this.#received.read(signal)
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#throwIfClosed()
    const socket = this.#socket ?? (await this.#connect())
    if (socket.writableLength + bytes.length > TCP_WRITE_BYTES_MAX) {
      throw new HalError('busy', `${this.#name}: bytes wait to leave`)
    }
    socket.write(Uint8Array.from(bytes))
  }

  drain(): Promise<void> {
    return Promise.resolve()
  }

  reconfigure(): Promise<void> {
    return Promise.resolve()
  }

  setBreak(): Promise<void> {
    return Promise.reject(new HalError('unsupported', `${this.#name}: a connection has no light`))
  }

  close(): Promise<void> {
    this.#isClosed = true
    this.#drop(new HalError('closed', `${this.#name}: the connection is closed`))
    return Promise.resolve()
  }

  get #name(): string {
    const { host, port, path } = this.#place
    return path ?? `${host ?? ''}:${String(port)}`
  }

  async #connect(): Promise<Socket> {
    const { host, port, path } = this.#place
    const socket = connect(path === undefined ? { host, port: port ?? 0, noDelay: true } : { path })
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string, cause?: unknown): void => {
        socket.destroy()
        reject(new HalError('io', `${this.#name}: ${why}`, { cause }))
      }
      socket.setTimeout(TCP_CONNECT_MS_MAX, () => {
        fail('does not answer')
      })
      socket.once('error', (error) => {
        fail(error.message, error)
      })
      socket.once('connect', resolve)
    })
    socket.removeAllListeners('error').setTimeout(0)
    if (this.#isLost) this.#received = new ReceiveBuffer()
    this.#isLost = false
    const received = this.#received
    const lost = (why: string): void => {
      if (this.#socket === socket) this.#drop(new HalError('io', `${this.#name}: ${why}`))
    }
    socket.on('error', (error) => {
      lost(error.message)
    })
    socket.on('close', () => {
      lost('the other end closed the connection')
    })
    socket.on('data', (bytes: Uint8Array) => {
      received.push(bytes)
    })
    this.#socket = socket
    if (this.#isClosed) await this.close()
    this.#throwIfClosed()
    return socket
  }

  #drop(error: HalError): void {
    this.#received.fail(error)
    this.#isLost = true
    this.#socket?.destroy()
    this.#socket = undefined
  }

  #throwIfClosed(): void {
    if (this.#isClosed) throw new HalError('closed', `${this.#name}: the connection is closed`)
  }
}
