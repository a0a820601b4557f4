import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { fromHex, toHex, ueidOf, verifyRecords, type RecordKind } from '@s3mp/envelope'
import { servePage } from '@s3mp/web'
import type {
  CostsAnswer,
  CountersAnswer,
  Device,
  DevicesAnswer,
  EventsAnswer,
  EvidenceAnswer,
  NetworkAnswer,
  PolicyAnswer,
  ReadingView,
  SeriesAnswer,
  ServerInfo,
  Tariff,
} from '@s3mp/web/api'
import { withPeer } from '@s3mp/web/http'
import { after, before, describe, it } from 'mocha'

import type { NetworkReport } from '../../src/channel/network.ts'
import { silentLog } from '../../src/log.ts'
import { METER_METRICS } from '../../src/metrics.ts'
import { Access } from '../../src/page/access.ts'
import { MeterPage } from '../../src/page/meter-page.ts'
import { pageServer } from '../../src/page/server.ts'
import { serveUnix, unixFetcher } from '../../src/page/unix.ts'
import { Description } from '../../../test/support/description.ts'
import { freshFolder, removeFolders } from '../support/folder.ts'
import { seededBytes, START_MS, World } from '../support/world.ts'

function kindIn(kind: string): RecordKind {
  const kinds: readonly RecordKind[] = ['reading', 'fast', 'seal', 'schema']
  const found = kinds.find((one) => one === kind)
  assert.ok(found, kind)
  return found
}

async function textFrom(reader: ReadableStreamDefaultReader): Promise<string> {
  const part: unknown = (await reader.read()).value
  return part instanceof Uint8Array ? new TextDecoder().decode(part) : ''
}

const ORIGIN = 'http://127.0.0.1:8490'
const DESCRIPTION = Description.kept('meter')
const IMPORT = '1-0:1.8.0*255'
const POWER = '1-0:16.7.0*255'

