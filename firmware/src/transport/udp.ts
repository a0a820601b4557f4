import { createSocket, type Socket } from 'node:dgram'

import type { HostPort } from '../config/values.ts'
import { codeOf, FirmwareError, reasonOf } from '../errors.ts'
import type { Arrival, Departure, Transport } from './transport.ts'

/** Bytes of one datagram that fit without IP fragmentation over any Ethernet: 1500 − 40 − 8. */
export const UDP_PAYLOAD_BYTES_MAX = 1452

/** Shortest time between two look-ups of the head-end's name, in milliseconds. */
export const UDP_RESOLVE_MS_MIN = 5000

/** What plain UDP needs. */
export interface UdpTransportOptions {
  readonly remote: HostPort
  readonly monotonicMs: () => number
}

/**
 * Plain datagrams to one address: for a SCION-IP gateway, which gives them paths behind our back,
 * and for a bench. The socket is connected, so that the system drops what others send; when the
 * name of the head-end cannot be resolved it is tried again with the next object.
 */
export class UdpTransport implements Transport {
  readonly #options: UdpTransportOptions
  #socket: Socket | undefined
  #connecting: Promise<Socket> | undefined
  #failedMs = -Infinity
  #listener: ((arrival: Arrival) => void) | undefined
  #isClosed = false

  constructor(options: UdpTransportOptions) {
    this.#options = options
  }

  async send(bytes: Uint8Array): Promise<Departure> {
    if (bytes.length > UDP_PAYLOAD_BYTES_MAX) {
      const expected = `expected at most ${String(UDP_PAYLOAD_BYTES_MAX)} bytes`
      throw new FirmwareError('channel', `udp: ${expected}, found ${String(bytes.length)}`)
    }
    const socket = this.#socket ?? (await this.#connect())
    await new Promise<void>((resolve, reject) => {
      socket.send(bytes, (error) => {
        // ECONNREFUSED tells of an earlier datagram: nobody listens there now.
        if (error === null) resolve()
        else reject(new FirmwareError('channel', `udp: ${codeOf(error)}`, { cause: error }))
      })
    })
    return { path: new Uint8Array(0), flight: undefined }
  }

  onReceive(listener: (arrival: Arrival) => void): void {
    this.#listener = listener
  }

  landed(): void {
    // One way only: there is nothing to learn.
  }

  paths(): readonly [] {
    return []
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#connecting?.catch(() => undefined)
    const socket = this.#socket
    this.#socket = undefined
    if (socket !== undefined)
      await new Promise<void>((resolve) =>
        socket.close(() => {
          resolve()
        }),
      )
  }

  async #connect(): Promise<Socket> {
    const { monotonicMs, remote } = this.#options
    if (this.#isClosed) throw new FirmwareError('channel', 'udp: the transport is closed')
    if (this.#connecting === undefined) {
      if (monotonicMs() - this.#failedMs < UDP_RESOLVE_MS_MIN) {
        throw new FirmwareError('channel', `udp: ${remote.host} could not be reached a moment ago`)
      }
      this.#connecting = this.#open().finally(() => {
        this.#connecting = undefined
      })
    }
    return this.#connecting
  }

  async #open(): Promise<Socket> {
    const { host, port } = this.#options.remote
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject)
        socket.connect(port, host, () => {
          socket.off('error', reject)
          resolve()
        })
      })
    } catch (error) {
      socket.close()
      this.#failedMs = this.#options.monotonicMs()
      throw new FirmwareError('channel', `udp: ${host}: ${reasonOf(error)}`, { cause: error })
    }
    // Errors of earlier datagrams surface here as well; the retry of the meter answers them.
    socket.on('error', () => undefined)
    socket.on('message', (bytes) => {
      this.#listener?.({ bytes: Uint8Array.from(bytes), way: undefined })
    })
    this.#socket = socket
    return socket
  }
}
