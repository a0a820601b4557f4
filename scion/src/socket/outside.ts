import type { ScionEndpoint } from '../addr/endpoint.ts'
import { parseIp } from '../addr/host.ts'
import type { IsdAs } from '../addr/isd-as.ts'
import type { UnderlayAddress } from '../addr/underlay.ts'
import type { Clock } from '../clock.ts'
import { ScionError } from '../errors.ts'
import type { PackedAddress } from '../packet/header.ts'
import { packAddress } from '../packet/header.ts'
import type { OutsideAddress } from './bindings.ts'
import type { AskOptions } from './questions.ts'

/**
 * Longest time in which nothing leaves before the mapping of a NAT is used, in milliseconds. NATs
 * forget an idle one after 30 s and more (RFC 8445 §11 keeps alive every 15 s).
 */
export const OUTSIDE_IDLE_MS_MAX = 15_000
/** Longest time between two questions where packets flow, in milliseconds: a NAT may restart. */
export const OUTSIDE_CHECK_MS_MAX = 60_000
/** Longest time between two questions where no NAT was found, or nobody answers, in milliseconds. */
export const OUTSIDE_REST_MS_MAX = 600_000
/** Shortest time between two questions that doubt causes, in milliseconds; doubled while in vain. */
export const OUTSIDE_DOUBT_MS_MIN = 3_000
/** How long a router that is asked again and again may take to answer, in milliseconds. */
export const OUTSIDE_ANSWER_MS_MAX = 8_000

/** What learning an outside address needs of its socket. */
export interface OutsideOptions {
  readonly isdAs: IsdAs
  readonly clock: Clock
  /** The border routers of the AS; the next one is asked when one did not answer. */
  readonly routers: readonly UnderlayAddress[]
  /** Monotonic time at which something left towards other ASes for the last time. */
  readonly sentMs: () => number
  /** Asks a border router from where it sees the socket. */
  readonly ask: (router: UnderlayAddress, options: AskOptions) => Promise<OutsideAddress>
  /** Another address counts from now on: what was prepared with the old one is void. */
  readonly onSet: () => void
  /** Hears of another address, and once of routers that do not answer any more. */
  readonly onChange: (outcome: OutsideAddress | ScionError) => void
}

/**
 * The address under which other ASes know a socket, where that is not its own one: learned from a
 * border router, kept alive while nothing else passes, and learned anew when it has changed.
 */
export class Outside {
  readonly #options: OutsideOptions
  #routers: readonly UnderlayAddress[]
  /** Counts routers that did not answer: says whose turn it is. */
  #turn = 0
  #found: OutsideAddress | undefined
  #endpoint: ScionEndpoint | undefined
  #packed: PackedAddress | undefined
  #isFixed = false
  #keeping: AbortController | undefined
  #nap: AbortController | undefined
  #askedMs = -Infinity
  #failures = 0
  #isDoubted = false
  #doubtMs = OUTSIDE_DOUBT_MS_MIN

  constructor(options: OutsideOptions) {
    this.#options = options
    this.#routers = options.routers
  }

  /** What a router said last, or was {@link fix}ed. */
  get found(): OutsideAddress | undefined {
    return this.#found
  }

  /** The address, where something translates. */
  get endpoint(): ScionEndpoint | undefined {
    return this.#endpoint
  }

  /** The same as packets carry it. */
  get packed(): PackedAddress | undefined {
    return this.#packed
  }

  /** Whether somebody wrote the address down: then everybody knows the socket under it. */
  get isFixed(): boolean {
    return this.#isFixed
  }

  /** Takes what somebody has written down instead of asking. */
  fix(known: OutsideAddress): void {
    this.end()
    this.#isFixed = true
    this.set(known)
  }

  /** Takes what a router said. */
  set(found: OutsideAddress): void {
    const { address, translated } = found
    const { isdAs } = this.#options
    const endpoint = { isdAs, host: parseIp(address.host), port: address.port }
    this.#found = found
    this.#endpoint = translated ? endpoint : undefined
    this.#packed = translated ? packAddress(endpoint) : undefined
    this.#options.onSet()
  }

  /** Asks now, this router or the one whose turn it is; rejects as `ask` does. */
  async find(options: AskOptions, router?: UnderlayAddress): Promise<OutsideAddress> {
    if (router !== undefined) this.#routers = [router]
    const found = await this.#ask(options)
    this.set(found)
    return found
  }

