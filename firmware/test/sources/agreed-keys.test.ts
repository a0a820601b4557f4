import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'

import { systemClock } from '@s3mp/hal'
import { DLMS_STYLES, DlmsMeter, frameApdu, Household } from '@s3mp/meter/simulator'
import { after, describe, it } from 'mocha'

import { ConfigError, parseConfig } from '../../src/config/load.ts'
import { FirmwareError } from '../../src/errors.ts'
import { openSources } from '../../src/sources/open.ts'
import type { SourceSpec } from '../../src/sources/source.ts'
import { freshFolder, removeFolders } from '../support/folder.ts'
import { SourceBench } from '../support/source-bench.ts'
import { seededBytes, seededRandom } from '../support/world.ts'

const REST = '\n[uplink]\ntransport = "udp"\n[uplink.udp]\nremote = "127.0.0.1:7400"\n'
const KEY = '000102030405060708090a0b0c0d0e0f'
const PROOF = 'd0d1d2d3d4d5d6d7d8d9dadbdcdddedf'
const HOUR = 3_600_000

function open(
  toml: string,
  folder: string,
  clock: Parameters<typeof openSources>[1]['clock'] = systemClock,
): Promise<readonly SourceSpec[]> {
  const configFile = join(folder, 'meter.toml')
  writeFileSync(configFile, toml + REST, { mode: 0o600 })
  return openSources(parseConfig(toml + REST, configFile).meters, {
    clock,
    random: seededRandom('agreed'),
    randomBytes: seededBytes('agreed'),
    configFile,
    credentials: undefined,
  })
}

function keep(folder: string, name: string, content: string | Uint8Array): void {
  writeFileSync(join(folder, name), content, { mode: 0o600 })
}

function pem(key: KeyObject): string {
  const type = key.type === 'private' ? 'pkcs8' : 'spki'
  return String(key.export({ type, format: 'pem' } as { type: 'spki'; format: 'pem' }))
}

