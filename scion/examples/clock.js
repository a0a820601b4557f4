import { setTimeout as wait } from 'node:timers/promises'

/** The system's clock in the form that the package takes it; tests give it a virtual one. */
export const clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: async (ms, signal) => {
    await wait(ms, undefined, { signal })
  },
}
