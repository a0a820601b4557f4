import type { AddressInfo } from 'node:net'
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import {
  advance,
  decimalText,
  encodeRecord,
  encodeStatus,
  genesis,
  nextLink,
  schemaIdOf,
  signRecord,
  SoftwareSigner,
  toHex,
} from '@s3mp/envelope'
import type { ChainState, DeviceRecord, Schema } from '@s3mp/envelope'
import { createDecoder, decimal, explainSml } from '@s3mp/meter'
import type { Register } from '@s3mp/meter'
import { Household, SmlHousehold } from '@s3mp/meter/simulator'
import { demoTopology } from '@s3mp/scion/testing'
import { API_ROOT, SCOPES } from '@s3mp/web/api'
import type {
  DemoAnswer,
  Device,
  EvidenceRecord,
  Journey,
  NetworkAnswer,
  NetworkPath,
  ReadingView,
  ServerInfo,
  SessionAnswer,
} from '@s3mp/web/api'
import { LiveFeed, loadPage } from '@s3mp/web'
import { listenerFor } from '@s3mp/web/http'
import { Hono } from 'hono'

/** How many readings a fixture's seal closes. */
const SEAL_EVERY = 5

const RECIPIENT = new Uint8Array(32).fill(7)

/** What a fixture is made with. */
export interface PageFixtureOptions {
  /** Wall clock of the newest reading. */
  readonly nowMs: () => number
  readonly randomBytes: (length: number) => Uint8Array
  /** Further devices in the fleet, which never say anything. */
  readonly silentDevices?: number
  /** The set-up code that opens the page, as a meter's own page asks for; nobody is asked without. */
  readonly code?: string
}

/**
 * A server for the page alone: real telegrams of a simulated meter, really signed records, and a
 * network that exists on paper. Tests of the page, and whoever draws it, need nothing else.
 */
export class PageFixture {
  readonly live = new LiveFeed({ run: 'fixture' })
  readonly #options: PageFixtureOptions
  readonly #signer: SoftwareSigner
  readonly #household: SmlHousehold
  readonly #readings: ReadingView[] = []
  readonly #records: (EvidenceRecord & { readonly last: number })[] = []
  #chain: ChainState
  #schemaId: Uint8Array | undefined
  #scalers: readonly number[] = []
  #sinceSeal: { seq: number; hash: Uint8Array }[] = []
  #network: NetworkAnswer
  #journey: Journey | undefined
  /** What the operator called the meter; hostile where a test wants it. */
  name = 'Lindenweg 12'
  /** Set to change what the server claims of every reading, as a forger in the database would. */
  tamper: ((reading: ReadingView) => ReadingView) | undefined

  constructor(options: PageFixtureOptions) {
    this.#options = options
    this.#signer = SoftwareSigner.generate('Ed25519', options.randomBytes)
    this.#chain = genesis(this.#signer.ueid, 3)
    const startMs = options.nowMs() - 600_000
    const household = new Household({ seed: 11, startMs, solarPeakW: 6500, importMilliWh: 4_821_337_250n, exportMilliWh: 1_904_512_800n }) // prettier-ignore
    this.#household = new SmlHousehold({ household })
    this.#network = paperNetwork(options.nowMs())
  }

  /** Serves until `close` is called; resolves with the address. */
  async listen(port = 0): Promise<{ url: string; close: () => Promise<void> }> {
    const app = await this.#app()
    const server = createServer(listenerFor(app))
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    const { port: bound } = server.address() as AddressInfo
    return {
      url: `http://127.0.0.1:${bound}`,
      close: async () => {
        this.live.close()
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      },
    }
  }

