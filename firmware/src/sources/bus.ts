import { ReopeningSerial, type Clock, type SerialBackend, type SerialPort, type SerialSettings } from '@s3mp/hal' // prettier-ignore

import type { Log } from '../log.ts'
import { TcpPort, type TcpPlace } from './tcp-port.ts'

/** What a line that is asked needs. */
export interface BusOptions {
  /** Opens the line; called again after it was lost. */
  readonly open: (context: BusContext) => SerialPort
  /** Whether speed and framing can be changed. */
  readonly canSwitch: boolean
}

/** Time and chance, for whoever opens a line. */
export interface BusContext {
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly log: Log
}

/**
 * A line with one meter or several that are asked: a serial port, a gateway. Whoever wants to speak
 * waits until nobody else does. It is open while somebody has it joined.
 */
export class Bus {
  readonly canSwitch: boolean
  readonly #options: BusOptions
  #port: SerialPort | undefined
  #members = 0
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: BusOptions) {
    this.#options = options
    this.canSwitch = options.canSwitch
  }

  /** Announces somebody who will speak; every one leaves again. */
  join(): void {
    this.#members += 1
  }

  /** The last one closes the line. */
  async leave(): Promise<void> {
    this.#members -= 1
    if (this.#members > 0) return
    const port = this.#port
    this.#port = undefined
    await port?.close()
  }

  /** Gives the line to `work` alone, as soon as everybody before has done. */
  use<Result>(context: BusContext, work: (port: SerialPort) => Promise<Result>): Promise<Result> {
    const done = this.#turn.then(() => {
      this.#port ??= this.#options.open(context)
      return work(this.#port)
    })
    this.#turn = done.catch(() => undefined)
    return done
  }
}

/** The line of a serial port, which comes back by itself after it was pulled out. */
export function serialBus(serial: SerialBackend, path: string, settings: SerialSettings): Bus {
  return new Bus({
    canSwitch: true,
    open: ({ clock, random, log }) =>
      new ReopeningSerial({
        backend: serial,
        path,
        settings,
        clock,
        random,
        onEvent: (event) => {
          if (event.type === 'lost') log.warn('head.lost', { path, reason: event.error.message })
        },
      }),
  })
}

/** The line of a gateway or a meter that is reached over TCP, or through a Unix socket. */
export function tcpBus(place: TcpPlace): Bus {
  return new Bus({ canSwitch: false, open: () => new TcpPort(place) })
}
