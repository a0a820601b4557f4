import { LIVELY_PLAN, type ScionSocket } from '@s3mp/scion'
import {
  DEMO_HEADEND_AS,
  DEMO_METER_AS,
  demoTopology,
  openNetwork,
  seededRandom,
  VirtualClock,
  VirtualUnderlay,
  type Network,
} from '@s3mp/scion/testing'

import { openScionTransport, type ScionTransport } from '../../src/transport/scion.ts'

/** The demonstration's network under virtual time, a head-end's socket and a transport to it. */
export interface TransportWorld {
  readonly clock: VirtualClock
  readonly network: Network
  readonly headend: ScionSocket
  readonly transport: ScionTransport
  close(): Promise<void>
}

/** Opens it and lets `settleMs` pass, in which the paths are measured. */
export async function openTransportWorld(seed: number, settleMs: number): Promise<TransportWorld> {
  const clock = new VirtualClock()
  const random = seededRandom(seed)
  const underlay = new VirtualUnderlay(clock)
  const network = await openNetwork(demoTopology(), { clock, random, underlay })
  const meter = network.host(DEMO_METER_AS)
  const headend = await network.host(DEMO_HEADEND_AS).openSocket()
  const transport = await openScionTransport({
    source: meter.source,
    local: meter.address,
    port: 0,
    remote: headend.local,
    underlay,
    clock,
    random,
    alarmPaths: 2,
    plan: LIVELY_PLAN,
  })
  await clock.advance(settleMs)
  return {
    clock,
    network,
    headend,
    transport,
    close: async () => {
      await transport.close()
      await headend.close()
      await network.close()
    },
  }
}
