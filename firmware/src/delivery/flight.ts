import { toHex } from '@s3mp/envelope'

import type { ToMeter } from '../channel/message.ts'
import type { SpoolObject } from '../spool/spool.ts'

/** Paths remembered of one object on its way. */
export const FLIGHT_PATHS_MAX = 8

/** An object on its way: sent, and not yet acknowledged. */
export interface Flight {
  readonly object: Pick<SpoolObject, 'id' | 'stream' | 'seq' | 'lastSeq' | 'priority' | 'epoch'>
  attempt: number
  /** Fingerprints in hex of the paths that it left on. */
  readonly paths: Set<string>
  readonly firstMs: number
  sentMs: number
  /** Monotonic time of the next try. */
  dueMs: number
}

/** Notes the paths that a flight left on. The uplink may say what it likes: it is bounded. */
export function leftOn(
  { paths }: Flight,
  { path, copies = [] }: Extract<ToMeter, { type: 'sent' }>,
): void {
  for (const one of [path, ...copies]) {
    if (one.length === 8 && paths.size < FLIGHT_PATHS_MAX) paths.add(toHex(one))
  }
}
