import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  decodeHeadendCard,
  encodePublicKeyFile,
  EVENT_CODES,
  SoftwareSigner,
  verifyRecords,
  type RecordKind,
} from '@s3mp/envelope'
import {
  createMeter,
  createUplink,
  listening,
  memoryChannel,
  Spool,
  type Meter,
} from '@s3mp/firmware'
import { parseSettings, systemClock } from '@s3mp/hal'
import { ReplaySerial } from '@s3mp/hal/mock'
import {
  createHeadend,
  Keyring,
  MemorySecrets,
  silentLog,
  SqliteStore,
  systemRandom,
  type Headend,
} from '@s3mp/headend'
import { Household, SmlHousehold } from '@s3mp/meter/simulator'
import { formatInterface, nodeUnderlay, openScionSocket, openStandalone, parseAddress, type Path } from '@s3mp/scion' // prettier-ignore
import { after, before, describe, it } from 'mocha'
import { parseConfig } from '../../firmware/src/config/load.ts'
import { openScion } from '../../firmware/src/service/scion.ts'
import { openScionTransport } from '../../headend/src/cli/scion.ts'
import { parseConfig as parseHeadendConfig } from '../../headend/src/config.ts'
import { text } from '../../scripts/testnet/addresses.ts'
import type { Testnet } from '../../scripts/testnet/network.ts'
import { startReference } from '../support/reference.ts'

const METER = '1-ff00:0:111'
const HEADEND = '1-ff00:0:112'
const PORT = 31_200
const DAY_MS = 86_400_000
const PREKEYS = { validMs: 30 * DAY_MS, rotateBeforeMs: 7 * DAY_MS, graceMs: 7 * DAY_MS }

/**
 * A household, its meter and its head-end in the diamond of the reference's own programs, both ends
 * as their configurations describe them: paths and keys from the control services, each packet
 * authenticated, nothing beyond ISD 1.
 */
