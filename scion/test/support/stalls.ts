import type { Clock } from '../../src/clock.ts'
import type { UnderlayFactory } from '../../src/socket/underlay.ts'

/** A stretch of monotonic time in which a process gets no processor. */
export interface Stall {
  readonly fromMs: number
  readonly untilMs: number
}

/**
 * A host whose process stalls: its timers fire only after a stall, and packets that arrive meanwhile
 * are heard after those timers, as an event loop does it.
 */
export function stallingHost(
  clock: Clock,
  underlay: UnderlayFactory,
  isStalled: (atMs: number) => Stall | undefined,
): { readonly clock: Clock; readonly underlay: UnderlayFactory } {
  const restMs = (): number => {
    const nowMs = clock.monotonicMs()
    return Math.max(0, (isStalled(nowMs)?.untilMs ?? nowMs) - nowMs)
  }
  return {
    clock: {
      nowMs: () => clock.nowMs(),
      monotonicMs: () => clock.monotonicMs(),
      sleep: async (ms, signal) => {
        await clock.sleep(ms, signal)
        if (restMs() > 0) await clock.sleep(restMs(), signal)
      },
    },
    underlay: {
      bind: (local, listener) =>
        underlay.bind(local, {
          error: (error) => {
            listener.error(error)
          },
          datagram: (bytes, from) => {
            const waitMs = restMs()
            if (waitMs === 0) listener.datagram(bytes, from)
            else {
              void clock.sleep(waitMs + 0.001).then(() => {
                listener.datagram(bytes, from)
              })
            }
          },
        }),
    },
  }
}
