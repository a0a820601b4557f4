import { createHash, randomFillSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  decodeHeadendCard,
  encodePublicKeyFile,
  SoftwareSigner,
  toHex,
  ueidOf,
} from '@s3mp/envelope'
import type { ChainState } from '@s3mp/envelope'
import { createMeter, createUplink, memoryChannel, Spool } from '@s3mp/firmware'
import type { Log, Meter, MeterOptions, ScionTransport } from '@s3mp/firmware'
import type { Clock } from '@s3mp/hal'
import { createHeadend, Keyring, MemorySecrets, SqliteStore } from '@s3mp/headend'
import type { Headend } from '@s3mp/headend'
import { DEMO_HEADEND_AS, DEMO_METER_AS } from '@s3mp/scion/testing'
import type { DemoDeed, DemoSwitch, Failover } from '@s3mp/web/api'
import { loadPage } from '@s3mp/web'
import { demoDocument } from './addresses.ts'
import { Deeds } from './deeds.ts'
import { plantHistory } from './history.ts'
import { openInput } from './input.ts'
import type { DemoInput, DemoLever } from './input.ts'
import { Journeys } from './journeys.ts'
import { NetworkView } from './network-view.ts'
import { openDemoNetwork, openUplinkTransport } from './network.ts'
import type { DemoNetwork } from './network.ts'
import type { DemoOptions } from './options.ts'
import { PolicyDesk } from './policy.ts'
import { demoRoutes } from './routes.ts'
import { SwitchableTransport } from './switchable.ts'

/** Shortest time between two tellings of the map; probes change it many times a second. */
const MAP_TELL_MS = 250

/** Readings under one signed seal: few, so that the page can verify soon. */
const SEAL_EVERY = 5

const DAY_MS = 86_400_000

/** What the outside hears of the demonstration. */
export interface WorldListener {
  readonly onFailover: (failover: Failover) => void
  readonly onLink: (id: string, up: boolean) => void
  readonly onSwitch: (name: DemoSwitch, on: boolean) => void
  readonly onFirstReading: () => void
  /** What the firmware has to say. */
  readonly log: Log
}

/** The whole demonstration, running. */
export interface World {
  readonly input: DemoInput
  readonly headend: Headend
  readonly meter: Meter
  readonly view: NetworkView
  readonly fetch: (request: Request) => Response | Promise<Response>
  /** Ends everything and removes every file; may be called twice. */
  close(): Promise<void>
}

/** Random bytes of the system. */
const randomBytes = (length: number): Uint8Array => randomFillSync(new Uint8Array(length))

/** Things to be undone, newest first. */
type Undo = (() => unknown)[]

