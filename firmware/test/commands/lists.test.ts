import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { parseSettings } from '@s3mp/hal'
import { ReplaySerial } from '@s3mp/hal/mock'
import { DLMS_UNNAMED, DlmsHousehold, Household } from '@s3mp/meter/simulator'
import { after, before, describe, it } from 'mocha'

import { readLists } from '../../src/config/list-block.ts'
import { parseConfig } from '../../src/config/load.ts'
import { listening } from '../../src/sources/listening.ts'
import { openSources } from '../../src/sources/open.ts'
import type { SourceSpec } from '../../src/sources/source.ts'
import { streamOf } from '../../src/streams.ts'
import { freshFolder, removeFolders } from '../support/folder.ts'
import { SourceBench } from '../support/source-bench.ts'
import { seededBytes, START_MS, World } from '../support/world.ts'

const run = promisify(execFile)
const MORNING_MS = Date.UTC(2026, 5, 10, 6)
const STEP_MS = 10_000
const TELEGRAMS = 360
const CONFIG =
  '[meter]\ndevice = "replay:push.bin"\n[uplink]\ntransport = "udp"\n[uplink.udp]\nremote = "127.0.0.1:7400"\n'

function house(): Household {
  return new Household({ seed: 9, startMs: MORNING_MS, solarPeakW: 8_000, importMilliWh: 7_000_000_000n }) // prettier-ignore
}

/** A capture of a meter whose lists nobody has documented, and a configuration beside it. */
function folderWith(text = CONFIG): { readonly capture: string; readonly config: string } {
  const folder = freshFolder()
  const [capture, config] = [join(folder, 'push.bin'), join(folder, 'meter.toml')]
  const meter = new DlmsHousehold({ household: house(), style: DLMS_UNNAMED })
  const telegrams = Array.from({ length: TELEGRAMS }, (_, at) =>
    meter.telegram(MORNING_MS + at * STEP_MS),
  )
  writeFileSync(capture, Buffer.concat(telegrams))
  writeFileSync(config, text)
  return { capture, config }
}

async function decode(...words: readonly string[]): Promise<[number, string, string]> {
  const program = new URL('../support/decode-command.ts', import.meta.url).pathname
  try {
    const node = ['--conditions=@s3mp/source', program, 'decode', ...words]
    const { stdout, stderr } = await run(process.execPath, node)
    return [0, stdout, stderr]
  } catch (error) {
    assert.ok(error instanceof Error && 'code' in error && 'stdout' in error && 'stderr' in error)
    return [Number(error.code), String(error.stdout), String(error.stderr)]
  }
}