  /** Goes on asking until {@link end}; begins at once where nothing is known yet. */
  keep(): void {
    if (this.#keeping !== undefined) return
    this.#keeping = new AbortController()
    void this.#run(this.#keeping.signal)
  }

  /** Answers stay away, perhaps because the address has changed: asks soon, if it is asked at all. */
  doubt(): void {
    if (this.#isDoubted) return
    this.#isDoubted = true
    this.#nap?.abort()
  }

  /** Asks no more; what is known stays. */
  end(): void {
    this.#keeping?.abort()
    this.#keeping = undefined
  }

  async #ask(options: AskOptions): Promise<OutsideAddress> {
    const router = this.#routers[this.#turn % this.#routers.length]
    this.#askedMs = this.#options.clock.monotonicMs()
    try {
      if (router === undefined)
        throw new ScionError('ERR_SCION_CONFIG', 'stun: a router, found none')
      const found = await this.#options.ask(router, options)
      this.#failures = 0
      return found
    } catch (error) {
      this.#failures += 1
      this.#turn += 1
      throw error
    }
  }

  /** When a router is asked next, in monotonic milliseconds. */
  #dueMs(): number {
    const askedMs = this.#askedMs
    const doubtMs = this.#isDoubted ? askedMs + this.#doubtMs : Infinity
    return Math.min(doubtMs, this.#routineMs(askedMs))
  }

  #routineMs(askedMs: number): number {
    if (this.#found === undefined) {
      // Routers before v0.15 of the reference never answer: they are asked ever more rarely.
      const pauseMs = OUTSIDE_IDLE_MS_MAX * 2 ** Math.min(this.#failures, 16)
      return askedMs + Math.min(pauseMs, OUTSIDE_REST_MS_MAX)
    }
    // Without a NAT there is no mapping to keep.
    if (!this.#found.translated) return askedMs + OUTSIDE_REST_MS_MAX
    const idleMs = Math.max(this.#options.sentMs(), askedMs) + OUTSIDE_IDLE_MS_MAX
    return Math.min(idleMs, askedMs + OUTSIDE_CHECK_MS_MAX)
  }

  async #run(ended: AbortSignal): Promise<void> {
    const { clock } = this.#options
    let isAnswered = this.#found !== undefined
    let isTold = isAnswered
    const isOver = (): boolean => ended.aborted
    while (!isOver()) {
      const waitMs = this.#dueMs() - clock.monotonicMs()
      if (waitMs > 0) {
        await this.#sleep(waitMs, ended)
        continue // Something may have left meanwhile.
      }
      const before = this.#found?.address
      const found = await this.#outcome()
      if (isOver()) return
      if (found instanceof ScionError) {
        this.#wasAsked(false)
        if (isAnswered || !isTold) this.#options.onChange(found)
        isTold = true
        isAnswered = false
        continue
      }
      const isSame = sameAddress(found.address, before)
      this.#wasAsked(!isSame)
      if (isSame && isAnswered) continue
      this.set(found)
      isTold = true
      isAnswered = true
      this.#options.onChange(found)
    }
  }

  /** What a router says now, or why none does. */
  async #outcome(): Promise<OutsideAddress | ScionError> {
    try {
      return await this.#ask({ timeoutMs: OUTSIDE_ANSWER_MS_MAX })
    } catch (cause) {
      if (cause instanceof ScionError) return cause
      return new ScionError('ERR_SCION_IO', 'stun: a question could not be sent', { cause })
    }
  }

  /** Doubt that led to nothing is listened to more rarely, until there is none or it was right. */
  #wasAsked(isNews: boolean): void {
    const isInVain = this.#isDoubted && !isNews
    const doubledMs = Math.min(2 * this.#doubtMs, OUTSIDE_CHECK_MS_MAX)
    this.#doubtMs = isInVain ? doubledMs : OUTSIDE_DOUBT_MS_MIN
    this.#isDoubted = false
  }

  async #sleep(ms: number, ended: AbortSignal): Promise<void> {
    const nap = new AbortController()
    this.#nap = nap
    const signal = AbortSignal.any([ended, nap.signal])
    await this.#options.clock.sleep(ms, signal).catch(() => undefined)
    this.#nap = undefined
  }
}

function sameAddress(one: UnderlayAddress, other: UnderlayAddress | undefined): boolean {
  return one.host === other?.host && one.port === other.port
}
