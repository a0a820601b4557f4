import { randomInt } from 'node:crypto'
import type { ScionAddress } from '../addr/endpoint.ts'
import { formatHost } from '../addr/host.ts'
import type { IsdAs } from '../addr/isd-as.ts'
import { formatIsdAs } from '../addr/isd-as.ts'
import type { Clock } from '../clock.ts'
import { AesMac } from '../crypto/cmac.ts'
import { HostKeyDeriver } from '../drkey/derive.ts'
import type { DrkeyEpoch } from '../drkey/derive.ts'
import { ACCEPTANCE_WINDOW_MS, epochOfTimestamp, relativeTimestamp } from '../drkey/epoch.ts'
import type { DrkeySource, EpochKey } from '../drkey/source.ts'
import { ScionError } from '../errors.ts'
import type { Packet } from '../packet/packet.ts'
import { TokenBucket } from '../token-bucket.ts'
import { authenticatorOf, verifyAuthenticator } from './authenticate.ts'
import { decodeSpi, encodeSpi } from './option.ts'
import { SeenAuthenticators } from './seen.ts'

/** Far ASes, on the fast side, or far hosts, on the slow side, whose keys are kept at a time. */
export const DRKEY_PEERS_MAX = 4_096

/** Epochs of one peer whose keys are kept: the current, the one before, the one to come. */
export const DRKEY_EPOCHS_MAX = 3

/** A key is asked for so long before its epoch begins, in milliseconds; spread over half of it. */
export const DRKEY_AHEAD_MS_MAX = 1_800_000

/** After a failed request, the next one for the same peer waits this long, in milliseconds. */
export const DRKEY_RETRY_MS_MIN = 5_000

/** Requests for keys of senders never heard of that are under way at a time, and in a second. */
export const DRKEY_STRANGERS_MAX = 8

/** Senders whose key could be had, but of whom no packet has been proven yet; the oldest give way. */
export const DRKEY_NEWCOMERS_MAX = 512

/** What authentication needs. */
export interface AuthenticationOptions {
  readonly keys: DrkeySource
  /** The address that keys are for, until {@link DrkeyAuthentication.moveTo} names another. */
  readonly local: ScionAddress
  /**
   * `fast`: this host asks once for each far AS and derives the keys of its hosts, one AES call
   * each: a server. `slow`: it asks once for each server.
   */
  readonly side: 'fast' | 'slow'
  /** DRKey protocol, 1 … 65535; not one that has a meaning of its own. */
  readonly protocol: number
  readonly clock: Clock
  /**
   * `required`, also where it is left out: without a key nothing is sent, and a packet whose key is
   * not here is refused. `preferred`: without a key packets are sent plain, and one whose key is not
   * here passes as unproven. A wrong authenticator is refused either way.
   */
  readonly demand?: 'required' | 'preferred'
  /** Hears of each packet whose authenticator is refused, with the reason. */
  readonly onRefused?: (from: ScionAddress, reason: ScionError) => void
}

/** What is needed to authenticate a packet to somebody. */
export interface SendingKey {
  readonly spi: number
  readonly timestampNs: bigint
  readonly mac: AesMac
}

interface KeptKey {
  readonly epoch: DrkeyEpoch
  /** On the fast side the host-AS key, else the host-host key itself. */
  readonly key: Uint8Array
  readonly deriver: HostKeyDeriver | undefined
}

interface Peer {
  readonly keys: KeptKey[]
  asking: Promise<void> | undefined
  retryMs: number
}

/**
 * Authenticates packets between two hosts with DRKey (one key for both directions, derived by the
 * fast side), and tells authentic, fresh and unrepeated packets from others.
 *
 * A packet whose key is not here is refused; the key is asked for in the background, for a few
 * senders at a time. A sender gets its place in the table by a packet that its key proves: keys can be
 * had for any address that somebody makes up, and those shall push out nobody.
 */
