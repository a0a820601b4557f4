import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatIsdAsFile, parseIsdAs } from '@s3mp/scion'
import type { AddressPlan } from './addresses.ts'
import { DISPATCHED_PORTS, text } from './addresses.ts'
import type { LinkEnd, TestAs, TestLink, Topology } from './topology.ts'

/** What an AS is called in file names and as the id of its programs. */
export interface AsNames {
  /** "ASff00_0_110" */
  readonly folder: string
  readonly router: string
  readonly control: string
  readonly daemon: string
}

/** Names of the AS `isdAs`, the same wherever they appear. */
export function namesOf(isdAs: string): AsNames {
  const [isd = '', as = ''] = formatIsdAsFile(parseIsdAs(isdAs)).split('-')
  const short = `${isd.slice('ISD'.length)}-${as.slice('AS'.length)}`
  return { folder: as, router: `br${short}`, control: `cs${short}`, daemon: `sd${short}` }
}

/** How a network's routers watch their neighbours: dead after `detectMult` intervals of silence. */
export interface BfdSettings {
  readonly detectMult: number
  readonly intervalMs: number
}

/** What may differ between networks of one topology. */
export interface NetworkDetails {
  readonly bfd: BfdSettings
  /** ASes whose topology names a SCION-IP gateway. */
  readonly gateways: readonly string[]
}

/**
 * Ports of a gateway. Within the dispatched range, so that routers deliver to them without the
 * responder on port 30041.
 */
export const GATEWAY_PORTS = { control: 31_256, data: 31_056, probe: 31_856 }

/**
 * Writes everything the programs read: TRCs and certificates (by `scion-pki testcrypto`), keys,
 * topology and configuration of each AS, below `work/gen`. Paths in them are relative to `work`.
 */
export function writeFiles(
  work: string,
  bin: string,
  topology: Topology,
  plan: AddressPlan,
  random: (bytes: number) => Uint8Array,
  details: NetworkDetails,
): void {
  for (const name of ['gen', 'run', 'logs']) mkdirSync(join(work, name), { recursive: true })
  writeFileSync(join(work, 'testnet.topo'), cryptoTopology(topology))
  execFileSync(
    join(bin, 'scion-pki'),
    ['testcrypto', '-t', 'testnet.topo', '-o', 'gen', '--as-validity', '365d'],
    { cwd: work, stdio: ['ignore', 'ignore', 'pipe'] },
  )
  for (const as of topology.ases) {
    writeAs(work, as, topology, plan, random, details)
  }
  writeFileSync(join(work, 'gen/disp.toml'), DISPATCHER)
}

const DISPATCHER = `[dispatcher]
id = "disp"
local_udp_forwarding = true
`

function cryptoTopology(topology: Topology): string {
  const rows = topology.ases.map((as) => {
    const value = as.core
      ? { core: true, voting: true, authoritative: true, issuing: true }
      : { cert_issuer: as.issuer }
    return `  ${JSON.stringify(as.isdAs)}: ${JSON.stringify(value)}`
  })
  return `ASes:\n${rows.join('\n')}\n`
}

function writeAs(
  work: string,
  as: TestAs,
  topology: Topology,
  plan: AddressPlan,
  random: (bytes: number) => Uint8Array,
  details: NetworkDetails,
): void {
  const names = namesOf(as.isdAs)
  const folder = join(work, 'gen', names.folder)
  copyTrcs(work, folder)
  mkdirSync(join(folder, 'keys'), { recursive: true })
  for (const index of [0, 1]) {
    const key = Buffer.from(random(16)).toString('base64')
    writeFileSync(join(folder, `keys/master${index}.key`), `${key}\n`)
  }
  const json = topologyJson(as, topology, plan, details)
  writeFileSync(join(folder, 'topology.json'), JSON.stringify(json, undefined, 2))
  if (as.staticInfo !== undefined) {
    writeFileSync(join(folder, 'staticInfoConfig.json'), JSON.stringify(as.staticInfo))
  }
  const config = `gen/${names.folder}`
  const { daemon } = plan.as(as.isdAs)
  writeFileSync(join(folder, 'br.toml'), general(names.router, config))
  writeFileSync(
    join(folder, 'cs.toml'),
    general(names.control, config) + controlToml(names.control),
  )
  writeFileSync(
    join(folder, 'sd.toml'),
    general(names.daemon, config) + daemonToml(names.daemon, text(daemon)),
  )
}

