import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { systemClock } from '@s3mp/hal'
import { after, describe, it } from 'mocha'

import { parseConfig } from '../../src/config/load.ts'
import { FirmwareError } from '../../src/errors.ts'
import { openSources } from '../../src/sources/open.ts'
import type { SourceSpec } from '../../src/sources/source.ts'
import { freshFolder, removeFolders } from '../support/folder.ts'
import { seededBytes, seededRandom } from '../support/world.ts'

const REST = '\n[uplink]\ntransport = "udp"\n[uplink.udp]\nremote = "127.0.0.1:7400"\n'

function open(toml: string, configFile = '/etc/s3mp/meter.toml'): Promise<readonly SourceSpec[]> {
  return openSources(parseConfig(toml + REST, configFile).meters, {
    clock: systemClock,
    random: seededRandom('open'),
    randomBytes: seededBytes('open'),
    configFile,
    credentials: undefined,
  })
}

function isCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof FirmwareError && error.code === code
}

describe('the sources of a configuration', () => {
  after(removeFolders)

  it('are of every kind, and nothing is opened before it is run', async () => {
    const meter = (name: string, rest: string): string => `[[meter]]\nname = "${name}"\n${rest}\n`
    const specs = await open(
      meter('sml', 'device = "/dev/a"') +
        meter(
          'old',
          'device = "/dev/b"\nprotocol = "d0"\nask = "15m"\n[meter.d0]\nwake_up = true',
        ) +
        meter(
          'grid',
          'device = "/dev/c"\nprotocol = "dlms"\nask = "1m"\n[meter.dlms]\nclient = 1',
        ) +
        meter('far', 'device = "tcp:192.0.2.1:4059"\nprotocol = "dlms"\nask = "1m"') +
        meter(
          'sub',
          'device = "/dev/d"\nprotocol = "modbus"\nask = "10s"\n[meter.modbus]\nmap = "eastron-sdm630"\nunit = 2',
        ) + // prettier-ignore
        meter(
          'pv',
          'device = "tcp:/run/gateway.sock"\nprotocol = "modbus"\nask = "10s"\n[meter.modbus]\nmap = "eastron-sdm630"',
        ) + // prettier-ignore
        meter('gas', 'device = "gpio:17"\n[meter.s0]\npulses = 100\nmedium = "gas"') +
        meter('radio', 'device = "socket:radio.sock"\n[meter.adapter]\ndevices = ["1"]'),
    )
    assert.deepEqual(
      specs.map(({ name, kind, device }) => [name, kind, device]),
      [
        ['sml', 'push', '/dev/a'],
        ['old', 'sign-on', '/dev/b'],
        ['grid', 'dlms', '/dev/c'],
        ['far', 'dlms', 'tcp:192.0.2.1:4059'],
        ['sub', 'modbus', '/dev/d unit 2'],
        ['pv', 'modbus', 'tcp:/run/gateway.sock unit 1'],
        ['gas', 's0', 'gpio:17'],
        ['radio', 'adapter', 'socket:/etc/s3mp/radio.sock'],
      ],
    )
    assert.deepEqual(
      specs.flatMap(({ isShared, name }) => (isShared === true ? [name] : [])),
      ['radio'],
    )
    assert.equal(specs[1]?.askMs, 900_000)
    assert.ok(specs.every(({ isSimulated }) => !isSimulated))
  })

  it('take a register map of one’s own, and say what is wrong with it', async () => {
    const folder = freshFolder()
    const modbus = (map: string): Promise<readonly SourceSpec[]> =>
      open(
        `[meter]\ndevice = "/dev/a"\nprotocol = "modbus"\nask = "10s"\n[meter.modbus]\nmap = "${map}"`,
        join(folder, 'meter.toml'),
      )
    await assert.rejects(modbus('steam-9000'), /expected a file or one of .*eastron-sdm630/u)
    await assert.rejects(modbus('none.json'), isCode('source'))
    writeFileSync(join(folder, 'broken.json'), '{"id":')
    await assert.rejects(modbus('broken.json'), isCode('source'))
    writeFileSync(join(folder, 'empty.json'), '{}')
    await assert.rejects(modbus('empty.json'), isCode('source'))
    writeFileSync(join(folder, 'long.json'), ' '.repeat(300_000))
    await assert.rejects(modbus('long.json'), /expected a smaller file/u)
  })

  it('refuse a key that is not there before anything runs', async () => {
    const folder = freshFolder()
    const file = join(folder, 'meter.toml')
    const keyed = (place: string): Promise<readonly SourceSpec[]> =>
      open(`[meter]\ndevice = "/dev/a"\n[meter.keys]\nencryption = "${place}"`, file)
    await assert.rejects(keyed('file:none'), isCode('identity'))
    await assert.rejects(keyed('credential:none'), /LoadCredential=none/u)
    writeFileSync(join(folder, 'ek'), '000102030405060708090A0B0C0D0E0F', { mode: 0o600 })
    assert.equal((await keyed('file:ek')).length, 1)
    const pem = `[meter]\ndevice = "/dev/a"\n[meter.keys]\nsignature = "file:ek"`
    await assert.rejects(open(pem, file), /expected a public key on P-256/u)
  })
})
