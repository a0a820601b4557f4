import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fromHex, readSignedObject, toHex } from '@s3mp/envelope'
import type { Device, EvidenceAnswer, ReadingView, SeriesAnswer } from '@s3mp/web/api'
import { after, before, describe, it } from 'mocha'
import { encodePublicKeyFile } from '@s3mp/envelope'
import { createHeadend, type Headend } from '../src/headend.ts'
import { Keyring } from '../src/keys/keyring.ts'
import { MemorySecrets } from '../src/keys/files.ts'
import { SqliteStore } from '../src/store/store.ts'
import { Description } from '../../test/support/description.ts'
import {
  eventBody,
  heartbeatBody,
  mailbox,
  POLICY,
  readingBody,
  SCHEMA,
  schemaBody,
  sealBody,
  seededRandom,
  START_MS,
  TestClock,
  TestMeter,
  type Sealed,
} from './support/world.ts'

const [QUARTER, LIVE] = [1, 3]
const POWER = encodeURIComponent('1-0:16.7.0*255')
const ENERGY = encodeURIComponent('1-0:1.8.0*255')

describe('the HTTP API', () => {
  const clock = new TestClock()
  const meter = new TestMeter('one')
  const id = toHex(meter.signer.ueid)
  let headend: Headend
  let store: SqliteStore
  let to: Uint8Array
  let description: Description

  async function get(path: string, status = 200): Promise<unknown> {
    const response = await ask(path)
    assert.equal(response.status, status, path)
    return response.json()
  }

  /** Every answer is held to the document, live events too. */
  async function ask(path: string, init?: RequestInit): Promise<Response> {
    const request = new Request(`http://localhost${path}`, init)
    return description.hold(request.method, request.url, await headend.app.fetch(request))
  }

  async function deliver(...sealed: readonly Sealed[]): Promise<void> {
    const stored = headend.counts.stored + sealed.length
    for (const { datagram } of sealed) headend.receive(mailbox().arrival(datagram))
    while (headend.counts.stored < stored) await new Promise((resolve) => setTimeout(resolve, 1))
  }

  before(async () => {
    const random = seededRandom('api')
    store = new SqliteStore(':memory:')
    const keyring = Keyring.create(new MemorySecrets(), POLICY, random)
    headend = await createHeadend({
      access: 'open',
      store,
      keyring,
      transports: [],
      clock,
      random,
    })
    to = keyring.ueid
    const response = await headend.app.fetch(new Request('http://localhost/api/v1/openapi.json'))
    description = new Description(await response.json())
    headend.enroll(encodePublicKeyFile(meter.signer), { name: 'Müller <b>', serial: 'S1' })
    const prekey = keyring.current(START_MS)?.prekey
    assert.ok(prekey)
    headend.receive(mailbox().arrival(await meter.openEpoch(prekey, START_MS)))
    while (headend.counts.epochs === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    await deliver(await meter.next(QUARTER, schemaBody(START_MS), to))
    for (let i = 0; i < 8; i++) {
      const body = readingBody(START_MS + i * 900_000, [10_000n + BigInt(i), BigInt(100 + i)])
      await deliver(await meter.next(QUARTER, body, to))
    }
    const live: Sealed[] = [await meter.next(LIVE, schemaBody(START_MS), to)]
    for (let i = 0; i < 20; i++) {
      const body = readingBody(START_MS + i * 1000, [10_000n, BigInt(-i)], 'fast')
      live.push(await meter.next(LIVE, body, to))
    }
    live.push(await meter.next(LIVE, sealBody(meter, LIVE, START_MS + 20_000, 20), to))
    await deliver(...live)
    await deliver(await meter.next(8, eventBody(START_MS, 10), to))
    await deliver(await meter.next(9, heartbeatBody(START_MS), to))
    clock.advance(8 * 900_000)
  })

  after(async () => {
    await headend.close()
    store.close()
  })

  it('is described by docs/openapi.json as it describes itself', async () => {
    const response = await headend.app.fetch(new Request('http://localhost/api/v1/openapi.json'))
    const written = readFileSync(join(import.meta.dirname, '../../docs/openapi.json'), 'utf8')
    assert.deepEqual(JSON.parse(written), await response.json())
  })

  it('says who answers and whether it works', async () => {
    assert.deepEqual(((await get('/api/v1/server')) as { role: string }).role, 'headend')
    assert.deepEqual(((await get('/api/v1/health')) as { status: string }).status, 'ok')
  })

  it('describes a device with its latest reading, streams, health and completeness', async () => {
    const device = (await get(`/api/v1/devices/${id}`)) as Device
    assert.equal(device.name, 'Müller <b>')
    assert.equal(device.meterId, '1TST0012345678')
    assert.equal(device.latest?.stream, 'live')
    assert.equal(device.latest.registers.find(({ unit }) => unit === 'W')?.value, '-19')
    assert.deepEqual(
      device.streams.map(({ stream }) => stream),
      ['quarter', 'live', 'events', 'health'],
    )
    assert.equal(device.health?.clock, 'synced')
    assert.equal(device.alarms, 1)
    // Enrolled two hours ago.
    assert.deepEqual(device.completeness, { received: 8, due: 8 })
  })

  it('lists devices page by page', async () => {
    const others = ['a', 'b', 'c'].map((name) => new TestMeter(`other ${name}`))
    for (const other of others) headend.enroll(encodePublicKeyFile(other.signer), { name: 'Z' })
    const seen: string[] = []
    let after = ''
    for (;;) {
      const page = (await get(`/api/v1/devices?limit=2${after}`)) as {
        devices: Device[]
        next?: string
        total: number
      }
      assert.equal(page.total, 4)
      seen.push(...page.devices.map((device) => device.id))
      if (page.next === undefined) break
      after = `&after=${page.next}`
    }
    assert.equal(seen[0], id)
    assert.equal(new Set(seen).size, 4)
    const found = (await get('/api/v1/devices?query=m%C3%BCll')) as { total: number }
    assert.equal(found.total, 1)
    assert.equal(
      ((await get('/api/v1/devices?query=%25')) as { total: number }).total,
      0,
      'a % is a %',
    )
  })

  it('gives the latest reading of a stream, exactly as signed', async () => {
    const reading = (await get(`/api/v1/devices/${id}/latest?stream=quarter`)) as ReadingView
    assert.deepEqual(reading.registers, [
      { obis: '1-0:1.8.0*255', value: '1000.7', unit: 'Wh' },
      { obis: '1-0:16.7.0*255', value: '107', unit: 'W' },
    ])
    assert.equal(reading.proof, 'signed')
  })

  it('thins a curve to as many points as asked for, from readings that exist', async () => {
    const range = `fromMs=${START_MS}&toMs=${START_MS + 20_000}`
    const full = (await get(
      `/api/v1/devices/${id}/series?register=${POWER}&${range}&points=20&stream=live`,
    )) as SeriesAnswer
    assert.equal(full.stream, 'live')
    assert.deepEqual(
      full.values,
      Array.from({ length: 20 }, (_, index) => 0 - index),
    )
    const path = `/api/v1/devices/${id}/series?register=${POWER}&fromMs=${START_MS}&toMs=${START_MS + 7_200_000}&points=4&stream=quarter`
    const thin = (await get(path)) as SeriesAnswer
    assert.deepEqual(thin.values, [101, 103, 105, 107])
    assert.deepEqual(thin.low, [100, 102, 104, 106])
    assert.equal(thin.unit, 'W')
  })

  it('puts a null where readings are missing, by the rhythm of the stream itself', async () => {
    const everyTelegram = { ...SCHEMA, intervalMs: 0 }
    const sparse = [30, 31, 32, 33, 50, 51].map((second) => START_MS + second * 1000)
    for (const atMs of sparse) {
      await deliver(await meter.next(19, readingBody(atMs, [1n, 7n], 'fast', everyTelegram), to))
    }
    // A schema may come after what it names.
    await deliver(await meter.next(19, schemaBody(START_MS, everyTelegram), to))
    const range = `fromMs=${START_MS}&toMs=${START_MS + 60_000}`
    const path = `/api/v1/devices/${id}/series?register=${POWER}&${range}&stream=live-1&points=4000`
    assert.deepEqual(((await get(path)) as SeriesAnswer).values, [7, 7, 7, 7, null, 7, 7])
  })

  it('takes the finest stream that has readings in the range', async () => {
    const later = START_MS + 3_600_000
    const path = `/api/v1/devices/${id}/series?register=${POWER}&fromMs=${later}&toMs=${later + 3_600_000}`
    assert.equal(((await get(path)) as SeriesAnswer).stream, 'quarter')
  })

  it('reads an energy counter exactly at the edges, null where nothing was read', async () => {
    const edges = [START_MS - 1, START_MS, START_MS + 950_000, START_MS + 86_400_000].join(',')
    const answer = (await get(
      `/api/v1/devices/${id}/counters?register=${ENERGY}&edges=${edges}`,
    )) as {
      values: readonly (string | null)[]
    }
    assert.deepEqual(answer.values, [null, '1000.0', '1000.1', null])
  })

  it('lets a counter stand a little longer than its interval: the next reading is on its way', async () => {
    const lastMs = START_MS + 7 * 900_000
    const edges = [lastMs + 930_000, lastMs + 961_000].join(',')
    const path = `/api/v1/devices/${id}/counters?register=${ENERGY}&edges=${edges}`
    const { values } = (await get(path)) as { values: readonly (string | null)[] }
    assert.deepEqual(values, ['1000.7', null])
  })

  it('hands out what proves a signed reading: the schema and the very bytes', async () => {
    const evidence = (await get(`/api/v1/devices/${id}/evidence/quarter/3`)) as EvidenceAnswer
    assert.deepEqual(
      evidence.records.map(({ kind }) => kind),
      ['schema', 'reading'],
    )
    assert.equal(evidence.recipientId, toHex(to))
    const bytes = fromHex(evidence.records[1]?.bytes ?? '')
    assert.ok(readSignedObject(bytes).payload.length > 0)
  })

  it('hands out the whole run and its seal for a live reading', async () => {
    const evidence = (await get(`/api/v1/devices/${id}/evidence/live/5`)) as EvidenceAnswer
    assert.equal(evidence.claimed.proof, 'sealed')
    assert.equal(evidence.records.length, 22)
    assert.equal(evidence.records.at(-1)?.kind, 'seal')
  })

  it('lists events newest first', async () => {
    const { events } = (await get(`/api/v1/events?device=${id}`)) as { events: { code: string }[] }
    assert.deepEqual(
      events.map(({ code }) => code),
      ['device.cover-opened'],
    )
    assert.equal(
      ((await get('/api/v1/events?limit=1')) as { next?: string }).next !== undefined,
      true,
    )
  })

  it('refuses in its own words what is not well asked or not there', async () => {
    for (const path of [
      '/api/v1/devices/xyz',
      `/api/v1/devices/${id}/series?fromMs=0&toMs=1`,
      `/api/v1/devices/${id}/series?register=${POWER}&fromMs=5&toMs=5`,
      `/api/v1/devices/${id}/series?register=${POWER}&fromMs=0&toMs=9&points=4001`,
      `/api/v1/devices/${id}/counters?register=${ENERGY}&edges=${'1,'.repeat(400)}1`,
      `/api/v1/devices?limit=101`,
      `/api/v1/devices/${id}/evidence/quarter/0`,
      '/api/v1/events?before=-1',
    ]) {
      const { error } = (await get(path, 400)) as { error: { code: string; message: string } }
      assert.equal(error.code, 'bad_request')
      assert.match(error.message, /^\w+: expected/)
    }
    for (const path of [
      `/api/v1/devices/01${'00'.repeat(32)}`,
      `/api/v1/devices/${id}/latest?stream=minute`,
      `/api/v1/devices/${id}/latest?stream=nonsense`,
      `/api/v1/devices/${id}/evidence/quarter/999`,
    ]) {
      await get(path, 404)
    }
  })

  it('names the way an address is asked', async () => {
    for (const method of ['PUT', 'DELETE', 'PATCH']) {
      const answer = await ask('/api/v1/devices', { method })
      assert.equal(answer.status, 405)
      assert.match(await answer.text(), /expected GET or POST/)
    }
  })

  it('lets no answer run anything in a page', async () => {
    for (const path of ['/api/v1/server', '/nowhere', '/metrics']) {
      const { headers } = await headend.app.fetch(new Request(`http://localhost${path}`))
      assert.match(headers.get('content-security-policy') ?? '', /default-src 'none'/)
      assert.equal(headers.get('x-content-type-options'), 'nosniff')
    }
  })

  it('counts for Prometheus', async () => {
    const response = await ask('/metrics')
    const text = await response.text()
    assert.match(text, /^s3mp_headend_stored_total 40$/m)
    assert.match(text, /^s3mp_headend_refused_total\{reason="unknown-kid"\} 0$/m)
  })

  it('tells live readers of readings, events and devices', async () => {
    const response = await ask('/api/v1/live')
    assert.ok(response.body)
    const reader = response.body.getReader()
    const body = readingBody(START_MS + 21_000, [10_000n, 42n], 'fast')
    await deliver(await meter.next(LIVE, body, to))
    let text = ''
    while (!text.includes('event: reading')) {
      const part = await reader.read()
      assert.ok(part.value instanceof Uint8Array)
      text += new TextDecoder().decode(part.value)
    }
    assert.match(text, /event: reset/)
    await reader.cancel()
  })

  it('answers at every address that the document names', async () => {
    for (const path of description.paths) {
      if (!description.methods(path).includes('get')) continue
      const address = path
        .replace('{device}', id)
        .replace('{stream}', 'quarter')
        .replace('{seq}', '2')
      const response = await ask(address)
      // 404: no tariff was entered.
      assert.ok([200, 400, 404].includes(response.status), `${address}: ${response.status}`)
      await response.body?.cancel()
    }
  })
})
