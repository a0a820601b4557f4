import { toHex } from '@s3mp/envelope'
import { systemClock } from '@s3mp/hal'
import type { Fetcher } from '@s3mp/web/http'

import type { Meter } from '../app.ts'
import { memoryChannel } from '../channel/memory.ts'
import { connectToUplink, listenForMeter } from '../channel/socket.ts'
import type { Config } from '../config/load.ts'
import { openControl } from '../control.ts'
import { reasonOf } from '../errors.ts'
import type { Log } from '../log.ts'
import { meterMetrics } from '../metrics.ts'
import type { UnixServer } from '../page/unix.ts'
import { say } from '../terminal.ts'
import { keepWatch, systemdNotify, watchdogMs } from '../watchdog.ts'
import { tryServePage } from './page.ts'
import { systemLog, systemRandom, terminationSignal } from './system.ts'

/** `s3mp meter`: the role with the keys and without a network, until it is told to end. */
export async function serveMeter(config: Config): Promise<void> {
  const log = systemLog(config.log.level)
  const signal = terminationSignal(log)
  const { socket: path } = config.uplink
  const channel = connectToUplink({ path, clock: systemClock, random: systemRandom })
  try {
    const { openMeter } = await import('./meter.ts')
    const { meter, page } = await openMeter(config, channel, log)
    tellStart(log, 'meter', config, meter)
    const loops = (): Readonly<Record<string, number>> => meter.status().loops
    const server = page && (await tryServeUnix(config.page.socket, page, log))
    try {
      await together(signal, (all) => [
        withControl(config, meter, meter.run(all)),
        watch(log, loops, all),
      ])
    } finally {
      page?.close()
      await server?.close()
    }
  } finally {
    await channel.close()
  }
}

/** `s3mp uplink`: the role with the network and without a key, until it is told to end. */
export async function serveUplink(config: Config): Promise<void> {
  const log = systemLog(config.log.level)
  const signal = terminationSignal(log)
  const channel = await listenForMeter(config.uplink.socket)
  try {
    const { runUplink } = await import('./uplink.ts')
    const progress = new Progress()
    log.info('uplink.started', { transport: config.uplink.transport, socket: config.uplink.socket })
    await together(signal, (all) => [
      runUplink(config, channel, log, { signal: all, progress: progress.turn }),
      watch(log, progress.loops, all),
    ])
  } finally {
    await channel.close()
  }
}

/** `s3mp run`: both roles in one process. */
export async function serveBoth(config: Config): Promise<void> {
  const log = systemLog(config.log.level)
  const signal = terminationSignal(log)
  const channel = memoryChannel()
  if (process.stdout.isTTY) say('Starting …')
  const { openMeter } = await import('./meter.ts')
  const { runUplink } = await import('./uplink.ts')
  const { meter, page } = await openMeter(config, channel.meter, log)
  const progress = new Progress()
  tellStart(log, 'run', config, meter)
  const loops = (): Readonly<Record<string, number>> => ({
    ...meter.status().loops,
    ...progress.loops(),
  })
  const server = page && (await tryServePage(config, page, log))
  if (process.stdout.isTTY) tellPerson(server?.url)
  try {
    await together(signal, (all) => [
      withControl(config, meter, meter.run(all)),
      runUplink(config, channel.uplink, log, { signal: all, progress: progress.turn }),
      watch(log, loops, all),
    ])
  } finally {
    page?.close()
    await server?.close()
  }
}

/** What whoever started it by hand wants to know; the log is on standard error. */
function tellPerson(page: string | undefined): void {
  const where = page === undefined ? '' : ` Its page is at ${page}`
  say(`The meter runs.${where}`)
  say('s3mp status says how it is doing; Ctrl-C ends it, and nothing that was stored is lost.')
}

/** Runs all until the signal aborts; when one fails, the others are ended and its error is thrown. */
async function together(
  signal: AbortSignal,
  begin: (all: AbortSignal) => readonly Promise<void>[],
): Promise<void> {
  const stop = new AbortController()
  const running = begin(AbortSignal.any([signal, stop.signal]))
  try {
    await Promise.all(running)
  } finally {
    stop.abort()
    await Promise.allSettled(running)
  }
}

/** A meter without its page's socket still meters. */
async function tryServeUnix(path: string, app: Fetcher, log: Log): Promise<UnixServer | undefined> {
  try {
    const { serveUnix } = await import('../page/unix.ts')
    return await serveUnix(path, app)
  } catch (error) {
    log.warn('page.failed', { reason: reasonOf(error) })
    return undefined
  }
}

class Progress {
  #turnedMs = systemClock.monotonicMs()
  readonly turn = (): void => {
    this.#turnedMs = systemClock.monotonicMs()
  }
  readonly loops = (): Readonly<Record<string, number>> => ({
    uplink: Math.round(systemClock.monotonicMs() - this.#turnedMs),
  })
}

async function withControl(config: Config, meter: Meter, running: Promise<void>): Promise<void> {
  if (config.control.socket === 'off') {
    await running
    return
  }
  const answer = (question: string): unknown => {
    if (question === 'status') return meter.status()
    if (question === 'metrics') return { text: meterMetrics(meter.status(), systemClock.nowMs()) }
    return question === 'raw' ? { raw: toHex(meter.raw()) } : { error: 'unknown question' }
  }
  // A meter without its control socket still meters.
  const control = await openControl(config.control.socket, answer).catch(() => undefined)
  try {
    await running
  } finally {
    await control?.close()
  }
}

async function watch(
  log: Log,
  loops: () => Readonly<Record<string, number>>,
  signal: AbortSignal,
): Promise<void> {
  const notify = systemdNotify(process.env)
  if (notify === undefined) return
  const intervalMs = watchdogMs(process.env)
  await keepWatch({ notify, intervalMs, clock: systemClock, log, loops }, signal)
}

function tellStart(log: Log, role: string, config: Config, meter: Meter): void {
  const { ueid, boot } = meter.status()
  log.info(`${role}.started`, {
    ueid: toHex(ueid),
    boot,
    devices: config.meters.map(({ device }) => device).join(' '),
    state: config.state.folder,
  })
}
