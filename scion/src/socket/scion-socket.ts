import type { ScionAddress, ScionEndpoint } from '../addr/endpoint.ts'
import { SERVICE, serviceHost } from '../addr/host.ts'
import { isdAs } from '../addr/isd-as.ts'
import { formatUnderlay } from '../addr/underlay.ts'
import type { UnderlayAddress } from '../addr/underlay.ts'
import type { Clock } from '../clock.ts'
import { ScionError } from '../errors.ts'
import { Observers } from '../observers.ts'
import { packAddress } from '../packet/header.ts'
import type { PackedAddress } from '../packet/header.ts'
import type { Packet } from '../packet/packet.ts'
import { PROTOCOL } from '../packet/protocol.ts'
import { decodeScmp, encodeScmpPacket } from '../packet/scmp-codec.ts'
import type { ScmpError, ScmpMessage } from '../packet/scmp.ts'
import { isScmpError } from '../packet/scmp.ts'
import { decodeUdp, encodeUdpPacket } from '../packet/udp.ts'
import { PacketView } from '../packet/view.ts'
import type { Path } from '../path/path.ts'
import type { LocalAs } from '../path/source.ts'
import { fillAuthenticator } from '../spao/authenticate.ts'
import type { DrkeyAuthentication } from '../spao/authentication.ts'
import { AUTHENTICATOR_BYTES, authenticatorOption } from '../spao/option.ts'
import { isStun } from '../stun/message.ts'
import { TokenBucket } from '../token-bucket.ts'
import { Answering } from './answering.ts'
import { Bindings, fixedOutside, judgeOutside } from './bindings.ts'
import type { OutsideAddress } from './bindings.ts'
import { Departures } from './departures.ts'
import type { Departure } from './departures.ts'
import type { ScionDatagram, SocketCounters, SocketEvent, TracerouteAnswer } from './events.ts'
import type { ScionSocketOptions } from './options.ts'
import { bindFor } from './options.ts'
import { Outside } from './outside.ts'
import type { Answer, AskOptions } from './questions.ts'
import { Questions } from './questions.ts'
import { ReceiveQueue, closedError } from './receive-queue.ts'
import type { Route } from './route.ts'
import { routeBack, SAFE_PACKET_BYTES } from './route.ts'
import { Senders } from './senders.ts'
import { SentPackets } from './sent-packets.ts'
import { withAlert } from './traceroute.ts'
import type { Underlay } from './underlay.ts'

/** Unproven errors that observers hear of in one second; further ones are counted only. */
export const UNPROVEN_ERRORS_PER_SECOND_MAX = 10