describe('a reading through the reference implementation’s network', function () {
  this.timeout(120_000)
  const folder = mkdtempSync(join(tmpdir(), 's3mp-'))
  const signer = SoftwareSigner.generate('Ed25519', systemRandom)
  const store = new SqliteStore(':memory:')
  const stored = new Set<string>()
  const evidence: { stream: number; seq: number; kind: RecordKind; object: Uint8Array }[] = []
  const taken: (readonly string[])[] = []
  const stop = new AbortController()
  let net: Testnet
  let headend: Headend
  let meter: Meter
  let transport: Awaited<ReturnType<typeof openScion>>
  let running: Promise<unknown> | undefined

  before(async function () {
    this.timeout(400_000)
    net = await startReference(this, 'diamond', 50)
    await net.waitForPaths(METER, HEADEND, 4)
    await net.waitForPaths(HEADEND, METER, 4)
    await openHeadend()
    transport = await openScion(meterConfig())
    startMeter()
  })

  after(async function () {
    this.timeout(30_000)
    stop.abort()
    await running
    await (headend as Headend | undefined)?.close()
    await (net as Testnet | undefined)?.stop()
    store.close()
    rmSync(folder, { recursive: true, force: true })
  })

  async function openHeadend(): Promise<void> {
    const { scion } = parseHeadendConfig(
      `data = "state"
      [scion]
      isd_as = "${HEADEND}"
      host = "${net.addresses(HEADEND).host}"
      port = ${PORT}
      config_dir = "${net.configDir(HEADEND)}"
      authentication = "require"`,
      join(folder, 'headend.toml'),
    )
    assert.ok(scion)
    headend = await createHeadend({
      access: 'open',
      store,
      keyring: Keyring.create(new MemorySecrets(), PREKEYS, systemRandom),
      transports: [await openScionTransport(scion, silentLog)],
      onCommit: (entries, { outcomes }) => {
        for (const [index, { record }] of entries.entries()) {
          if (outcomes[index]?.type === 'stored') stored.add(`${record.stream}/${record.seq}`)
        }
      },
    })
    headend.enroll(encodePublicKeyFile(signer))
  }

  function meterConfig(): ReturnType<typeof parseConfig> {
    return parseConfig(
      `[meter]
      device = "simulated:household"
      [uplink.scion]
      local = "${METER},${net.addresses(METER).host}"
      remote = "${HEADEND},${net.addresses(HEADEND).host}:${PORT}"
      source = ["daemon", "control"]
      daemon = "${text(net.addresses(METER).daemon)}"
      config_dir = "${net.configDir(METER)}"
      authentication = "require"
      [uplink.scion.jurisdiction]
      isds = [1]`,
      join(folder, 'meter.toml'),
    )
  }

  function startMeter(): void {
    const card = decodeHeadendCard(headend.card())
    const channel = memoryChannel()
    const uplink = createUplink({ channel: channel.uplink, transport, clock: systemClock })
    const settings = parseSettings('115200 8N1')
    const startMs = systemClock.nowMs()
    const household = new SmlHousehold({ household: new Household({ seed: 5, startMs }) })
    const telegrams = (_index: number, nowMs: number): Uint8Array => household.telegram(nowMs)
    const random = Math.random
    meter = createMeter({
      clock: systemClock,
      random,
      randomBytes: systemRandom,
      sources: [
        listening({
          name: 'head',
          serial: new ReplaySerial({ clock: systemClock, random, settings, periodMs: 200, telegrams }), // prettier-ignore
          path: '/dev/replay',
          settings,
          protocol: 'auto',
          silenceMs: 10_000,
          isSimulated: true,
        }),
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
      onTrace: (event) => {
        if (event.type !== 'stored') return
        const { stream, seq, record, object } = event
        if (record.kind === 'event' && record.code === EVENT_CODES['path-taken']) {
          taken.push(record.details.map(String))
        }
        evidence.push({ stream, seq, kind: record.kind, object })
      },
    })
    running = Promise.all([meter.run(stop.signal), uplink.run(stop.signal)])
    running.catch(() => undefined)
  }

  /** Waits in real time until something is so. */
  async function until(what: string, isSo: () => boolean): Promise<void> {
    for (const endMs = systemClock.monotonicMs() + 60_000; !isSo();) {
      assert.ok(systemClock.monotonicMs() < endMs, `in time: ${what}`)
      await systemClock.sleep(50)
    }
  }

  async function pathsNow(): Promise<readonly Path[]> {
    const source = await openStandalone({ configDir: net.configDir(METER), clock: systemClock })
    const paths = await source.paths(parseAddress(`${HEADEND},127.0.0.1`).isdAs)
    await source.close()
    return paths
  }

  it('is stored and acknowledged, every packet of it authentic', async () => {
    await until('readings are stored', () => stored.size >= 40)
    await until('the meter is answered', () => meter.status().isEpochConfirmed)
    const { authentication, forbidden } = transport.health()
    assert.deepEqual({ authentication, forbidden }, { authentication: 'proven', forbidden: '' })
    assert.equal(headend.counts.refused['no-authenticator'], 0)
    assert.ok(meter.status().paths.length >= 4)
  })

  it('is not looked at when its packet proves nothing', async () => {
    const source = await openStandalone({ configDir: net.configDir(METER), clock: systemClock })
    const local = { ...parseAddress(`${METER},${net.addresses(METER).host}`), port: 31_201 }
    const socket = await openScionSocket({
      local,
      localAs: source.local,
      underlay: nodeUnderlay,
      clock: systemClock,
      random: Math.random,
    })
    const to = { ...parseAddress(`${HEADEND},${net.addresses(HEADEND).host}`), port: PORT }
    const [path] = await source.paths(to.isdAs)
    assert.ok(path)
    const { opened } = headend.counts
    assert.ok(opened > 0)
    await socket.send(to, new Uint8Array(100), path)
    await until('it is refused', () => headend.counts.refused['no-authenticator'] > 0)
    await socket.close()
    await source.close()
  })

  it('goes on over other links when one that it uses is cut silently', async () => {
    const active = transport.pilot.current()
    assert.ok(active !== undefined)
    const ends = active.interfaces.map(formatInterface)
    const used = net.topology.links.find(({ a, b }) =>
      [a, b].every((end) => ends.includes(`${end.isdAs}#${end.interfaceId}`)),
    )
    assert.ok(used !== undefined, ends.join(' '))
    net.cut(used.name)
    const before = stored.size
    await until('readings go on', () => stored.size >= before + 40)
    assert.notEqual(transport.pilot.current()?.fingerprint, active.fingerprint)
    net.mend(used.name)
  })

  it('proves itself and the way it took to anyone with nothing but the public key', async () => {
    stop.abort()
    await running
    const ways = new Set((await pathsNow()).map(({ interfaces }) => interfaces.map(formatInterface).join(' '))) // prettier-ignore
    const billing = taken.filter(([, stream]) => stream === '1')
    assert.ok(billing.length > 0, 'the first billing reading, with its way')
    for (const [, , , ...route] of taken) assert.ok(ways.has(route.join(' ')), route.join(' '))
    const records = [...evidence].sort((a, b) => a.stream - b.stream || a.seq - b.seq)
    assert.ok(records.filter(({ stream, seq }) => stored.has(`${stream}/${seq}`)).length >= 60)
    const recipientId = decodeHeadendCard(headend.card()).key.ueid
    const report = await verifyRecords(records, { key: signer, recipientId })
    assert.deepEqual(report.problems, [])
    assert.ok(report.ok)
  })
})
