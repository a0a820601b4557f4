import {
  formatIsdAs,
  openPathPilot,
  openScionSocket,
  sameEndpoint,
  ScionError,
  type Clock,
  type Flight,
  type PathPilot,
  type PathReport,
  type PathSource,
  type ProbePlan,
  type Random,
  type Route,
  type ScionAddress,
  type ScionEndpoint,
  type ScionSocket,
  type UnderlayFactory,
} from '@s3mp/scion'

import type { PathStatus } from '../channel/message.ts'
import { FirmwareError } from '../errors.ts'
import type { Arrival, Departure, SendHints, Transport } from './transport.ts'

/** Bytes of a path's fingerprint that name it in heartbeats and on the channel. */
export const PATH_NAME_BYTES = 8

/** Paths for which departures and landings are counted; the oldest is forgotten. */
export const PATHS_COUNTED_MAX = 64

/** What a SCION host needs to be one. */
export interface ScionTransportOptions {
  readonly source: PathSource
  /** Our own address, and the port to listen on; 0 for any. */
  readonly local: ScionAddress
  readonly port: number
  readonly remote: ScionEndpoint
  readonly underlay: UnderlayFactory
  readonly clock: Clock
  readonly random: Random
  /** On how many link-disjoint paths an alarm is sent at once. */
  readonly alarmPaths: number
  readonly plan?: ProbePlan
}

interface Tally {
  sent: number
  acknowledged: number
}

/** Opens the socket, begins to look for paths; does not wait for the first one. */
export async function openScionTransport(options: ScionTransportOptions): Promise<ScionTransport> {
  const { source, local, port, underlay, clock, random, remote, plan } = options
  const socket = await openScionSocket({
    local: { ...local, port },
    localAs: source.local,
    underlay,
    clock,
    random,
  })
  const pilot = openPathPilot({
    socket,
    source,
    destination: remote.isdAs,
    clock,
    random,
    ...(plan === undefined ? {} : { plan }),
  })
  return new ScionTransport(socket, pilot, remote, options.alarmPaths)
}

/**
 * The meter's way over SCION: the best path for everything, several link-disjoint ones for an alarm
 * and for whatever stayed unanswered once.
 */
export class ScionTransport implements Transport {
  /** For pages and tools in this process that show the paths and why each is as it is. */
  readonly pilot: PathPilot
  readonly #socket: ScionSocket
  readonly #remote: ScionEndpoint
  readonly #alarmPaths: number
  readonly #tallies = new Map<string, Tally>()
  readonly #closing = new AbortController()

  constructor(socket: ScionSocket, pilot: PathPilot, remote: ScionEndpoint, alarmPaths: number) {
    this.#socket = socket
    this.pilot = pilot
    this.#remote = remote
    this.#alarmPaths = alarmPaths
  }

  async send(bytes: Uint8Array, { deadline, attempt }: SendHints): Promise<Departure> {
    const retryCopies = attempt > 0 ? 2 : 1
    const copies = deadline === 'alarm' ? Math.max(this.#alarmPaths, retryCopies) : retryCopies
    const flight = await this.pilot.send(this.#remote, bytes, { copies, answer: true })
    for (const fingerprint of flight.paths) this.#tally(fingerprint).sent += 1
    return { path: nameOf(flight.paths[0]), flight }
  }

  onReceive(listener: (arrival: Arrival) => void): void {
    void this.#receive(listener)
  }

  landed({ flight }: Departure, way: unknown): void {
    if (!isFlight(flight)) throw new FirmwareError('channel', 'flight: expected one of ours')
    this.pilot.landed(flight, isRoute(way) ? way : undefined)
    const [first] = flight.paths
    if (first !== undefined) this.#tally(first).acknowledged += 1
  }

  paths(): readonly PathStatus[] {
    return this.pilot.report().map((report) => this.#statusOf(report))
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.pilot.close()
    await this.#socket.close()
  }

  async #receive(listener: (arrival: Arrival) => void): Promise<void> {
    const { signal } = this.#closing
    while (!signal.aborted) {
      try {
        const datagram = await this.#socket.receive(signal)
        // Only a filter: the address proves nothing, the epoch's key does.
        if (!sameEndpoint(datagram.from, this.#remote)) continue
        listener({ bytes: Uint8Array.from(datagram.payload), way: datagram.reply })
      } catch (error) {
        // Closing rejects with the signal's own reason; anything else concerns one packet.
        if (!(error instanceof ScionError) || error.code === 'ERR_SCION_CLOSED') return
      }
    }
  }

  #statusOf(report: PathReport): PathStatus {
    const { sent, acknowledged } = this.#tally(report.fingerprint)
    return {
      fingerprint: nameOf(report.fingerprint),
      name: ases(report).join(' > '),
      isActive: report.state === 'active',
      isAlive: report.state === 'active' || report.state === 'alive',
      roundTripMs: report.roundTripMs ?? 0,
      sent,
      acknowledged,
    }
  }

  #tally(fingerprint: string): Tally {
    let tally = this.#tallies.get(fingerprint)
    if (tally === undefined) {
      tally = { sent: 0, acknowledged: 0 }
      this.#tallies.set(fingerprint, tally)
      const [oldest] = this.#tallies.keys()
      if (this.#tallies.size > PATHS_COUNTED_MAX && oldest !== undefined)
        this.#tallies.delete(oldest)
    }
    return tally
  }
}

/** The ASes on the way, each once. */
function ases(report: PathReport): readonly string[] {
  return [...new Set(report.path.interfaces.map(({ isdAs }) => formatIsdAs(isdAs)))]
}

/** The first bytes of a fingerprint, which is hex. */
function nameOf(fingerprint: string | undefined): Uint8Array {
  if (fingerprint === undefined) return new Uint8Array(0)
  return Uint8Array.from(Buffer.from(fingerprint.slice(0, 2 * PATH_NAME_BYTES), 'hex'))
}

function isFlight(value: unknown): value is Flight {
  return typeof value === 'object' && value !== null && 'paths' in value && 'sentMs' in value
}

function isRoute(value: unknown): value is Route {
  return typeof value === 'object' && value !== null && 'dataplane' in value
}
