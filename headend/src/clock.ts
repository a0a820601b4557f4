import { setTimeout as delay } from 'node:timers/promises'

/**
 * Where the head-end takes its time from; a virtual one runs whole days in a test.
 *
 * The same shape as everywhere in the project, declared here because rooms share no helpers.
 */
export interface Clock {
  /** Wall clock, milliseconds since 1970 UTC: for stamps and validity, never for intervals. */
  nowMs(): number
  /** Milliseconds from an arbitrary start that never jump: for intervals, rates and deadlines. */
  monotonicMs(): number
  /** Resolves after `ms`; rejects with the signal's reason when aborted before. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** Fills with randomness fit for keys; `crypto.getRandomValues` outside of tests. */
export type RandomBytes = (length: number) => Uint8Array

/** The machine's own clock; the head-end may not import `hal`, so it asks the system itself. */
export const systemClock: Clock = {
  // eslint-disable-next-line no-restricted-properties -- this is the head-end's one asking place
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) => delay(ms, undefined, signal === undefined ? {} : { signal }),
}
