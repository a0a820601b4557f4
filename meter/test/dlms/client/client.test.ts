import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { describe, it } from 'mocha'
import type { DlmsAuthentication, DlmsSecurity } from '../../../src/index.ts'
import {
  MeterError,
  counterMemory,
  counterNameOf,
  decimal,
  planOf,
  readClock,
  readFrameCounter,
  readMeter,
  readObjectList,
  readProfile,
} from '../../../src/index.ts'
import type { DlmsClient } from '../../../src/index.ts'
import type { SimulatedClient } from '../../../src/simulator/index.ts'
import { DLMS_COUNTERS_RESERVED } from '../../../src/dlms/client/cipher.ts'
import {
  ASKED_MS,
  CLIENT_TITLE,
  PROFILE_FROM_MS,
  asking,
  keysOf,
  securityOf,
} from '../../support/asking.ts'
import type { Asking } from '../../support/asking.ts'
import { toHex } from '../../../src/bytes.ts'
import { hex } from '../../support/telegrams.ts'

const SECRET = hex('73656372657421')
const LOAD_PROFILE = '1-0:99.1.0*255'
const QUARTER_MS = 900_000

/** All ways to prove who one is, with the meter's half where it has other keys. */
function ways(suite: 0 | 1 | 2): readonly Asking[] {
  const simple: DlmsAuthentication[] = [
    { kind: 'none' },
    { kind: 'low', password: SECRET },
    { kind: 'md5', secret: SECRET },
    { kind: 'sha1', secret: SECRET },
    { kind: 'sha256', secret: SECRET },
    { kind: 'gmac' },
  ]
  const curve = { namedCurve: suite === 2 ? 'P-384' : 'P-256' }
  const [own, meter] = [generateKeyPairSync('ec', curve), generateKeyPairSync('ec', curve)]
  const clients: readonly SimulatedClient[] = [
    {
      client: 16,
      authentication: { kind: 'ecdsa', privateKey: meter.privateKey, meterKey: own.publicKey },
      security: keysOf(suite),
    },
  ]
  return [
    ...simple.map((authentication) => ({ authentication, security: securityOf(suite) })),
    {
      authentication: { kind: 'ecdsa', privateKey: own.privateKey, meterKey: meter.publicKey },
      security: securityOf(suite),
      clients,
    },
  ]
}

async function readAll(client: DlmsClient): Promise<void> {
  await client.connect()
  const objects = await readObjectList(client)
  const plan = planOf(objects)
  const reading = await readMeter(client, plan)
  assert.equal(reading.protocol, 'dlms')
  assert.equal(reading.device, 'SIM0000000000001')
  assert.equal(reading.meterTime?.seconds, ASKED_MS / 1_000)
  assert.equal(reading.registers.length, 11)
  assert.ok(reading.registers.some(({ obis, unit }) => obis === '1-0:1.8.0*255' && unit === 'Wh'))
  assert.deepEqual(await readClock(client), reading.meterTime)
  const profile = await readProfile(client, { obis: LOAD_PROFILE })
  assert.deepEqual(
    profile.map(({ meterTime }) => (meterTime?.seconds ?? 0) * 1_000),
    Array.from({ length: 25 }, (_, row) => PROFILE_FROM_MS + row * QUARTER_MS),
  )
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'none'
  } catch (error) {
    if (error instanceof MeterError) return error.detail ?? error.code
    throw error
  }
}