describe("the meter's page", function () {
  this.timeout(60_000)
  let world: World
  let page: MeterPage
  let folder: string

  before(async () => {
    folder = freshFolder()
    world = await World.open({ streams: { billingMs: 300_000, minuteMs: 60_000 }, tracer: (event) => { page.trace(event) } }) // prettier-ignore
    const { signer, headEnd, clock } = world
    page = new MeterPage({
      folder,
      facts: {
        name: 'Cellar <b>',
        key: { algorithm: signer.algorithm, publicKey: signer.publicKey },
        ueid: signer.ueid,
        recipientId: ueidOf(headEnd.signer),
      },
      version: '1.2.3',
      clock,
      random: seededBytes('page'),
      log: silentLog,
      status: () => world.meter.status(),
      hasNetwork: true,
    })
    await world.startAndMeet()
    await world.pass(13 * 60_000)
  })
  after(async () => {
    await world.stop()
    page.close()
    removeFolders()
  })

  /** Asks the page; every answer and live event is held to its description. */
  async function ask(request: Request): Promise<Response> {
    return DESCRIPTION.hold(request.method, request.url, await page.fetch(request))
  }

  async function get<Answer>(path: string, status = 200): Promise<Answer> {
    const response = await ask(new Request(`${ORIGIN}/api/v1${path}`))
    const answer: unknown = await response.json()
    assert.equal(response.status, status, JSON.stringify(answer))
    // What the types promise is held by the questions below.
    return answer as Answer
  }
  const device = (): string => `/devices/${toHex(world.signer.ueid)}`

  it('says who it is and what it can show', async () => {
    const info = await get<ServerInfo>('/server')
    assert.equal(info.role, 'meter')
    assert.deepEqual(info.views, ['household', 'network'])
  })

  it('describes itself as docs/openapi-meter.json does, and answers at every address in there', async () => {
    const kept = DESCRIPTION.document
    const info = { ...(kept.info as object), version: '1.2.3' }
    assert.deepEqual(await get('/openapi.json'), { ...kept, info })
    for (const path of DESCRIPTION.paths) {
      // Who may ask is decided, and answered, in front of the meter.
      if (path.endsWith('/session')) continue
      const address = path
        .replace('{device}', toHex(world.signer.ueid))
        .replace('{stream}', 'quarter')
        .replace('{seq}', '2')
      for (const method of DESCRIPTION.methods(path)) {
        const request = new Request(`${ORIGIN}${address}`, { method: method.toUpperCase() })
        const response = await ask(request)
        const text = response.ok ? '' : await response.text()
        await response.body?.cancel().catch(() => undefined)
        assert.doesNotMatch(text, /no such address|method_not_allowed/, path)
      }
    }
  })

  it('shows its one device with streams, health and the latest reading', async () => {
    const { devices, total } = await get<DevicesAnswer>('/devices')
    assert.equal(total, 1)
    const one = await get<Device>(device())
    assert.equal(devices[0]?.id, one.id)
    assert.equal(one.name, 'Cellar <b>')
    assert.deepEqual(
      one.streams.map(({ stream }) => stream),
      ['quarter', 'minute', 'live', 'events', 'health'],
    )
    assert.equal(one.streams[0]?.medium, 'electricity')
    assert.equal(one.latest?.stream, 'live')
    assert.match(one.meterId ?? '', /^1SIM/)
  })

  it('draws curves of every stream, and counters that agree with them', async () => {
    const [fromMs, toMs] = [START_MS, START_MS + 13 * 60_000]
    const query = `register=${encodeURIComponent(POWER)}&fromMs=${String(fromMs)}&toMs=${String(toMs)}`
    const fine = await get<SeriesAnswer>(`${device()}/series?${query}&points=100`)
    assert.ok(fine.values.length > 10 && fine.values.length <= 101)
    assert.equal(fine.unit, 'W')
    const quarter = await get<SeriesAnswer>(`${device()}/series?${query}&stream=quarter`)
    assert.ok(quarter.values.length >= 2)
    const edges = [4, 8, 12].map((minute) => START_MS + minute * 60_000)
    const counters = await get<CountersAnswer>(
      `${device()}/counters?register=${encodeURIComponent(IMPORT)}&edges=${edges.join(',')}`,
    )
    const values = counters.values.map(Number)
    assert.ok(values.every((value, index) => index === 0 || value >= (values[index - 1] ?? 0)))
  })

  it('proves every stream’s readings with nothing but the device’s public key', async () => {
    for (const stream of ['quarter', 'minute', 'live']) {
      const latest = await get<ReadingView>(`${device()}/latest?stream=${stream}`)
      // Live readings are proven by a later seal: take one that surely is.
      const seq = stream === 'live' ? latest.seq - 30 : latest.seq
      const shown = await get<EvidenceAnswer>(`${device()}/evidence/${stream}/${String(seq)}`)
      const { claimed } = shown
      assert.equal(claimed.proof, stream === 'live' ? 'sealed' : 'signed')
      assert.equal(shown.publicKey, toHex(world.signer.publicKey))
      const report = await verifyRecords(
        shown.records.map(({ kind, bytes }) => ({ kind: kindIn(kind), object: fromHex(bytes) })),
        { key: world.signer, recipientId: fromHex(shown.recipientId) },
      )
      assert.deepEqual(report.problems, [], stream)
    }
  })

  it('words events in codes, the newest first, page by page', async () => {
    const { events } = await get<EventsAnswer>('/events')
    assert.ok(events.some(({ code }) => code === 'device.boot'))
    const first = await get<EventsAnswer>('/events?limit=1')
    assert.equal(first.events.length, 1)
    const next = await get<EventsAnswer>(`/events?limit=1&before=${first.next ?? ''}`)
    assert.notEqual(next.events[0]?.id, first.events[0]?.id)
  })

  it('keeps a tariff and counts costs exactly', async () => {
    await get(`${device()}/costs?edges=1,2`, 404)
    const tariff: Tariff = {
      currency: 'EUR',
      periods: [{ fromMs: 0, monthly: '0', rates: [{ register: IMPORT, price: '0.3', earns: false }] }], // prettier-ignore
    }
    const put = await ask(
      new Request(`${ORIGIN}/api/v1${device()}/tariff`, {
        method: 'PUT',
        body: JSON.stringify(tariff),
      }),
    )
    assert.equal(put.status, 200)
    assert.deepEqual(await get<Tariff>(`${device()}/tariff`), tariff)
    const edges = [START_MS + 4 * 60_000, START_MS + 12 * 60_000]
    const { spans } = await get<CostsAnswer>(`${device()}/costs?edges=${edges.join(',')}`)
    const kwh = Number(spans[0]?.counted[0]?.amount)
    assert.ok(kwh > 0)
    assert.equal(Number(spans[0]?.total).toFixed(6), (kwh * 0.3).toFixed(6))
  })

  it('gives readings as a file, a line each', async () => {
    const range = `fromMs=${String(START_MS)}&toMs=${String(START_MS + 3_600_000)}`
    const response = await ask(
      new Request(`${ORIGIN}/api/v1${device()}/readings.csv?stream=minute&${range}`),
    )
    assert.equal(response.headers.get('content-type'), 'text/csv; charset=utf-8')
    const lines = (await response.text()).trim().split('\r\n')
    assert.ok(lines[0]?.includes(`${IMPORT} [Wh]`))
    assert.ok(lines.length > 10)
  })

  it('refuses what is not there or not to be understood, each with its code', async () => {
    await get('/nowhere', 404)
    await get(`/devices/${'0'.repeat(66)}`, 404)
    await get(`${device()}/latest?stream=quarter-7`, 404)
    await get(`${device()}/latest?head=99`, 400)
    await get(`${device()}/series?register=x&fromMs=5&toMs=5`, 400)
    await get(`${device()}/counters?register=x&edges=${'1,'.repeat(500)}1`, 400)
    await get(`${device()}/evidence/live/999999999`, 404)
    const put = new Request(`${ORIGIN}/api/v1${device()}/tariff`, {
      method: 'PUT',
      body: '{"a":1}',
    })
    assert.equal((await ask(put)).status, 400)
    const post = new Request(`${ORIGIN}/api/v1/devices`, { method: 'POST', body: '' })
    assert.equal((await ask(post)).status, 405)
  })

  it('tells new readings live, and to those who come back what they missed', async () => {
    const stop = new AbortController()
    const listen = (headers: Record<string, string>): Promise<Response> =>
      ask(new Request(`${ORIGIN}/api/v1/live`, { signal: stop.signal, headers }))
    const response = await listen({})
    assert.ok(response.body)
    const reader = response.body.getReader()
    await world.pass(3000)
    let text = ''
    while (!text.includes('event: reading\n')) {
      text += await textFrom(reader)
    }
    assert.ok(text.startsWith('retry:'))
    assert.ok(text.includes('event: reset'))
    const [, id = ''] = /id: (\S+)\nevent: reading/u.exec(text) ?? []
    await reader.cancel()
    const again = (await listen({ 'last-event-id': id })).body?.getReader()
    await world.pass(2000)
    assert.ok(again)
    const missed = await textFrom(again)
    assert.ok(!missed.includes('event: reset'))
    stop.abort()
  })

  it('tells of the network once the uplink did, at once where something changed', async () => {
    await get('/network', 404)
    await get('/network/policy', 404)
    const report: NetworkReport = {
      source: '1-ff00:0:111',
      destination: '2-ff00:0:211',
      policy: 'at home',
      paths: [
        {
          fingerprint: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
          interfaces: ['1-ff00:0:111#1', '2-ff00:0:211#2'],
          delaysMs: [4],
          state: 'active',
          reason: 'only',
          roundTripMs: 9,
          mtu: 1472,
          expiresMs: START_MS + 3_600_000,
          ruling: { allowed: true, by: 'none' },
        },
      ],
      changes: [],
    }
    const stop = new AbortController()
    const response = await ask(new Request(`${ORIGIN}/api/v1/live`, { signal: stop.signal }))
    const reader = response.body?.getReader()
    assert.ok(reader)
    const tell = (roundTripMs: number, state: 'active' | 'down'): void => {
      const paths = report.paths.map((path) => ({ ...path, roundTripMs, state }))
      page.trace({ type: 'network', atMs: START_MS, report: { ...report, paths } })
    }
    tell(9, 'active')
    tell(8.5, 'active')
    tell(8.4, 'down')
    page.trace({ type: 'network', atMs: START_MS + 1, report })
    let text = ''
    while (!text.includes(`"atMs":${String(START_MS + 1)}`)) text += await textFrom(reader)
    assert.equal(text.split('event: network\n').length - 1, 3)
    stop.abort()
    const { paths, links, active, atMs } = await get<NetworkAnswer>('/network')
    assert.deepEqual([paths[0]?.id, active, atMs], ['0102030405060708', '0102030405060708', START_MS + 1]) // prettier-ignore
    assert.deepEqual(links[0]?.latencyMs, 4)
    const { choice } = await get<PolicyAnswer>('/network/policy')
    assert.deepEqual(choice, { kind: 'configured', name: 'at home' })
  })

  it('answers the same over a socket, and says so when the meter is away', async () => {
    const path = join(folder, 'page.sock')
    const server = await serveUnix(path, page)
    const far = unixFetcher(path)
    const near = await ask(new Request(`${ORIGIN}/api/v1/devices`))
    const answer = await far.fetch(new Request(`${ORIGIN}/api/v1/devices`))
    assert.deepEqual(
      ((await answer.json()) as DevicesAnswer).devices[0]?.streams,
      ((await near.json()) as DevicesAnswer).devices[0]?.streams,
    )
    await server.close()
    const away = await far.fetch(new Request(`${ORIGIN}/api/v1/devices`))
    assert.equal(away.status, 503)
  })

  it('counts in the format of Prometheus, each metric once with help and type', async () => {
    const response = await ask(new Request(`${ORIGIN}/metrics`))
    const lines = (await response.text()).trim().split('\n')
    const line = /^(# (HELP|TYPE) s3mp_[a-z_]+ .+|s3mp_[a-z_]+(\{([a-z]+="([^"\\]|\\.)*",?)+\})? [0-9.e+-]+)$/u // prettier-ignore
    for (const each of lines) assert.match(each, line)
    const typed = lines.filter((each) => each.startsWith('# TYPE')).length
    assert.ok(typed > 20 && typed <= METER_METRICS.length)
    assert.ok(
      lines.some((each) => /^s3mp_head_telegrams_total\{source="[^"]+"\} [1-9]/u.test(each)),
    )
  })
})

describe("the gate of the meter's page", function () {
  this.timeout(20_000)
  after(removeFolders)

  const files = servePage([])
  const api = {
    fetch: (request: Request): Response => Response.json({ asked: new URL(request.url).pathname }),
  }

  async function gate(isOpen: boolean, folder = freshFolder()) {
    const world = await World.open()
    const codes: string[] = []
    const access = await Access.open({
      isOpen,
      file: join(folder, 'page.json'),
      clock: world.clock,
      random: seededBytes(`gate ${folder}`),
      onCode: (code) => codes.push(code),
    })
    const server = pageServer({ access, page: () => Promise.resolve(files), api })
    const ask = async (path: string, init: RequestInit = {}, peer = '192.0.2.7') => {
      const request = withPeer(new Request(`http://meter.home${path}`, init), peer)
      const answer = await server.fetch(request)
      // What the gate lets through is answered by a stand-in.
      const isOwn = path === '/api/v1/session' || !answer.ok
      return isOwn ? DESCRIPTION.hold(request.method, request.url, answer) : answer
    }
    const login = (code: string, headers: Record<string, string> = {}) =>
      ask('/api/v1/session', {
        method: 'POST',
        body: JSON.stringify({ code }),
        headers: { origin: 'http://meter.home', 'content-type': 'application/json', ...headers },
      })
    return { folder, codes, ask, login, clock: world.clock, access }
  }

  it('lets everybody on this machine in while it listens on loopback alone', async () => {
    const { ask, codes } = await gate(true)
    assert.equal((await ask('/api/v1/devices')).status, 200)
    const session = (await (await ask('/api/v1/session')).json()) as { access: string }
    assert.equal(session.access, 'open')
    assert.deepEqual(codes, [])
  })

  it('shows a code once, keeps only its hash, and lets nobody in without it', async () => {
    const { ask, login, codes, folder } = await gate(false)
    assert.equal(codes.length, 1)
    const [code = ''] = codes
    assert.match(code, /^[A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4}$/u)
    const refused = await ask('/api/v1/devices')
    assert.equal(refused.status, 401)
    assert.ok(refused.headers.get('content-security-policy')?.includes("default-src 'none'"))
    assert.equal((await login('AAAA-BBBB-CCCC')).status, 401)
    const entered = await login(code.toLowerCase().replaceAll('-', ' '))
    assert.equal(entered.status, 200)
    const cookie = entered.headers.get('set-cookie') ?? ''
    assert.match(cookie, /HttpOnly; SameSite=Strict/u)
    const headers = { cookie: cookie.split(';')[0] ?? '' }
    assert.equal((await ask('/api/v1/devices', { headers })).status, 200)
    const again = await gate(false, folder)
    assert.deepEqual(again.codes, [])
    assert.equal((await again.login(code)).status, 200)
  })

  it('takes no write from a foreign page, and no session from a cookie of before the log-out', async () => {
    const { ask, login, codes } = await gate(false)
    const [code = ''] = codes
    assert.equal((await login(code, { origin: 'http://evil.example' })).status, 403)
    assert.equal((await login(code, { 'content-type': 'text/plain' })).status, 415)
    const cookie = (await login(code)).headers.get('set-cookie')?.split(';')[0] ?? ''
    const headers = { cookie, origin: 'http://meter.home' }
    assert.equal((await ask('/api/v1/session', { method: 'DELETE', headers })).status, 200)
    assert.equal((await ask('/api/v1/devices', { headers })).status, 401)
  })

  it('makes whoever guesses wait, and says for how long', async () => {
    const { login } = await gate(false)
    let last = await login('X')
    for (let tried = 0; tried < 12 && last.status !== 429; tried++) last = await login('X')
    assert.equal(last.status, 429)
    assert.ok(Number(last.headers.get('retry-after')) > 0)
  })

  it('ends every session when another code is made', async () => {
    const { ask, login, codes, access } = await gate(false)
    const cookie = (await login(codes[0] ?? '')).headers.get('set-cookie')?.split(';')[0] ?? ''
    assert.equal((await ask('/api/v1/devices', { headers: { cookie } })).status, 200)
    await access.renewCode()
    assert.equal((await ask('/api/v1/devices', { headers: { cookie } })).status, 401)
    assert.equal((await login(codes[0] ?? '')).status, 401)
    assert.equal((await login(codes[1] ?? '')).status, 200)
  })

  it('makes a new code where the kept one is damaged', async () => {
    const folder = freshFolder()
    writeFileSync(join(folder, 'page.json'), '{"code":')
    const { codes, login } = await gate(false, folder)
    assert.equal(codes.length, 1)
    assert.equal((await login(codes[0] ?? '')).status, 200)
  })

  it('gives metrics to programs on this machine only', async () => {
    const { ask } = await gate(false)
    assert.equal((await ask('/metrics')).status, 403)
    assert.equal((await ask('/metrics', {}, '127.0.0.1')).status, 200)
  })
})
