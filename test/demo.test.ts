import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fromHex, toHex, verifyRecords } from '@s3mp/envelope'
import type { ExportEntry } from '@s3mp/envelope'
import { LIVE_EVENT_TYPES } from '@s3mp/web/api'
import { Household, SmlHousehold } from '@s3mp/meter/simulator'
import type {
  EventsAnswer,
  EvidenceAnswer,
  Journey,
  NetworkAnswer,
  PolicyAnswer,
} from '@s3mp/web/api'
import { after, before, describe, it } from 'mocha'
import { DemoProcess, until } from './support/demo-process.ts'
import { Description } from './support/description.ts'

const DESCRIPTION = Description.kept('demo')

/** Asks; every answer and live event is held to the description. */
async function ask(url: string, path: string, init?: RequestInit): Promise<Response> {
  const address = new URL(`/api/v1${path}`, url)
  return DESCRIPTION.hold(init?.method ?? 'GET', address.href, await fetch(address, init))
}

async function get<T>(url: string, path: string): Promise<T> {
  const response = await ask(url, path)
  assert.equal(response.status, 200, path)
  return (await response.json()) as T
}

function post(url: string, path: string, body: unknown, headers = {}): Promise<Response> {
  return ask(url, path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
}

async function newest(url: string): Promise<Journey | undefined> {
  const response = await ask(url, '/journey')
  return response.ok ? ((await response.json()) as Journey) : undefined
}

/** Waits for a reading of at least that number to be acknowledged. */
async function reading(url: string, atLeast: number): Promise<Journey> {
  let journey: Journey | undefined
  await until(
    async () => {
      journey = await newest(url)
      return journey !== undefined && journey.seq >= atLeast
    },
    30_000,
    `reading ${atLeast}`,
  )
  assert.ok(journey)
  return journey
}

function byPath({ rulings }: PolicyAnswer): PolicyAnswer['rulings'] {
  return [...rulings].sort((one, two) => (one.path < two.path ? -1 : 1))
}

describe('npm start', function () {
  this.timeout(90_000)
  let demo: DemoProcess
  let url: string

  before(async () => {
    demo = new DemoProcess('--port', '0')
    url = await demo.url()
    await reading(url, 1)
  })

  after(() => demo.dispose())

  it('tells the whole journey of a reading, every station after the one before', async () => {
    const journey = await reading(url, 2)
    assert.match(journey.telegram.bytes, /^1b1b1b1b01010101.*1a[0-9a-f]{6}$/)
    assert.ok(journey.registers.some(({ obis, unit }) => obis === '1-0:16.7.0*255' && unit === 'W'))
    const times = [journey.telegram.arrivedMs, journey.sealedMs, journey.attempts[0]?.atMs, journey.storedMs, journey.ackedMs] // prettier-ignore
    assert.ok(times.every((time) => time !== undefined))
    assert.deepEqual(
      times,
      [...times].sort((one, two) => one - two),
    )
    const total = journey.layers.reduce((sum, layer) => sum + layer.bytes, 0)
    assert.ok(total > (journey.sealedBytes ?? 0))
  })

  it('takes another policy while readings are under way, and says why each path is in or out', async () => {
    const before = await reading(url, 1)
    const choose = async (choice: unknown): Promise<PolicyAnswer> => {
      const response = await post(url, '/network/policy', choice)
      assert.equal(response.status, 200)
      return (await response.json()) as PolicyAnswer
    }
    const avoiding = await choose({ kind: 'acl', text: '- 1-ff00:0:110\n- 1-ff00:0:112\n+' })
    assert.ok(avoiding.rulings.some(({ allowed }) => allowed))
    const out = avoiding.rulings.filter(({ allowed }) => !allowed)
    assert.ok(out.every(({ by, rule }) => by === 'acl' && rule !== undefined))
    const { paths, active } = await get<NetworkAnswer>(url, '/network')
    const used = paths.find(({ id }) => id === active)
    assert.ok(used && out.every(({ path }) => path !== used.id))
    await reading(url, before.seq + 3)
    const ordered = await choose({ kind: 'named', name: 'shortest' })
    assert.ok(ordered.rulings.some(({ preference }) => preference === 1))
    const nowhere = await choose({ kind: 'named', name: 'stay-in-isd-1' })
    assert.ok(nowhere.rulings.length > 2 && !nowhere.rulings.some(({ allowed }) => allowed))
    for (const bad of [
      { kind: 'acl', text: '? 1' },
      { kind: 'sequence', text: '(' },
      { kind: 'named', name: 'x' },
    ]) {
      const refused = await post(url, '/network/policy', bad)
      assert.equal(refused.status, 400)
      assert.match(await refused.text(), /"code":"bad_policy"/)
    }
    // Rulings come in the order of the paths, which goes by what was measured last.
    const told = await get<PolicyAnswer>(url, '/network/policy')
    assert.deepEqual({ ...told, rulings: byPath(told) }, { ...nowhere, rulings: byPath(nowhere) })
    const { seq } = (await newest(url)) ?? before
    await choose({ kind: 'named', name: 'any' })
    await reading(url, seq + 2)
  })

  it('describes itself as docs/openapi-demo.json does, and answers at every address in there', async () => {
    const own = await get<Record<string, unknown>>(url, '/openapi.json')
    assert.deepEqual(own, DESCRIPTION.document)
    const { device } = await reading(url, 1)
    for (const path of DESCRIPTION.paths) {
      const address = path.replace('{device}', device).replace('{stream}', 'quarter').replace('{seq}', '2') // prettier-ignore
      for (const method of DESCRIPTION.methods(path)) {
        const response = await fetch(new URL(address, url), { method: method.toUpperCase() })
        const text = response.ok ? '' : await response.clone().text()
        assert.doesNotMatch(text, /no such address|method_not_allowed/, `${method} ${path}`)
        await DESCRIPTION.hold(method.toUpperCase(), response.url, response)
        await response.body?.cancel().catch(() => undefined)
      }
    }
  })

  it('tells live what its description says, of each kind', async () => {
    const stop = new AbortController()
    const response = await ask(url, '/live', { signal: stop.signal })
    const stream = response.body?.pipeThrough(new TextDecoderStream())
    assert.ok(stream)
    await post(url, '/demo/switches/clouds', { on: true })
    const missing = new Set<string>(LIVE_EVENT_TYPES)
    for await (const text of stream) {
      for (const [, type = ''] of text.matchAll(/^event: (\w+)$/gm)) missing.delete(type)
      // Devices and what happens to them are told seldom; the head-end's own tests wait for them.
      if ([...missing].every((type) => type === 'event' || type === 'device')) break
    }
    stop.abort()
    await post(url, '/demo/switches/clouds', { on: false })
  })

  it('offers at least three paths that share no link', async () => {
    const { paths } = await get<NetworkAnswer>(url, '/network')
    const used = new Set<string>()
    const disjoint = [...paths]
      .sort((one, two) => one.links.length - two.links.length)
      .filter((path) => {
        if (path.links.some((link) => used.has(link))) return false
        for (const link of path.links) used.add(link)
        return true
      })
    assert.ok(disjoint.length >= 3, `found ${disjoint.length}`)
  })

  it('stores what anyone can verify with the device’s public key alone', async () => {
    const { device, stream, seq } = await reading(url, 3)
    let evidence: EvidenceAnswer | undefined
    await until(
      async () => {
        evidence = await get<EvidenceAnswer>(url, `/devices/${device}/evidence/${stream}/${seq}`)
        return evidence.records.at(-1)?.kind === 'seal'
      },
      20_000,
      'the seal',
    )
    assert.ok(evidence)
    const { algorithm, publicKey, recipientId, records } = evidence
    const entries = records.map(
      ({ kind, bytes }) => ({ kind, object: fromHex(bytes) }) as ExportEntry,
    )
    const key = { algorithm, publicKey: fromHex(publicKey) }
    const report = await verifyRecords(entries, { key, recipientId: fromHex(recipientId) })
    assert.equal(report.ok, true, JSON.stringify(report.problems))
    assert.equal(report.ueid, device)
    assert.equal(report.streams[0]?.unproven, 0)
    assert.equal(toHex(key.publicKey), publicKey)
  })

  it('moves to another path when a link in use is cut, and readings go on', async () => {
    const before = await get<NetworkAnswer>(url, '/network')
    const active = before.paths.find((path) => path.id === before.active)
    const [link] = active?.links ?? []
    assert.ok(active && link)
    const { seq } = await reading(url, 1)
    const cut = await post(url, `/network/links/${link}`, { up: false })
    assert.equal(cut.status, 200)
    let moved: NetworkAnswer | undefined
    await until(
      async () => {
        moved = await get<NetworkAnswer>(url, '/network')
        const now = moved.paths.find((path) => path.id === moved?.active)
        return now !== undefined && !now.links.includes(link)
      },
      20_000,
      'another path',
    )
    await reading(url, seq + 4)
    await until(
      () => demo.output.includes('readings now go over'),
      10_000,
      'the terminal to say so',
    )
    assert.match(demo.output, /link .+ cut/)
    assert.ok((moved?.failovers.length ?? 0) > 0)
    assert.equal((await post(url, `/network/links/${link}`, { up: true })).status, 200)
  })

  it('refuses a forged reading, and stores a replayed one once', async () => {
    await reading(url, 2)
    const forged: unknown = await (await post(url, '/demo/deeds/forge', {})).json()
    assert.deepEqual(forged, { deed: 'forge', accepted: false, reason: 'bad-signature' })
    const replayed: unknown = await (await post(url, '/demo/deeds/replay', {})).json()
    assert.deepEqual(replayed, { deed: 'replay', accepted: true })
  })

  it('lets readings wait while the head-end is off, and loses none', async () => {
    const { device, seq } = await reading(url, 1)
    await post(url, '/demo/switches/headend', { on: false })
    await new Promise((resolve) => setTimeout(resolve, 3000))
    await post(url, '/demo/switches/headend', { on: true })
    await reading(url, seq + 5)
    await until(
      async () => {
        const { streams } = await get<{ streams: readonly { stream: string; contiguousSeq: number }[] }>(url, `/devices/${device}`) // prettier-ignore
        const live = streams.find((each) => each.stream === 'live')
        return live !== undefined && live.contiguousSeq >= seq + 5
      },
      20_000,
      'every number without a gap',
    )
  })

  it('answers no other site, and nothing that it does not understand', async () => {
    const link = (await get<NetworkAnswer>(url, '/network')).links[0]?.id ?? ''
    const foreign = { 'content-type': 'text/plain' }
    const crossSite = { 'sec-fetch-site': 'cross-site' }
    for (const [path, body, headers, status] of [
      [`/network/links/${link}`, { up: false }, foreign, 400],
      [`/network/links/${link}`, { up: false }, crossSite, 400],
      [`/network/links/${link}`, { up: 'no' }, {}, 400],
      [`/network/links/${link}`, [], {}, 400],
      [`/network/links/${link}`, { up: true, more: 'x'.repeat(5000) }, {}, 400],
      ['/network/links/nowhere', { up: false }, {}, 404],
      ['/demo/switches/__proto__', { on: true }, {}, 404],
      ['/demo/deeds/constructor', {}, {}, 404],
      ['/demo/deeds/forge', {}, foreign, 400],
    ] as const) {
      assert.equal((await post(url, path, body, headers)).status, status, path)
    }
    assert.ok((await get<NetworkAnswer>(url, '/network')).links.every((each) => each.up))
  })

  it('sounds the alarm when the meter’s case is opened', async () => {
    await post(url, '/demo/switches/case', { on: true })
    const codes = async (): Promise<readonly string[]> =>
      (await get<EventsAnswer>(url, '/events?limit=50')).events.map(({ code }) => code)
    await until(async () => (await codes()).includes('device.cover-opened'), 20_000, 'the alarm')
    await post(url, '/demo/switches/case', { on: false })
    await until(async () => (await codes()).includes('device.cover-closed'), 20_000, 'its end')
  })

  it('serves the page with a policy that lets nothing foreign in', async () => {
    const response = await fetch(url)
    assert.match(response.headers.get('content-security-policy') ?? '', /default-src 'none'/)
    const html = await response.text()
    assert.match(html, /<div id="page">/)
    for (const [, path = ''] of html.matchAll(/(?:src|href)="(\/[^"]+)"/g)) {
      assert.equal((await fetch(new URL(path, url))).status, 200, path)
    }
  })

  it('leaves nothing behind at Ctrl-C', async () => {
    assert.equal(await demo.interrupt(), 0, demo.output)
    assert.deepEqual(demo.leftovers(), [])
    await assert.rejects(fetch(url))
    assert.doesNotMatch(demo.output, /Error|at file:/)
  })
})

