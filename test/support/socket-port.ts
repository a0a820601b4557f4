import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import type { MeterPort } from '../../meter/src/index.ts'

/** A TCP connection as the port of a DLMS client: bytes wait until they are read. */
export class SocketPort implements MeterPort {
  readonly #socket: Socket
  #waiting: Uint8Array[] = []
  #wake: (() => void) | undefined
  #gone: Error | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (bytes: Uint8Array) => {
      this.#waiting.push(Uint8Array.from(bytes))
      this.#wake?.()
    })
    socket.on('error', (error) => {
      this.#end(error)
    })
    socket.on('close', () => {
      this.#end(new Error('closed'))
    })
  }

  /** Connects to a port of this machine. */
  static async open(port: number): Promise<SocketPort> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    await once(socket, 'connect')
    return new SocketPort(socket)
  }

  async read(signal?: AbortSignal): Promise<Uint8Array> {
    for (;;) {
      signal?.throwIfAborted()
      const bytes = this.#waiting.shift()
      if (bytes !== undefined) return bytes
      if (this.#gone !== undefined) throw this.#gone
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        signal?.addEventListener(
          'abort',
          () => {
            resolve()
          },
          { once: true },
        )
      })
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#gone !== undefined) throw this.#gone
    this.#socket.write(bytes)
    await Promise.resolve()
  }

  close(): void {
    this.#socket.destroy()
  }

  #end(error: Error): void {
    this.#gone ??= error
    this.#wake?.()
  }
}
