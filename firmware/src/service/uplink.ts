import { systemClock, type Clock } from '@s3mp/hal'

import { retryDelayMs } from '../backoff.ts'
import type { UplinkEnd } from '../channel/channel.ts'
import type { Config } from '../config/load.ts'
import { FirmwareError, reasonOf } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Transport } from '../transport/transport.ts'
import { createUplink } from '../uplink.ts'
import { systemRandom } from './system.ts'

/** Shortest and longest pause before a network that was not there is tried again, in milliseconds. */
export const UPLINK_RETRY_MS_MIN = 1000
/** See {@link UPLINK_RETRY_MS_MIN}; below what the watchdog takes for a loop that is stuck. */
export const UPLINK_RETRY_MS_MAX = 20_000

/** What runs beside an uplink. */
export interface UplinkSurroundings {
  readonly signal: AbortSignal
  /** Called at every turn, also while the network is waited for. */
  readonly progress: () => void
  readonly clock?: Clock
}

/**
 * Opens the uplink and lets it work until it is told to end. A network that is not there yet is waited
 * for: after a power cut a meter is up before the router of its house, and must go on metering.
 *
 * @throws FirmwareError `config` where waiting would not help.
 */
export async function runUplink(
  config: Config,
  channel: UplinkEnd,
  log: Log,
  { signal, progress, clock = systemClock }: UplinkSurroundings,
): Promise<void> {
  const bounds = { minMs: UPLINK_RETRY_MS_MIN, maxMs: UPLINK_RETRY_MS_MAX }
  for (let failures = 0; !signal.aborted; failures += 1) {
    progress()
    try {
      const transport = await openTransport(config, log)
      await createUplink({ channel, transport, clock: systemClock, log }).run(signal, progress)
      return
    } catch (error) {
      if (!(error instanceof FirmwareError) || error.code !== 'network') throw error
      log.warn('uplink.waiting', { reason: reasonOf(error) })
    }
    await clock.sleep(retryDelayMs(failures, systemRandom(), bounds), signal).catch(() => undefined)
  }
  await channel.close()
}

/** Only what the transport needs is loaded: a meter on a small Pi has no memory to give away. */
async function openTransport(config: Config, log: Log): Promise<Transport> {
  const { transport } = config.uplink
  if (transport === 'udp') {
    const { remote } = config['uplink.udp']
    if (remote === undefined) throw new FirmwareError('config', 'uplink.udp.remote: missing')
    const { UdpTransport } = await import('../transport/udp.ts')
    return new UdpTransport({ remote, monotonicMs: () => systemClock.monotonicMs() })
  }
  const { openScion } = await import('./scion.ts')
  return openScion(config, log)
}
