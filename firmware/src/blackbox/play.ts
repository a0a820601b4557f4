import { lineTimeMs, type Clock, type SerialPort, type SerialSettings } from '@s3mp/hal'

import type { Capture } from './capture.ts'

/** Longest silence that is played as it was, in milliseconds; a longer one is cut to this. */
export const PLAY_PAUSE_MS_MAX = 60_000

/** Bytes given to the driver at once. */
const WRITE_BYTES = 64

/** What playing needs. */
export interface PlayOptions {
  readonly port: Pick<SerialPort, 'write' | 'drain'>
  readonly settings: SerialSettings
  readonly clock: Clock
  readonly signal: AbortSignal
  /** How many times as fast as it was. */
  readonly speed: number
  readonly onPlayed?: (bytes: number) => void
}

/**
 * Plays a capture onto a line as it came: never faster than the line is, and with its silences. A
 * capture without times is played at the speed of the line.
 */
export async function play(capture: Capture, options: PlayOptions): Promise<void> {
  const { port, settings, clock, signal, speed, onPlayed } = options
  const startMs = clock.monotonicMs()
  let playedMs = 0
  let lastMs = 0
  for (const { atMs, bytes } of capture.chunks) {
    playedMs += Math.min(atMs - lastMs, PLAY_PAUSE_MS_MAX) / speed
    lastMs = atMs
    for (let at = 0; at < bytes.length; at += WRITE_BYTES) {
      const part = bytes.subarray(at, at + WRITE_BYTES)
      await clock.sleep(startMs + playedMs - clock.monotonicMs(), signal)
      await port.write(part)
      // The bytes of a chunk came in before it was handed over; what follows waits for the line.
      playedMs = Math.max(playedMs, clock.monotonicMs() - startMs)
      playedMs += capture.isTimed ? 0 : lineTimeMs(settings, part.length) / speed
      onPlayed?.(part.length)
    }
  }
  await port.drain()
}
