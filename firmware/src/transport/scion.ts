import {
  DrkeyAuthentication,
  formatInterface,
  formatIsdAs,
  openPathPilot,
  openScionSocket,
  sameEndpoint,
  ScionError,
  type Clock,
  type DrkeySource,
  type Flight,
  type PathPilot,
  type FlowPolicy,
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

import type { PathStatus, TransportHealth } from '../channel/message.ts'
import type { NetworkReport } from '../channel/network.ts'
import { FirmwareError } from '../errors.ts'
import { Nat, type NatMode, type NatNews } from './nat.ts'
import { networkReport } from './network-report.ts'
import { PathChanges } from './path-changes.ts'
import { OwnerPolicy, type PathRuling } from './policy.ts'
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
  /** Says which paths may be used and which are wanted; any where it is left out. */
  readonly policy?: OwnerPolicy
  /** Packets prove their sender by DRKey; no packet does where it is left out. */
  readonly authentication?: PacketProof
  /** Whether and how an address that a NAT gives us is found out; not at all where it is left out. */
  readonly nat?: NatMode
  /** Hears what becomes known about it. */
  readonly onNat?: (news: NatNews) => void
  /** Called once by `close`: closes what was opened for this transport. */
  readonly onClose?: () => Promise<void>
}

/** How packets prove where they come from, and what is done with those that do not. */
export interface PacketProof {
  readonly keys: DrkeySource
  /** DRKey protocol, the same on both ends. */
  readonly protocol: number
  /** Without a key nothing is sent, and nothing heard that proves nothing. */
  readonly isRequired: boolean
}

interface Tally {
  sent: number
  acknowledged: number
}

/**
 * Opens the socket, begins to look for paths; does not wait for the first one. Where a NAT is looked
 * for the border router gets `NAT_FIRST_MS_MAX` to answer, so that nothing leaves under an address
 * that nobody can answer to.
 */
export async function openScionTransport(options: ScionTransportOptions): Promise<ScionTransport> {
  const { source, local, port, underlay, clock, random, remote, plan } = options
  const policy = options.policy ?? new OwnerPolicy({ nowMs: () => clock.nowMs(), random })
  const { ranking } = policy
  const authentication = authenticationOf(options)
  const socket = await openScionSocket({
    local: { ...local, port },
    localAs: source.local,
    underlay,
    clock,
    random,
    ...(authentication === undefined ? {} : { authentication }),
  })
  try {
    const nat = new Nat({ socket, mode: options.nat ?? 'off', clock, onNews: options.onNat })
    await nat.first()
    const pilot = openPathPilot({
      socket,
      source: policy.watch(source),
      destination: remote.isdAs,
      clock,
      random,
      policy: (path) => policy.refuses(path),
      ...(plan === undefined ? {} : { plan }),
      ...(ranking === undefined ? {} : { ranking }),
    })
    return new ScionTransport({ socket, nat, pilot, policy, authentication, options })
  } catch (error) {
    await socket.close()
    throw error
  }
}

/** The meter is the slow side: it asks for one key, the head-end derives those of all meters. */
function authenticationOf(options: ScionTransportOptions): DrkeyAuthentication | undefined {
  const { authentication: proof, local, clock } = options
  if (proof === undefined) return undefined
  const { keys, protocol, isRequired } = proof
  const demand = isRequired ? 'required' : 'preferred'
  return new DrkeyAuthentication({ keys, local, side: 'slow', protocol, clock, demand })
}

/** What a transport is put together from; {@link openScionTransport} does it. */
interface Parts {
  readonly socket: ScionSocket
  readonly nat: Nat
  readonly pilot: PathPilot
  readonly policy: OwnerPolicy
  readonly authentication: DrkeyAuthentication | undefined
  readonly options: ScionTransportOptions
}

/**
 * The meter's way over SCION: the best path for everything, several link-disjoint ones for an alarm
 * and for whatever stayed unanswered once.
 */
export class ScionTransport implements Transport {
  /** For pages and tools in this process that show the paths and why each is as it is. */
  readonly pilot: PathPilot
  readonly #policy: OwnerPolicy
  readonly #socket: ScionSocket
  readonly #nat: Nat
  readonly #authentication: DrkeyAuthentication | undefined
  readonly #options: ScionTransportOptions
  readonly #tallies = new Map<string, Tally>()
  readonly #changes = new PathChanges()
  readonly #closing = new AbortController()

