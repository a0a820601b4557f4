import type { Clock } from '@s3mp/hal'

/** Waits are cut into parts, so that the watchdog sees the loop turn, in milliseconds. */
const PART_MS = 5000

/** Waits as long, in parts, or until `signal` aborts; never rejects. */
export async function pause(
  ms: number,
  clock: Clock,
  signal: AbortSignal,
  progress: () => void,
): Promise<void> {
  for (let left = ms; left > 0 && !signal.aborted; left -= PART_MS) {
    progress()
    await clock.sleep(Math.min(left, PART_MS), signal).catch(() => undefined)
  }
}
