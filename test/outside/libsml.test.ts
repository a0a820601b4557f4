import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Reading } from '@s3mp/meter'
import { createDecoder, formatObis, toHex } from '@s3mp/meter'
import type { SmlStyle } from '@s3mp/meter/simulator'
import { Household, SML_STYLES, SmlHousehold } from '@s3mp/meter/simulator'
import { after, before, describe, it } from 'mocha'
import { need, skip } from '../support/outside.ts'

const run = promisify(execFile)
const START = Date.UTC(2026, 5, 10, 5)
const TELEGRAMS = 40

/** A value as both sides print it. */
type Line = string

describe('libsml beside our own encoder and decoder', function () {
  this.timeout(60_000)
  let folder = ''
  let program = ''

  before(async function () {
    const compiler = need(this, 'cc', 'gcc')
    if (!existsSync('/usr/include/sml/sml_file.h')) {
      skip(this, 'libsml is not installed (Debian package libsml-dev)')
    }
    folder = await mkdtemp(join(tmpdir(), 's3mp-libsml-'))
    program = join(folder, 'dump')
    const source = join(import.meta.dirname, 'libsml-dump.c')
    await run(compiler, ['-O1', '-Wall', '-Werror', '-o', program, source, '-lsml'])
  })

  after(async () => {
    if (folder !== '') await rm(folder, { recursive: true, force: true })
  })

  // libsml of Debian knows neither Kermit checksums nor times without their choice.
  const styles: readonly (keyof typeof SML_STYLES)[] = [
    'modern',
    'emhOld',
    'dzgOld',
    'iskraOld',
    'easyMeter',
    'locked',
  ]
  for (const name of styles) {
    it(`reads our telegrams as we do: ${name}`, async () => {
      const { theirs, bytes } = await dump(name, SML_STYLES[name])
      assert.deepEqual(theirs, linesOf(bytes))
      assert.ok(theirs.length >= 4 * TELEGRAMS)
    })
  }

  // It writes a list of 16 as one of 17, so styles with as many entries cannot come back.
  for (const name of styles.filter((style) => !['iskraOld', 'easyMeter'].includes(style))) {
    it(`writes telegrams that we read as it does: ${name}`, async () => {
      const { theirs, rewritten } = await dump(name, SML_STYLES[name])
      assert.deepEqual(linesOf(rewritten), theirs)
    })
  }

  /** Has libsml read a simulated line of a style, and write it again. */
  async function dump(
    name: string,
    style: SmlStyle,
  ): Promise<{
    readonly theirs: readonly Line[]
    readonly bytes: Uint8Array
    readonly rewritten: Uint8Array
  }> {
    const household = new Household({ seed: 9, startMs: START, solarPeakW: 3500 })
    const meter = new SmlHousehold({ household, style, intervalMs: 600_000 })
    const parts = [...meter.between(START, START + TELEGRAMS * 600_000)]
    const bytes = Uint8Array.from(parts.flatMap((part) => [...part.bytes]))
    const input = join(folder, `${name}.bin`)
    const output = join(folder, `${name}.out`)
    await writeFile(input, bytes)
    const { stdout } = await run(program, [input, String(TELEGRAMS), output], { timeout: 20_000 })
    const theirs = stdout.trim().split('\n').map(readLine).sort()
    return { theirs, bytes, rewritten: new Uint8Array(await readFile(output)) }
  }
})

/** A line of the C program in our spelling. */
function readLine(line: string): Line {
  const [telegram = '', code = '', ...rest] = line.split(' ')
  return [telegram, formatObis(Uint8Array.from(Buffer.from(code, 'hex'))), ...rest].join(' ')
}

/** What we read in a line, without what we derive or repair. */
function linesOf(bytes: Uint8Array): readonly Line[] {
  const decoder = createDecoder('sml')
  const events = [...decoder.push(bytes), ...decoder.end()]
  assert.deepEqual(
    events.map(({ type }) => type),
    events.map(() => 'reading'),
  )
  return events
    .flatMap((event, index) =>
      event.type === 'reading' ? readingLines(event.reading).map((line) => `${index} ${line}`) : [],
    )
    .sort()
}

function readingLines(reading: Reading): readonly Line[] {
  const numbers = reading.registers
    .filter(({ derived }) => derived !== true)
    .map(({ obis, digits, wireDigits, scaler, unitCode }) => {
      const status = obis.endsWith('.8.0*255') ? String(reading.statusWord) : '-'
      return `${obis} number ${String(wireDigits ?? digits)} ${scaler} ${unitCode} ${status}`
    })
  const texts = reading.texts.map(({ obis, bytes }) => `${obis} octets ${toHex(bytes)}`)
  return [...numbers, ...texts]
}
