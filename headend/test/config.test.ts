import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { CONFIG_BYTES_MAX, lineOf, nearest, parseConfig, readConfig } from '../src/config.ts'
import { HeadendError } from '../src/errors.ts'

const GOOD = `
name = "Stadtwerke"
data = "state"

[udp]
port = 30100

[http]
port = 8480
`

function refusal(text: string): string {
  try {
    parseConfig(text, '/etc/headend.toml')
  } catch (error) {
    assert.ok(error instanceof HeadendError)
    assert.equal(error.code, 'ERR_HEADEND_CONFIG')
    return error.message
  }
  return assert.fail('was accepted')
}

describe('parseConfig', () => {
  it('fills in what is not said, and takes paths from the folder of the file', () => {
    const config = parseConfig(GOOD, '/etc/s3mp/headend.toml')
    assert.equal(config.dataFolder, '/etc/s3mp/state')
    assert.deepEqual(config.udp, { host: '127.0.0.1', port: 30100 })
    assert.deepEqual(config.http, {
      host: '127.0.0.1',
      port: 8480,
      nextPort: false,
      access: 'password',
      origin: undefined,
    })
    assert.equal(config.prekeys.validMs, 30 * 86_400_000)
    assert.equal(config.scion, undefined)
  })

  it('knows where a SCION host gets paths and keys from, and that keys need a source', () => {
    const text = `${GOOD}[scion]\nisd_as = "1-ff00:0:112"\nhost = "127.0.0.9"\nport = 31000\n`
    const plain = parseConfig(text, '/etc/s3mp/headend.toml').scion
    assert.deepEqual([plain?.authentication, plain?.trust, plain?.drkeyProtocol], ['off', 'strict', 5342]) // prettier-ignore
    const full = `${text}config_dir = "scion"\nauthentication = "require"\ncontrol = ["127.0.0.2:31000"]\n`
    const scion = parseConfig(full, '/etc/s3mp/headend.toml').scion
    assert.equal(scion?.configFolder, '/etc/s3mp/scion')
    assert.equal(scion.authentication, 'require')
    assert.match(refusal(`${text}authentication = "require"\n`), /scion\.authentication: keys come/)
    assert.match(refusal(`${text}daemon = "nowhere"\n`), /scion\.daemon: .*HOST:PORT/)
  })

  it('names line and column of what is not TOML', () => {
    assert.match(refusal('name = "a"\nport 3\n'), /^\/etc\/headend\.toml:2:\d+: not TOML: /)
  })

  it('names the line of a mistyped key and the key that was meant', () => {
    const message = refusal(GOOD.replace('[http]\nport', '[http]\nprot'))
    assert.equal(message, "/etc/headend.toml:9: http.prot: unknown key; did you mean 'port'?")
  })

  it('lists the known keys when none is near', () => {
    assert.match(
      refusal(`${GOOD}colour = 3\n`),
      /http\.colour: unknown key; known here: host, port/,
    )
  })

  it('says what was expected and found', () => {
    const message = refusal(GOOD.replace('30100', '"often"'))
    assert.match(message, /^\/etc\/headend\.toml:6: udp\.port: expected .* received string/)
    assert.match(refusal(GOOD.replace('30100', '70000')), /udp\.port: Too big/)
  })

  it('says which key is missing, and at which table', () => {
    assert.match(refusal(GOOD.replace('port = 30100', '')), /:5: udp\.port: .*; add the key/)
    assert.match(refusal('[udp]\nport = 1\n'), /:1: data: .*; add the key/)
  })

  it('serves without a log-in on this machine only, and only where that was written', () => {
    const open = (host: string): string =>
      `data = "x"\n[udp]\nport = 1\n[http]\nhost = "${host}"\nauth = "none"\n`
    assert.equal(parseConfig(open('127.0.0.1'), 'x').http.access, 'open')
    assert.throws(
      () => parseConfig(`${open('127.0.0.1')}origin = "https://x.example"\n`, 'x'),
      /http.auth: without a log-in nothing may stand in front/,
    )
    for (const host of ['0.0.0.0', '::', '192.0.2.1', 'meters.example', '127.0.0.1.example']) {
      assert.throws(
        () => parseConfig(open(host), 'x'),
        /http.auth: without a log-in only a loopback/,
      )
    }
  })

  it('asks for something to listen on', () => {
    assert.match(refusal('data = "x"'), /nothing to listen on/)
  })

  it('refuses a rotation that would never end', () => {
    const message = refusal(`${GOOD}[prekeys]\nvalid_days = 5\nrotate_before_days = 6\n`)
    assert.match(message, /:12: prekeys\.rotate_before_days: must be less than valid_days/)
  })

  it('throws nothing but HeadendError on arbitrary text', () => {
    const line = fc.oneof(
      fc.string(),
      fc.constantFrom('[udp]', '[[udp]]', 'port = 1', 'data = 3', 'data = "x"', 'a.b.c = {}'),
    )
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
        try {
          parseConfig(lines.join('\n'), 'x.toml')
        } catch (error) {
          assert.ok(error instanceof HeadendError, String(error))
        }
      }),
    )
  })
})

describe('readConfig', () => {
  it('says what to do when there is no file', () => {
    assert.throws(() => readConfig('/nowhere/headend.toml'), /s3mp headend init/)
  })

  it('reads no file that is larger than a configuration', () => {
    const folder = mkdtempSync(join(tmpdir(), 's3mp-headend-'))
    try {
      const path = join(folder, 'big.toml')
      writeFileSync(path, '#'.repeat(CONFIG_BYTES_MAX + 1))
      assert.throws(() => readConfig(path), /expected at most 65536 bytes/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('the helpers of configuration errors', () => {
  it('finds a key in its table and not in another', () => {
    assert.equal(lineOf('[a]\nport=1\n[b]\nport=2\n', ['b', 'port']), 4)
    assert.equal(lineOf('a.port = 1\n', ['a', 'port']), 1)
  })

  it('does not guess when words are far apart', () => {
    assert.equal(nearest('hots', ['host', 'port']), 'host')
    assert.equal(nearest('elephant', ['host', 'port']), undefined)
  })
})
