/**
 * Time as a capability, so that a day of metering can be tested in a millisecond.
 *
 * Contract (each clause is a test in `test/contract/clock.ts`, run against every clock):
 * 1. `nowMs` is wall-clock time, milliseconds since 1970 UTC. It may jump, also backwards.
 * 2. `monotonicMs` counts milliseconds from an arbitrary origin and never runs backwards.
 * 3. `sleep` resolves once `ms` milliseconds of monotonic time have passed, never earlier.
 * 4. `sleep(0)` and negative durations yield and resolve.
 * 5. When `signal` aborts, a pending `sleep` rejects with the signal's reason and leaves no timer;
 *    with a signal already aborted it rejects at once.
 * 6. `sleep` of `NaN` rejects with a RangeError; of `Infinity` it ends by its signal only.
 */
export interface Clock {
  nowMs(): number
  monotonicMs(): number
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** The longest delay Node's timers can hold (2^31 - 1 ms, 24.8 days); longer sleeps are split. */
export const TIMER_DELAY_MS_MAX = 2_147_483_647

function sleepOnce(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer)
      // The reason is whatever the aborter chose to say; it is passed on, not wrapped.
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

/** The machine's own clock: the only place that asks the system for the time. */
export const systemClock: Clock = {
  // eslint-disable-next-line no-restricted-properties -- the one place that may.
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  async sleep(ms, signal) {
    if (Number.isNaN(ms)) throw new RangeError('ms: expected a duration, found NaN')
    const end = performance.now() + ms
    signal?.throwIfAborted()
    await sleepOnce(Math.min(Math.max(ms, 0), TIMER_DELAY_MS_MAX), signal)
    // Timers fire up to a millisecond early and cannot hold more than TIMER_DELAY_MS_MAX.
    for (let left = end - performance.now(); left > 0; left = end - performance.now()) {
      await sleepOnce(Math.min(Math.ceil(left), TIMER_DELAY_MS_MAX), signal)
    }
  },
}
