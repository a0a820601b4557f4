import {
  formatUnderlay,
  ScionError,
  type Clock,
  type OutsideAddress,
  type ScionSocket,
  type UnderlayAddress,
} from '@s3mp/scion'

import type { NatStatus } from '../channel/message.ts'

/** How long the first answer of a border router is waited for before packets leave, in milliseconds. */
export const NAT_FIRST_MS_MAX = 250

/** Acknowledgements that stay away for so long make us ask again from where we are seen, in milliseconds. */
export const NAT_DOUBT_MS_MIN = 1500

/**
 * Whether other ASes see us under another address. `auto`: asked, and where no router answers there
 * is taken to be no NAT. `on`: there is one, and a router that does not answer is a fault. An address
 * is one that somebody has forwarded to us, and nobody is asked.
 */
export type NatMode = 'off' | 'auto' | 'on' | UnderlayAddress

/** What became known about the NAT; each is worth a line. */
export type NatNews =
  | { readonly type: 'found'; readonly outside: string; readonly warning: string | undefined }
  | { readonly type: 'none' }
  /** `isTrouble` where an address was known before, or one is needed. */
  | { readonly type: 'unknown'; readonly reason: string; readonly isTrouble: boolean }

/** What the watch over the NAT needs. */
export interface NatOptions {
  readonly socket: ScionSocket
  readonly mode: NatMode
  readonly clock: Clock
  readonly onNews?: ((news: NatNews) => void) | undefined
}

/**
 * Learns from where other ASes see the uplink's socket, keeps that place and notices when it moves:
 * a NAT that has lost its mapping shows first in acknowledgements that do not come back.
 */
export class Nat {
  readonly #options: NatOptions
  readonly #unobserve: () => void
  #state: NatStatus['state']
  #outside: string | undefined
  #changes = 0
  #hear: () => void = () => undefined
  #unansweredMs: number | undefined

  constructor(options: NatOptions) {
    const { socket, mode } = options
    this.#options = options
    this.#state = mode === 'off' ? 'off' : 'asking'
    this.#unobserve = socket.observe((event) => {
      if (event.type === 'outside-changed') this.#found(event.outside)
      else if (event.type === 'outside-unknown') this.#unknown(event.error)
    })
    if (mode === 'auto' || mode === 'on') socket.followOutside()
    else if (mode !== 'off') {
      socket.fixOutside(mode)
      if (socket.outside !== undefined) this.#found(socket.outside)
    }
  }

  /** Resolves when something is known, or soon: a router that says nothing must not hold us up. */
  async first(): Promise<void> {
    if (this.#state !== 'asking') return
    const heard = new AbortController()
    this.#hear = () => {
      heard.abort()
    }
    await this.#options.clock.sleep(NAT_FIRST_MS_MAX, heard.signal).catch(() => undefined)
  }

  /** Something left whose acknowledgement is expected. */
  sent(): void {
    const nowMs = this.#options.clock.monotonicMs()
    this.#unansweredMs ??= nowMs
    if (nowMs - this.#unansweredMs >= NAT_DOUBT_MS_MIN) this.#options.socket.doubtOutside()
  }

  /** An acknowledgement came: whatever address counts, it is right. */
  landed(): void {
    this.#unansweredMs = undefined
  }

  /** How it stands. */
  status(): NatStatus {
    return { state: this.#state, outside: this.#outside ?? '', changes: this.#changes }
  }

  /** Hears no more of the socket, which is the caller's. */
  close(): void {
    this.#unobserve()
    this.#hear()
  }

  #found({ address, translated, warning }: OutsideAddress): void {
    const outside = formatUnderlay(address)
    if (this.#outside !== undefined && this.#outside !== outside) this.#changes += 1
    this.#outside = outside
    this.#state = translated ? 'behind' : 'none'
    this.#hear()
    this.#options.onNews?.(translated ? { type: 'found', outside, warning } : { type: 'none' })
  }

  #unknown(error: ScionError): void {
    const isTrouble = this.#options.mode === 'on' || this.#outside !== undefined
    this.#state = 'unknown'
    this.#hear()
    this.#options.onNews?.({ type: 'unknown', reason: error.message, isTrouble })
  }
}
