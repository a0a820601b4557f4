import type { Clock } from '../../src/clock.ts'
import type { VirtualClock } from '../../src/testing/virtual-clock.ts'

/** The machine's own time, for tests on real sockets. */
export const realClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      const abort = (): void => {
        clearTimeout(timer)
        reject(signal?.reason instanceof Error ? signal.reason : new Error('aborted'))
      }
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', abort)
        resolve()
      }, ms)
      if (signal?.aborted === true) abort()
      signal?.addEventListener('abort', abort, { once: true })
    }),
}

/**
 * Lets virtual time pass until a promise is settled, twenty times as fast as real time at most: what is
 * done on other threads meanwhile, such as checking signatures, takes real time.
 */
export async function whileTimePasses<T>(clock: VirtualClock, promise: Promise<T>): Promise<T> {
  const state = { isSettled: false }
  const settled = promise.finally(() => {
    state.isSettled = true
  })
  settled.catch(() => undefined)
  for (let turn = 0; turn < 5000 && !state.isSettled; turn++) {
    await clock.advance(20)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  return await settled
}
