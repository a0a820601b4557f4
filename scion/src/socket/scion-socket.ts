import type { ScionAddress, ScionEndpoint } from '../addr/endpoint.ts'
import type { HostAddress } from '../addr/host.ts'
import { formatHost, parseIp, SERVICE, serviceHost } from '../addr/host.ts'
import type { IsdAs } from '../addr/isd-as.ts'
import { isdAs } from '../addr/isd-as.ts'
import type { Clock, Random } from '../clock.ts'
import { ScionError } from '../errors.ts'
import { Observers } from '../observers.ts'
import { packAddress } from '../packet/header.ts'
import type { PackedAddress } from '../packet/header.ts'
import type { Packet } from '../packet/packet.ts'
import { PROTOCOL } from '../packet/protocol.ts'
import { decodeScmp, encodeScmpPacket } from '../packet/scmp-codec.ts'
import type { ScmpError, ScmpMessage } from '../packet/scmp.ts'
import { isScmpError } from '../packet/scmp.ts'
import { decodeUdp, encodeUdpPacket, UdpTemplate } from '../packet/udp.ts'
import { PacketView } from '../packet/view.ts'
import type { UnderlayAddress } from '../addr/underlay.ts'
import type { Path } from '../path/path.ts'
import type { LocalAs } from '../path/source.ts'
import { fillAuthenticator } from '../spao/authenticate.ts'
import type { DrkeyAuthentication } from '../spao/authentication.ts'
import { AUTHENTICATOR_BYTES, authenticatorOption } from '../spao/option.ts'
import { isStun } from '../stun/message.ts'
import { TokenBucket } from '../token-bucket.ts'
import { Bindings, judgeOutside } from './bindings.ts'
import type { OutsideAddress } from './bindings.ts'
import type { Answer, AskOptions } from './questions.ts'
import { Questions } from './questions.ts'
import { ReceiveQueue, closedError } from './receive-queue.ts'
import type { Route } from './route.ts'
import { routeBack, SAFE_PACKET_BYTES, underlayOf } from './route.ts'
import { SentPackets } from './sent-packets.ts'
import { withAlert } from './traceroute.ts'
import type { Underlay, UnderlayFactory } from './underlay.ts'

/** Questions of others that a socket answers in one second, where it answers at all. */
export const ECHO_ANSWERS_PER_SECOND_MAX = 100
/** Unproven errors that observers hear of in one second; further ones are counted only. */
export const UNPROVEN_ERRORS_PER_SECOND_MAX = 10
/** Ports that are tried inside the range of the AS before binding fails. */
export const PORT_TRIES_MAX = 32

/** How to open a socket. */
export interface ScionSocketOptions {
  /** The own address: a concrete IP; port 0 takes a free one that routers deliver to. */
  readonly local: ScionEndpoint
  /** What a path source says of the own AS. */
  readonly localAs: LocalAs
  readonly underlay: UnderlayFactory
  readonly clock: Clock
  /** Unpredictable in earnest use: it guards against forged answers. */
  readonly random: Random
  /** Whether to answer echo and traceroute requests of others that arrive here. */
  readonly echo?: boolean
  /** Authenticates what is sent, and judges what arrives; without it nothing is authenticated. */
  readonly authentication?: DrkeyAuthentication
}

/** A datagram for the program. */
export interface ScionDatagram {
  /** As the packet says; nothing has authenticated it. */
  readonly from: ScionEndpoint
  readonly payload: Uint8Array
  /** The way back that this very packet opens. */
  readonly reply: Route
  /** Whether a packet authenticator proves `from`; a wrong one never gets here. */
  readonly authentic: boolean
}

/** What happens to a socket besides datagrams. */
export type SocketEvent =
  /** An SCMP error that quotes a packet which this socket sent a moment ago, on `route`. */
  | {
      readonly type: 'error-report'
      readonly route: Route
      readonly error: ScmpError
      readonly from: ScionAddress
    }
  /** An SCMP error that proves nothing: nobody may act on it but by looking for himself. */
  | { readonly type: 'unproven-report'; readonly error: ScmpError; readonly from: ScionAddress }
  /** The system refused to send. */
  | { readonly type: 'send-failed'; readonly route: Route; readonly error: ScionError }
  /** The system reported something about the socket itself. */
  | { readonly type: 'underlay-error'; readonly error: Error }