/** A simulated meter in TCP that wants signatures, in one of the suites. */
async function signingMeter(
  suite: 1 | 2,
  meterKey: KeyObject,
  clientKey: KeyObject,
): Promise<{ readonly server: Server; readonly port: number }> {
  const [encryptionKey, authenticationKey] = [KEY, PROOF].map((digits) =>
    Uint8Array.from(Buffer.from(digits.repeat(suite), 'hex')),
  )
  assert.ok(encryptionKey !== undefined && authenticationKey !== undefined)
  const nowMs = systemClock.nowMs()
  const meter = new DlmsMeter({
    household: new Household({ seed: 1, startMs: nowMs - 2 * HOUR }),
    device: 'SIM0003',
    profileFromMs: nowMs - HOUR,
    systemTitle: Uint8Array.from(Buffer.from('53494d0000bc614e', 'hex')),
    random: seededBytes('signing meter'),
    link: 'wrapper',
    clients: [
      {
        client: 4,
        authentication: { kind: 'ecdsa', privateKey: meterKey, meterKey: clientKey },
        security: { suite, encryptionKey, authenticationKey },
      },
    ],
  })
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (bytes: Uint8Array) => {
      const answer = meter.receive(Uint8Array.from(bytes), systemClock.nowMs())
      if (answer.length > 0) socket.write(answer)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return { server, port: typeof address === 'object' && address !== null ? address.port : 0 }
}

/** Puts the keys of both into a folder, and answers what the configuration says of them. */
function signingConfig(folder: string, port: number, suite: 1 | 2): string {
  keep(folder, 'ek', KEY.repeat(suite))
  keep(folder, 'ak', PROOF.repeat(suite))
  return (
    `[meter]\ndevice = "tcp:127.0.0.1:${String(port)}"\nprotocol = "dlms"\nask = "1s"\n` +
    '[meter.keys]\nencryption = "file:ek"\nauthentication = "file:ak"\n' +
    'login = "file:login.pem"\nsignature = "file:meter.pem"\n' +
    '[meter.dlms]\nclient = 4\nlogin = "ecdsa"\ntitle = "5333504d54455354"\nregisters = ["1-0:1.8.0"]\n'
  )
}

describe('keys on a curve, in the configuration', () => {
  after(removeFolders)

  for (const suite of [1, 2] as const) {
    it(`sign on to a meter that wants signatures, in suite ${String(suite)}`, async () => {
      const namedCurve = suite === 1 ? 'P-256' : 'P-384'
      const own = generateKeyPairSync('ec', { namedCurve })
      const meter = generateKeyPairSync('ec', { namedCurve })
      const { server, port } = await signingMeter(suite, meter.privateKey, own.publicKey)
      const folder = freshFolder()
      keep(folder, 'login.pem', pem(own.privateKey))
      keep(folder, 'meter.pem', pem(meter.publicKey))
      const toml = signingConfig(folder, port, suite)
      const [spec] = await open(toml, folder)
      try {
        const good = await outcomeOf(spec)
        assert.deepEqual(good, { reading: 'SIM0000bc614e', trouble: undefined })
        const bad = await strangers(toml, folder, namedCurve)
        assert.deepEqual(bad, { reading: undefined, trouble: 'authentication-key-wrong' })
      } finally {
        server.close()
      }
    }).timeout(10_000)
  }

  /** The same, but the meter is not the one whose public key is known. */
  async function strangers(toml: string, folder: string, namedCurve: string): Promise<Outcome> {
    keep(folder, 'meter.pem', pem(generateKeyPairSync('ec', { namedCurve }).publicKey))
    const [spec] = await open(toml, folder)
    return outcomeOf(spec)
  }

  it('are refused where they are not those of the suite, or missing', async () => {
    const folder = freshFolder()
    const toml = signingConfig(folder, 1, 1)
    const wrong = (text: string): string => {
      try {
        parseConfig(text + REST, 'm.toml')
      } catch (error) {
        assert.ok(error instanceof ConfigError)
        return error.message
      }
      return assert.fail('was accepted')
    }
    assert.match(wrong(toml.replace(/login = "file.*\n/u, '')), /keys\.login: missing/u)
    assert.match(wrong(toml.replace(/signature = .*\n/u, '')), /keys\.signature: missing/u)
    assert.match(wrong(toml.replace(/title = .*\n/u, '')), /dlms\.title: missing/u)
    assert.match(wrong(`${toml}suite = 0\n`), /suite: expected 1 or 2: dlms\.login is "ecdsa"/u)
    assert.match(wrong(`${toml}suite = 3\n`), /suite: expected 0, 1 or 2, found 3/u)
    const refused = async (text: string, why: RegExp): Promise<void> => {
      await assert.rejects(open(text, folder), (error) => {
        assert.ok(error instanceof FirmwareError && error.code === 'identity', String(error))
        assert.match(error.message, why)
        return true
      })
    }
    const other = generateKeyPairSync('ec', { namedCurve: 'P-384' })
    keep(folder, 'login.pem', pem(other.privateKey))
    keep(folder, 'meter.pem', pem(other.publicKey))
    await refused(toml, /keys\.login: expected P-256 in suite 1, found P-384/u)
    await refused(`${toml}suite = 2\n`, /keys\.encryption: expected 32 bytes in suite 2, found 16/u)
    keep(folder, 'login.pem', pem(other.publicKey))
    await refused(toml, /keys\.login: expected a private key .*found something else in file:/u)
  })

  it('open telegrams under a key that both sides derive', async () => {
    const vector = JSON.parse(
      readFileSync(
        new URL('../../../meter/test/vectors/dlms-agreed.json', import.meta.url),
        'utf8',
      ),
    ) as Readonly<Record<string, string>>
    const bytes = (name: string): Buffer => Buffer.from(vector[name] ?? '', 'hex')
    const folder = freshFolder()
    const der = { format: 'der' } as const
    const own = createPrivateKey({ key: bytes('ownPrivateKey'), type: 'pkcs8', ...der })
    const meter = createPublicKey({ key: bytes('meterPublicKey'), type: 'spki', ...der })
    keep(folder, 'own.pem', pem(own))
    keep(folder, 'meter.pem', pem(meter))
    keep(folder, 'ak', vector.authenticationKey ?? '')
    for (const [name, more] of [
      ['onePass', ''],
      ['static', 'meter_agreement = "file:meter.pem"\n'],
    ] as const) {
      keep(folder, 'push.bin', frameApdu(bytes(name), DLMS_STYLES.described))
      const device = '[meter]\ndevice = "replay:push.bin"\nprotocol = "dlms"\n'
      const keys = '[meter.keys]\nauthentication = "file:ak"\n'
      const bench = new SourceBench()
      const toml = `${device}${keys}agreement = "file:own.pem"\n${more}`
      const [spec] = await open(toml, folder, bench.clock)
      assert.ok(spec !== undefined)
      bench.start(spec)
      await bench.pass(3000)
      await bench.stop()
      const [{ reading } = assert.fail(`${name}: ${bench.log.join('\n')}`)] = bench.readings
      assert.equal(reading.registers[0]?.digits, 400n)
      assert.equal(reading.security?.authentic, true)
      await assert.rejects(
        open(device + keys, folder),
        /expected telegrams of a meter, found none/u,
      )
    }
  })
})

interface Outcome {
  readonly reading: string | undefined
  readonly trouble: string | undefined
}

/** Runs a source in real time until it has a reading, or something against its keys. */
async function outcomeOf(spec: SourceSpec | undefined): Promise<Outcome> {
  assert.ok(spec !== undefined)
  const stop = new AbortController()
  const bench = new SourceBench()
  const outcome = new Promise<Outcome>((resolve) => {
    const source = spec.create({
      ...bench.context(),
      clock: systemClock,
      onReading: ({ device }) => {
        resolve({ reading: device, trouble: undefined })
      },
      onTrouble: (trouble) => {
        const verdict = trouble.kind === 'keys-refused' ? trouble.verdict : trouble.kind
        resolve({ reading: undefined, trouble: verdict })
      },
    })
    void source.run(stop.signal, () => undefined)
  })
  try {
    return await outcome
  } finally {
    stop.abort()
  }
}