export class DrkeyAuthentication {
  readonly #options: AuthenticationOptions
  readonly #peers = new Map<string, Peer>()
  /** Senders who have yet to prove themselves. */
  readonly #newcomers = new Map<string, Peer>()
  /** Senders never heard of whose keys are being asked for. */
  readonly #strangers = new Set<string>()
  readonly #strangerBudget: TokenBucket
  readonly #seen: SeenAuthenticators
  /** Drawn once: of a draw with each packet the earliest would count, which is much the same for all. */
  readonly #aheadMs = DRKEY_AHEAD_MS_MAX / 2 + randomInt(DRKEY_AHEAD_MS_MAX / 2)
  #local: ScionAddress
  /** Timestamps sent must differ, or equal packets would be taken for repetitions. */
  #lastNs = 0n

  constructor(options: AuthenticationOptions) {
    this.#options = options
    this.#local = options.local
    const nowMs = options.clock.monotonicMs()
    this.#seen = new SeenAuthenticators(ACCEPTANCE_WINDOW_MS, nowMs)
    this.#strangerBudget = new TokenBucket(DRKEY_STRANGERS_MAX, 1000, nowMs)
  }

  /** Whether packets may leave without an authenticator while there is no key. */
  get isOptional(): boolean {
    return this.#options.demand === 'preferred'
  }

  /**
   * Packets leave from here under another address, as a NAT makes it: keys are for that one, and
   * those for the one before are forgotten. A key is given to whoever asks from its address, so that
   * the NAT has to map the question to the same one.
   */
  moveTo({ isdAs, host }: ScionAddress): void {
    const isSame = isdAs === this.#local.isdAs && formatHost(host) === formatHost(this.#local.host)
    if (isSame) return
    this.#local = { isdAs, host }
    this.#peers.clear()
    this.#newcomers.clear()
  }

  /** Whether the key for packets to a host is here now. */
  hasKey(to: ScionAddress): boolean {
    const peer = this.#known(to)
    return peer !== undefined && this.#keyAt(peer, this.#options.clock.nowMs()) !== undefined
  }

  /** The key for packets to a host if it is here; else it is asked for in the background. */
  keyAtHand(to: ScionAddress): SendingKey | undefined {
    const nowMs = this.#options.clock.nowMs()
    const peer = this.#known(to)
    if (peer === undefined) {
      this.#meet(to, nowMs)
      return undefined
    }
    const found = this.#keyAt(peer, nowMs)
    if (found !== undefined) return this.#sending(peer, to, found, nowMs)
    this.#askQuietly(peer, to, nowMs)
    return undefined
  }

  /** Resolves with the key for packets to a host, asking for it if need be. */
  async sendingKey(to: ScionAddress, signal?: AbortSignal): Promise<SendingKey> {
    const nowMs = this.#options.clock.nowMs()
    const peer = this.#peer(to)
    const found = this.#keyAt(peer, nowMs) ?? (await this.#fetched(peer, to, nowMs, signal))
    return this.#sending(peer, to, found, nowMs)
  }

  #sending(peer: Peer, to: ScionAddress, found: KeptKey, nowMs: number): SendingKey {
    this.#askAhead(peer, to, found, nowMs)
    const { protocol, side } = this.#options
    const derivedBy = side === 'fast' ? 'sender' : 'receiver'
    return {
      spi: encodeSpi({ kind: 'host-host', derivedBy, protocol }),
      timestampNs: relativeTimestamp(found.epoch, this.#nextNs(nowMs)),
      mac: macOf(found, to),
    }
  }

  /**
   * Whether a packet carries an authenticator, which then is right, fresh and new; false where it
   * carries none. Throws `ERR_SCION_AUTHENTICITY` for every other one.
   */
  accept(packet: Packet): boolean {
    try {
      return this.#accept(packet)
    } catch (error) {
      if (error instanceof ScionError) this.#options.onRefused?.(packet.source, error)
      throw error
    }
  }

