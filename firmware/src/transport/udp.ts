import { createSocket, type Socket, type SocketOptions } from 'node:dgram'

import type { HostPort } from '../config/values.ts'
import { codeOf, FirmwareError, reasonOf } from '../errors.ts'
import type { Arrival, Departure, Transport } from './transport.ts'

/** Bytes of one datagram that fit without IP fragmentation over any Ethernet: 1500 − 40 − 8. */
export const UDP_PAYLOAD_BYTES_MAX = 1452

/** Shortest time between two look-ups of the head-end's name, in milliseconds. */
export const UDP_RESOLVE_MS_MIN = 5000

/** Silence of the head-end after which its name is looked up anew, in milliseconds. */
export const UDP_RENEW_MS_MIN = 60_000

/** What plain UDP needs. */
export interface UdpTransportOptions {
  readonly remote: HostPort
  readonly monotonicMs: () => number
  /** Finds the address of a name; the system does where it is left out. */
  readonly lookup?: NonNullable<SocketOptions['lookup']>
}

/** What the system says about a datagram that did not leave, or did not arrive. */
const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'no head-end listens there now',
  ENETUNREACH: 'no way leads there: is the network connected?',
  EHOSTUNREACH: 'that machine does not answer',
  ENETDOWN: 'the network is down',
  EPERM: 'a firewall of this machine forbids it',
}

/**
 * Plain datagrams to one address: for a SCION-IP gateway, which gives them paths behind our back,
 * and for a bench. The socket is connected, so that the system drops what others send; when the
 * name of the head-end cannot be resolved it is tried again with the next object.
 *
 * A connected socket holds on to both addresses, ours and the head-end's, when either has changed. So
 * after a silence, and when the system says that it has no way any more, another one is opened.
 */
export class UdpTransport implements Transport {
  readonly #options: UdpTransportOptions
  #socket: Socket | undefined
  #connecting: Promise<Socket> | undefined
  #failedMs = -Infinity
  #openedMs = -Infinity
  /** When the first datagram left that nothing was heard after. */
  #unheardMs: number | undefined
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
    if (this.#isStale()) this.#giveUp()
    const socket = this.#socket ?? (await this.#connect())
    this.#unheardMs ??= this.#options.monotonicMs()
    await new Promise<void>((resolve, reject) => {
      socket.send(bytes, (error) => {
        if (error === null) resolve()
        else {
          // ECONNREFUSED tells of an earlier datagram: nobody listens there now.
          if (codeOf(error) !== 'ECONNREFUSED' && this.#isOlderThan(UDP_RESOLVE_MS_MIN))
            this.#giveUp()
          const { host, port } = this.#options.remote
          const why = WORDS[codeOf(error)] ?? codeOf(error)
          reject(
            new FirmwareError('channel', `udp: ${host}:${String(port)}: ${why}`, { cause: error }),
          )
        }
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

  /** Whether nothing was heard for long, so that head-end or network may have moved. */
  #isStale(): boolean {
    const silentMs = this.#options.monotonicMs() - (this.#unheardMs ?? Infinity)
    return silentMs >= UDP_RENEW_MS_MIN && this.#isOlderThan(UDP_RENEW_MS_MIN)
  }

  #isOlderThan(ms: number): boolean {
    return this.#options.monotonicMs() - this.#openedMs >= ms
  }

  #giveUp(): void {
    this.#socket?.close()
    this.#socket = undefined
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
    const { remote, lookup, monotonicMs } = this.#options
    const { host, port } = remote
    const type = host.includes(':') ? 'udp6' : 'udp4'
    const socket = createSocket({ type, ...(lookup === undefined ? {} : { lookup }) })
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject)
        // A name that leads nowhere is told here, which no type and no page of the manual says.
        socket.connect(port, host, (error?: Error | null) => {
          socket.off('error', reject)
          if (error === undefined || error === null) resolve()
          else reject(error)
        })
      })
    } catch (error) {
      socket.close()
      this.#failedMs = monotonicMs()
      throw new FirmwareError('channel', `udp: ${host}: ${reasonOf(error)}`, { cause: error })
    }
    // Errors of earlier datagrams surface here as well; the retry of the meter answers them.
    socket.on('error', () => undefined)
    socket.on('message', (bytes) => {
      this.#unheardMs = undefined
      this.#listener?.({ bytes: Uint8Array.from(bytes), way: undefined })
    })
    this.#socket = socket
    this.#openedMs = monotonicMs()
    return socket
  }
}
