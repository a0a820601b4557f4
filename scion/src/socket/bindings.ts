import { abortReason } from '../abort.ts'
import type { UnderlayAddress } from '../addr/underlay.ts'
import { formatUnderlay } from '../addr/underlay.ts'
import type { Clock, Random } from '../clock.ts'
import { ScionError } from '../errors.ts'
import type { LocalAs } from '../path/source.ts'
import {
  STUN_TRANSACTION_BYTES,
  decodeBindingResponse,
  encodeBindingRequest,
  transactionIdOf,
} from '../stun/message.ts'
import type { AskOptions } from './questions.ts'
import { closedError } from './receive-queue.ts'

/** STUN questions under way at a time. */
export const BINDINGS_MAX = 16
/** First pause before a STUN question is asked again; doubled each time (RFC 8489 §6.2.1). */
export const BINDING_RETRY_MS = 500

/** The address of a socket as a border router sees it. */
export interface OutsideAddress {
  readonly address: UnderlayAddress
  /** Whether something between socket and router changes addresses. */
  readonly translated: boolean
  /**
   * Why packets from other ASes may not arrive, in words; undefined where nothing stands against
   * it. Routers deliver to ports of the AS's range only.
   */
  readonly warning?: string
}

interface Binding {
  readonly router: UnderlayAddress
  readonly settle: (outcome: UnderlayAddress | Error) => void
}

/** STUN questions to border routers that wait for their answers (RFC 8489). */
export class Bindings {
  readonly #clock: Clock
  readonly #random: Random
  readonly #open = new Map<string, Binding>()

  constructor(clock: Clock, random: Random) {
    this.#clock = clock
    this.#random = random
  }

  /**
   * Asks a router, again and again until it answers or time is up. Rejects with
   * `ERR_SCION_TIMEOUT`, `ERR_SCION_MALFORMED` for an answer of the router that is none, with what
   * `send` rejects with, or with the signal's reason.
   */
  async ask(
    router: UnderlayAddress,
    options: AskOptions,
    send: (request: Uint8Array) => Promise<void>,
  ): Promise<UnderlayAddress> {
    options.signal?.throwIfAborted()
    if (this.#open.size >= BINDINGS_MAX) {
      throw new ScionError('ERR_SCION_TOO_LARGE', `stun: at most ${BINDINGS_MAX} questions`)
    }
    const id = Uint8Array.from({ length: STUN_TRANSACTION_BYTES }, () =>
      Math.floor(this.#random() * 256),
    )
    const key = id.join()
    const over = new AbortController()
    const abort = (): void => {
      if (options.signal !== undefined) this.#settle(key, abortReason(options.signal))
    }
    options.signal?.addEventListener('abort', abort, { once: true })
    try {
      return await new Promise<UnderlayAddress>((resolve, reject) => {
        const settle = (outcome: UnderlayAddress | Error): void => {
          if (outcome instanceof Error) reject(outcome)
          else resolve(outcome)
        }
        this.#open.set(key, { router, settle })
        const asking = this.#repeat(encodeBindingRequest(id), send, options, over.signal)
        asking.catch((error: unknown) => {
          this.#settle(key, error instanceof Error ? error : new Error(String(error)))
        })
      })
    } finally {
      over.abort()
      options.signal?.removeEventListener('abort', abort)
      this.#open.delete(key)
    }
  }

  /** Takes a STUN message from the network; false where that router was not asked for it. */
  accept(message: Uint8Array, from: UnderlayAddress): boolean {
    const key = transactionIdOf(message).join()
    const router = this.#open.get(key)?.router
    if (router?.host !== from.host || router.port !== from.port) return false
    try {
      this.#settle(key, decodeBindingResponse(message))
    } catch (error) {
      if (!(error instanceof ScionError)) throw error
      this.#settle(key, error)
    }
    return true
  }

  /** Ends all with `ERR_SCION_CLOSED`. */
  close(): void {
    for (const key of [...this.#open.keys()]) this.#settle(key, closedError())
  }

  async #repeat(
    request: Uint8Array,
    send: (request: Uint8Array) => Promise<void>,
    { timeoutMs }: AskOptions,
    over: AbortSignal,
  ): Promise<void> {
    const endMs = this.#clock.monotonicMs() + timeoutMs
    for (let pauseMs = BINDING_RETRY_MS; ; pauseMs *= 2) {
      await send(request.slice())
      const restMs = endMs - this.#clock.monotonicMs()
      try {
        await this.#clock.sleep(Math.max(0, Math.min(pauseMs, restMs)), over)
      } catch {
        return // Answered.
      }
      if (this.#clock.monotonicMs() >= endMs) {
        throw new ScionError('ERR_SCION_TIMEOUT', `stun: an answer within ${timeoutMs} ms`)
      }
    }
  }

  #settle(key: string, outcome: UnderlayAddress | Error): void {
    const binding = this.#open.get(key)
    this.#open.delete(key)
    binding?.settle(outcome)
  }
}

/** What it means for a socket at `local` that a router sees it at `seen`. */
export function judgeOutside(
  seen: UnderlayAddress,
  local: UnderlayAddress,
  { dispatchedPorts: range }: LocalAs,
): OutsideAddress {
  const translated = seen.host !== local.host || seen.port !== local.port
  if (range === undefined || (seen.port >= range.min && seen.port <= range.max)) {
    return { address: seen, translated }
  }
  const where = `${formatUnderlay(local)} is seen at ${formatUnderlay(seen)}`
  const ports = `dispatched_ports ${range.min}-${range.max}`
  const warning = `${where}, outside ${ports}: routers may not deliver answers from other ASes there`
  return { address: seen, translated, warning }
}

/** The same for an address that somebody has written down: a NAT stands between, whatever it says. */
export function fixedOutside(
  address: UnderlayAddress,
  local: UnderlayAddress,
  localAs: LocalAs,
): OutsideAddress {
  return { ...judgeOutside(address, local, localAs), translated: true }
}
