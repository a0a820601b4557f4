import { webcrypto } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'

/** The system's clock in the form that the package takes it; tests give it a virtual one. */
export const clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: async (ms, signal) => {
    await wait(ms, undefined, { signal })
  },
}

/** Numbers in [0, 1) that nobody can foresee, as `Math.random` can be: they guard against forged answers. */
export function random() {
  return webcrypto.getRandomValues(new Uint32Array(1))[0] / 2 ** 32
}