/** What a socket has seen so far. */
export interface SocketCounters {
  readonly sent: number
  readonly received: number
  /** Datagrams for which the program was too slow. */
  readonly overflowed: number
  /** Packets that were no SCION packet, not for this socket, or damaged. */
  readonly discarded: number
  readonly errorReports: number
  readonly unprovenReports: number
}

/** The answer of a router to a traceroute request. */
export interface TracerouteAnswer {
  readonly roundTripMs: number
  /** AS and interface, as the router says. */
  readonly isdAs: IsdAs
  readonly interfaceId: number
  /** The router's address inside its AS, as it says. */
  readonly router: HostAddress
}

/** Opens a socket; rejects with `ERR_SCION_IO` where no port can be had. */
export async function openScionSocket(options: ScionSocketOptions): Promise<ScionSocket> {
  const { local, localAs, underlay } = options
  if (local.host.type !== 'ipv4' && local.host.type !== 'ipv6') {
    throw new ScionError('ERR_SCION_CONFIG', 'local: an IP address, found another host')
  }
  if (local.isdAs !== localAs.isdAs) {
    throw new ScionError('ERR_SCION_CONFIG', 'local: an address in the own AS, found another AS')
  }
  const opened: { socket?: ScionSocket } = {}
  const listener = {
    datagram: (bytes: Uint8Array, from: UnderlayAddress) => opened.socket?.accept(bytes, from),
    error: (error: Error) => opened.socket?.fail(error),
  }
  const host = formatHost(local.host)
  const bind = (port: number): Promise<Underlay> => underlay.bind({ host, port }, listener)
  const bound = local.port !== 0 ? await bind(local.port) : await bindWithin(bind, options)
  opened.socket = new ScionSocket(options, bound)
  return opened.socket
}

/** Binds a free port that routers deliver to: what the system offers, else one of the AS's range. */
async function bindWithin(
  bind: (port: number) => Promise<Underlay>,
  { localAs: { dispatchedPorts: range }, random }: ScionSocketOptions,
): Promise<Underlay> {
  const offered = await bind(0)
  const { port } = offered.local
  if (range === undefined || (port >= range.min && port <= range.max)) return offered
  await offered.close()
  for (let tried = 1; ; tried += 1) {
    const width = range.max - range.min + 1
    try {
      return await bind(range.min + Math.floor(random() * width))
    } catch (error) {
      if (tried >= PORT_TRIES_MAX) throw error
    }
  }
}

/**
 * UDP over SCION. Each datagram is sent on the route that the caller chooses; what arrives brings its
 * own way back. SCMP is dealt with in the background, whether or not anybody receives.
 *
 * Contract:
 * - `send` resolves when the packet was handed on; it rejects with `ERR_SCION_TOO_LARGE` above
 *   {@link maxPayload}, `ERR_SCION_PATH_EXPIRED`, `ERR_SCION_IO` or `ERR_SCION_CLOSED`.
 * - `receive` gives datagrams in order of arrival, checksums verified. No packet, however broken,
 *   makes it reject.
 * - `close` may be called twice; it ends everything that waits with `ERR_SCION_CLOSED`.
 */