/** testcrypto leaves each AS its own certificates; every AS needs every ISD's TRC as well. */
function copyTrcs(work: string, folder: string): void {
  const certs = join(folder, 'certs')
  mkdirSync(certs, { recursive: true })
  const trcs = join(work, 'gen/trcs')
  for (const name of readdirSync(trcs)) copyFileSync(join(trcs, name), join(certs, name))
}

function topologyJson(
  as: TestAs,
  topology: Topology,
  plan: AddressPlan,
  details: NetworkDetails,
): Record<string, unknown> {
  const names = namesOf(as.isdAs)
  const { router, control } = plan.as(as.isdAs)
  const interfaces = topology.links.flatMap((link) =>
    endsAt(link, as.isdAs).map((end) => interfaceJson(link, end, plan, details.bfd)),
  )
  return {
    isd_as: as.isdAs,
    attributes: as.core ? ['core'] : [],
    mtu: 1400,
    dispatched_ports: DISPATCHED_PORTS,
    control_service: { [names.control]: { addr: text(control) } },
    border_routers: {
      [names.router]: { internal_addr: text(router), interfaces: Object.fromEntries(interfaces) },
    },
    ...(details.gateways.includes(as.isdAs) ? { sigs: gatewayJson(as.isdAs, plan) } : {}),
  }
}

function gatewayJson(isdAs: string, plan: AddressPlan): Record<string, unknown> {
  const host = plan.as(isdAs).gateway
  const { control, data, probe } = GATEWAY_PORTS
  const at = (port: number): string => text({ host, port })
  return { sig: { ctrl_addr: at(control), data_addr: at(data), probe_addr: at(probe) } }
}

function endsAt(link: TestLink, isdAs: string): readonly ('a' | 'b')[] {
  return (['a', 'b'] as const).filter((end) => link[end].isdAs === isdAs)
}

function interfaceJson(
  link: TestLink,
  end: 'a' | 'b',
  plan: AddressPlan,
  bfd: BfdSettings,
): [string, unknown] {
  const addresses = plan.link(link.name)
  const own: LinkEnd = link[end]
  const other: LinkEnd = link[end === 'a' ? 'b' : 'a']
  const interval = `${bfd.intervalMs}ms`
  return [
    String(own.interfaceId),
    {
      isd_as: other.isdAs,
      link_to: neighbourOf(link, end),
      mtu: link.mtu,
      ...(link.kind === 'peer' ? { remote_interface_id: other.interfaceId } : {}),
      underlay: {
        local: text(addresses[end]),
        remote: text(end === 'a' ? addresses.towardsA : addresses.towardsB),
      },
      bfd: {
        detect_mult: bfd.detectMult,
        desired_min_tx_interval: interval,
        required_min_rx_interval: interval,
      },
    },
  ]
}

function neighbourOf(link: TestLink, end: 'a' | 'b'): string {
  if (link.kind !== 'child') return link.kind
  return end === 'a' ? 'child' : 'parent'
}

function general(id: string, config: string): string {
  return `[general]\nid = "${id}"\nconfig_dir = "${config}"\n[log.console]\nlevel = "info"\n`
}

function controlToml(id: string): string {
  return `[trust_db]
connection = "run/${id}.trust.db"
[beacon_db]
connection = "run/${id}.beacon.db"
[path_db]
connection = "run/${id}.path.db"
[drkey.level1_db]
connection = "run/${id}.drkey1.db"
[drkey.secret_value_db]
connection = "run/${id}.drkeysv.db"
`
}

function daemonToml(id: string, address: string): string {
  return `[trust_db]
connection = "run/${id}.trust.db"
[path_db]
connection = "run/${id}.path.db"
[drkey_level2_db]
connection = "run/${id}.drkey2.db"
[sd]
address = "${address}"
`
}
