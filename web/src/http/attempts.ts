import { RateLimiter } from './rate.ts'

/** Log-ins that one address (IPv6: one /64) may try at once. */
export const ADDRESS_ATTEMPTS_MAX = 10
/** Such log-ins per second after that: one in ten seconds. */
export const ADDRESS_ATTEMPTS_RATE_MAX = 0.1
/** Log-ins under one name that may be tried at once, from wherever. */
export const NAME_ATTEMPTS_MAX = 20
/** Such log-ins per second after that: one in twenty seconds. */
export const NAME_ATTEMPTS_RATE_MAX = 0.05
/** Addresses, and as many names, that are remembered; the longest silent is forgotten. */
export const ATTEMPT_SOURCES_MAX = 10_000

/**
 * Slows down guessing: by address, and by name for those who have many addresses.
 *
 * A name's allowance is the larger one, because whoever knows a name can use it up and so keep its
 * owner waiting; twenty seconds of that are bearable, a lock-out would be a gift. Names nobody has are
 * counted like any, so that waiting tells nothing about who exists.
 */
export class AttemptLimiter {
  readonly #addresses = new RateLimiter(
    { burst: ADDRESS_ATTEMPTS_MAX, perSecond: ADDRESS_ATTEMPTS_RATE_MAX },
    ATTEMPT_SOURCES_MAX,
  )
  readonly #names = new RateLimiter(
    { burst: NAME_ATTEMPTS_MAX, perSecond: NAME_ATTEMPTS_RATE_MAX },
    ATTEMPT_SOURCES_MAX,
  )

  /** Counts an attempt; gives 0 where it may go on, else the seconds to wait. */
  take(address: string, name: string, monotonicMs: number): number {
    const network = networkOf(address)
    const waitMs = Math.max(
      this.#addresses.waitMs(network, monotonicMs),
      this.#names.waitMs(name, monotonicMs),
    )
    if (waitMs > 0) return Math.ceil(waitMs / 1000)
    this.#addresses.take(network, monotonicMs)
    this.#names.take(name, monotonicMs)
    return 0
  }

  /** The attempt was the right one: what came before it is forgotten for that name. */
  succeeded(name: string): void {
    this.#names.forgive(name)
  }
}

/** The network that one person commands: an IPv4 address, or the /64 of an IPv6 address. */
export function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '')
  if (!plain.includes(':')) return plain
  const [head = '', tail] = plain.split('%')[0]?.split('::') ?? []
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length)
  const groups = [...left, ...Array.from({ length: zeros }, () => '0'), ...right]
  return `${groups
    .slice(0, 4)
    .map((group) => (Number.parseInt(group, 16) || 0).toString(16))
    .join(':')}::/64`
}