export class ScionSocket {
  readonly local: ScionEndpoint
  readonly localAs: LocalAs
  readonly #clock: Clock
  readonly #underlay: Underlay
  /** The address under which other ASes know this socket, where it is not the local one. */
  #outside: { readonly endpoint: ScionEndpoint; readonly packed: PackedAddress } | undefined
  readonly #ownAddress: PackedAddress
  readonly #flowId: number
  readonly #echo: boolean
  readonly #authentication: DrkeyAuthentication | undefined
  readonly #questions: Questions
  readonly #bindings: Bindings
  readonly #queue = new ReceiveQueue<ScionDatagram>()
  readonly #sentPackets = new SentPackets()
  readonly #observers = new Observers<SocketEvent>()
  readonly #echoBudget: TokenBucket
  readonly #unprovenBudget: TokenBucket
  #templates = new WeakMap<Route, { to: ScionEndpoint; template: UdpTemplate }>()
  readonly #counters = {
    sent: 0,
    received: 0,
    overflowed: 0,
    discarded: 0,
    errorReports: 0,
    unprovenReports: 0,
  }
  #closed = false

  /** Use {@link openScionSocket}. */
  constructor(options: ScionSocketOptions, underlay: Underlay) {
    const { local, localAs, clock, random } = options
    this.local = { ...local, port: underlay.local.port }
    this.localAs = localAs
    this.#ownAddress = packAddress(local)
    this.#clock = clock
    this.#underlay = underlay
    this.#flowId = 1 + Math.floor(random() * 0xf_ffff)
    this.#echo = options.echo ?? false
    this.#authentication = options.authentication
    this.#questions = new Questions(clock, random)
    this.#bindings = new Bindings(clock, random)
    const nowMs = clock.monotonicMs()
    this.#echoBudget = new TokenBucket(ECHO_ANSWERS_PER_SECOND_MAX, 1000, nowMs)
    this.#unprovenBudget = new TokenBucket(UNPROVEN_ERRORS_PER_SECOND_MAX, 1000, nowMs)
  }

  /** Largest payload for one datagram to `to` on this route, in bytes. */
  maxPayload(to: ScionEndpoint, route: Route): number {
    const overhead = this.#template(to, route).overheadBytes
    const proof = this.#authentication === undefined ? 0 : AUTHENTICATOR_BYTES
    const largest = (route.mtu ?? SAFE_PACKET_BYTES) - overhead - proof
    return Math.max(0, Math.min(largest, 0xffff - 8))
  }

  /** Sends one datagram. */
  async send(to: ScionEndpoint, payload: Uint8Array, route: Route): Promise<void> {
    if (this.#closed) throw closedError()
    const most = this.maxPayload(to, route)
    if (payload.length > most) {
      throw new ScionError(
        'ERR_SCION_TOO_LARGE',
        `payload: at most ${most} bytes on this route, found ${payload.length}`,
      )
    }
    const packet =
      this.#authentication === undefined
        ? this.#template(to, route).encode(payload)
        : await this.#authenticated(this.#authentication, to, payload, route)
    await this.#transmit(packet, to, route)
  }

  async #authenticated(
    authentication: DrkeyAuthentication,
    to: ScionEndpoint,
    payload: Uint8Array,
    route: Route,
  ): Promise<Uint8Array> {
    const key = authentication.isOptional
      ? authentication.keyAtHand(to)
      : await authentication.sendingKey(to)
    if (key === undefined) return this.#template(to, route).encode(payload)
    const { spi, timestampNs, mac } = key
    const fields = { ...this.#fields(to, route), endToEnd: [authenticatorOption(spi, timestampNs)] }
    const sourcePort = this.#sourceFor(to).port
    const datagram = { sourcePort, destinationPort: to.port, payload }
    const packet = encodeUdpPacket(fields, datagram)
    fillAuthenticator(packet, mac)
    return packet
  }

  /** The next datagram. */
  receive(signal?: AbortSignal): Promise<ScionDatagram> {
    return this.#queue.take(signal)
  }

  /** All datagrams until the socket is closed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<ScionDatagram, void, undefined> {
    for (;;) {
      try {
        yield await this.receive()
      } catch (error) {
        if (error instanceof ScionError && error.code === 'ERR_SCION_CLOSED') return
        throw error
      }
    }
  }

  /** Asks a host whether it is there; resolves with the round-trip time in milliseconds. */
  async echo(to: ScionAddress, route: Route, options: AskOptions): Promise<number> {
    const answer = await this.#ask('echo-reply', to, route, options)
    return answer.roundTripMs
  }

  /**
   * Asks a router on the path for its name: that of the path's last interface, or of the one with
   * the given index. A reply proves the path as far as there.
   */
  async traceroute(
    path: Path,
    options: AskOptions & { readonly interfaceIndex?: number },
  ): Promise<TracerouteAnswer> {
    const index = options.interfaceIndex ?? path.interfaces.length - 1
    const route = { ...path, dataplane: withAlert(path.dataplane, index) }
    // Nobody has this address: should the alert be overlooked, no host is bothered.
    const to = { isdAs: path.destination, host: serviceHost(SERVICE.none) }
    const { reply, from, roundTripMs } = await this.#ask('traceroute-reply', to, route, options)
    if (reply.type !== 'traceroute-reply') throw new Error('questions: a reply of another kind')
    return { roundTripMs, isdAs: reply.isdAs, interfaceId: reply.interfaceId, router: from.host }
  }

  /**
   * Asks a border router by STUN from which address it sees this socket, and sends to other ASes
   * from there on under that address: behind a NAT nothing else comes back. Mappings end when they
   * are not used, so ask again after a pause. Rejects as {@link Bindings.ask} does, and with
   * `ERR_SCION_CONFIG` where the AS has no router.
   */
  async findOutside(options: AskOptions, router?: UnderlayAddress): Promise<OutsideAddress> {
    const [first] = this.localAs.borderRouters.values()
    const asked = router ?? first
    if (asked === undefined) throw new ScionError('ERR_SCION_CONFIG', 'stun: a router, found none')
    const send = (request: Uint8Array): Promise<void> => this.#underlay.send(request, asked)
    const seen = await this.#bindings.ask(asked, options, send)
    const outside = judgeOutside(seen, this.#underlay.local, this.localAs)
    const { isdAs } = this.local
    const endpoint = { isdAs, host: parseIp(seen.host), port: seen.port }
    this.#outside = outside.translated ? { endpoint, packed: packAddress(endpoint) } : undefined
    this.#templates = new WeakMap()
    return outside
  }

  /** The address that a packet to `to` is sent under: NATs stand at the edge of the AS's network. */
  #sourceFor(to: ScionAddress): ScionEndpoint {
    return to.isdAs === this.local.isdAs ? this.local : (this.#outside?.endpoint ?? this.local)
  }

  /** Hears of errors; see {@link SocketEvent}. */
  observe(listener: (event: SocketEvent) => void): () => void {
    return this.#observers.add(listener)
  }

  /** What happened so far. */
  counters(): SocketCounters {
    return { ...this.#counters }
  }

  /** Frees the port. */
  async close(): Promise<void> {
    this.#closed = true
    this.#queue.close()
    this.#questions.close()
    this.#bindings.close()
    await this.#underlay.close()
  }

  /** For the underlay: takes what arrived. Whatever is wrong with it is counted, never thrown. */
  accept(bytes: Uint8Array, from: UnderlayAddress): void {
    if (this.#closed) return
    if (isStun(bytes)) {
      if (!this.#bindings.accept(bytes, from)) this.#counters.discarded += 1
      return
    }
    try {
      const packet = new PacketView(bytes)
      const isOurs =
        packet.isFor(this.#ownAddress) ||
        (this.#outside !== undefined && packet.isFor(this.#outside.packed))
      if (!isOurs) {
        this.#counters.discarded += 1
      } else if (packet.protocol === PROTOCOL.udp) this.#acceptUdp(packet, from)
      else this.#acceptScmp(packet, decodeScmp(packet), from)
    } catch (error) {
      if (!(error instanceof ScionError)) throw error
      this.#counters.discarded += 1
    }
  }

  /** For the underlay: tells observers. */
  fail(error: Error): void {
    this.#observers.tell({ type: 'underlay-error', error })
  }

  #acceptUdp(packet: Packet, from: UnderlayAddress): void {
    const { sourcePort, destinationPort, payload } = decodeUdp(packet)
    if (destinationPort !== this.local.port && destinationPort !== this.#outside?.endpoint.port) {
      this.#counters.discarded += 1
      return
    }
    const authentic = this.#authentication?.accept(packet) ?? false
    const reply = routeBack(packet, from, this.localAs)
    const sender = { ...packet.source, port: sourcePort }
    const taken = this.#queue.push({ from: sender, payload, reply, authentic })
    if (taken) this.#counters.received += 1
    else this.#counters.overflowed += 1
  }

  #acceptScmp(packet: Packet, message: ScmpMessage, from: UnderlayAddress): void {
    if (isScmpError(message)) this.#acceptError(message, packet.source)
    else if (message.type === 'echo-reply' || message.type === 'traceroute-reply') {
      const isPort = (port: number | undefined): boolean => port === message.identifier
      const ours =
        (isPort(this.local.port) || isPort(this.#outside?.endpoint.port)) &&
        this.#questions.answer(message, packet.source)
      if (!ours) this.#counters.discarded += 1
    } else if (message.type === 'unknown-information') this.#counters.discarded += 1
    else this.#answer(packet, message, from)
  }

  #acceptError(error: ScmpError, from: ScionAddress): void {
    const nowMs = this.#clock.monotonicMs()
    const route = this.#sentPackets.take(error.quote, nowMs)
    if (route !== undefined) {
      this.#counters.errorReports += 1
      this.#observers.tell({ type: 'error-report', route, error, from })
      this.#questions.refuse(error)
      return
    }
    this.#counters.unprovenReports += 1
    if (this.#unprovenBudget.take(nowMs)) {
      this.#observers.tell({ type: 'unproven-report', error, from })
    }
  }

  /** Answers a question with a packet of the same size, and not too many of them. */
  #answer(packet: Packet, question: ScmpMessage, from: UnderlayAddress): void {
    if (!this.#echo || !this.#echoBudget.take(this.#clock.monotonicMs())) {
      this.#counters.discarded += 1
      return
    }
    const route = routeBack(packet, from, this.localAs)
    const reply: ScmpMessage | undefined =
      question.type === 'echo-request'
        ? { ...question, type: 'echo-reply' }
        : question.type === 'traceroute-request'
          ? { ...question, type: 'traceroute-reply', isdAs: this.local.isdAs, interfaceId: 0 }
          : undefined
    if (reply === undefined) return
    const fields = this.#fields(packet.source, route)
    const bytes = encodeScmpPacket({ ...fields, flowId: packet.flowId }, reply)
    // Inside one AS the answer goes where the question came from: that knows the asker's port.
    this.#underlay.send(bytes, route.nextHop ?? from).catch(() => undefined)
  }

  #ask(
    kind: 'echo-reply' | 'traceroute-reply',
    to: ScionAddress,
    route: Route,
    options: AskOptions,
  ): Promise<Answer> {
    if (this.#closed) return Promise.reject(closedError())
    return this.#questions.ask(kind, options, (sequence, nonce) => {
      const head = { code: 0, identifier: this.#sourceFor(to).port, sequence }
      const message: ScmpMessage =
        kind === 'echo-reply'
          ? { ...head, type: 'echo-request', data: nonce }
          : {
              ...head,
              type: 'traceroute-request',
              isdAs: isdAs(0, 0),
              interfaceId: 0,
              data: new Uint8Array(0),
            }
      const packet = encodeScmpPacket(this.#fields(to, route), message)
      const most = route.mtu ?? SAFE_PACKET_BYTES
      if (packet.length > most) {
        const found = `packet: at most ${most} bytes on this route, found ${packet.length}`
        return Promise.reject(new ScionError('ERR_SCION_TOO_LARGE', found))
      }
      return this.#transmit(packet, { ...to, port: 0 }, route)
    })
  }

  async #transmit(packet: Uint8Array, to: ScionEndpoint, route: Route): Promise<void> {
    if (route.expiryMs !== undefined && route.expiryMs <= this.#clock.nowMs()) {
      throw new ScionError('ERR_SCION_PATH_EXPIRED', `path: valid, expired at ${route.expiryMs} ms`)
    }
    const target = underlayOf(to, route, this.localAs)
    this.#sentPackets.add(packet, route, this.#clock.monotonicMs())
    try {
      await this.#underlay.send(packet, target)
      this.#counters.sent += 1
    } catch (error) {
      if (error instanceof ScionError && error.code === 'ERR_SCION_IO') {
        this.#observers.tell({ type: 'send-failed', route, error })
      }
      throw error
    }
  }

  #template(to: ScionEndpoint, route: Route): UdpTemplate {
    const kept = this.#templates.get(route)
    if (kept?.to === to) return kept.template
    const sourcePort = this.#sourceFor(to).port
    const template = new UdpTemplate(this.#fields(to, route), sourcePort, to.port)
    this.#templates.set(route, { to, template })
    return template
  }

  #fields(
    to: ScionAddress,
    route: Route,
  ): {
    trafficClass: number
    flowId: number
    destination: ScionAddress
    source: ScionAddress
    path: Route['dataplane']
  } {
    return {
      trafficClass: 0,
      flowId: this.#flowId,
      destination: to,
      source: this.#sourceFor(to),
      path: route.dataplane,
    }
  }
}
