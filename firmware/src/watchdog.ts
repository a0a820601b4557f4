import { spawn } from 'node:child_process'

import type { Clock } from '@s3mp/hal'

import type { Log } from './log.ts'

/** A loop that has not turned for this long is stuck, in milliseconds. */
export const LOOP_STUCK_MS_MAX = 30_000

/** Time that `systemd-notify` gets, in milliseconds; it takes 4. */
export const NOTIFY_MS_MAX = 5000

/** Tells the service manager something; resolves when it was told, or could not be. */
export type Notify = (state: string) => Promise<void>

/** What the watchdog needs. */
export interface WatchdogOptions {
  readonly notify: Notify
  /** Interval that the manager expects, in milliseconds; undefined for none. */
  readonly intervalMs: number | undefined
  readonly clock: Clock
  readonly log: Log
  /** Milliseconds since each loop last turned. */
  readonly loops: () => Readonly<Record<string, number>>
}

/**
 * How the manager can be told, from the environment that it gives: Node has no datagram sockets of
 * the Unix family, so a helper is started (sd_notify(3), `NotifyAccess=all`).
 */
export function systemdNotify(environment: NodeJS.ProcessEnv): Notify | undefined {
  if (environment.NOTIFY_SOCKET === undefined) return undefined
  return (state) =>
    new Promise((resolve) => {
      const done = (): void => {
        resolve()
      }
      try {
        const child = spawn('systemd-notify', [state], { stdio: 'ignore', timeout: NOTIFY_MS_MAX })
        child.once('error', done)
        child.once('close', done)
      } catch {
        done() // Without memory for a helper: the manager is told the next time.
      }
    })
}

/** The manager's interval in milliseconds (`WATCHDOG_USEC`); undefined when there is none. */
export function watchdogMs(environment: NodeJS.ProcessEnv): number | undefined {
  const ms = Number(environment.WATCHDOG_USEC) / 1000
  return Number.isFinite(ms) && ms >= 1 ? ms : undefined
}

/**
 * Says ready, then feeds the watchdog for as long as every loop turns. When one is stuck it says so
 * and feeds no more: the manager then starts the program again.
 */
export async function keepWatch(options: WatchdogOptions, signal: AbortSignal): Promise<void> {
  const { notify, intervalMs, clock, log, loops } = options
  await notify('READY=1')
  // Three chances an interval, as sd_watchdog_enabled(3) advises at least two.
  const waitMs = (intervalMs ?? 60_000) / 3
  while (!signal.aborted) {
    const stuck = Object.entries(loops()).filter(([, ms]) => ms > LOOP_STUCK_MS_MAX)
    if (stuck.length > 0) log.error('loop.stuck', { loops: stuck.map(([name]) => name).join(',') })
    else if (intervalMs !== undefined) await notify('WATCHDOG=1')
    await clock.sleep(waitMs, signal).catch(() => undefined)
  }
  await notify('STOPPING=1')
}