describe('a DLMS client', () => {
  for (const kind of ['hdlc', 'wrapper'] as const) {
    for (const suite of [0, 1, 2] as const) {
      for (const way of ways(suite)) {
        it(`reads over ${kind} in suite ${suite}, proof ${way.authentication?.kind}`, async () => {
          const { client, passedMs } = asking({ ...way, link: { kind } })
          await readAll(client)
          await client.release()
          assert.equal(client.association, undefined)
          assert.equal(passedMs(), 0)
        })
      }
    }

    it(`reads over ${kind} in plain, and with proof alone ciphered`, async () => {
      await readAll(asking({ link: { kind } }).client)
      const security = securityOf(0, counterMemory(), { ciphered: false })
      const way = { link: { kind }, authentication: { kind: 'gmac' }, security } as const
      await readAll(asking(way).client)
    })

    it(`reads over ${kind} under a dedicated key, and again after a release`, async () => {
      const security = securityOf(0, counterMemory(), { dedicated: true })
      const { client } = asking({ link: { kind }, security, authentication: { kind: 'gmac' } })
      await readAll(client)
      await client.release()
      await readAll(client)
    })
  }

  for (const link of [
    { kind: 'hdlc', logical: 1, physical: 17, addressBytes: 2 },
    {
      kind: 'hdlc',
      logical: 1,
      physical: 5_000,
      addressBytes: 4,
      informationBytes: 1_024,
      window: 7,
    },
    { kind: 'hdlc', informationBytes: 32, window: 3 },
  ] as const) {
    it(`keeps to addresses, frames and windows: ${JSON.stringify(link)}`, async () => {
      await readAll(asking({ link, meter: { informationBytes: 256, window: 5 } }).client)
    })
  }

  it('asks for parts of a profile by time and by number', async () => {
    const { client } = asking()
    await client.connect()
    const fromMs = PROFILE_FROM_MS + 4 * QUARTER_MS
    const rows = await readProfile(client, {
      obis: LOAD_PROFILE,
      fromMs,
      toMs: fromMs + QUARTER_MS,
    })
    assert.deepEqual(
      rows.map(({ meterTime }) => meterTime?.seconds),
      [fromMs / 1_000, fromMs / 1_000 + 900],
    )
    const entries = await readProfile(client, { obis: LOAD_PROFILE, entries: { from: 24, to: 0 } })
    assert.equal(entries.length, 2)
    const [energy] = entries[0]?.registers ?? []
    assert.ok(energy !== undefined && Number(decimal(energy)) >= 1_000)
  })

  it('says why a meter refuses', async () => {
    const wrong = hex('ffeeddccbbaa99887766554433221100')
    const right = [{ client: 16, authentication: { kind: 'gmac' }, security: keysOf(0) }] as const
    const gmac = (changes: Partial<DlmsSecurity>): Asking => ({
      authentication: { kind: 'gmac' },
      clients: right,
      security: securityOf(0, counterMemory(), changes),
    })
    const connect = async (way: Asking): Promise<string> =>
      await codeOf(asking(way).client.connect())
    const low = (password: Uint8Array): DlmsAuthentication => ({ kind: 'low', password })
    const clients = [{ client: 16, authentication: low(SECRET) }]
    assert.equal(await connect({ authentication: low(wrong), clients }), 'authentication-failure')
    assert.equal(await connect({ clients }), 'authentication-mechanism-name-not-recognised')
    assert.equal(await connect(gmac({ encryptionKey: wrong })), 'deciphering-error')
    assert.equal(await connect(gmac({ authenticationKey: wrong })), 'deciphering-error')
    assert.equal(await connect(gmac({})), 'none')
    const { client } = asking()
    await client.connect()
    const ref = { classId: 3, obis: '1-0:99.99.99*255', attribute: 2 }
    assert.equal(await codeOf(client.get(ref)), 'object-undefined')
    assert.deepEqual(await client.getList([ref]), [{ kind: 'refused', reason: 'object-undefined' }])
  })

  it('never uses a counter twice, over restarts too, and finds a lost one again', async () => {
    const counters = counterMemory()
    const name = counterNameOf(CLIENT_TITLE, keysOf(0).encryptionKey)
    const gmac = { authentication: { kind: 'gmac' } } as const
    await readAll(asking({ ...gmac, security: securityOf(0, counters) }).client)
    const used = counters.used(name) ?? 0
    assert.ok(used >= 20 && used % DLMS_COUNTERS_RESERVED === DLMS_COUNTERS_RESERVED - 1)
    const clients = [
      { client: 16, authentication: { kind: 'none' } },
      { client: 1, ...gmac, security: keysOf(0) },
    ] as const
    // The same meter all along: it has seen the counters of the first run.
    const { client, port } = asking({
      ...gmac,
      clients,
      link: { kind: 'wrapper', client: 1 },
      security: securityOf(0, counterMemory(), { counterAtLeast: used }),
    })
    await client.connect()
    await client.release()
    const first = port.written[0] ?? new Uint8Array()
    const at = first.findLastIndex((byte, index) => byte === 0x21 && first[index + 2] === 0x30)
    assert.equal(new DataView(first.buffer).getUint32(at + 3), used + 1)
  })

  it('reads the frame counter that a meter has seen', async () => {
    const { client } = asking()
    await client.connect()
    assert.equal(await readFrameCounter(client), 0)
  })

  it('says goodbye once, in the way of its link, and to a meter that is gone in vain', async () => {
    for (const [kind, tag] of [
      ['hdlc', '53'],
      ['wrapper', '62'],
    ] as const) {
      let gone = false
      const { client, port, passedMs } = asking({
        link: { kind },
        line: (bytes) => (gone ? [] : [bytes]),
      })
      await client.connect()
      const before = port.written.length
      await client.release()
      assert.equal(port.written.length, before + 1)
      assert.ok(toHex(port.written[before] ?? new Uint8Array()).includes(tag), kind)
      await client.connect()
      gone = true
      await client.release()
      assert.ok(passedMs() <= 15_000)
      await client.release()
    }
  })

  it('does one thing at a time, in an association', async () => {
    const { client } = asking()
    const ref = { classId: 8, obis: '0-0:1.0.0*255', attribute: 2 }
    assert.equal(await codeOf(client.get(ref)), 'state')
    await client.connect()
    const first = client.get(ref)
    assert.equal(await codeOf(client.get(ref)), 'state')
    assert.equal((await first).type, 'octets')
    assert.equal(await codeOf(client.connect()), 'state')
  })

  it('refuses keys, titles and addresses of a wrong size at once', () => {
    const short = hex('00112233')
    for (const changes of [
      { encryptionKey: short },
      { authenticationKey: short },
      { clientTitle: short },
    ]) {
      const security = securityOf(0, counterMemory(), changes)
      assert.throws(() => asking({ security, clients: [] }), { code: 'range' })
    }
    for (const link of [
      { kind: 'hdlc', client: 200 },
      { kind: 'hdlc', logical: 128 },
      { kind: 'hdlc', informationBytes: 4_000 },
      { kind: 'hdlc', window: 8 },
      { kind: 'wrapper', server: 70_000 },
    ] as const) {
      assert.throws(() => asking({ link }), { code: 'range' }, JSON.stringify(link))
    }
  })
})
