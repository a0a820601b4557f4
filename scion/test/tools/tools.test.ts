import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { parseInterface } from '../../src/path/interface-text.ts'
import type { Path } from '../../src/path/path.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { HELP, parseArguments } from '../../src/tools/arguments.ts'
import {
  milliseconds,
  oneLine,
  pathFields,
  pathLine,
  toJson,
  toYaml,
} from '../../src/tools/output.ts'
import { runTool } from '../../src/tools/run.ts'
import { refuses } from '../support/refusal.ts'

const interfaces = ['1-1#1', '1-2#2', '1-2#3', '1-3#4'].map(parseInterface)
const [first, last] = [interfaces[0], interfaces.at(-1)]
assert.ok(first && last)
const path: Path = {
  source: first.isdAs,
  destination: last.isdAs,
  dataplane: { type: 1, bytes: new Uint8Array(36) },
  nextHop: { host: '192.0.2.1', port: 30042 },
  interfaces,
  mtu: 1400,
  expiryMs: 0,
  fingerprint: 'ab'.repeat(32),
}

describe('tool arguments', () => {
  it('are those of the reference', () => {
    const tool = parseArguments(
      'showpaths 1-3 --sciond 127.0.0.1:1 -r -e -m 7 --no-probe --timeout 1.5s --format yaml'.split(
        ' ',
      ),
    )
    assert.ok(tool !== 'help')
    const { target, sciond, refresh, extended, pathsMax, probe, timeoutMs, format } = tool
    assert.deepEqual(
      { target, sciond, refresh, extended, pathsMax, probe, timeoutMs, format },
      {
        ...{ target: '1-3', sciond: '127.0.0.1:1', refresh: true, extended: true },
        ...{ pathsMax: 7, probe: false, timeoutMs: 1500, format: 'yaml' },
      },
    )
    const ping = parseArguments('ping 1-3,1.2.3.4 -c 3 --interval 100ms -l 1.2.3.5 -j'.split(' '))
    assert.ok(ping !== 'help')
    assert.deepEqual(
      [ping.count, ping.intervalMs, ping.local, ping.format],
      [3, 100, '1.2.3.5', 'json'],
    )
    const control = parseArguments('address --control 1.2.3.4:5 --control 1.2.3.4:6'.split(' '))
    assert.ok(control !== 'help')
    assert.deepEqual(control.control, ['1.2.3.4:5', '1.2.3.4:6'])
    assert.equal(parseArguments(['ping', '--help']), 'help')
  })

  it('take flags and durations as Go programs do', () => {
    const read = (words: string): Exclude<ReturnType<typeof parseArguments>, 'help'> => {
      const tool = parseArguments(words.split(' '))
      assert.ok(tool !== 'help')
      return tool
    }
    const tool = read('ping 1-3,1.2.3.4 -c=3 --refresh=true --no-color=1 --healthy-only=false')
    assert.deepEqual([tool.count, tool.refresh, tool.healthyOnly], [3, true, false])
    assert.equal(read('showpaths 1-3 --no-probe=FALSE --sequence=0*').probe, true)
    for (const [text, wantedMs] of [
      ['1m30s', 90_000],
      ['.5s', 500],
      ['1.s', 1000],
      ['1500us', 1.5],
      ['250000ns', 0.25],
      ['1h0m1.25s', 3_601_250],
    ] as const) {
      assert.equal(read(`ping 1-3,1.2.3.4 --interval ${text}`).intervalMs, wantedMs, text)
    }
    for (const text of ['1', '1x', 's', '1s1', '0s', '..5s', '1m 2s', `${'1'.repeat(40)}s`]) {
      const words = ['ping', '1-3,1.2.3.4', '--interval', text]
      refuses(() => parseArguments(words), 'ERR_SCION_CONFIG')
    }
    refuses(() => read('showpaths 1-3 --refresh=maybe'), 'ERR_SCION_CONFIG')
    assert.throws(() => read('ping 1-3,1.2.3.4 -i'), /not offered; choose by --sequence/)
    const short = parseArguments('sp 1-3 --log.level debug --tracing.agent x --no-color'.split(' '))
    assert.ok(short !== 'help')
    assert.equal(short.tool, 'showpaths')
    const endhost = parseArguments(
      'tr a --endhost-api http://a --endhost-api http://b --isd-as 1-3'.split(' '),
    )
    assert.ok(endhost !== 'help')
    const { tool: name, endhostApi, isdAs } = endhost
    assert.deepEqual([name, endhostApi, isdAs], ['traceroute', ['http://a', 'http://b'], '1-3'])
    const listed = parseArguments(['sp', '1-3', '--acl', '- 1-4, +', '-r'])
    assert.ok(listed !== 'help')
    assert.deepEqual([listed.acl, listed.refresh], [['- 1-4', '+'], true])
  })

  it('say what was meant where a flag is misspelt', () => {
    assert.throws(() => parseArguments(['sp', '1-3', '--maxpath', '3']), /mean --maxpaths\?/)
  })

  for (const line of [
    '',
    'pong 1-3',
    'ping',
    'ping a b',
    'address 1-3',
    'ping 1-3 --count x',
    'ping 1-3 --interval 5',
    'ping 1-3 --interval 0s',
    'ping 1-3 --format xml',
    'ping 1-3 --sciond',
    'ping 1-3 --unknown',
    'ping 1-3 --epic',
    'ping 1-3 --packet-size many',
  ]) {
    it(`are refused: ${line === '' ? 'none at all' : line}`, () => {
      refuses(
        () => parseArguments(line.split(' ').filter((word) => word !== '')),
        'ERR_SCION_CONFIG',
      )
    })
  }
})

