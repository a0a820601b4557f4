import assert from 'node:assert/strict'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { after, describe, it } from 'mocha'

import { ConfigError, parseConfig } from '../../src/config/load.ts'
import { readKey, readPassword, SecretReference } from '../../src/config/secret.ts'
import { FirmwareError } from '../../src/errors.ts'
import { freshFolder, removeFolders } from '../support/folder.ts'

const REST = '\n[uplink]\ntransport = "udp"\n[uplink.udp]\nremote = "127.0.0.1:7400"\n'

function meters(toml: string): ReturnType<typeof parseConfig>['meters'] {
  return parseConfig(toml + REST, '/etc/s3mp/meter.toml').meters
}

function refusal(toml: string): string {
  try {
    meters(toml)
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    return error.message
  }
  return assert.fail('was accepted')
}

describe('meters in the configuration', () => {
  after(removeFolders)

  it('are one, as ever, or several with sections of their own', () => {
    const [alone] = meters('[meter]\ndevice = "/dev/ttyUSB0"\n[meter.keys]\nencryption = "file:ek"')
    assert.equal(alone?.name, 'meter')
    assert.equal(String(alone.keys.encryption), 'file:/etc/s3mp/ek')
    const [house, water] = meters(
      '[[meter]]\nname = "house"\ndevice = "/dev/ttyUSB0"\nprotocol = "dlms"\n' +
        '[meter.keys]\nencryption = "credential:house.ek"\n' +
        '[[meter]]\nname = "water"\ndevice = "gpio:17"\n[meter.s0]\npulses = 100\nmedium = "water"',
    )
    assert.deepEqual([house?.name, water?.name], ['house', 'water'])
    assert.equal(house?.keys.encryption?.place, 'credential')
    assert.equal(water?.keys.encryption, undefined)
    assert.deepEqual([water?.s0.pulses, water?.s0.medium], [100, 'water'])
  })

  it('are told apart in what is wrong, each with its line', () => {
    const text =
      '[[meter]]\nname = "a"\ndevice = "/dev/a"\nbaud = 1\n[[meter]]\nname = "b"\ndevice = "/dev/b"\n[meter.s0]\npulses = -1\n'
    const lines = refusal(text).split('\n')
    assert.match(lines[0] ?? '', /meter\.toml:4: meter\[0\]\.baud: expected one of/u)
    assert.match(lines[1] ?? '', /meter\.toml:9: meter\[1\]\.s0\.pulses: expected a number/u)
    assert.equal(lines.length, 2)
  })

  it('need names where they are several, and what their kind cannot do without', () => {
    const two = (second: string): string =>
      `[[meter]]\nname = "a"\ndevice = "/dev/a"\n[[meter]]\n${second}`
    assert.match(refusal(two('device = "/dev/b"')), /meter\[1\]\.name: missing: .*name = "house"/u)
    assert.match(refusal(two('name = "a"\ndevice = "/dev/b"')), /there are two named "a"/u)
    assert.match(refusal('[meter]\ndevice = "gpio:17"'), /s0\.pulses: missing/u)
    assert.match(refusal('[meter]\ndevice = "gpio:x"\n[meter.s0]\npulses = 1'), /BCM number/u)
    const modbus = refusal('[meter]\ndevice = "/dev/a"\nprotocol = "modbus"')
    assert.match(modbus, /modbus\.map: missing/u)
    assert.match(modbus, /meter\.ask: missing/u)
    assert.match(refusal('[meter]\ndevice = "tcp:h:502"\nprotocol = "sml"'), /over tcp:/u)
    assert.match(refusal('[meter]\ndevice = "/dev/a"\nask = "1m"'), /only "d0", "dlms"/u)
    const login =
      '[meter]\ndevice = "tcp:h:1"\nprotocol = "dlms"\nask = "1m"\n[meter.dlms]\nlogin = '
    assert.match(refusal(`${login}"low"`), /dlms\.password: missing/u)
    assert.match(refusal(`${login}"gmac"`), /keys\.encryption: missing/u)
    assert.match(refusal('[meter]\ndevice = "/dev/a"\n[meter.s1]'), /unknown key "s1"/u)
    assert.match(refusal('meter = 5'), /expected a section/u)
    assert.match(refusal(two('name = "b"\ndevice = "/dev/b"\n').repeat(9)), /expected at most 16/u)
  })

  it('never show a key, neither in a refusal nor when printed', () => {
    const digits = '000102030405060708090A0B0C0D0E0F'
    const wrong = refusal(`[meter]\ndevice = "/dev/a"\n[meter.keys]\nencryption = "${digits}"`)
    assert.match(wrong, /expected "file:PATH"/u)
    assert.ok(!wrong.includes(digits))
    const [meter] = meters(`[meter]\ndevice = "/dev/a"\n[meter.keys]\nencryption = "hex:${digits}"`)
    assert.ok(!JSON.stringify(meter).includes(digits))
    assert.equal(String(meter?.keys.encryption), 'hex:(hidden)')
  })
})