  #accept(packet: Packet): boolean {
    const option = authenticatorOf(packet)
    if (option === undefined) return false
    const { side, protocol, clock } = this.#options
    const key = decodeSpi(option.spi)
    const derivedBy = side === 'fast' ? 'receiver' : 'sender'
    if (key?.kind !== 'host-host' || key.derivedBy !== derivedBy || key.protocol !== protocol) {
      throw notAuthentic(`spi: a host-host key of protocol ${protocol}, found ${option.spi}`)
    }
    const peer = this.#known(packet.source)
    const nowMs = clock.nowMs()
    if (peer === undefined) {
      this.#meet(packet.source, nowMs)
      if (this.isOptional) return false
      throw notAuthentic(`key: one for the sender, found none yet for ${nameOf(packet.source)}`)
    }
    const epochs = peer.keys.map(({ epoch }) => epoch)
    const epoch = epochOfTimestamp(option.timestampNs, epochs, nowMs)
    const kept = peer.keys.find((one) => one.epoch === epoch)
    if (kept === undefined) {
      const isWithout = this.#keyAt(peer, nowMs) === undefined
      if (isWithout) this.#askQuietly(peer, packet.source, nowMs)
      if (isWithout && this.isOptional) return false
      throw notAuthentic('timestamp: one near now in an epoch whose key is here')
    }
    verifyAuthenticator(packet, option, macOf(kept, packet.source))
    const source = nameOf(packet.source)
    if (!this.#seen.isNew(source, option.authenticator, clock.monotonicMs())) {
      throw notAuthentic('authenticator: a new one, found one that was seen before')
    }
    this.#prove(this.#peerName(packet.source), peer)
    this.#askAhead(peer, packet.source, kept, nowMs)
    return true
  }

  #keyAt(peer: Peer, nowMs: number): KeptKey | undefined {
    return peer.keys.find(({ epoch }) => {
      return epoch.beginSeconds * 1000 <= nowMs && nowMs < epoch.endSeconds * 1000
    })
  }

  async #fetched(
    peer: Peer,
    to: ScionAddress,
    nowMs: number,
    signal: AbortSignal | undefined,
  ): Promise<KeptKey> {
    await this.#ask(peer, to, nowMs, signal)
    const found = this.#keyAt(peer, nowMs)
    if (found === undefined) {
      throw new ScionError(
        'ERR_SCION_CONTROL',
        `drkey: a key for now, found none for ${nameOf(to)}`,
      )
    }
    return found
  }

  async #ask(peer: Peer, to: ScionAddress, timeMs: number, signal?: AbortSignal): Promise<void> {
    peer.asking ??= this.#request(to, timeMs, signal)
      .then((answer) => {
        this.#keep(peer, answer)
      })
      .finally(() => {
        peer.asking = undefined
      })
    await peer.asking
  }

  /** Asks in the background, not too often, whatever comes of it. */
  #askQuietly(peer: Peer, to: ScionAddress, timeMs: number): void {
    const nowMs = this.#options.clock.monotonicMs()
    if (peer.asking !== undefined || nowMs < peer.retryMs) return
    peer.retryMs = nowMs + DRKEY_RETRY_MS_MIN
    void this.#ask(peer, to, timeMs).catch(() => undefined)
  }

  /** Asks for the key of a sender never heard of, unless enough such questions are under way. */
  #meet(from: ScionAddress, nowMs: number): void {
    const name = this.#peerName(from)
    if (this.#strangers.has(name) || this.#strangers.size >= DRKEY_STRANGERS_MAX) return
    if (!this.#strangerBudget.take(this.#options.clock.monotonicMs())) return
    this.#strangers.add(name)
    void this.#request(from, nowMs)
      .then((answer) => {
        const peer = newPeer()
        this.#keep(peer, answer)
        putNewest(this.#newcomers, name, peer, DRKEY_NEWCOMERS_MAX)
      })
      .catch(() => undefined)
      .finally(() => this.#strangers.delete(name))
  }

  /** Gets the next epoch's key before it is needed, not at the same moment as everybody else. */
  #askAhead(peer: Peer, to: ScionAddress, { epoch }: KeptKey, nowMs: number): void {
    const endMs = epoch.endSeconds * 1000
    const wanted = Math.min(this.#aheadMs, (endMs - epoch.beginSeconds * 1000) / 2)
    if (endMs - nowMs > wanted || this.#keyAt(peer, endMs) !== undefined) return
    this.#askQuietly(peer, to, endMs)
  }

  #request(to: ScionAddress, timeMs: number, signal?: AbortSignal): Promise<EpochKey> {
    const { keys, side, protocol } = this.#options
    const local = this.#local
    if (side === 'fast') {
      const ends = { derivingAs: local.isdAs, derivingHost: local.host, farAs: to.isdAs }
      return keys.hostAs({ timeMs, protocol, ...ends }, signal)
    }
    const ends = { derivingAs: to.isdAs, derivingHost: to.host, farAs: local.isdAs }
    return keys.hostHost({ timeMs, protocol, ...ends, farHost: local.host }, signal)
  }

  #keep(peer: Peer, { epoch, key }: EpochKey): void {
    const others = peer.keys.filter((one) => one.epoch.beginSeconds !== epoch.beginSeconds)
    const deriver = this.#options.side === 'fast' ? new HostKeyDeriver(key) : undefined
    const all = [...others, { epoch, key, deriver }]
    all.sort((a, b) => b.epoch.beginSeconds - a.epoch.beginSeconds)
    peer.keys.splice(0, peer.keys.length, ...all.slice(0, DRKEY_EPOCHS_MAX))
  }

  /**
   * The place of somebody whom the program wants to send to. The fast side keeps a key for each AS, the
   * slow side for each host; who was silent for longest gives way.
   */
  #peer(to: ScionAddress): Peer {
    const name = this.#peerName(to)
    const found = this.#peers.get(name)
    if (found !== undefined) return found
    const peer = this.#newcomers.get(name) ?? newPeer()
    this.#prove(name, peer)
    return peer
  }

  #known(to: ScionAddress): Peer | undefined {
    const name = this.#peerName(to)
    return this.#peers.get(name) ?? this.#newcomers.get(name)
  }

  #prove(name: string, peer: Peer): void {
    this.#newcomers.delete(name)
    putNewest(this.#peers, name, peer, DRKEY_PEERS_MAX)
  }

  #peerName(to: ScionAddress): string {
    return this.#options.side === 'fast' ? formatIsdAs(to.isdAs) : nameOf(to)
  }

  #nextNs(nowMs: number): bigint {
    const ns = BigInt(Math.floor(nowMs)) * 1_000_000n
    this.#lastNs = ns > this.#lastNs ? ns : this.#lastNs + 1n
    return this.#lastNs
  }
}

function newPeer(): Peer {
  return { keys: [], asking: undefined, retryMs: -Infinity }
}

function putNewest(peers: Map<string, Peer>, name: string, peer: Peer, most: number): void {
  peers.delete(name)
  peers.set(name, peer)
  if (peers.size <= most) return
  const [oldest] = peers.keys()
  if (oldest !== undefined) peers.delete(oldest)
}

function macOf({ key, deriver }: KeptKey, peer: ScionAddress): AesMac {
  return new AesMac(deriver === undefined ? key : deriver.keyFor(peer.host))
}

function nameOf({ isdAs, host }: { isdAs: IsdAs; host: ScionAddress['host'] }): string {
  return `${formatIsdAs(isdAs)},${formatHost(host)}`
}

function notAuthentic(message: string): ScionError {
  return new ScionError('ERR_SCION_AUTHENTICITY', `spao.${message}`)
}
