import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  decodeHeadendCard,
  encodePublicKeyFile,
  SoftwareSigner,
  toHex,
  verifyRecords,
  type RecordKind,
} from '@s3mp/envelope'
import {
  createMeter,
  createUplink,
  listening,
  memoryChannel,
  openScionTransport,
  silentLog,
  Spool,
  STREAM,
  streamOf,
  type Meter,
  type SourceSpec,
  type TraceEvent,
} from '@s3mp/firmware'
import { parseSettings, systemClock } from '@s3mp/hal'
import { ReplaySerial } from '@s3mp/hal/mock'
import {
  createHeadend,
  Keyring,
  MemorySecrets,
  ScionTransport,
  SqliteStore,
  systemRandom,
  type Headend,
} from '@s3mp/headend'
import {
  DSMR_STYLES,
  encodeDsmr,
  Household,
  SmlHousehold,
  TextHousehold,
} from '@s3mp/meter/simulator'
import { LIVELY_PLAN, nodeUnderlay, parseEndpoint } from '@s3mp/scion'
import {
  DEMO_HEADEND_AS,
  DEMO_METER_AS,
  demoTopology,
  openNetwork,
  seededRandom,
  type Network,
} from '@s3mp/scion/testing'
import type { ReadingView } from '@s3mp/web/api'
import { after, before, describe, it } from 'mocha'

const DAY_MS = 86_400_000
const PREKEYS = { validMs: 30 * DAY_MS, rotateBeforeMs: 7 * DAY_MS, graceMs: 7 * DAY_MS }

