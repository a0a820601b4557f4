import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import type { KeyPairKeyObjectResult } from 'node:crypto'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import { systemClock } from '../../hal/src/index.ts'
import type { DlmsClientOptions, DlmsSecurity } from '../../meter/src/index.ts'
import {
  DlmsClient,
  counterMemory,
  decimal,
  planOf,
  readClock,
  readFrameCounter,
  readMeter,
  readObjectList,
  readProfile,
} from '../../meter/src/index.ts'
import { SocketPort } from '../support/socket-port.ts'
import { guruxClassPath } from '../support/gurux.ts'
import { need } from '../support/outside.ts'

const HERE = import.meta.dirname

/** What MeterServer.java is made with. */
const SECRET = text('a secret of sixteen')
const START_MS = 1_773_273_600_000
const HOUR_MS = 3_600_000
const SEEN = 1_000

type Link = 'hdlc' | 'wrapper'
type Way = Pick<DlmsClientOptions, 'authentication' | 'security'>

function text(letters: string): Uint8Array {
  return new TextEncoder().encode(letters)
}

function security(suite: 0 | 1 | 2, changes: Partial<DlmsSecurity> = {}): DlmsSecurity {
  const key = (first: number): Uint8Array =>
    Uint8Array.from({ length: suite === 2 ? 32 : 16 }, (_, index) => first + index)
  return {
    suite,
    clientTitle: text('S3MPTEST'),
    encryptionKey: key(0),
    authenticationKey: key(0xd0),
    counters: counterMemory(),
    counterAtLeast: SEEN,
    ...changes,
  }
}