describe('tool output', () => {
  it('shows a path in one line, and under the names of the reference', () => {
    assert.equal(pathLine(path), '1-1 1>2 1-2 3>4 1-3')
    assert.equal(pathLine({ ...path, interfaces: [] }), '1-1')
    assert.deepEqual(pathFields(path), {
      fingerprint: path.fingerprint,
      hops: [
        { interface: 1, isd_as: '1-1' },
        { interface: 2, isd_as: '1-2' },
        { interface: 3, isd_as: '1-2' },
        { interface: 4, isd_as: '1-3' },
      ],
      sequence: '1-1#0,1 1-2#2,3 1-3#4,0',
      next_hop: '192.0.2.1:30042',
    })
    assert.equal(milliseconds(1.23456), '1.235ms')
  })

  it('lets no foreign text move the cursor', () => {
    assert.equal(oneLine(' a\nb\u001b[2J"c\u0007 '), 'a, b[2Jc')
  })

  it('is JSON or YAML of the same value', () => {
    const value = { a: 'x: y', none: undefined, list: [1, { b: true, c: [2] }], empty: [] }
    assert.deepEqual(JSON.parse(toJson(value)), {
      a: 'x: y',
      list: [1, { b: true, c: [2] }],
      empty: [],
    })
    assert.equal(
      toYaml(value),
      ['a: "x: y"', 'list:', '  - 1', '  - b: true', '    c:', '      - 2', 'empty: []', ''].join(
        '\n',
      ),
    )
  })
})

describe('runTool', () => {
  let folder: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'scion-tools-'))
    const topology = { isd_as: '1-1', mtu: 1400, control_service: { cs: { addr: '127.0.0.1:9' } } }
    await writeFile(join(folder, 'topology.json'), JSON.stringify(topology))
  })

  afterEach(async () => {
    await rm(folder, { recursive: true })
  })

  async function run(
    line: string,
    environment: Record<string, string> = {},
  ): Promise<[number, string, string]> {
    let [out, err] = ['', '']
    const world = {
      clock: new VirtualClock(),
      random: () => 0,
      environment,
      write: (text: string) => (out += text),
      signal: new AbortController().signal,
    }
    const status = await runTool(
      line.replace('FOLDER', folder).split(' '),
      world,
      (text) => (err += text),
    )
    return [status, out, err]
  }

  it('prints its help', async () => {
    assert.deepEqual(await run('--help'), [0, HELP, ''])
  })

  it('prints the address of this host', async () => {
    const line = 'address --config-dir FOLDER --insecure -l 192.0.2.9'
    assert.deepEqual(await run(line), [0, '1-1,192.0.2.9\n', ''])
    const [, json] = await run(`${line} --json`)
    const addresses = [{ isd_as: '1-1', ip: '192.0.2.9', address: '1-1,192.0.2.9' }]
    assert.deepEqual(JSON.parse(json), { addresses })
  })

  it('says what is wrong in one sentence with its code', async () => {
    const [status, out, err] = await run('showpaths 1-3 --config-dir FOLDER --insecure')
    assert.deepEqual([status, out], [2, ''])
    assert.match(err, /^s3mp-scion: no path to 1-3: .*ECONNREFUSED.* \(ERR_SCION_IO\)\n$/)
    const [noTrc, , words] = await run('showpaths 1-3 --config-dir FOLDER')
    assert.equal(noTrc, 2)
    assert.match(words, /a TRC of ISD 1/)
    assert.equal((await run('ping nonsense --config-dir FOLDER --insecure'))[0], 2)
    const [noDaemon, , daemon] = await run('address', { SCION_DAEMON: '127.0.0.1:9' })
    assert.equal(noDaemon, 2)
    assert.match(daemon, /ERR_SCION_IO/)
  })

  it('finds its daemon by the file of the environment, for the AS that is named there or here', async () => {
    const file = join(folder, 'environment.json')
    const ases = {
      '1-1': { daemon_address: '127.0.0.1:7' },
      '1-2': { daemon_address: '127.0.0.1:8' },
    }
    await writeFile(file, JSON.stringify({ general: { default_isd_as: '1-1' }, ases }))
    const environment = { SCION_ENVIRONMENT: file }
    const asked = async (line: string): Promise<string> => (await run(line, environment))[2]
    assert.match(await asked('address'), /127\.0\.0\.1:7 /)
    assert.match(await asked('address --isd-as 1-2'), /127\.0\.0\.1:8 /)
    assert.match(await asked('address --isd-as 1-3'), /\/etc\/scion\/topology\.json/)
    const [, , both] = await run('address', { ...environment, SCION_DAEMON: '127.0.0.1:9' })
    assert.match(both, /127\.0\.0\.1:9 /)
    await writeFile(file, '{ "general": { "default_isd_as": 7 } }')
    const [status, , wrong] = await run('address', environment)
    assert.equal(status, 2)
    assert.match(wrong, /environment\.json/)
    const [, , usual] = await run('address --sciond default', environment)
    assert.match(usual, /127\.0\.0\.1:30255/)
  })

  it('knows that there is nothing to show inside the own AS', async () => {
    const [status, out] = await run('showpaths 1-1 --config-dir FOLDER --insecure')
    assert.deepEqual([status, out], [0, 'Empty path, destination is local AS 1-1\n'])
    const [, json] = await run('showpaths 1-1 --config-dir FOLDER --insecure --json')
    assert.deepEqual(JSON.parse(json), { local_isd_as: '1-1', destination: '1-1' })
  })
})