  /** Takes one telegram of that moment all the way. */
  async read(timeMs: number): Promise<void> {
    const bytes = this.#household.telegram(timeMs)
    const decoder = createDecoder('sml')
    const events = [...decoder.push(bytes), ...decoder.end()]
    const event = events.find((each) => each.type === 'reading')
    if (event === undefined) return
    const { registers } = event.reading
    await this.#announce(registers)
    const seq = await this.#append({
      kind: 'fast',
      ...nextLink(this.#chain),
      timeMs,
      status: encodeStatus({ clock: 'synced', flags: [] }),
      schemaId: this.#schemaId ?? new Uint8Array(8),
      samples: [
        {
          timeMs,
          status: encodeStatus({ clock: 'synced', flags: [] }),
          registers: registers.map((register) => register.digits),
        },
      ],
    })
    const reading: ReadingView = {
      device: toHex(this.#signer.ueid),
      stream: 'live',
      seq,
      timeMs,
      storedMs: timeMs + 30,
      row: seq + 1000,
      registers: registers.map((register, index) => ({
        obis: register.obis,
        value: decimalText(register.digits, this.#scalers[index] ?? 0),
        unit: register.unit,
      })),
      flags: [...event.reading.flags],
      proof: 'pending',
      ...(this.#network.active !== undefined && { path: this.#network.active }),
    }
    this.#readings.push(reading)
    if (this.#sinceSeal.length >= SEAL_EVERY) await this.#seal(timeMs)
    this.#journey = journeyOf(reading, bytes, registers, this.#network.active ?? '')
    this.live.publish({ type: 'reading', data: this.#claimed(reading) })
    this.live.publish({ type: 'journey', data: this.#journey })
  }

  #claimed(reading: ReadingView): ReadingView {
    return this.tamper?.(reading) ?? reading
  }

  async #announce(registers: readonly Register[]): Promise<void> {
    if (this.#schemaId !== undefined) return
    const schema: Schema = {
      meterId: '1EMH0011223344',
      protocol: 'sml',
      intervalMs: 1000,
      registers: registers.map(({ obis, unitCode, scaler }) => ({ obis, unitCode, scaler })),
    }
    this.#schemaId = schemaIdOf(schema)
    this.#scalers = registers.map((register) => register.scaler)
    const timeMs = this.#options.nowMs()
    const status = encodeStatus({ clock: 'synced', flags: [] })
    await this.#append({ kind: 'schema', ...nextLink(this.#chain), timeMs, status, schema })
  }

  async #seal(timeMs: number): Promise<void> {
    const hash = createHash('sha256')
    for (const each of this.#sinceSeal) hash.update(each.hash)
    await this.#append({
      kind: 'seal',
      ...nextLink(this.#chain),
      timeMs,
      status: encodeStatus({ clock: 'synced', flags: [] }),
      firstSeq: this.#sinceSeal[0]?.seq ?? 0,
      records: this.#sinceSeal.length,
      digest: new Uint8Array(hash.digest()),
    })
    this.#sinceSeal = []
  }

  async #append(record: DeviceRecord): Promise<number> {
    const payload = encodeRecord(record)
    const object =
      record.kind === 'fast' ? payload : await signRecord(this.#signer, record, RECIPIENT)
    this.#records.push({
      row: record.seq + 1000,
      stream: 'live',
      seq: record.seq,
      kind: record.kind,
      bytes: toHex(object),
      last: record.seq,
    })
    this.#chain = advance(this.#chain, payload)
    if (record.kind === 'fast') this.#sinceSeal.push({ seq: record.seq, hash: this.#chain.head })
    return record.seq
  }

  #evidence(seq: number): readonly EvidenceRecord[] {
    const schema = this.#records.filter((record) => record.kind === 'schema')
    const from = this.#records.findIndex((record) => record.seq === seq)
    const seal = this.#records.findIndex((record, index) => index > from && record.kind === 'seal')
    return [...schema, ...this.#records.slice(from, seal < 0 ? undefined : seal + 1)]
  }

  #device(): Device {
    const latest = this.#readings.at(-1)
    return {
      id: toHex(this.#signer.ueid),
      name: this.name,
      state: 'active',
      algorithm: 'Ed25519',
      publicKey: toHex(this.#signer.publicKey),
      enrolledMs: 0,
      meterId: '1EMH0011223344',
      streams: [],
      health: { atMs: this.#options.nowMs(), clock: 'synced', spoolRecords: 0 },
      completeness: { received: 95, due: 96 },
      alarms: 0,
      ...(latest !== undefined && { latest: this.#claimed(latest), lastSeenMs: latest.storedMs }),
    }
  }

  #devices(): readonly Device[] {
    const silent = Array.from({ length: this.#options.silentDevices ?? 0 }, (_, index) => ({
      id: index.toString(16).padStart(66, '0'),
      name: `Meter ${String(index).padStart(5, '0')}`,
      state: index % 97 === 0 ? ('quarantined' as const) : ('active' as const),
      algorithm: 'Ed25519' as const,
      publicKey: '00',
      enrolledMs: 0,
      streams: [],
      alarms: index % 211 === 0 ? 1 : 0,
    }))
    return [this.#device(), ...silent]
  }

  async #app(): Promise<Hono> {
    const page = await loadPage()
    const app = new Hono()
    const api = app.basePath(API_ROOT)
    const nowMs = this.#options.nowMs
    const info = (): ServerInfo => ({
      role: 'demo',
      version: '0.1.0',
      run: 'fixture',
      nowMs: nowMs(),
      startedMs: nowMs() - 60_000,
      views: ['journey', 'network', 'household', 'fleet'],
    })
    const demo: DemoAnswer = { switches: [{ name: 'noise', on: false }, { name: 'clouds', on: true }], deeds: ['forge', 'replay'], input: 'simulated' } // prettier-ignore
    let isIn = this.#options.code === undefined
    const session = (): SessionAnswer => ({
      access: this.#options.code === undefined ? 'open' : 'code',
      scopes: isIn ? SCOPES : [],
      ...(isIn &&
        this.#options.code !== undefined && { user: { name: 'owner', role: 'operator' } }),
    })
    api.get('/session', (c) => c.json(session()))
    api.post('/session', async (c) => {
      const { code } = await c.req.json<{ code: string }>()
      isIn = code === this.#options.code
      if (isIn) return c.json(session())
      return c.json({ error: { code: 'wrong_credentials', message: 'code: wrong' } }, 401)
    })
    api.get('/server', (c) => c.json(info()))
    api.get('/live', (c) => this.live.respond(c.req.raw, info))
    api.get('/devices', (c) => {
      const devices = this.#devices()
      return c.json({ devices, total: devices.length })
    })
    api.get('/devices/:id/series', (c) => c.json(this.#series(c.req.query())))
    api.get('/devices/:id/counters', (c) => c.json(this.#counters(c.req.query())))
    api.get('/devices/:id/evidence/:stream/:seq', (c) => {
      const seq = Number(c.req.param('seq'))
      const claimed = this.#readings.find((reading) => reading.seq === seq)
      if (claimed === undefined) return c.json({ error: { code: 'not_found', message: '' } }, 404)
      const { id: device, publicKey } = this.#device()
      const records = this.#evidence(seq)
      const sealed = records.at(-1)?.kind === 'seal'
      return c.json({
        device,
        algorithm: 'Ed25519',
        publicKey,
        recipientId: toHex(RECIPIENT),
        stream: 'live',
        seq,
        claimed: { ...this.#claimed(claimed), proof: sealed ? 'sealed' : 'pending' },
        records,
      })
    })
    api.get('/events', (c) =>
      c.json({
        events: [
          {
            id: '1',
            atMs: nowMs() - 90_000,
            severity: 'info',
            code: 'device.boot',
            values: { detail1: 1 },
          },
          {
            id: '2',
            atMs: nowMs() - 30_000,
            severity: 'alarm',
            code: 'device.cover-opened',
            values: {},
          },
          { id: '3', atMs: nowMs() - 3_000, severity: 'warning', code: 'records.lost', values: { stream: 3 } }, // prettier-ignore
        ],
      }),
    )
    api.get('/network', (c) => c.json(this.#network))
    api.post('/network/links/:id', async (c) => {
      const { up } = await c.req.json<{ up: boolean }>()
      this.#switchLink(c.req.param('id'), up)
      return c.json(this.#network.links.find((link) => link.id === c.req.param('id')))
    })
    api.get('/journey', (c) => c.json(this.#journey))
    api.get('/demo', (c) => c.json(demo))
    app.get('*', (c) => page.respond(c.req.raw) ?? c.notFound())
    return app
  }

  #switchLink(id: string, up: boolean): void {
    const before = this.#network
    const links = before.links.map((link) => (link.id === id ? { ...link, up } : link))
    const cut = new Set(links.filter((link) => !link.up).map((link) => link.id))
    const ranked = [...before.paths].sort((a, b) => (a.roundTripMs ?? 0) - (b.roundTripMs ?? 0))
    const active = ranked.find((path) => !path.links.some((link) => cut.has(link)))?.id
    const paths = before.paths.map((path): NetworkPath => {
      if (path.id === active) return { ...path, state: 'active', reason: 'best' }
      const dead = path.links.some((link) => cut.has(link))
      return { ...path, state: dead ? 'down' : 'alive', reason: dead ? 'revoked' : 'slower' }
    })
    const moved = active !== before.active
    const failover = { atMs: this.#options.nowMs(), ...(before.active && { from: before.active }), ...(active && { to: active }), cause: 'revoked' as const, gapMs: 212 } // prettier-ignore
    this.#network = {
      ...before,
      links,
      paths,
      active,
      failovers: moved ? [failover, ...before.failovers] : before.failovers,
    }
    this.live.publish({ type: 'network', data: this.#network })
  }

  #series(query: Record<string, string>): unknown {
    const [fromMs, toMs] = [Number(query.fromMs), Number(query.toMs)]
    const shown = this.#readings.filter((each) => each.timeMs >= fromMs && each.timeMs <= toMs)
    const value = (reading: ReadingView): number =>
      Number(reading.registers.find((each) => each.obis === query.register)?.value)
    return {
      device: '',
      register: query.register,
      unit: query.register === '1-0:16.7.0*255' ? 'W' : 'Wh',
      stream: 'live',
      bucketMs: 2000,
      timesMs: shown.map((reading) => reading.timeMs),
      values: shown.map(value),
    }
  }

  #counters(query: Record<string, string>): unknown {
    const edgesMs = (query.edges ?? '').split(',').map(Number)
    const values = edgesMs.map((edge) => {
      const reading = this.#readings.findLast((each) => each.timeMs <= edge)
      return reading?.registers.find((each) => each.obis === query.register)?.value ?? null
    })
    return { device: '', register: query.register, unit: 'Wh', edgesMs, values }
  }
}

function journeyOf(
  reading: ReadingView,
  bytes: Uint8Array,
  registers: readonly Register[],
  path: string,
): Journey {
  const at = reading.timeMs
  return {
    device: reading.device,
    stream: reading.stream,
    seq: reading.seq,
    telegram: {
      protocol: 'sml',
      bytes: toHex(bytes),
      fields: explainSml(bytes),
      arrivedMs: at,
    },
    registers: registers.map((register) => ({
      obis: register.obis,
      value: decimal(register),
      unit: register.unit,
    })),
    flags: [],
    sealedMs: at + 1.2,
    sealedBytes: 141,
    layers: [
      { layer: 'payload', bytes: 74 },
      { layer: 'encryption', bytes: 29 },
      { layer: 'udp', bytes: 8 },
      { layer: 'scion', bytes: 124 },
      { layer: 'underlay', bytes: 28 },
    ],
    attempts: [{ path, atMs: at + 2 }],
    path,
    storedMs: at + 21,
    row: reading.row,
    ackedMs: at + 37,
  }
}

/** The demo's network without its routers: every loop-free way of at most six links. */
function paperNetwork(nowMs: number): NetworkAnswer {
  const { ases, links } = demoTopology()
  const end = (text: string): { ia: string; interface: number } => {
    const [ia = '', id = '0'] = text.split('#')
    return { ia, interface: Number(id) }
  }
  const drawn = links.map((link) => ({
    id: link.id ?? `${link.a}-${link.b}`,
    a: end(link.a),
    b: end(link.b),
    kind: link.kind === 'child' ? ('parent' as const) : link.kind,
    up: true,
    switchable: true,
    latencyMs: link.latencyMs ?? 0,
  }))
  const [source, destination] = ['1-ff00:0:111', '2-ff00:0:211']
  const paths: NetworkPath[] = []
  const walk = (ia: string, way: typeof drawn, seen: readonly string[]): void => {
    if (ia === destination) paths.push(paperPath(way, source, nowMs))
    if (ia === destination || way.length >= 5) return
    for (const link of drawn) {
      const next = link.a.ia === ia ? link.b.ia : link.b.ia === ia ? link.a.ia : undefined
      if (next !== undefined && !seen.includes(next)) walk(next, [...way, link], [...seen, next])
    }
  }
  walk(source, [], [source])
  paths.sort((one, two) => (one.roundTripMs ?? 0) - (two.roundTripMs ?? 0))
  const shown = paths.slice(0, 8)
  const [best] = shown
  return {
    atMs: nowMs,
    source,
    destination,
    ases: Object.entries(ases).map(([ia, as]) => ({
      ia,
      isd: Number(ia.split('-')[0]),
      core: as.core === true,
      hosts: ia === source ? ['meter'] : ia === destination ? ['headend'] : [],
      ...(as.name !== undefined && { name: as.name }),
    })),
    links: drawn,
    paths: shown.map((path) =>
      path === best ? { ...path, state: 'active', reason: 'best' } : path,
    ),
    ...(best && { active: best.id }),
    failovers: [],
  }
}

function paperPath(
  way: readonly { id: string; latencyMs: number; a: { ia: string; interface: number }; b: { ia: string; interface: number } }[], // prettier-ignore
  source: string,
  nowMs: number,
): NetworkPath {
  let at = source
  const interfaces = way.flatMap((link) => {
    const [out, into] = link.a.ia === at ? [link.a, link.b] : [link.b, link.a]
    at = into.ia
    return [out, into]
  })
  const latency = way.reduce((sum, link) => sum + link.latencyMs, 0)
  return {
    id: createHash('sha256')
      .update(way.map((link) => link.id).join())
      .digest('hex')
      .slice(0, 40),
    interfaces,
    links: way.map((link) => link.id),
    state: 'alive',
    reason: 'slower',
    roundTripMs: 2 * latency + 0.7,
    jitterMs: 0.6,
    lossPercent: 0,
    mtu: 1472,
    expiresMs: nowMs + 6 * 3_600_000,
  }
}
