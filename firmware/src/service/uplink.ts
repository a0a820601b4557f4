import { systemClock } from '@s3mp/hal'

import type { UplinkEnd } from '../channel/channel.ts'
import type { Config } from '../config/load.ts'
import { FirmwareError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Transport } from '../transport/transport.ts'
import { createUplink, type Uplink } from '../uplink.ts'

/** Builds the uplink role from its configuration and the real network. */
export async function openUplink(config: Config, channel: UplinkEnd, log: Log): Promise<Uplink> {
  return createUplink({
    channel,
    transport: await openTransport(config, log),
    clock: systemClock,
    log,
  })
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
