/**
 * `node --conditions=@s3mp/source scripts/testnet/record.ts [--version v0.15.1]` starts a network of
 * the reference implementation and writes down what its programs say to a host: answers of control
 * services and daemons, TRCs and their update, keys, and packets with real MACs. The outcome is
 * `scion/test/vectors/transcript-VERSION.json`, which `scion/test/transcript.test.ts` holds this
 * package against where no such network is.
 */
import { randomInt } from 'node:crypto'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { systemClock } from '@s3mp/hal'
import type { ScionEndpoint, ScionSocket, UnderlayFactory } from '@s3mp/scion'
import { ConnectTransport, ControlLookup, ControlPathSource, ControlServices, DaemonPathSource, DrkeyAuthentication, GrpcTransport, TrustStore, controlDrkeys, forwardingKey, formatEndpoint, formatSequence, nodeUnderlay, openScionSocket, parseAddress, parseIsdAs, parseTopology, parseTrc } from '@s3mp/scion' // prettier-ignore
import type { Path, RpcCall, RpcTransport, SignedTrc } from '@s3mp/scion'
import { namesOf } from './files.ts'
import { Testnet } from './network.ts'
import { VERSIONS } from './programs.ts'
import { readTopology } from './topology.ts'
import { updateTrc } from './trc-update.ts'

const [METER, HEADEND] = ['1-ff00:0:111', '2-ff00:0:211']
const PROTOCOL = 4242
const WAIT_MS = 5000

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** A question and its answer as they went over the wire. */
interface Exchange {
  readonly method: string
  readonly request: string
  readonly answer: string
}

class Recorder implements RpcTransport {
  readonly name: string
  readonly #inner: RpcTransport
  readonly #heard: Exchange[]

  constructor(inner: RpcTransport, heard: Exchange[]) {
    this.name = inner.name
    this.#inner = inner
    this.#heard = heard
  }

  async call(call: RpcCall): Promise<Uint8Array> {
    const answer = await this.#inner.call(call)
    const method = `${call.service}/${call.method}`
    this.#heard.push({ method, request: hex(call.request), answer: hex(answer) })
    return answer
  }

  close(): Promise<void> {
    return this.#inner.close()
  }
}

/** One lookup by control services at a moment that stands still, and what came of it. */
async function lookUp(net: Testnet, trcs: readonly SignedTrc[]): Promise<object> {
  const exchanges: Exchange[] = []
  const nowMs = systemClock.nowMs()
  const clock = { ...systemClock, nowMs: () => nowMs, monotonicMs: () => systemClock.monotonicMs() }
  const { control } = net.addresses(METER)
  const services = new ControlServices([new Recorder(new ConnectTransport(control), exchanges)])
  const learned: string[] = []
  const trust = new TrustStore({
    clock,
    material: services,
    anchors: trcs,
    onTrc: (trc) => learned.push(hex(trc.raw)),
  })
  const { local } = topologyOf(net)
  const lookup = new ControlLookup(local, services)
  const source = new ControlPathSource({ lookup, trust, clock })
  try {
    const paths = await source.paths(parseIsdAs(HEADEND))
    return { nowMs, learned, exchanges, paths: paths.map(described) }
  } finally {
    await source.close()
  }
}

function topologyOf(net: Testnet): ReturnType<typeof parseTopology> {
  const file = join(net.configDir(METER), 'topology.json')
  return parseTopology(readFileSync(file, 'utf8'), file)
}

function described(path: Path): object {
  return {
    sequence: formatSequence(path.interfaces),
    fingerprint: path.fingerprint,
    mtu: path.mtu,
    expiryMs: path.expiryMs,
    dataplane: hex(path.dataplane.bytes),
  }
}

async function askDaemon(net: Testnet): Promise<object> {
  const exchanges: Exchange[] = []
  const transport = new Recorder(new GrpcTransport(net.addresses(METER).daemon), exchanges)
  const source = await DaemonPathSource.open(transport)
  const paths = await source.paths(parseIsdAs(HEADEND))
  await source.close()
  return { exchanges, paths: paths.map(described) }
}

