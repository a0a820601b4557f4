import { ScionError } from '../errors.ts'
import type { DrkeyEpoch } from './derive.ts'

/** How long after its end an epoch's keys are still taken, in milliseconds. */
export const EPOCH_GRACE_MS = 5_000

/** How far the sender's clock and the way of a packet may lead apart, in milliseconds, both sides. */
export const ACCEPTANCE_WINDOW_MS = 300_000

const TIMESTAMP_LIMIT = 1n << 48n

/**
 * Time within an epoch as packets carry it: nanoseconds since its begin, 48 bits. Throws
 * `ERR_SCION_TOO_LARGE` for a time that does not fit (about 78 hours after the begin).
 */
export function relativeTimestamp(epoch: DrkeyEpoch, timeNs: bigint): bigint {
  const relative = timeNs - BigInt(epoch.beginSeconds) * 1_000_000_000n
  if (relative < 0n || relative >= TIMESTAMP_LIMIT) {
    throw new ScionError(
      'ERR_SCION_TOO_LARGE',
      `timestamp: less than 2^48 ns after the epoch's begin, found ${relative.toString()}`,
    )
  }
  return relative
}

/**
 * The epoch under which a packet was sent: the first of the current, the previous and the next one
 * in which its timestamp names a time near now. Undefined where none fits: the packet is stale.
 *
 * @param windowMs full width of what counts as near, half of it to either side
 */
export function epochOfTimestamp(
  timestampNs: bigint,
  candidates: readonly DrkeyEpoch[],
  nowMs: number,
  windowMs = ACCEPTANCE_WINDOW_MS,
): DrkeyEpoch | undefined {
  const relativeMs = Number(timestampNs / 1_000_000n)
  return candidates.find(({ beginSeconds, endSeconds }) => {
    const sentMs = beginSeconds * 1000 + relativeMs
    const near = Math.abs(sentMs - nowMs) <= windowMs / 2
    return near && sentMs <= endSeconds * 1000 + EPOCH_GRACE_MS
  })
}