  /** Use {@link openScionTransport}. */
  constructor({ socket, nat, pilot, policy, authentication, options }: Parts) {
    this.#socket = socket
    this.#nat = nat
    this.pilot = pilot
    this.#policy = policy
    this.#authentication = authentication
    this.#options = options
    pilot.observe((event) => {
      if (event.type === 'switched') this.#changes.moved(event)
    })
  }

  async send(bytes: Uint8Array, { deadline, attempt }: SendHints): Promise<Departure> {
    const { remote, alarmPaths } = this.#options
    const retryCopies = attempt > 0 ? 2 : 1
    const copies = deadline === 'alarm' ? Math.max(alarmPaths, retryCopies) : retryCopies
    const flight = await this.pilot.send(remote, bytes, { copies, answer: true })
    this.#nat.sent()
    for (const fingerprint of flight.paths) this.#tally(fingerprint).sent += 1
    const [first, ...others] = flight.paths
    return { path: nameOf(first), copies: others.map(nameOf), flight }
  }

  onReceive(listener: (arrival: Arrival) => void): void {
    void this.#receive(listener)
  }

  landed({ flight }: Departure, way: unknown): void {
    if (!isFlight(flight)) throw new FirmwareError('channel', 'flight: expected one of ours')
    this.#nat.landed()
    this.pilot.landed(flight, isRoute(way) ? way : undefined)
    const [first] = flight.paths
    if (first === undefined) return
    this.#tally(first).acknowledged += 1
    this.#changes.acknowledged(first, this.#options.clock.nowMs())
  }

  paths(): readonly PathStatus[] {
    return this.pilot.report().map((report) => this.#statusOf(report))
  }

  /**
   * Puts another policy in force at once, none with `undefined`. Measurements stay, and packets
   * under way are not touched: where the new policy forbids the path in use the next packet takes
   * another.
   */
  setPolicy(document: FlowPolicy | undefined): void {
    const known = this.pilot.report().map(({ path }) => path)
    this.#policy.change(document, known)
    this.pilot.setPolicy((path) => this.#policy.refuses(path), this.#policy.ranking)
  }

  /** What the policy in force makes of every known path, by its fingerprint. */
  rulings(): ReadonlyMap<string, PathRuling & { readonly preference?: number }> {
    const reports = this.pilot.report()
    return new Map(
      reports.map(({ fingerprint, path, preference }) => {
        const ruling = this.#policy.rulingOf(path)
        const isWanted = ruling.allowed && preference !== undefined
        return [fingerprint, { ...ruling, ...(isWanted ? { preference: preference + 1 } : {}) }]
      }),
    )
  }

  health(): TransportHealth {
    const reports = this.pilot.report()
    const refused = reports.filter(({ state }) => state === 'refused')
    const isForbidden = refused.length > 0 && refused.length === reports.length
    return {
      authentication: this.#proof(),
      forbidden: isForbidden ? (refused[0]?.words ?? '') : '',
      nat: this.#nat.status(),
    }
  }

  network(): NetworkReport {
    const { source, remote } = this.#options
    return networkReport({
      source: formatIsdAs(source.local.isdAs),
      destination: formatIsdAs(remote.isdAs),
      policy: this.#policy.inForce?.name ?? '',
      reports: this.pilot.report(),
      rulings: this.rulings(),
      moves: this.#changes.moves,
      nameOf,
    })
  }

  #proof(): TransportHealth['authentication'] {
    if (this.#authentication === undefined) return 'off'
    if (this.#authentication.hasKey(this.#options.remote)) return 'proven'
    return this.#authentication.isOptional ? 'plain' : 'waiting'
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return
    this.#closing.abort()
    await this.pilot.close()
    this.#nat.close()
    await this.#socket.close()
    await this.#options.onClose?.()
  }

  async #receive(listener: (arrival: Arrival) => void): Promise<void> {
    const { signal } = this.#closing
    const { remote, authentication } = this.#options
    while (!signal.aborted) {
      try {
        const datagram = await this.#socket.receive(signal)
        // Only a filter: the address proves nothing, the epoch's key does.
        if (!sameEndpoint(datagram.from, remote)) continue
        if (authentication?.isRequired === true && !datagram.authentic) continue
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
      interfaces: report.path.interfaces.map(formatInterface).join(' '),
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