describe('a list without codes, from its proposal to proven readings', function () {
  this.timeout(20_000)
  let capture = ''
  let config = ''

  before(() => {
    ;({ capture, config } = folderWith())
  })

  after(removeFolders)

  it('prints what is to be pasted, and reads the capture by it', async () => {
    const [nothing] = await decode('--json', capture)
    assert.equal(nothing, 1)
    const [status, output] = await decode('--propose', '10', capture)
    assert.equal(status, 0)
    const block = output.slice(output.indexOf('[[meter.list]]'))
    assert.match(block, /"1-0:1\.8\.0 Wh", +# +8 {2}90 %: grows as place 1 says/u)
    const list = join(freshFolder(), 'list.toml')
    writeFileSync(list, block)
    const [read, lines] = await decode('--json', '--list', list, capture)
    assert.equal(read, 0)
    const readings = lines.trim().split('\n')
    assert.equal(readings.length, TELEGRAMS)
    assert.match(
      readings[0] ?? '',
      /"device":"SIM1020304058".*"1-0:1\.8\.0\*255","value":"7000000"/u,
    )
    writeFileSync(list, block.replace('Wh', 'W'))
    const [wrong, , complaint] = await decode('--list', list, capture)
    assert.equal(wrong, 1)
    assert.match(complaint, /list\.toml:3: meter\.list\[0\]\.places: place \d+: expected Wh/u)
  })

  it('is written where it is wanted, and readings of a running meter prove it', async () => {
    const [status, output] = await decode('--propose', '10', '--json', '--write', config, capture)
    assert.equal(status, 0)
    const last: unknown = JSON.parse(output.trim().split('\n').at(-1) ?? '')
    assert.deepEqual(last, { list: readLists(config)[0] })
    assert.equal(readFileSync(`${config}.bak`, 'utf8'), CONFIG)
    let specs: readonly SourceSpec[] = []
    const world = await World.open({ sources: () => specs })
    const { meters } = parseConfig(readFileSync(config, 'utf8'), config)
    specs = await openSources(meters, {
      clock: world.clock,
      random: world.random,
      randomBytes: seededBytes('lists'),
      configFile: config,
      credentials: undefined,
    })
    world.start()
    const billing = streamOf(0, 'billing')
    const isThere = (kind: string): boolean =>
      world.headEnd.records(billing).some((record) => record.kind === kind)
    await world.until(() => isThere('schema') && isThere('reading'))
    await world.stop()
    const records = world.headEnd.records(billing)
    const schema = records.find((record) => record.kind === 'schema')
    assert.equal(schema?.schema.meterId, 'SIM1020304058')
    const codes = schema.schema.registers.map(({ obis }) => obis)
    for (const obis of ['1-0:1.8.0*255', '1-0:2.8.0*255', '1-0:16.7.0*255', '1-0:72.7.0*255']) {
      assert.ok(codes.includes(obis), obis)
    }
    const reading = records.find((record) => record.kind === 'reading')
    assert.ok(reading?.kind === 'reading')
    const counter = reading.samples[0]?.registers[codes.indexOf('1-0:1.8.0*255')]
    assert.ok(typeof counter === 'bigint' && counter >= 7_000_000n && counter < 7_010_000n)
  })

  it('is refused where the configuration has no meter for it', async () => {
    const two =
      '[[meter]]\nname = "a"\ndevice = "/dev/a"\n[[meter]]\nname = "b"\ndevice = "/dev/b"\n' +
      CONFIG.slice(CONFIG.indexOf('[uplink]'))
    const { capture: bytes, config: file } = folderWith(two)
    const words = ['--propose', '10', '--write', file]
    const [status, , complaint] = await decode(...words, bytes)
    assert.equal(status, 1)
    assert.match(complaint, /found several; name one with --meter \(config\)/u)
    assert.equal(readFileSync(file, 'utf8'), two)
    const [named] = await decode(...words, '--meter', 'b', bytes)
    assert.equal(named, 0)
    assert.equal(readLists(file, 'b').length, 1)
  })
})

describe('a running meter that hears lists which nobody has named', () => {
  after(removeFolders)

  it('says so once a day, and looks for no other speed', async () => {
    const bench = new SourceBench()
    const meter = new DlmsHousehold({
      household: new Household({ seed: 9, startMs: START_MS }),
      style: DLMS_UNNAMED,
    })
    const settings = parseSettings('2400 8N1')
    const serial = new ReplaySerial({
      clock: bench.clock,
      random: () => 0.5,
      settings,
      periodMs: STEP_MS,
      telegrams: (_index, nowMs) => meter.telegram(nowMs),
    })
    bench.start(
      listening({
        name: 'house',
        serial,
        path: serial.path,
        settings,
        protocol: 'auto',
        silenceMs: 60_000,
        isSimulated: true,
      }),
    )
    await bench.pass(300_000)
    const [trouble, another] = bench.troubles
    assert.ok(trouble?.kind === 'meter-refused')
    assert.equal(trouble.request, 'list hihhhhhhuus')
    assert.match(trouble.reason, /s3mp decode --propose/u)
    assert.equal(another, undefined)
    assert.ok(!bench.log.some((line) => line.includes('head.garbled')), bench.log.join('\n'))
    await bench.stop()
  }).timeout(10_000)
})