/** What the reference's own tool prints; paths that last as long are those of one lookup. */
async function shown(net: Testnet): Promise<unknown> {
  const { daemon } = net.addresses(METER)
  const sciond = `${daemon.host}:${daemon.port}`
  const words = ['showpaths', '--sciond', sciond, '--format', 'json', '--no-probe', '--refresh']
  return JSON.parse((await net.scion([...words, HEADEND])).stdout)
}

/** A datagram at one of our hosts. */
interface Datagram {
  readonly what: string
  readonly at: string
  readonly direction: 'sent' | 'received'
  readonly bytes: string
}

class Packets {
  readonly heard: Datagram[] = []
  what = ''

  /** The system's sockets, overheard. */
  underlay(at: string): UnderlayFactory {
    const note = (direction: Datagram['direction'], bytes: Uint8Array): void => {
      if (this.what !== '') this.heard.push({ what: this.what, at, direction, bytes: hex(bytes) })
    }
    return {
      bind: async (local, listener) => {
        const inner = await nodeUnderlay.bind(local, {
          datagram: (bytes, from) => {
            note('received', bytes)
            listener.datagram(bytes, from)
          },
          error: (error) => {
            listener.error(error)
          },
        })
        return {
          local: inner.local,
          send: (bytes, to) => {
            note('sent', bytes)
            return inner.send(bytes, to)
          },
          close: () => inner.close(),
        }
      },
    }
  }
}

interface Host {
  readonly socket: ScionSocket
  readonly local: ScionEndpoint
  readonly exchanges: Exchange[]
  close(): Promise<void>
}

async function openHost(
  net: Testnet,
  isdAs: string,
  side: 'fast' | 'slow',
  packets: Packets,
): Promise<Host> {
  // prettier-ignore
  const { host, control } = net.addresses(isdAs)
  const exchanges: Exchange[] = []
  const transport = new ConnectTransport(control, { localAddress: host })
  const services = new ControlServices([new Recorder(transport, exchanges)])
  const keys = controlDrkeys(services)
  const local = { ...parseAddress(`${isdAs},${host}`), port: 31_100 }
  const file = join(net.configDir(isdAs), 'topology.json')
  const clock = systemClock
  const socket = await openScionSocket({
    local,
    localAs: parseTopology(readFileSync(file, 'utf8'), file).local,
    underlay: packets.underlay(isdAs),
    clock,
    random: () => randomInt(2 ** 47) / 2 ** 47,
    authentication: new DrkeyAuthentication({
      keys,
      local,
      side,
      protocol: PROTOCOL,
      clock,
      demand: 'preferred',
    }),
  })
  const close = async (): Promise<void> => {
    await socket.close()
    await services.close()
  }
  return { socket, local, exchanges, close }
}

/** Sends one packet of each kind over the first path and over the peering link, and overhears all. */
async function exchangePackets(net: Testnet, paths: readonly Path[]): Promise<object> {
  const packets = new Packets()
  const meter = await openHost(net, METER, 'slow', packets)
  const headend = await openHost(net, HEADEND, 'fast', packets)
  try {
    const [first] = paths
    if (first === undefined) throw new Error('no path to send on')
    // Keys are fetched in the background by packets that leave without.
    for (let round = 0; round < 10; round++) {
      await meter.socket.send(headend.local, Uint8Array.of(0), first)
      const { from, reply } = await headend.socket.receive(AbortSignal.timeout(WAIT_MS))
      await headend.socket.send(from, Uint8Array.of(0), reply)
      await meter.socket.receive(AbortSignal.timeout(WAIT_MS))
      await sleep(50)
    }
    for (const [index, path] of paths.entries()) {
      packets.what = `authenticated datagram there and back, path ${index}`
      await meter.socket.send(headend.local, new TextEncoder().encode('a reading'), path)
      const { from, reply } = await headend.socket.receive(AbortSignal.timeout(WAIT_MS))
      await headend.socket.send(from, new TextEncoder().encode('received'), reply)
      await meter.socket.receive(AbortSignal.timeout(WAIT_MS))
      packets.what = `traceroute, path ${index}`
      await meter.socket.traceroute(path, { timeoutMs: WAIT_MS })
    }
    packets.what = 'echo'
    await meter.socket.echo(headend.local, first, { timeoutMs: WAIT_MS })
    packets.what = 'SCMP about a wrong MAC'
    const bytes = first.dataplane.bytes.slice()
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
    const broken = { ...first, dataplane: { ...first.dataplane, bytes } }
    await meter.socket.send(headend.local, Uint8Array.of(1), broken)
    await sleep(300)
    packets.what = 'SCMP about a link that is down'
    for (const { name } of net.topology.links) if (name !== 'meter') net.cut(name)
    await sleep(2000)
    const long = paths.find(({ interfaces }) => interfaces.length > 2) ?? first
    await meter.socket.send(headend.local, Uint8Array.of(2), long)
    await sleep(300)
    for (const { name } of net.topology.links) net.mend(name)
    return {
      meter: formatEndpoint(meter.local),
      headend: formatEndpoint(headend.local),
      protocol: PROTOCOL,
      drkeys: { meter: meter.exchanges, headend: headend.exchanges },
      packets: packets.heard,
    }
  } finally {
    await meter.close()
    await headend.close()
  }
}

