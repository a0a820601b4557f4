import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { systemClock } from '@s3mp/hal'
import { createDecoder } from '@s3mp/meter'
import {
  D0_STYLES,
  DLMS_STYLES,
  DSMR_STYLES,
  encodeD0,
  encodeDlms,
  encodeDsmr,
  encodeSml,
  Household,
} from '@s3mp/meter/simulator'
import { after, before, describe, it } from 'mocha'
import { parseConfig } from '../../firmware/src/config/load.ts'
import { need } from '../support/outside.ts'
import { PtyMeter } from '../support/pty-meter.ts'
import { ROOT } from '../support/source.ts'

const S3MP = join(ROOT, 'firmware/bin/s3mp')
const CORPUS = join(ROOT, '../shared/corpus/open')
const run = promisify(execFile)

const household = new Household({ seed: 3, startMs: Date.UTC(2026, 10, 22) })
const state = household.at(Date.UTC(2026, 10, 23))

/** One telegram of a kind of capture, where captures are there; else of our own meter. */
function captured(kind: string, folder: string, own: Uint8Array): Uint8Array {
  const place = join(CORPUS, folder)
  if (!existsSync(place)) return own
  for (const name of readdirSync(place).sort()) {
    const bytes = new Uint8Array(readFileSync(join(place, name)))
    const decoder = createDecoder('auto')
    const [event] = [...decoder.push(bytes), ...decoder.end()].filter(
      ({ type }) => type === 'reading',
    )
    if (event?.type !== 'reading' || event.reading.protocol !== kind || event.length > 1500)
      continue
    // A text may stand in its file without what a line would have around it.
    return kind === 'd0' ? own : bytes.slice(event.offset, event.offset + event.length)
  }
  return own
}

const METERS = [
  ['sml', '115200', captured('sml', 'libsml-testing/sml', encodeSml(state))],
  ['d0', '2400', captured('d0', 'public-singles/d0', encodeD0(state, D0_STYLES.push))],
  ['dsmr', '115200', captured('dsmr', 'dsmr_parser/dsmr', encodeDsmr(state, DSMR_STYLES.v5))],
  [
    'dlms',
    '2400',
    captured('dlms', 'smart-meter-mbus-dlms/dlms', encodeDlms(state, DLMS_STYLES.mbus)),
  ],
] as const

describe('doctor and align at meters on ptys, at wrong lines first', function () {
  this.timeout(60_000)
  const folder = mkdtempSync(join(tmpdir(), 's3mp-doctor-'))
  const meters: PtyMeter[] = []

  before(async function () {
    need(this, 'socat')
    for (const [protocol, baud, telegram] of METERS) {
      const meter = new PtyMeter(folder, protocol, baud)
      meters.push(meter)
      await meter.play(telegram, 600)
    }
  })

  after(async () => {
    await Promise.all(meters.map((meter) => meter.close()))
    rmSync(folder, { recursive: true, force: true })
  })

  it('finds each, names it, and writes configurations that are right', async () => {
    await Promise.all(
      METERS.map(async ([protocol, baud], index) => {
        const { head } = meters[index] ?? assert.fail()
        const file = join(folder, `${protocol}.toml`)
        const words = ['--config', '/nowhere', '--device', head, '--listen', '2', '--write', file]
        // Whatever else is wrong with this machine must not matter.
        const { stdout } = await run(S3MP, ['doctor', '--json', ...words]).catch(
          (error: unknown) => error as { stdout: string },
        )
        const findings = stdout
          .trim()
          .split('\n')
          .map((each) => JSON.parse(each) as Record<string, string>)
        const found = findings.find(({ check }) => check === 'head')
        assert.match(
          found?.text ?? '',
          new RegExp(`at ${baud} \\S+: .*meter .*${protocol}`, 'u'),
          stdout,
        )
        const [meter] = parseConfig(readFileSync(file, 'utf8'), file).meters
        assert.equal(meter?.device, head)
        assert.equal(String(meter.baud), baud)
      }),
    )
  })

  it('scores the line once a second, and a wrong one with nothing', async () => {
    const align = async (
      index: number,
      settings: string,
    ): Promise<{ score: number; hint: string }> => {
      const { head } = meters[index] ?? assert.fail()
      const words = ['align', head, '--settings', settings, '--seconds', '4', '--json']
      const { stdout } = await run(S3MP, words).catch(
        (error: unknown) => error as { stdout: string },
      )
      const lines = stdout.trim().split('\n')
      assert.equal(lines.length, 4)
      return JSON.parse(lines.at(-1) ?? '') as { score: number; hint: string }
    }
    const [wrong, right] = await Promise.all([align(2, '2400 8N1'), align(0, '115200 8N1')])
    assert.deepEqual([wrong.score, wrong.hint], [0, 'garbled'])
    assert.ok(right.score >= 60, JSON.stringify(right))
  })

  it('records a line, and makes a report of it that replays onto another', async () => {
    const { head } = meters[0] ?? assert.fail()
    const file = join(folder, 'a.capture')
    await run(S3MP, ['record', head, '-s', '115200 8N1', '-o', file, '--seconds', '3'])
    const report = join(folder, 'report.capture')
    await run(S3MP, ['report', file, '-o', report])
    const table = new PtyMeter(folder, 'table', '9600')
    const far = join(folder, 'far-table')
    while (!existsSync(table.head) || !existsSync(far)) await systemClock.sleep(10)
    const heard = run(S3MP, [
      'record',
      table.head,
      '-o',
      join(folder, 'b.capture'),
      '--seconds',
      '5',
      '--json',
    ])
    await systemClock.sleep(1500)
    await run(S3MP, ['replay', report, '--port', far])
    const { telegrams } = JSON.parse((await heard).stdout) as { telegrams: number }
    await table.close()
    assert.ok(telegrams >= 2, String(telegrams))
  })
})
