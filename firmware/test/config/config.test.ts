import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'

import fc from 'fast-check'
import { describe, it } from 'mocha'

import { ConfigError, parseConfig, sourcesOf } from '../../src/config/load.ts'
import { lineOf } from '../../src/config/locate.ts'
import { printConfigTables, printDefaultConfig } from '../../src/config/print.ts'
import { suggest } from '../../src/config/suggest.ts'
import { parseHostPort, parseSizeBytes, parseSpanMs } from '../../src/config/values.ts'

const SMALL = `
[meter]
device = "simulated:household"

[uplink]
transport = "udp"
[uplink.udp]
remote = "127.0.0.1:7400"
`

/** The message that a faulty text is refused with. */
function refusal(toml: string): string {
  try {
    parseConfig(toml, '/etc/s3mp/s3mp.toml')
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    return error.message
  }
  return assert.fail('was accepted')
}

describe('the configuration', () => {
  it('needs nothing but the device and the head-end', () => {
    const config = parseConfig(SMALL, '/etc/s3mp/s3mp.toml')
    assert.equal(config.streams.billing, 900_000)
    assert.equal(config.streams.live, true)
    assert.equal(config.state.bytes, 256 * 2 ** 20)
    assert.deepEqual(config['uplink.udp'].remote, { host: '127.0.0.1', port: 7400 })
    assert.equal(config.headend.card, '/var/lib/s3mp/headend.card')
  })

  it('starts relative paths at its own folder', () => {
    const config = parseConfig(`${SMALL}\n[state]\nfolder = "state"`, '/home/me/a.toml')
    assert.equal(config.state.folder, '/home/me/state')
    assert.equal(config.headend.card, '/home/me/state/headend.card')
  })

  it('names file, line, key, what was expected, what was found and an example', () => {
    assert.equal(
      refusal(SMALL.replace('[uplink]', 'baud = 9601\n\n[uplink]')),
      '/etc/s3mp/s3mp.toml:5: meter.baud: expected one of 300, 600, 1200, 2400, 4800, 9600, ' +
        '19200, 38400, 57600, 115200, found 9601; for example baud = 9600',
    )
  })

  it('guesses what a mistyped key or section was meant to be', () => {
    assert.equal(
      refusal(`${SMALL}[streams]\nbiling = "15m"`),
      '/etc/s3mp/s3mp.toml:10: streams.biling: unknown key "biling"; did you mean "billing"?',
    )
    assert.match(refusal(`${SMALL}[steams]\n`), /:9: steams: .*did you mean "streams"\?/u)
  })

  it('says what is missing and what to write', () => {
    assert.match(
      refusal('[uplink]\ntransport = "udp"\n[uplink.udp]\nremote = "h:1"'),
      /meter.device: missing: .*write device = "\/dev/u,
    )
    assert.equal(
      refusal('[meter]\ndevice = "simulated:household"\n[uplink]\ntransport = "udp"\n'),
      '/etc/s3mp/s3mp.toml:3: uplink.udp.remote: missing: uplink.transport is "udp"; ' +
        'add remote = "192.0.2.10:8470" to [uplink.udp]',
    )
  })

  it('reports every fault at once, in the order of the file', () => {
    const lines = refusal('[meter]\ndevice = 7\nframe = "9X9"\n[log]\nlevel = "loud"\n').split('\n')
    assert.deepEqual(
      lines.map((line) => /:(\d+):/u.exec(line)?.[1]),
      ['2', '3', '5'],
    )
  })

  it('passes on where the text is no TOML', () => {
    assert.match(refusal('[meter]\ndevice = \n'), /^\/etc\/s3mp\/s3mp\.toml:2: /u)
  })

  it('refuses a fine stream that is coarser than billing', () => {
    assert.match(refusal(`${SMALL}[streams]\nminute = "1h"`), /:10: streams\.minute: /u)
  })

  it('knows where paths and keys come from, in which order, and what each needs', () => {
    const scion = (more: string): string =>
      `[meter]\ndevice = "simulated:household"\n[uplink.scion]\nlocal = "1-1,127.0.0.1"\nremote = "1-2,127.0.0.1:1"\n${more}`
    const read = (more: string): ReturnType<typeof parseConfig>['uplink.scion'] =>
      parseConfig(scion(more), '/etc/s3mp/s3mp.toml')['uplink.scion']
    assert.deepEqual(sourcesOf(read('paths = "p.json"\ndaemon = "127.0.0.1:1"')), [
      'daemon',
      'file',
    ])
    const all = read('source = ["file", "control"]\npaths = "p.json"\nconfig_dir = "scion"')
    assert.deepEqual(sourcesOf(all), ['file', 'control'])
    assert.deepEqual([all.paths, all.config_dir], ['/etc/s3mp/p.json', '/etc/s3mp/scion'])
    assert.deepEqual([all.authentication, all.drkey_protocol, all.trust], ['off', 5342, 'strict'])
    assert.match(
      refusal(scion('')),
      /uplink\.scion\.source: missing: .*add daemon, config_dir, endhost_apis, discovery, domains or paths/u,
    )
    assert.match(
      refusal(scion('source = "control"')),
      /uplink\.scion\.config_dir: missing: uplink\.scion\.source names "control"; add config_dir = /u,
    )
    assert.match(
      refusal(scion('paths = "p"\nauthentication = "require"')),
      /:7: uplink\.scion\.authentication: keys come from a daemon or a control service/u,
    )
    assert.match(
      refusal(scion('source = "dns"')),
      /expected "daemon", "control", "endhost", .*"file"/u,
    )
    assert.match(
      refusal(scion('paths = "p"\n[uplink.scion.jurisdiction]\ncountries = ["Swiss"]')),
      /:8: uplink\.scion\.jurisdiction\.countries: expected a list of two-letter/u,
    )
  })

  it('refuses a value where a section belongs, and a text that is far too long', () => {
    assert.match(refusal('streams = 7\n[meter]\ndevice = "x"'), /streams: expected a section/u)
    assert.match(refusal('#'.repeat(300_000)), /expected at most 262144 characters/u)
  })

  it('prints a whole configuration that it accepts itself', () => {
    const text = printDefaultConfig().replace('transport = "scion"', 'transport = "udp"')
    const config = parseConfig(text.replace('# remote = "192', 'remote = "192'), 'x.toml')
    assert.equal(config.meters[0]?.device, 'simulated:household')
    for (const line of text.split('\n')) assert.ok(line.length <= 110, line)
  })

  it('stands in docs/configuration.md exactly as the schema has it', () => {
    const page = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8')
    // The formatter pads the columns of a page; nothing else may differ.
    const plain = (text: string): string => text.replace(/ +/gu, ' ').replace(/-+/gu, '-')
    assert.ok(plain(page).includes(plain(printConfigTables())), 'run: s3mp config --print-tables')
  })

  it('accepts every example of docs/configuration.md', () => {
    const page = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8')
    const examples = [...page.matchAll(/```toml\n([^]*?)```/gu)].map(([, text = '']) => text)
    assert.ok(examples.length >= 2)
    for (const text of examples)
      assert.ok(parseConfig(text, '/etc/s3mp/meter.toml').meters.length > 0)
  })

  it('answers any text with a configuration or with its own error', () => {
    const word = fc.constantFrom(
      '[meter]',
      '[uplink]',
      'device',
      '=',
      '"x"',
      '\n',
      '7',
      '[',
      '"""',
      '.',
      '{',
      '\0',
    )
    fc.assert(
      fc.property(fc.array(word, { maxLength: 30 }), (words) => {
        try {
          parseConfig(words.join(' '), 'x.toml')
        } catch (error) {
          assert.ok(error instanceof ConfigError, String(error))
        }
      }),
    )
  })
})

