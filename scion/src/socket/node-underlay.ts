import { createSocket } from 'node:dgram'
import type { Socket } from 'node:dgram'
import { isIP } from 'node:net'
import { ScionError } from '../errors.ts'
import type { UnderlayAddress } from '../addr/underlay.ts'
import type { Underlay, UnderlayFactory, UnderlayListener } from './underlay.ts'
import { formatUnderlay } from '../addr/underlay.ts'

/** Bytes asked of the kernel for packets that wait to be read: some 170 full ones. */
export const UNDERLAY_BUFFER_BYTES_MAX = 262_144

/** UDP through the operating system, by node:dgram. */
export const nodeUnderlay: UnderlayFactory = {
  async bind(local, listener) {
    const type = isIP(local.host) === 4 ? 'udp4' : 'udp6'
    if (isUnspecified(local.host)) {
      throw new ScionError(
        'ERR_SCION_CONFIG',
        `local address: a concrete IP address, found ${local.host}`,
      )
    }
    const socket = createSocket({ type, recvBufferSize: UNDERLAY_BUFFER_BYTES_MAX, lookup })
    await bound(socket, local)
    return new NodeUnderlay(socket, listener)
  },
}

/** Hands an address back as it is: this package never asks a name server on its own. */
function lookup(
  host: string,
  _options: unknown,
  done: (error: NodeJS.ErrnoException | null, address: string, family: number) => void,
): void {
  const family = isIP(host)
  done(family === 0 ? new TypeError(`${host} is no IP address`) : null, host, family)
}

function isUnspecified(host: string): boolean {
  return isIP(host) === 0 || /^[0:.]+$/.test(host)
}

function bound(socket: Socket, local: UnderlayAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => {
      socket.close()
      reject(new ScionError('ERR_SCION_IO', `bind ${formatUnderlay(local)}: refused`, { cause }))
    }
    socket.once('error', fail)
    socket.bind({ address: local.host, port: local.port, exclusive: true }, () => {
      socket.off('error', fail)
      resolve()
    })
  })
}

class NodeUnderlay implements Underlay {
  readonly local: UnderlayAddress
  readonly #socket: Socket
  #closing: Promise<void> | undefined

  constructor(socket: Socket, listener: UnderlayListener) {
    this.#socket = socket
    const { address, port } = socket.address()
    this.local = { host: address, port }
    socket.on('message', (message, from) => {
      // Node gives each datagram memory of its own, so that a view is enough.
      const bytes = new Uint8Array(message.buffer, message.byteOffset, message.byteLength)
      listener.datagram(bytes, { host: from.address, port: from.port })
    })
    socket.on('error', (cause) => {
      listener.error(new ScionError('ERR_SCION_IO', 'underlay: socket failed', { cause }))
    })
  }

  send(bytes: Uint8Array, to: UnderlayAddress): Promise<void> {
    if (this.#closing !== undefined) {
      return Promise.reject(new ScionError('ERR_SCION_CLOSED', 'underlay: open, found closed'))
    }
    return new Promise((resolve, reject) => {
      const fail = (cause: unknown): void => {
        const target = formatUnderlay(to)
        reject(new ScionError('ERR_SCION_IO', `send to ${target}: refused`, { cause }))
      }
      try {
        this.#socket.send(bytes, to.port, to.host, (cause) => {
          if (cause === null) resolve()
          else fail(cause)
        })
      } catch (cause) {
        fail(cause) // A port out of range is thrown, not called back.
      }
    })
  }

  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#socket.removeAllListeners('message')
      this.#socket.close(() => {
        resolve()
      })
    })
    return this.#closing
  }
}