/** Builds and starts everything; what was begun is undone where something fails. */
export async function openWorld(
  options: DemoOptions,
  clock: Clock,
  random: () => number,
  listener: WorldListener,
): Promise<World> {
  const undo: Undo = []
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => (closing ??= undoAll(undo))
  try {
    return { ...(await build(options, clock, random, listener, undo)), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function undoAll(undo: Undo): Promise<void> {
  for (const step of undo.reverse()) await Promise.resolve(step()).catch(() => undefined)
}

async function build(
  options: DemoOptions,
  clock: Clock,
  random: () => number,
  listener: WorldListener,
  undo: Undo,
): Promise<Omit<World, 'close'>> {
  const input = await openInput(options, clock, random)
  undo.push(() => input.close?.())
  const folder = mkdtempSync(join(tmpdir(), 's3mp-demo-'))
  undo.push(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  const network = await openDemoNetwork(clock, random)
  undo.push(() => network.network.close())
  const signer = SoftwareSigner.generate('Ed25519', randomBytes)
  const switchable = new SwitchableTransport(network.headend, network.remote.port)
  const hears: Hears = {}
  const headend = await openHeadend(folder, switchable, clock, hears, undo)
  headend.enroll(encodePublicKeyFile(signer), { name: nameOf(input) })
  const chains = await plantPast(input, options.historyDays, headend, signer, clock.nowMs())
  const transport = await openUplinkTransport(network, clock, random)
  undo.push(() => transport.close())
  const device = toHex(signer.ueid)
  const parts = { clock, network, transport, headend, device, listener }
  const { journeys, view } = follow(parts, undo)
  hears.stored = (stream, seq, row, atMs, path) => {
    journeys.stored(stream, seq, row, atMs, path)
  }
  let overheard: Uint8Array | undefined
  const deeds = new Deeds({
    network,
    clock,
    randomBytes,
    card: () => headend.card(),
    victim: signer,
    overheard: () => overheard,
  })
  undo.push(() => deeds.close())
  hears.refused = (source, reason) => {
    deeds.refused(source, reason)
  }
  const onTrace: MeterOptions['onTrace'] = (event) => {
    journeys.trace(event)
    if (event.type === 'stored') overheard = event.datagram
  }
  const spool = beginSpool(folder, clock, chains)
  const meter = startMeter({ ...parts, spool, input, signer, random, onTrace }, undo)
  const policy = new PolicyDesk(transport, () => {
    headend.live.publish({ type: 'network', data: view.answer() })
  })
  const served = { input, headend, journeys, view, network, switchable, deeds, policy, listener }
  const fetch = serve(served)
  return { input, headend, meter, view, fetch }
}

/** What the head-end tells, wired up once there is somebody to tell. */
interface Hears {
  stored?: (stream: number, seq: number, row: number, atMs: number, path?: Uint8Array) => void
  refused?: Deeds['refused']
}

async function openHeadend(
  folder: string,
  transport: SwitchableTransport,
  clock: Clock,
  hears: Hears,
  undo: Undo,
): Promise<Headend> {
  const policy = { validMs: 30 * DAY_MS, rotateBeforeMs: 10 * DAY_MS, graceMs: 30 * DAY_MS }
  const store = new SqliteStore(join(folder, 'headend.sqlite'))
  undo.push(() => {
    store.close()
  })
  const headend = await createHeadend({
    access: 'open',
    store,
    keyring: Keyring.create(new MemorySecrets(), policy, randomBytes),
    transports: [transport],
    clock,
    random: randomBytes,
    page: await loadPage(),
    role: 'demo',
    views: ['journey', 'network', 'household', 'fleet'],
    name: 'Demonstration',
    onRefusal: (reason, arrival) => hears.refused?.(arrival.source, reason),
    onCommit: (entries, { outcomes }, nowMs) => {
      entries.forEach(({ record, path }, index) => {
        const outcome = outcomes[index]
        if (outcome?.type !== 'stored') return
        hears.stored?.(record.stream, record.seq, outcome.row, nowMs, path)
      })
    },
  })
  undo.push(() => headend.close())
  return headend
}

interface Parts {
  readonly clock: Clock
  readonly network: DemoNetwork
  readonly transport: ScionTransport
  readonly headend: Headend
  readonly device: string
  readonly listener: WorldListener
}

/** Follows readings and paths, and tells the page. */
function follow(parts: Parts, undo: Undo): { journeys: Journeys; view: NetworkView } {
  const { clock, network, transport, headend, device, listener } = parts
  const { live } = headend
  let telling: NodeJS.Timeout | undefined
  const view: NetworkView = new NetworkView({
    network: network.network,
    pilot: transport.pilot,
    source: DEMO_METER_AS,
    destination: DEMO_HEADEND_AS,
    nowMs: () => clock.nowMs(),
    onFailover: listener.onFailover,
    onChange: () => {
      telling ??= setTimeout(() => {
        telling = undefined
        live.publish({ type: 'network', data: view.answer() })
      }, MAP_TELL_MS)
    },
  })
  let first = true
  const journeys = new Journeys({
    device,
    scionBytes: () => scionBytes(transport, network),
    onJourney: (journey) => {
      if (first) listener.onFirstReading()
      first = false
      live.publish({ type: 'journey', data: journey })
    },
    onAcknowledged: (path, atMs) => {
      view.acknowledged(path, atMs)
    },
  })
  // Round trips change with every probe; the map is told of them now and then.
  const round = setInterval(() => {
    live.publish({ type: 'network', data: view.answer() })
  }, 2000)
  undo.push(() => {
    clearInterval(round)
    clearTimeout(telling)
    view.close()
  })
  return { journeys, view }
}

/** What SCION puts in front of a payload on the active path, the UDP header not counted. */
function scionBytes(transport: ScionTransport, network: DemoNetwork): number {
  const active = transport.pilot.report().find((report) => report.state === 'active')
  if (active === undefined) return 0
  return Math.max(0, active.mtu - transport.pilot.maxPayload(network.remote) - 8)
}

interface MeterParts extends Parts {
  readonly spool: () => Spool
  readonly input: DemoInput
  readonly signer: SoftwareSigner
  readonly random: () => number
  readonly onTrace: MeterOptions['onTrace']
}

/** Both roles of the firmware, over a channel in memory. */
function startMeter(parts: MeterParts, undo: Undo): Meter {
  const { clock, transport, headend, spool, input, signer, random, onTrace } = parts
  const channel = memoryChannel()
  const stop = new AbortController()
  const uplink = createUplink({ channel: channel.uplink, transport, clock })
  const card = decodeHeadendCard(headend.card())
  const meter = createMeter({
    clock,
    random,
    randomBytes,
    sources: input.sources,
    ...(input.tamper !== undefined && { tamper: input.tamper }),
    streams: {
      billingMs: 900_000,
      minuteMs: 60_000,
      isLive: true,
      sealEvery: SEAL_EVERY,
      sealAfterMs: 10_000,
      heartbeatMs: 10_000,
    },
    signer,
    trust: { key: card.key, prekeys: card.prekeys },
    openSpool: spool,
    channel: channel.meter,
    firmwareHash: createHash('sha256').update('demonstration').digest(),
    log: parts.listener.log,
    ...(onTrace !== undefined && { onTrace }),
  })
  const running = Promise.all([uplink.run(stop.signal), meter.run(stop.signal)])
  running.catch(() => undefined)
  undo.push(async () => {
    stop.abort()
    await running
  })
  return meter
}

/** A past for a simulated meter; where its billing streams go on, if it has one. */
async function plantPast(
  { past }: DemoInput,
  days: number,
  headend: Headend,
  signer: SoftwareSigner,
  endMs: number,
): Promise<readonly ChainState[]> {
  if (past === undefined || days === 0) return []
  const recipientId = ueidOf(decodeHeadendCard(headend.card()).key)
  return plantHistory({ past, store: headend.store, signer, recipientId, endMs, days })
}

/** Opens the meter's disk; the first time its billing streams go on where the past ended. */
function beginSpool(folder: string, clock: Clock, chains: readonly ChainState[]): () => Spool {
  let planted = chains
  return () => {
    const spool = Spool.open({
      folder: join(folder, 'meter'),
      bytesMax: 64 * 1024 * 1024,
      objectsMax: 100_000,
      nowMs: clock.nowMs(),
    })
    for (const chain of planted) spool.remember({ ...chain, memory: '' })
    planted = []
    return spool
  }
}

function nameOf(input: DemoInput): string {
  return input.kind === 'simulated' ? 'Lindenweg 12' : input.name
}

interface ServeParts {
  readonly input: DemoInput
  readonly headend: Headend
  readonly journeys: Journeys
  readonly view: NetworkView
  readonly network: DemoNetwork
  readonly switchable: SwitchableTransport
  readonly deeds: Deeds
  readonly policy: PolicyDesk
  readonly listener: WorldListener
}

/** The demonstration's own addresses in front of the head-end's. */
function serve(parts: ServeParts): World['fetch'] {
  const { input, headend, journeys, view, network, switchable, deeds, policy, listener } = parts
  const levers = new Map<DemoSwitch, DemoLever>([['headend', switchable], ...input.switches])
  const acts = new Map<DemoDeed, () => ReturnType<Deeds['forge']>>([
    ['forge', () => deeds.forge()],
    ['replay', () => deeds.replay()],
  ])
  const describe = () => ({
    switches: [...levers].map(([name, { on }]) => ({ name, on })),
    deeds: [...acts.keys()],
    input: input.kind,
    inputName: input.name,
  })
  const routes = demoRoutes({
    network: () => view.answer(),
    journeys,
    levers,
    deeds: acts,
    describe,
    policy,
    document: () => demoDocument(headend.describe().version, headend.routes),
    switchLink: (id, up) => {
      network.switchLink(id, up)
      listener.onLink(id, up)
    },
    onSwitch: (name, on) => {
      listener.onSwitch(name, on)
      headend.live.publish({ type: 'demo', data: describe() })
    },
  })
  routes.all('*', (context) => headend.app.fetch(context.req.raw))
  return (request) => routes.fetch(request)
}
