import type { ScionEndpoint } from '../addr/endpoint.ts'
import { parseIp } from '../addr/host.ts'
import type { IsdAs } from '../addr/isd-as.ts'
import type { UnderlayAddress } from '../addr/underlay.ts'
import type { Clock } from '../clock.ts'
import { ScionError } from '../errors.ts'
import type { PackedAddress } from '../packet/header.ts'
import { packAddress } from '../packet/header.ts'
import type { OutsideAddress } from './bindings.ts'

/**
 * Longest time in which nothing leaves before the mapping of a NAT is used, in milliseconds. NATs
 * forget an idle one after 30 s and more (RFC 8445 §11 keeps alive every 15 s).
 */
export const OUTSIDE_IDLE_MS_MAX = 15_000
/** Longest time between two questions where packets flow, in milliseconds: a NAT may restart. */
export const OUTSIDE_CHECK_MS_MAX = 60_000

/** What keeping an outside address needs of its socket. */
export interface OutsideOptions {
  readonly isdAs: IsdAs
  readonly clock: Clock
  /** Monotonic time at which something left towards other ASes for the last time. */
  readonly sentMs: () => number
  /** Asks the border router from where it sees the socket. */
  readonly ask: () => Promise<OutsideAddress>
  /** Hears of another address, and of a router that does not answer any more. */
  readonly onChange: (outcome: OutsideAddress | ScionError) => void
}

/**
 * The address under which other ASes know a socket, where that is not its own one: learned from a
 * border router, kept alive while nothing else passes, and learned anew when it has changed.
 */
export class Outside {
  readonly #options: OutsideOptions
  #endpoint: ScionEndpoint | undefined
  #packed: PackedAddress | undefined
  #address: UnderlayAddress | undefined
  #keeping: AbortController | undefined

  constructor(options: OutsideOptions) {
    this.#options = options
  }

  /** The address, where something translates. */
  get endpoint(): ScionEndpoint | undefined {
    return this.#endpoint
  }

  /** The same as packets carry it. */
  get packed(): PackedAddress | undefined {
    return this.#packed
  }

  /** Takes what a router said. */
  set({ address, translated }: OutsideAddress): void {
    this.#address = address
    const { isdAs } = this.#options
    const endpoint = { isdAs, host: parseIp(address.host), port: address.port }
    this.#endpoint = translated ? endpoint : undefined
    this.#packed = translated ? packAddress(endpoint) : undefined
  }

  /** Goes on asking until {@link end}. */
  keep(): void {
    if (this.#keeping !== undefined) return
    this.#keeping = new AbortController()
    void this.#run(this.#keeping.signal)
  }

  /** Asks no more; what is known stays. */
  end(): void {
    this.#keeping?.abort()
    this.#keeping = undefined
  }

  async #run(ended: AbortSignal): Promise<void> {
    const { clock, sentMs, onChange } = this.#options
    let isKnown = true
    let askedMs = clock.monotonicMs()
    const isOver = (): boolean => ended.aborted
    while (!isOver()) {
      const idleMs = Math.max(sentMs(), askedMs) + OUTSIDE_IDLE_MS_MAX
      const dueMs = Math.min(idleMs, askedMs + OUTSIDE_CHECK_MS_MAX)
      const waitMs = dueMs - clock.monotonicMs()
      if (waitMs > 0) {
        await clock.sleep(waitMs, ended).catch(() => undefined)
        continue // Something may have left meanwhile.
      }
      askedMs = clock.monotonicMs()
      try {
        const { host, port } = this.#address ?? {}
        const found = await this.#options.ask()
        if (isOver()) return
        const isSame = found.address.host === host && found.address.port === port
        if (!isSame || !isKnown) onChange(found)
        isKnown = true
      } catch (error) {
        if (!(error instanceof ScionError) || isOver()) return
        if (isKnown) onChange(error)
        isKnown = false
      }
    }
  }
}
