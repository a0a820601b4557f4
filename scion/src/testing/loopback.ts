import type { Random } from '../clock.ts'
import { ScionError } from '../errors.ts'
import type { UnderlayFactory } from '../socket/underlay.ts'

/** Blocks of loopback addresses that are tried before a network gives up. */
export const LOOPBACK_CLAIMS_MAX = 64

const FIRST_BLOCK = 64
const BLOCKS = 160
// Not 30041: a SCION dispatcher of this machine may hold that on every address.
const CLAIM_PORT = 30_499

/** A block of loopback addresses, 127.b.0.0/16, that no other network of this machine uses. */
export interface LoopbackClaim {
  /** The address of a router (from 1) or host of the AS with this index. */
  host(as: number, number: number): string
  /** Lets others have it. */
  release(): Promise<void>
}

/**
 * Claims a block, so that networks of tests that run side by side do not meet: whoever has bound its
 * last address owns it. Linux answers on all of 127.0.0.0/8 without being told.
 */
export async function claimLoopback(
  underlay: UnderlayFactory,
  random: Random,
): Promise<LoopbackClaim> {
  const first = Math.floor(random() * BLOCKS)
  for (let tried = 0; tried < LOOPBACK_CLAIMS_MAX; tried += 1) {
    const block = FIRST_BLOCK + ((first + tried) % BLOCKS)
    try {
      const claim = await underlay.bind(
        { host: `127.${block}.255.254`, port: CLAIM_PORT },
        { datagram: () => undefined, error: () => undefined },
      )
      return {
        host: (as, number) => `127.${block}.${as + 1}.${number}`,
        release: () => claim.close(),
      }
    } catch (error) {
      if (!(error instanceof ScionError && error.code === 'ERR_SCION_IO')) throw error
    }
  }
  throw new ScionError('ERR_SCION_IO', 'loopback: a free block of addresses, found none')
}