describe('a key', () => {
  after(removeFolders)

  const digits = '000102030405060708090A0B0C0D0E0F'
  const bytes = Uint8Array.from({ length: 16 }, (_, at) => at)

  it('is read as digits or bare, from a file or a credential that nobody else reads', () => {
    const folder = freshFolder()
    const around = { configFile: join(folder, 'x.toml'), credentials: folder }
    writeFileSync(join(folder, 'digits'), '00 01 02 03 04050607 08090a0b\n0c0d0e0f\n', {
      mode: 0o600,
    })
    writeFileSync(join(folder, 'bare'), bytes, { mode: 0o600 })
    const read = (place: 'file' | 'credential', name: string): Uint8Array =>
      readKey('key', new SecretReference(place, place === 'file' ? join(folder, name) : name), [16], around) // prettier-ignore
    for (const name of ['digits', 'bare']) {
      assert.deepEqual(read('file', name), bytes)
      assert.deepEqual(read('credential', name), bytes)
    }
    chmodSync(join(folder, 'bare'), 0o640)
    assert.throws(() => read('file', 'bare'), /others may read .*chmod 600/u)
    assert.throws(() => read('file', 'none'), isIdentity)
    writeFileSync(join(folder, 'long'), 'a'.repeat(5000), { mode: 0o600 })
    assert.throws(() => read('file', 'long'), isIdentity)
    writeFileSync(join(folder, 'short'), digits.slice(2), { mode: 0o600 })
    assert.throws(
      () => read('file', 'short'),
      (error: unknown) =>
        isIdentity(error) && error instanceof Error && !error.message.includes(digits.slice(2)),
    )
  })

  it('may stand in the configuration only where nobody else reads that', () => {
    const configFile = join(freshFolder(), 'meter.toml')
    writeFileSync(configFile, '', { mode: 0o600 })
    const reference = new SecretReference('hex', digits)
    const around = { configFile, credentials: undefined }
    assert.deepEqual(readKey('key', reference, [16], around), bytes)
    assert.throws(() => readKey('key', reference, [32], around), isIdentity)
    chmodSync(configFile, 0o644)
    assert.throws(() => readKey('key', reference, [16], around), /others may read/u)
    const credential = new SecretReference('credential', 'house.ek')
    assert.throws(() => readKey('key', credential, [16], around), /LoadCredential=house\.ek/u)
  })

  it('may be a password, without the line end of its file', () => {
    const folder = freshFolder()
    writeFileSync(join(folder, 'word'), '12345678\n', { mode: 0o600 })
    const around = { configFile: '', credentials: folder }
    const word = readPassword('word', new SecretReference('credential', 'word'), around)
    assert.equal(new TextDecoder().decode(word), '12345678')
  })
})

function isIdentity(error: unknown): boolean {
  return error instanceof FirmwareError && error.code === 'identity'
}
