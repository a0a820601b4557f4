import { createSocket, type Socket } from 'node:dgram'
import { HeadendError } from '../errors.ts'
import type { Arrival, Transport } from './transport.ts'

/** Bytes that the kernel is asked to hold while a commit runs; it may grant less. */
export const UDP_BUFFER_BYTES_MAX = 4 * 1024 * 1024
/** Answers handed to the kernel and not yet taken; further ones are dropped, the meter asks again. */
export const UDP_REPLIES_MAX = 4096

/** Plain UDP, also what a SCION-IP gateway hands on. */
export class UdpTransport implements Transport {
  readonly kind = 'udp'
  readonly #host: string
  readonly #port: number
  #socket: Socket | undefined
  #address: string
  #replies = 0

  /** Port 0 takes any free one; see {@link UdpTransport.address}. */
  constructor(host: string, port: number) {
    this.#host = host
    this.#port = port
    this.#address = format(host, port)
  }

  get address(): string {
    return this.#address
  }

  async start(receive: (arrival: Arrival) => void): Promise<void> {
    const socket = createSocket({ type: this.#host.includes(':') ? 'udp6' : 'udp4' })
    await new Promise<void>((resolve, reject) => {
      socket.once('error', (error: NodeJS.ErrnoException) => {
        socket.close()
        reject(listenError(this.#address, error))
      })
      socket.bind(this.#port, this.#host, () => {
        socket.removeAllListeners('error')
        resolve()
      })
    })
    // A send to a port that is gone reports an error much later; it belongs to no one.
    socket.on('error', () => undefined)
    growBuffer(socket)
    const { address, port } = socket.address()
    this.#address = format(address, port)
    this.#socket = socket
    socket.on('message', (bytes, from) => {
      const source = format(from.address, from.port)
      receive({
        bytes,
        // A source that varies its port is still one source.
        source: from.address,
        way: source,
        path: undefined,
        reply: (answer) => {
          this.#send(answer, from.port, from.address)
        },
      })
    })
  }

  close(): Promise<void> {
    const socket = this.#socket
    this.#socket = undefined
    if (socket === undefined) return Promise.resolve()
    return new Promise((resolve) => socket.close(resolve))
  }

  #send(answer: Uint8Array, port: number, host: string): void {
    // Port 0 means that no answer is wanted (RFC 768); Node would throw.
    if (port === 0 || this.#socket === undefined || this.#replies >= UDP_REPLIES_MAX) return
    this.#replies++
    this.#socket.send(answer, port, host, () => {
      this.#replies--
    })
  }
}

function growBuffer(socket: Socket): void {
  try {
    socket.setRecvBufferSize(UDP_BUFFER_BYTES_MAX)
  } catch {
    // The kernel's own limit stays; a loss under load is repaired by the meter sending again.
  }
}

function format(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Why an address cannot be listened on, and what to do, in one sentence. */
export function listenError(address: string, error: NodeJS.ErrnoException): HeadendError {
  const remedies: Readonly<Record<string, string>> = {
    EADDRINUSE: 'the port is in use; stop the other program, or choose another port (0 takes any)',
    EACCES: 'this user may not use the port; choose one from 1024 on',
    EADDRNOTAVAIL: 'this machine does not have the address; use one of its own, or 127.0.0.1',
    ENOTFOUND: 'the name is not known; use an IP address',
  }
  const remedy = remedies[error.code ?? ''] ?? error.message
  return new HeadendError('ERR_HEADEND_LISTEN', `cannot listen on ${address}: ${remedy}`, {
    cause: error,
  })
}