async function record(version: (typeof VERSIONS)[number]): Promise<object> {
  const topology = readTopology(join(import.meta.dirname, 'topologies/two-isds.json'))
  const net = await Testnet.start(topology, { version, slot: 60, dispatcher: true })
  try {
    await net.waitForPaths(METER, HEADEND, 2)
    await net.waitForPaths(HEADEND, METER, 2)
    const folder = join(net.work, 'gen/trcs')
    const trcs = readdirSync(folder).sort().map((name) => parseTrc(readFileSync(join(folder, name)))) // prettier-ignore
    const { source, paths } = await openPaths(net, trcs)
    const traffic = await exchangePackets(net, paths)
    await source.close()
    const before = await lookUp(net, trcs)
    const daemon = { ...(await askDaemon(net)), shown: await shown(net) }
    await updateTrc(net, 1)
    let after: object = await lookUp(net, trcs).catch(() => ({}))
    for (let tries = 0; tries < 90 && !isUpdated(after); tries++) {
      await sleep(500)
      after = await lookUp(net, trcs).catch(() => ({}))
    }
    if (!isUpdated(after)) throw new Error('no segment under the new TRC in time')
    const keys = topology.ases.map(({ isdAs }) => [isdAs, forwardingKeyOf(net, isdAs)])
    return {
      source: `programs of scionproto/scion ${version} (Apache-2.0), recorded by scripts/testnet/record.ts; topology two-isds`,
      version,
      local: METER,
      destination: HEADEND,
      topology: JSON.parse(
        readFileSync(join(net.configDir(METER), 'topology.json'), 'utf8'),
      ) as object,
      trcs: trcs.map(({ raw }) => hex(raw)),
      forwardingKeys: Object.fromEntries(keys) as object,
      before,
      after,
      daemon,
      traffic,
    }
  } finally {
    await net.stop()
  }
}

async function openPaths(
  net: Testnet,
  anchors: readonly SignedTrc[],
): Promise<{ readonly source: ControlPathSource; readonly paths: readonly Path[] }> {
  const services = new ControlServices([new ConnectTransport(net.addresses(METER).control)])
  const clock = systemClock
  const trust = new TrustStore({ clock, material: services, anchors })
  const lookup = new ControlLookup(topologyOf(net).local, services)
  const source = new ControlPathSource({ lookup, trust, clock })
  return { source, paths: await source.paths(parseIsdAs(HEADEND)) }
}

/** Whether a lookup brought the update, and every path again: nothing was out of reach meanwhile. */
function isUpdated(lookup: object): boolean {
  const { learned = [], paths = [] } = lookup as Partial<Record<'learned' | 'paths', unknown[]>>
  return learned.length > 0 && paths.length === 2
}

function forwardingKeyOf(net: Testnet, isdAs: string): string {
  const file = join(net.work, 'gen', namesOf(isdAs).folder, 'keys/master0.key')
  return hex(forwardingKey(Buffer.from(readFileSync(file, 'utf8'), 'base64')))
}

const { values } = parseArgs({ options: { version: { type: 'string' } } })
const version = VERSIONS.find((one) => one === (values.version ?? VERSIONS[0]))
if (version === undefined) throw new Error(`--version: one of ${VERSIONS.join(', ')}`)
const file = resolve(import.meta.dirname, `../../scion/test/vectors/transcript-${version}.json`)
writeFileSync(file, `${JSON.stringify(await record(version), undefined, 2)}\n`)
console.log(`written: ${file}`)