/** Opens a socket; rejects with `ERR_SCION_IO` where no port can be had. */
export async function openScionSocket(options: ScionSocketOptions): Promise<ScionSocket> {
  const opened: { socket?: ScionSocket } = {}
  const bound = await bindFor(options, {
    datagram: (bytes, from) => opened.socket?.accept(bytes, from),
    error: (error) => opened.socket?.fail(error),
  })
  opened.socket = new ScionSocket(options, bound)
  return opened.socket
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
  readonly #ownAddress: PackedAddress
  readonly #departures: Departures
  readonly #senders: Senders
  readonly #outside: Outside
  readonly #answering: Answering | undefined
  readonly #authentication: DrkeyAuthentication | undefined
  readonly #questions: Questions
  readonly #bindings: Bindings
  readonly #queue = new ReceiveQueue<ScionDatagram>()
  readonly #sentPackets = new SentPackets()
  readonly #observers = new Observers<SocketEvent>()
  readonly #unprovenBudget: TokenBucket
  #sentOutMs = -Infinity
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
    const flowId = 1 + Math.floor(random() * 0xf_ffff)
    this.#departures = new Departures(localAs, flowId, (to) => this.#sourceFor(to))
    this.#senders = new Senders(localAs)
    this.#authentication = options.authentication
    this.#questions = new Questions(clock, random)
    this.#bindings = new Bindings(clock, random)
    const nowMs = clock.monotonicMs()
    const isdAs = local.isdAs
    this.#answering =
      options.echo === true ? new Answering(isdAs, this.#departures, nowMs) : undefined
    this.#outside = new Outside({
      ...{ isdAs, clock, routers: routersOf(localAs), sentMs: () => this.#sentOutMs },
      ask: (router, how) => this.#askOutside(router, how),
      onSet: () => {
        this.#moved()
      },
      onChange: (outcome) => {
        this.#tellOutside(outcome)
      },
    })
    this.#unprovenBudget = new TokenBucket(UNPROVEN_ERRORS_PER_SECOND_MAX, 1000, nowMs)
  }

  /** Largest payload for one datagram to `to` on this route, in bytes. */
  maxPayload(to: ScionEndpoint, route: Route): number {
    return this.#payloadMax(this.#departures.at(to, route))
  }

  #payloadMax({ payloadMax }: Departure): number {
    const proof = this.#authentication === undefined ? 0 : AUTHENTICATOR_BYTES
    return Math.max(0, payloadMax - proof)
  }

  /** Sends one datagram. */
  async send(to: ScionEndpoint, payload: Uint8Array, route: Route): Promise<void> {
    if (this.#closed) throw closedError()
    const departure = this.#departures.at(to, route)
    const most = this.#payloadMax(departure)
    if (payload.length > most) {
      throw new ScionError(
        'ERR_SCION_TOO_LARGE',
        `payload: at most ${most} bytes on this route, found ${payload.length}`,
      )
    }
    const packet =
      this.#authentication === undefined
        ? this.#departures.encode(departure, payload, route)
        : await this.#authenticated(this.#authentication, departure, payload, route)
    await this.#transmit(packet, departure, route)
  }

  async #authenticated(
    authentication: DrkeyAuthentication,
    departure: Departure,
    payload: Uint8Array,
    route: Route,
  ): Promise<Uint8Array> {
    const { to } = departure
    const key = authentication.isOptional
      ? authentication.keyAtHand(to)
      : await authentication.sendingKey(to)
    if (key === undefined) return this.#departures.encode(departure, payload, route)
    const { spi, timestampNs, mac } = key
    const endToEnd = [authenticatorOption(spi, timestampNs)]
    const sourcePort = this.#sourceFor(to).port
    const datagram = { sourcePort, destinationPort: to.port, payload }
    const packet = encodeUdpPacket({ ...this.#departures.fields(to, route), endToEnd }, datagram)
    fillAuthenticator(packet, mac)
    return packet
  }

  /** The next datagram. */
  receive(signal?: AbortSignal): Promise<ScionDatagram> {
    return this.#queue.take(signal)
  }

  /** All datagrams until the socket is closed. */
  [Symbol.asyncIterator](): AsyncIterableIterator<ScionDatagram, undefined> {
    // By hand, for a generator takes several turns more for each datagram.
    const end = { done: true, value: undefined } as const
    const isEnd = (error: unknown): boolean =>
      error instanceof ScionError && error.code === 'ERR_SCION_CLOSED'
    return {
      next: () =>
        this.receive().then(
          (value) => ({ done: false, value }),
          (error: unknown) => {
            if (isEnd(error)) return end
            throw error
          },
        ),
      return: () => Promise.resolve(end),
      [Symbol.asyncIterator]() {
        return this
      },
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
   * are not used; {@link keepOutside} sees to that. Rejects as {@link Bindings.ask} does, and with
   * `ERR_SCION_CONFIG` where the AS has no router.
   */
  findOutside(options: AskOptions, router?: UnderlayAddress): Promise<OutsideAddress> {
    return this.#outside.find(options, router)
  }

  /**
   * The same, and then keeps the mapping of the NAT alive until the socket is closed: asks again after
   * `OUTSIDE_IDLE_MS_MAX` without another packet to other ASes, and after `OUTSIDE_CHECK_MS_MAX` in
   * any case. A new address is used at once and told as `outside-changed`; a router that answers no
   * more as `outside-unknown`, once, while the last address stays in use and the next router is asked.
   */
  async keepOutside(options: AskOptions, router?: UnderlayAddress): Promise<OutsideAddress> {
    const outside = await this.findOutside(options, router)
    this.#outside.keep()
    return outside
  }

  /**
   * The same for whoever does not wait: asks from now on until the socket is closed, and tells the
   * first answer as `outside-changed` too. Where no router answers it is asked ever more rarely, and
   * packets leave under the local address.
   */
  followOutside(): void {
    this.#outside.keep()
  }

  /** Sends under this address, inside the AS as well: somebody has set it up and written it down. */
  fixOutside(address: UnderlayAddress): void {
    this.#outside.fix(fixedOutside(address, this.#underlay.local, this.localAs))
  }

  /**
   * Answers stay away: where an address is kept or followed, a router is asked soon whether it is
   * still the same. Costs nothing when called often.
   */
  doubtOutside(): void {
    this.#outside.doubt()
  }

  /** From where other ASes see this socket, as far as a router has said so. */
  get outside(): OutsideAddress | undefined {
    return this.#outside.found
  }

  async #askOutside(router: UnderlayAddress, options: AskOptions): Promise<OutsideAddress> {
    const send = (request: Uint8Array): Promise<void> => this.#underlay.send(request, router)
    const seen = await this.#bindings.ask(router, options, send)
    return judgeOutside(seen, this.#underlay.local, this.localAs)
  }

  #tellOutside(outcome: OutsideAddress | ScionError): void {
    if (outcome instanceof ScionError) {
      this.#observers.tell({ type: 'outside-unknown', error: outcome })
    } else this.#observers.tell({ type: 'outside-changed', outside: outcome })
  }

  /** Packets leave under another address: nothing that was prepared before fits. */
  #moved(): void {
    this.#departures.clear()
    this.#senders.clear()
    this.#authentication?.moveTo(this.#outside.endpoint ?? this.local)
  }

  /** The address that a packet to `to` is sent under: NATs stand at the edge of the AS's network. */
  #sourceFor(to: ScionAddress): ScionEndpoint {
    const { endpoint = this.local, isFixed } = this.#outside
    return to.isdAs === this.local.isdAs && !isFixed ? this.local : endpoint
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
    this.#outside.end()
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
      const { packed } = this.#outside
      const isOurs =
        packet.isFor(this.#ownAddress) || (packed !== undefined && packet.isFor(packed))
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

  #acceptUdp(packet: PacketView, via: UnderlayAddress): void {
    const { sourcePort, destinationPort, payload } = decodeUdp(packet)
    if (!this.#isOwnPort(destinationPort)) {
      this.#counters.discarded += 1
      return
    }
    const authentic = this.#authentication?.accept(packet) ?? false
    const { from, reply } = this.#senders.of(packet, sourcePort, via)
    const taken = this.#queue.push({ from, payload, reply, authentic })
    if (taken) this.#counters.received += 1
    else this.#counters.overflowed += 1
  }

  #isOwnPort(port: number): boolean {
    return port === this.local.port || port === this.#outside.endpoint?.port
  }

  #acceptScmp(packet: Packet, message: ScmpMessage, via: UnderlayAddress): void {
    if (isScmpError(message)) this.#acceptError(message, packet.source)
    else if (message.type === 'echo-reply' || message.type === 'traceroute-reply') {
      const isOurs =
        this.#isOwnPort(message.identifier) &&
        this.#questions.answer(message, packet.source, packet.path)
      if (!isOurs) this.#counters.discarded += 1
    } else if (message.type === 'unknown-information') this.#counters.discarded += 1
    else this.#answer(packet, message, via)
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

  #answer(packet: Packet, question: ScmpMessage, via: UnderlayAddress): void {
    if (this.#answering?.mayAnswer(this.#clock.monotonicMs()) !== true) {
      this.#counters.discarded += 1
      return
    }
    const route = routeBack(packet, via, this.localAs)
    const bytes = this.#answering.answerTo(packet, question, route)
    // Inside one AS the answer goes where the question came from: that knows the asker's port.
    if (bytes !== undefined) this.#underlay.send(bytes, route.nextHop ?? via).catch(() => undefined)
  }

  #ask(
    kind: 'echo-reply' | 'traceroute-reply',
    to: ScionAddress,
    route: Route,
    options: AskOptions,
  ): Promise<Answer> {
    if (this.#closed) return Promise.reject(closedError())
    const { dataplane } = route
    return this.#questions.ask(kind, dataplane, options, (sequence, nonce) => {
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
      const packet = encodeScmpPacket(this.#departures.fields(to, route), message)
      const most = route.mtu ?? SAFE_PACKET_BYTES
      if (packet.length > most) {
        const found = `packet: at most ${most} bytes on this route, found ${packet.length}`
        return Promise.reject(new ScionError('ERR_SCION_TOO_LARGE', found))
      }
      return this.#transmit(packet, this.#departures.at({ ...to, port: 0 }, route), route)
    })
  }

  async #transmit(packet: Uint8Array, departure: Departure, route: Route): Promise<void> {
    if (route.expiryMs !== undefined && route.expiryMs <= this.#clock.nowMs()) {
      throw new ScionError('ERR_SCION_PATH_EXPIRED', `path: valid, expired at ${route.expiryMs} ms`)
    }
    const target = this.#departures.target(departure, route)
    const nowMs = this.#clock.monotonicMs()
    this.#sentPackets.add(packet, route, nowMs)
    if (departure.to.isdAs !== this.local.isdAs) this.#sentOutMs = nowMs
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
}

/** The routers of an AS, each once however many interfaces it has. */
function routersOf({ borderRouters }: LocalAs): readonly UnderlayAddress[] {
  const byName = new Map([...borderRouters.values()].map((one) => [formatUnderlay(one), one]))
  return [...byName.values()]
}