describe('lineOf', () => {
  it('finds keys in tables, dotted keys and behind multi-line strings', () => {
    const toml = 'a.b = 1\n[c]\nd = """\n[x]\ne = 1\n"""\n"e" = 2\n[ c . f ]\ng=1'
    assert.equal(lineOf(toml, ['a', 'b']), 1)
    assert.equal(lineOf(toml, ['c', 'd']), 3)
    assert.equal(lineOf(toml, ['c', 'e']), 7)
    assert.equal(lineOf(toml, ['c', 'f', 'g']), 9)
    assert.equal(lineOf(toml, ['x', 'e']), undefined)
  })
})

describe('suggest', () => {
  it('knows swaps, omissions and nothing that is far away', () => {
    const known = ['device', 'protocol', 'baud']
    assert.equal(suggest('devcie', known), 'device')
    assert.equal(suggest('Protocl', known), 'protocol')
    assert.equal(suggest('bawd', known), 'baud')
    assert.equal(suggest('colour', known), undefined)
  })
})

describe('values of the configuration', () => {
  it('reads spans, sizes and addresses, and nothing else', () => {
    assert.equal(parseSpanMs('15m'), 900_000)
    assert.equal(parseSpanMs('15 m'), undefined)
    assert.equal(parseSpanMs('0s'), undefined)
    assert.equal(parseSizeBytes('64MiB'), 67_108_864)
    assert.equal(parseSizeBytes('64MB'), undefined)
    assert.deepEqual(parseHostPort('[2001:db8::1]:7400'), { host: '2001:db8::1', port: 7400 })
    assert.equal(parseHostPort('host:70000'), undefined)
    assert.equal(parseHostPort('host'), undefined)
  })
})