describe('npm start, otherwise', function () {
  this.timeout(90_000)
  const demos: DemoProcess[] = []
  const start = (...args: readonly string[]): DemoProcess => {
    const demo = new DemoProcess(...args)
    demos.push(demo)
    return demo
  }

  const blockers: Server[] = []
  const folders: string[] = []

  after(async () => {
    for (const blocker of blockers) blocker.close()
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
    await Promise.all(demos.map((demo) => demo.dispose()))
  })

  it('plays captured telegrams, and steps over a port in use', async () => {
    const blocker = createServer()
    blockers.push(blocker)
    await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve))
    const { port } = blocker.address() as AddressInfo
    const startMs = Date.UTC(2025, 0, 15, 18)
    const meter = new SmlHousehold({ household: new Household({ seed: 3, startMs }) })
    const telegrams = [...meter.between(startMs, startMs + 3000)].map(({ bytes }) => toHex(bytes))
    const folder = mkdtempSync(join(tmpdir(), 's3mp-capture-'))
    folders.push(folder)
    const file = join(folder, 'captured.hex')
    writeFileSync(file, telegrams.join('\n'))
    const demo = start('--port', String(port), '--replay', file)
    const url = await demo.url()
    assert.notEqual(new URL(url).port, String(port))
    const journey = await reading(url, 2)
    assert.ok(telegrams.includes(journey.telegram.bytes))
    assert.equal(await demo.interrupt(), 0)
  })

  it('says what is wrong with a command line, and what to do', async () => {
    for (const [args, code, says] of [
      [['--help'], 0, /--replay FILE/],
      [['--replay', '/nowhere/telegrams.bin'], 2, /cannot be read \(ENOENT\)/],
      [['--replay', import.meta.dirname], 2, /cannot be read \(EISDIR\)/],
      [['--replay', join(import.meta.dirname, 'demo.test.ts')], 2, /found none that could be read/],
      [['--prot', '1'], 2, /--prot/],
      [['--port', 'many'], 2, /--port: expected a number/],
      [['--meter', 'steam'], 2, /--meter: expected one of sml, dlms, d0, dsmr, s0, modbus/],
      [['--line', 'fast'], 1, /expected like '9600 8N1'/],
    ] as const) {
      const demo = start(...args)
      assert.equal(await demo.end(), code, demo.output)
      assert.match(demo.output, says)
      assert.deepEqual(demo.leftovers(), [])
      assert.doesNotMatch(demo.output, /at file:/)
    }
  })

  it('waits for an optical head that is not there yet, and says so', async () => {
    const demo = start('--port', '0', '--serial', '/dev/no-such-head')
    await demo.url()
    await until(
      () => (demo.output.split('Ctrl-C')[1] ?? '').includes('no-such-head'),
      30_000,
      'a word',
    )
    assert.equal(await demo.interrupt(), 0)
    assert.deepEqual(demo.leftovers(), [])
  })
})