/** A household, a SCION network of two ISDs, a head-end: all real, in this process, on loopback. */
describe('a reading, end to end', function () {
  this.timeout(60_000)
  const folder = mkdtempSync(join(tmpdir(), 's3mp-'))
  const random = seededRandom(3)
  const trace: TraceEvent[] = []
  const stored = new Map<string, number>()
  const failures: string[] = []
  const evidence: { stream: number; seq: number; kind: RecordKind; object: Uint8Array }[] = []
  const stop = new AbortController()
  const signer = SoftwareSigner.generate('Ed25519', systemRandom)
  const store = new SqliteStore(':memory:')
  let network: Network
  let headend: Headend
  let meter: Meter
  let transport: Awaited<ReturnType<typeof openScionTransport>>
  let running: Promise<unknown>

  before(async () => {
    network = await openNetwork(demoTopology(), {
      clock: systemClock,
      random,
      underlay: nodeUnderlay,
    })
    const far = network.host(DEMO_HEADEND_AS)
    headend = await createHeadend({
      access: 'open',
      store,
      keyring: Keyring.create(new MemorySecrets(), PREKEYS, systemRandom),
      transports: [new ScionTransport({ open: () => far.openSocket(), source: far.source })],
      onCommit: (entries, { outcomes }) => {
        for (const [index, { record }] of entries.entries()) {
          const place = `${record.stream}/${record.seq}`
          if (outcomes[index]?.type === 'stored') stored.set(place, (stored.get(place) ?? 0) + 1)
        }
      },
    })
    headend.enroll(encodePublicKeyFile(signer))
    const card = decodeHeadendCard(headend.card())
    const near = network.host(DEMO_METER_AS)
    transport = await openScionTransport({
      source: near.source,
      local: near.address,
      port: 0,
      remote: parseEndpoint(card.addresses.scion ?? ''),
      underlay: nodeUnderlay,
      clock: systemClock,
      random,
      alarmPaths: 2,
      plan: LIVELY_PLAN,
    })
    const channel = memoryChannel()
    const uplink = createUplink({ channel: channel.uplink, transport, clock: systemClock })
    const settings = parseSettings('115200 8N1')
    const startMs = systemClock.nowMs()
    const household = new SmlHousehold({ household: new Household({ seed: 5, startMs }) })
    const flat = new TextHousehold({
      household: new Household({ seed: 6, startMs }),
      encode: (state) => encodeDsmr(state, DSMR_STYLES.v5),
    })
    const head = (
      name: string,
      telegram: (nowMs: number) => Uint8Array,
      periodMs: number,
    ): SourceSpec => {
      const telegrams = (_index: number, nowMs: number): Uint8Array => telegram(nowMs)
      const path = `/dev/${name}`
      const clock = systemClock
      const serial = new ReplaySerial({ clock, random, path, settings, periodMs, telegrams })
      const listen = { protocol: 'auto', silenceMs: 10_000, isSimulated: true } as const
      return listening({ name, serial, path, settings, ...listen })
    }
    meter = createMeter({
      clock: systemClock,
      random,
      randomBytes: systemRandom,
      sources: [
        head('house', (nowMs) => household.telegram(nowMs), 100),
        head('flat', (nowMs) => flat.telegram(nowMs), 1000),
      ],
      streams: {
        billingMs: 60_000,
        minuteMs: 1000,
        isLive: true,
        sealEvery: 10,
        sealAfterMs: 5000,
        heartbeatMs: 2000,
      },
      signer,
      trust: { key: card.key, prekeys: card.prekeys },
      openSpool: () =>
        Spool.open({ folder, bytesMax: 1e8, objectsMax: 1e5, nowMs: systemClock.nowMs() }),
      channel: channel.meter,
      firmwareHash: new Uint8Array(32),
      log: {
        ...silentLog,
        error: (event) => {
          failures.push(event)
        },
      },
      onTrace: (event) => {
        trace.push(event)
        if (event.type !== 'stored') return
        const { stream, seq, record, object } = event
        evidence.push({ stream, seq, kind: record.kind, object })
      },
    })
    running = Promise.all([meter.run(stop.signal), uplink.run(stop.signal)])
    running.catch(() => undefined)
  })

  after(async () => {
    stop.abort()
    await running
    await headend.close()
    await network.close()
    store.close()
    rmSync(folder, { recursive: true, force: true })
  })

  /** Waits in real time until something is so. */
  async function until(what: string, isSo: () => boolean): Promise<void> {
    for (const endMs = systemClock.monotonicMs() + 30_000; !isSo();) {
      assert.ok(systemClock.monotonicMs() < endMs, `in time: ${what}`)
      await systemClock.sleep(20)
    }
  }

  const live = (): number => [...stored.keys()].filter((place) => place.startsWith('3/')).length

  it('is signed, sealed, carried over SCION, stored and acknowledged', async () => {
    await until('readings arrive', () => live() >= 20)
    assert.ok(meter.status().isEpochConfirmed)
    assert.equal(meter.status().clock, 'synced')
    assert.ok(
      trace.some((event) => event.type === 'acknowledged' && event.stream === STREAM.billing),
    )
    const sent = trace.find((event) => event.type === 'sent')
    assert.equal(sent?.path.length, 8, 'names the path it took')
  })

  it('keeps two meters and the gas meter behind one apart, up to the head-end’s answers', async () => {
    const id = toHex(signer.ueid)
    type Answer = Pick<ReadingView, 'registers' | 'stream'>
    const latest = async (stream: string): Promise<Answer | undefined> => {
      const response = await headend.app.request(`/api/v1/devices/${id}/latest?stream=${stream}`)
      return response.ok ? ((await response.json()) as Answer) : undefined
    }
    await until('the gas meter', () => stored.has(`${streamOf(2, 'billing')}/2`))
    await until('the other meter', () => stored.has(`${streamOf(1, 'live')}/3`))
    const codes = async (stream: string): Promise<readonly string[]> =>
      ((await latest(stream))?.registers ?? []).map(({ obis }) => obis)
    assert.ok((await codes('live')).includes('1-0:16.7.0*255'))
    assert.ok((await codes('live-1')).includes('1-0:1.8.1*255'))
    assert.deepEqual(await codes('quarter-2'), ['0-1:24.2.1*255'])
    assert.ok(!(await codes('live-1')).includes('0-1:24.2.1*255'))
  })

  it('tells of itself and its paths in heartbeats, and every record can be made', async () => {
    await until('a second heartbeat', () => stored.has(`${STREAM.health}/2`))
    const id = toHex(signer.ueid)
    const { health } = (await (await headend.app.request(`/api/v1/devices/${id}`)).json()) as {
      health?: { spoolRecords: number; clock: string }
    }
    assert.equal(health?.clock, 'synced')
    assert.deepEqual(failures, [])
  })

  it('goes on over another path when every link of the one in use is cut silently', async () => {
    const active = transport.pilot.current()
    assert.ok(active !== undefined)
    const ends = active.interfaces.map(({ isdAs, id }) => `${isdAs}#${id}`)
    const used = network
      .links()
      .filter(({ a, b }) => [a, b].every((end) => ends.includes(`${end.isdAs}#${end.interface}`)))
    assert.ok(used.length > 0, 'the path has links')
    for (const { id } of used) network.cut(id, { scmp: false })
    const before = live()
    await until('readings go on', () => live() >= before + 20)
    assert.notEqual(transport.pilot.current()?.fingerprint, active.fingerprint)
    for (const { id } of used) network.mend(id)
  })

  it('leaves nothing behind and stores nothing twice', async () => {
    stop.abort()
    await running
    // What was made last waits for the next start; nothing before it may be missing.
    const missing = evidence.filter(({ stream, seq }) => !stored.has(`${stream}/${seq}`))
    assert.ok(missing.length <= 40, `${missing.length} waited when it ended`)
    for (const [place, times] of stored) assert.equal(times, 1, place)
    assert.ok(headend.counts.opened > 40)
  })

  it('proves itself to anyone with nothing but the public key', async () => {
    const records = [...evidence].sort((a, b) => a.stream - b.stream || a.seq - b.seq)
    const recipientId = decodeHeadendCard(headend.card()).key.ueid
    const report = await verifyRecords(records, { key: signer, recipientId })
    assert.deepEqual(report.problems, [])
    assert.ok(report.ok)
    assert.ok(report.steps.some(({ code, result }) => code === 'seals' && result === 'proven'))
  })
})
