import { spawn } from 'node:child_process'
import type { Log } from '../log.ts'

/** Longest wait for systemd-notify; it takes milliseconds. */
export const NOTIFY_MS_MAX = 5000

/**
 * Tells systemd how the program is, where it was started by systemd; does nothing elsewhere.
 *
 * Node has no datagram sockets of the Unix kind, so systemd's own small program is used; the unit
 * needs `NotifyAccess=all`.
 */
export class Supervisor {
  readonly #log: Log
  readonly #environment: NodeJS.ProcessEnv
  #timer: NodeJS.Timeout | undefined

  constructor(log: Log, environment: NodeJS.ProcessEnv = process.env) {
    this.#log = log
    this.#environment = environment
  }

  /** Says that the program works, and from then on, at half the watchdog's time, while it does. */
  ready(works: () => boolean): void {
    this.#tell('READY=1')
    const watchdogUs = Number(this.#environment.WATCHDOG_USEC ?? 0)
    if (!(watchdogUs > 0)) return
    this.#timer = setInterval(() => {
      if (works()) this.#tell('WATCHDOG=1')
    }, watchdogUs / 2000)
    this.#timer.unref()
  }

  /** Says that the program is ending. */
  stopping(): void {
    clearInterval(this.#timer)
    this.#tell('STOPPING=1')
  }

  #tell(state: string): void {
    if (this.#environment.NOTIFY_SOCKET === undefined) return
    const child = spawn('systemd-notify', [state], {
      stdio: 'ignore',
      timeout: NOTIFY_MS_MAX,
      env: this.#environment,
    })
    child.on('error', (error) => {
      this.#log.warn('supervisor.failed', { reason: error.message })
    })
  }
}
