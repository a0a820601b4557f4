import { formatUnderlay } from '../addr/underlay.ts'
import type { UnderlayAddress } from '../addr/underlay.ts'
import type { Clock } from '../clock.ts'
import { ScionError } from '../errors.ts'
import type { Underlay, UnderlayFactory, UnderlayListener } from '../socket/underlay.ts'

/** A home router forgets a UDP mapping that was idle for so long, in milliseconds (RFC 4787 REQ-5 wants more). */
export const NAT_IDLE_MS = 30_000

/** Far ends that one mapping lets answer; the one sent to longest ago gives way. */
export const NAT_FAR_ENDS_MAX = 256

/** First port of sockets behind a NAT that ask for any. */
const FIRST_PORT = 40_000

/** What a NAT is made of. */
export interface TestNatOptions {
  /** The network outside, real sockets or pretended ones. */
  readonly underlay: UnderlayFactory
  /** The address that everything leaves from. */
  readonly outside: string
  readonly clock: Clock
  readonly idleMs?: number
  /** Mappings get this port and those after it; any free one where it is left out. */
  readonly firstPort?: number
}

/**
 * A home router between a host and its AS. Each socket behind it gets one port outside, whomever it
 * sends to (RFC 4787 REQ-1); only who was sent to gets through to it; a mapping ends when nothing left
 * over it for a while, and the next one has another port. Addresses behind it are pretended ones.
 */
export class TestNat implements UnderlayFactory {
  readonly #options: TestNatOptions
  readonly #behind = new Set<BehindNat>()
  #ports = 0
  #outsidePorts = 0
  /** Datagrams from outside that no mapping let in. */
  refused = 0

  constructor(options: TestNatOptions) {
    this.#options = options
  }

  bind(local: UnderlayAddress, listener: UnderlayListener): Promise<Underlay> {
    const port = local.port === 0 ? FIRST_PORT + this.#ports++ : local.port
    const one = new BehindNat({ host: local.host, port }, listener, this.#options, {
      refused: () => {
        this.refused += 1
      },
      closed: () => this.#behind.delete(one),
      nextPort: () => {
        const { firstPort } = this.#options
        return firstPort === undefined ? 0 : firstPort + this.#outsidePorts++
      },
    })
    this.#behind.add(one)
    return Promise.resolve(one)
  }

  /** Forgets every mapping, as when it is switched off and on. */
  restart(): void {
    for (const one of this.#behind) one.forget()
  }

  /** Where the mappings of now are seen outside. */
  seenAt(): readonly UnderlayAddress[] {
    return [...this.#behind].flatMap(({ outside }) => outside ?? [])
  }
}

interface Tell {
  readonly refused: () => void
  readonly closed: () => void
  /** 0 for any. */
  readonly nextPort: () => number
}

/** A socket behind a NAT. */
class BehindNat implements Underlay {
  readonly local: UnderlayAddress
  readonly #listener: UnderlayListener
  readonly #options: TestNatOptions
  readonly #tell: Tell
  #mapping: Promise<Mapping> | undefined
  #isClosed = false
  outside: UnderlayAddress | undefined

  constructor(
    local: UnderlayAddress,
    listener: UnderlayListener,
    options: TestNatOptions,
    tell: Tell,
  ) {
    this.local = local
    this.#listener = listener
    this.#options = options
    this.#tell = tell
  }

  async send(bytes: Uint8Array, to: UnderlayAddress): Promise<void> {
    if (this.#isClosed) {
      throw new ScionError('ERR_SCION_CLOSED', 'underlay: open, found closed')
    }
    this.#mapping = this.#fresh(this.#mapping)
    const mapping = await this.#mapping
    await mapping.send(bytes, to)
  }

  /** The next packet gets another mapping. */
  forget(): void {
    void this.#mapping?.then((mapping) => {
      mapping.end()
    })
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#tell.closed()
    await (await this.#mapping)?.close()
  }

  async #fresh(before: Promise<Mapping> | undefined): Promise<Mapping> {
    const old = await before
    if (old?.isAlive === true) return old
    const fresh = new Mapping(this.#options, (bytes, from, isWanted) => {
      if (isWanted && !this.#isClosed) this.#listener.datagram(bytes, from)
      else this.#tell.refused()
    })
    // The old port is given back afterwards, so that the new one is another.
    this.outside = await fresh.open(this.#tell.nextPort())
    await old?.close()
    return fresh
  }
}

type Take = (bytes: Uint8Array, from: UnderlayAddress, isWanted: boolean) => void

/** A port outside that stands for a socket inside, as long as it is used. */
class Mapping {
  readonly #options: TestNatOptions
  readonly #take: Take
  readonly #farEnds = new Set<string>()
  #socket: Underlay | undefined
  #usedMs: number
  #isOver = false

  constructor(options: TestNatOptions, take: Take) {
    this.#options = options
    this.#take = take
    this.#usedMs = options.clock.monotonicMs()
  }

  get isAlive(): boolean {
    const { clock, idleMs = NAT_IDLE_MS } = this.#options
    return !this.#isOver && clock.monotonicMs() - this.#usedMs < idleMs
  }

  async open(port: number): Promise<UnderlayAddress> {
    const { underlay, outside } = this.#options
    const datagram = (bytes: Uint8Array, from: UnderlayAddress): void => {
      this.#take(bytes, from, this.isAlive && this.#farEnds.has(formatUnderlay(from)))
    }
    this.#socket = await underlay.bind({ host: outside, port }, { datagram, error: () => undefined }) // prettier-ignore
    return this.#socket.local
  }

  async send(bytes: Uint8Array, to: UnderlayAddress): Promise<void> {
    this.#usedMs = this.#options.clock.monotonicMs()
    const name = formatUnderlay(to)
    this.#farEnds.delete(name)
    this.#farEnds.add(name)
    const [oldest] = this.#farEnds
    if (this.#farEnds.size > NAT_FAR_ENDS_MAX && oldest !== undefined) this.#farEnds.delete(oldest)
    await this.#socket?.send(bytes, to)
  }

  end(): void {
    this.#isOver = true
  }

  async close(): Promise<void> {
    this.#isOver = true
    await this.#socket?.close()
  }
}
