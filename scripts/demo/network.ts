import { openScionTransport } from '@s3mp/firmware'
import type { ScionTransport } from '@s3mp/firmware'
import { LIVELY_PLAN, nodeUnderlay } from '@s3mp/scion'
import type { ScionEndpoint } from '@s3mp/scion'
import { DEMO_HEADEND_AS, DEMO_METER_AS, demoTopology, openNetwork } from '@s3mp/scion/testing'
import type { Network, TestHost } from '@s3mp/scion/testing'
import type { Clock } from '@s3mp/hal'

/** The port that the head-end listens on, in its own AS. */
const HEADEND_PORT = 30_100

/** How long routers need to notice that a neighbour is gone: three missed BFD packets. */
const DETECT_MS = 600

/** The network of the demonstration with a host for each end. */
export interface DemoNetwork {
  readonly network: Network
  readonly meter: TestHost
  readonly headend: TestHost
  /** Somebody else, somewhere else. */
  readonly stranger: TestHost
  readonly remote: ScionEndpoint
  /** Cuts or mends a link as a digger would: routers notice after a while. */
  switchLink(id: string, up: boolean): void
}

/** Opens all routers on loopback sockets. */
export async function openDemoNetwork(clock: Clock, random: () => number): Promise<DemoNetwork> {
  const network = await openNetwork(demoTopology(), { clock, random, underlay: nodeUnderlay })
  const headend = network.host(DEMO_HEADEND_AS)
  return {
    network,
    headend,
    meter: network.host(DEMO_METER_AS),
    stranger: network.host(STRANGER_AS),
    remote: { ...headend.address, port: HEADEND_PORT },
    switchLink: (id, up) => {
      if (up) network.mend(id)
      else network.cut(id, { scmp: true, detectMs: DETECT_MS })
    },
  }
}

/** The AS from which forged and repeated objects are sent. */
const STRANGER_AS = '1-ff00:0:112'

/** The uplink's way into the network. */
export function openUplinkTransport(
  { meter, remote }: DemoNetwork,
  clock: Clock,
  random: () => number,
): Promise<ScionTransport> {
  return openScionTransport({
    source: meter.source,
    local: meter.address,
    port: 0,
    remote,
    underlay: nodeUnderlay,
    clock,
    random,
    alarmPaths: 2,
    plan: LIVELY_PLAN,
  })
}