describe("the DLMS client, asking a meter made of Gurux's server", function () {
  this.timeout(150_000)
  let server: ChildProcess | undefined
  const ports = { hdlc: 0, wrapper: 0 }
  let own: KeyPairKeyObjectResult
  let meter: KeyPairKeyObjectResult

  before(async function () {
    const java = need(this, 'java', 'default-jdk-headless')
    const path = guruxClassPath(need(this, 'mvn', 'maven'))
    own = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    meter = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const keys = [
      own.publicKey.export({ type: 'spki', format: 'der' }),
      meter.privateKey.export({ type: 'pkcs8', format: 'der' }),
    ]
    const words = keys.map((key) => key.toString('base64'))
    const program = join(HERE, 'gurux/MeterServer.java')
    const child = spawn(java, ['-cp', path, program, ...words], {
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    server = child
    await new Promise<void>((ready, fail) => {
      let said = ''
      child.stdout.on('data', (bytes: Uint8Array) => {
        said += new TextDecoder().decode(bytes)
        const found = /hdlc (\d+)\s+wrapper (\d+)/.exec(said)
        if (found === null) return
        ports.hdlc = Number(found[1])
        ports.wrapper = Number(found[2])
        ready()
      })
      child.on('exit', (code) => {
        fail(new Error(`the server ended with ${String(code)}`))
      })
    })
  })

  after(() => {
    server?.stdin?.end()
    server?.kill()
  })

  async function withClient<Result>(
    link: Link,
    client: number,
    way: Way,
    work: (client: DlmsClient) => Promise<Result>,
  ): Promise<Result> {
    const port = await SocketPort.open(ports[link])
    const asking = new DlmsClient({
      port,
      clock: systemClock,
      random: (bytes) => new Uint8Array(randomBytes(bytes)),
      link: { kind: link, client },
      answerMs: 3_000,
      ...way,
    })
    try {
      return await work(asking)
    } finally {
      await asking.release()
      port.close()
    }
  }

  /** Associates, and reads what there is to read. */
  async function readAll(client: DlmsClient): Promise<void> {
    await client.connect()
    const objects = await readObjectList(client)
    const reading = await readMeter(client, planOf(objects))
    assert.equal(reading.device, 'SIM0000000000001')
    assert.deepEqual(
      reading.registers.map((one) => `${one.obis} ${decimal(one)} ${one.unit}`),
      [
        '1-0:1.8.0*255 123456789000 Wh',
        '1-0:2.8.0*255 4500 Wh',
        '1-0:1.7.0*255 412 W',
        '1-0:2.7.0*255 0 W',
        '1-0:32.7.0*255 230.1 V',
        '1-0:14.7.0*255 49.98 Hz',
        '1-0:16.7.0*255 412 W',
      ],
    )
    assert.equal(reading.meterTime?.seconds, START_MS / 1_000)
    assert.deepEqual(await readClock(client), reading.meterTime)
    await readProfiles(client)
  }

  async function readProfiles(client: DlmsClient): Promise<void> {
    const obis = '1-0:99.1.0*255'
    const [fromMs, toMs] = [START_MS + HOUR_MS, START_MS + 2 * HOUR_MS]
    const hour = await readProfile(client, { obis, fromMs, toMs })
    assert.deepEqual(
      hour.map(({ meterTime }) => (meterTime?.seconds ?? 0) * 1_000),
      [0, 1, 2, 3, 4].map((row) => fromMs + row * 900_000),
    )
    // Gurux scales what a profile holds no less than a register: thousands of watt-hours.
    assert.deepEqual(
      hour.map(({ registers: [energy] }) => energy && decimal(energy)),
      ['1004000', '1005000', '1006000', '1007000', '1008000'],
    )
    const first = await readProfile(client, { obis, entries: { from: 1, to: 3 } })
    assert.deepEqual(
      first.map(({ meterTime }) => (meterTime?.seconds ?? 0) * 1_000),
      [0, 1, 2].map((row) => START_MS + row * 900_000),
    )
    // In blocks: the meter's APDUs have 1,024 bytes.
    assert.ok((await readProfile(client, { obis })).length >= 96)
  }

  for (const link of ['hdlc', 'wrapper'] as const) {
    const ways: readonly (readonly [string, number, () => Way])[] = [
      ['without proof', 16, () => ({})],
      ['with a password', 17, () => ({ authentication: { kind: 'low', password: SECRET } })],
      ['with MD5', 18, () => ({ authentication: { kind: 'md5', secret: SECRET } })],
      ['with SHA-1', 19, () => ({ authentication: { kind: 'sha1', secret: SECRET } })],
      [
        'with SHA-256',
        20,
        (): Way => ({
          authentication: { kind: 'sha256', secret: SECRET },
          security: security(0, { ciphered: false }),
        }),
      ],
      ...([0, 1, 2] as const).map(
        (suite) =>
          [
            `with GMAC, ciphered in suite ${suite}`,
            1 + suite,
            (): Way => ({ authentication: { kind: 'gmac' }, security: security(suite) }),
          ] as const,
      ),
      [
        'with GMAC and a dedicated key',
        1,
        (): Way => ({
          authentication: { kind: 'gmac' },
          security: security(0, { dedicated: true }),
        }),
      ],
      [
        'with signatures, ciphered in suite 1',
        4,
        (): Way => ({
          authentication: {
            kind: 'ecdsa',
            privateKey: own.privateKey,
            meterKey: meter.publicKey,
          },
          security: security(1),
        }),
      ],
    ]
    for (const [name, client, way] of ways) {
      it(`reads clock, registers and load profile over ${link}, ${name}`, async () => {
        await withClient(link, client, way(), readAll)
      })
    }

    it(`says over ${link} why a meter refuses`, async () => {
      const refusal = async (client: number, way: Way): Promise<unknown> =>
        await withClient(link, client, way, async (asking) => await asking.connect()).then(
          () => 'none',
          (error: unknown) => (error as { detail?: string }).detail,
        )
      const gmac = (changes: Partial<DlmsSecurity>): Way => ({
        authentication: { kind: 'gmac' },
        security: security(0, changes),
      })
      const wrong = new Uint8Array(16).fill(7)
      const password = { authentication: { kind: 'low', password: text('12345678') } } as const
      assert.equal(await refusal(17, password), 'authentication-failure')
      assert.equal(
        await refusal(18, { authentication: { kind: 'md5', secret: wrong } }),
        'read-write-denied',
      )
      assert.equal(await refusal(1, gmac({ encryptionKey: wrong })), 'deciphering-error')
      assert.equal(await refusal(1, gmac({ authenticationKey: wrong })), 'deciphering-error')
      assert.equal(await refusal(1, gmac({ counterAtLeast: 5 })), 'deciphering-error')
    })

    it(`finds over ${link} where its counter went on, when it lost its own`, async () => {
      const seen = await withClient(link, 16, {}, async (client) => {
        await client.connect()
        return await readFrameCounter(client)
      })
      assert.equal(seen, SEEN)
      const way: Way = {
        authentication: { kind: 'gmac' },
        security: security(0, { counterAtLeast: seen }),
      }
      await withClient(link, 1, way, async (client) => await client.connect())
    })
  }

  it('agrees with the meter on larger frames and longer windows', async () => {
    const port = await SocketPort.open(ports.hdlc)
    const client = new DlmsClient({
      port,
      clock: systemClock,
      random: (bytes) => new Uint8Array(randomBytes(bytes)),
      link: {
        kind: 'hdlc',
        logical: 1,
        physical: 17,
        addressBytes: 4,
        informationBytes: 1_024,
        window: 4,
      },
    })
    await readAll(client)
    await client.release()
    port.close()
  })
})
