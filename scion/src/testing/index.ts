/** @packageDocumentation A SCION network in one process, for tests and demonstrations. */
export { DEMO_HEADEND_AS, DEMO_METER_AS, demoTopology } from './demo-topology.ts'
export { TestHost } from './host.ts'
export type { TestHostParts } from './host.ts'
export { LINK_QUEUE_MS_MAX } from './link.ts'
export type { LinkState, PacketFate } from './link.ts'
export { NAT_FAR_ENDS_MAX, NAT_IDLE_MS, TestNat } from './nat.ts'
export type { TestNatOptions } from './nat.ts'
export { HOSTS_PER_AS_MAX, openNetwork } from './network.ts'
export type { Network, NetworkEvent, NetworkOptions } from './network.ts'
export { seededRandom } from './random.ts'
export { formatEnd, linkAt, readTopology } from './topology.ts'
export { TOPOLOGY_ASES_MAX, TOPOLOGY_LINKS_MAX, TOPOLOGY_MTU } from './topology.ts'
export type {
  AsDescription,
  LinkDescription,
  LinkEnd,
  LinkQuality,
  LinkRole,
  Topology,
  TopologyAs,
  TopologyDescription,
  TopologyLink,
} from './topology.ts'
export { VIRTUAL_STEPS_MAX, VirtualClock } from './virtual-clock.ts'
export { VIRTUAL_LATENCY_MS, VirtualUnderlay } from './virtual-underlay.ts'
