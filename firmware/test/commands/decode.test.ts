import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createDecoder, toHex } from '@s3mp/meter'
import {
  DLMS_STYLES,
  Household,
  SML_STYLES,
  SmlHousehold,
  encodeDlms,
  encodeSml,
  encodeSmlBody,
} from '@s3mp/meter/simulator'
import { after, before, describe, it } from 'mocha'
import type { DecodeSummary } from '../../src/commands/decode.ts'
import { decodeCapture, readingJson } from '../../src/commands/decode.ts'

const START = Date.UTC(2026, 5, 10, 9)

function telegrams(count: number, style = {}): Uint8Array {
  const household = new Household({ seed: 5, startMs: START, solarPeakW: 3000 })
  const meter = new SmlHousehold({ household, style })
  const parts = [...meter.between(START, START + 1000 * count)]
  return Uint8Array.from(parts.flatMap(({ bytes }) => [...bytes]))
}

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    await Promise.resolve()
    yield bytes.subarray(at, at + size)
  }
}

async function decode(
  bytes: Uint8Array,
  json = true,
  size = 100,
): Promise<{ readonly lines: readonly string[]; readonly summary: DecodeSummary }> {
  const lines: string[] = []
  const source = inPieces(bytes, size)
  const summary = await decodeCapture(source, { protocol: 'auto', json }, (line) => {
    lines.push(line)
  })
  return { lines, summary }
}

describe('decodeCapture', () => {
  it('prints one JSON line a telegram, exact decimals, fields in order', async () => {
    const { lines } = await decode(telegrams(1, SML_STYLES.emhOld))
    assert.equal(lines.length, 1)
    assert.match(
      lines[0] ?? '',
      /^\{"protocol":"sml","offset":0,"device":"1EMH0012345678","registers":\[\{"obis":"1-0:1\.8\.0\*255","value":"\d+\.\d","unit":"Wh"\},/,
    )
  })

  it('prints what was discarded, garbage in a row as one', async () => {
    const bytes = Uint8Array.from([
      ...new Uint8Array(5000).fill(0x55),
      ...telegrams(1),
      ...telegrams(1).map((byte, at) => (at === 100 ? byte ^ 1 : byte)),
    ])
    const { lines, summary } = await decode(bytes)
    assert.equal(lines[0], '{"discarded":5000,"reason":"garbage"}')
    assert.match(lines[1] ?? '', /^\{"protocol":"sml","offset":5000,/)
    assert.match(lines[2] ?? '', /^\{"discarded":\d+,"reason":"crc"\}$/)
    assert.deepEqual([lines.length, summary.readings], [3, 1])
    assert.equal(summary.discardedBytes, 5000 + telegrams(1).length)
  })

  it('opens ciphered DLMS with the keys given, and says what is wrong with others', async () => {
    const state = new Household({ seed: 5, startMs: START }).at(START)
    const key = '000102030405060708090a0b0c0d0e0f'
    const authKey = 'd0d1d2d3d4d5d6d7d8d9dadbdcdddedf'
    const bytes = encodeDlms(state, DLMS_STYLES.mbus, {
      control: 0x30,
      counter: 7,
      systemTitle: Uint8Array.from(Buffer.from('53494d0000bc614e', 'hex')),
      encryptionKey: Uint8Array.from(Buffer.from(key, 'hex')),
      authenticationKey: Uint8Array.from(Buffer.from(authKey, 'hex')),
    })
    const first = async (options: object): Promise<string> => {
      const lines: string[] = []
      const all = { protocol: 'dlms', json: true, ...options } as const
      await decodeCapture(inPieces(bytes, 50), all, (line) => {
        lines.push(line)
      })
      return lines[0] ?? ''
    }
    const security = '"security":{"systemTitle":"SIM0000bc614e","counter":7,"authentic":true}'
    assert.ok((await first({ key, authKey })).includes(security))
    assert.match(await first({ key }), /"flags":\["unauthenticated"\]/)
    assert.match(await first({}), /"reason":"key-missing"/)
    assert.match(await first({ key: authKey, authKey }), /"reason":"key-wrong"/)
    assert.match(await first({ key, authKey: key }), /"reason":"unauthentic"/)
    await assert.rejects(first({ key: 'no hex' }), { code: 'range' })
  })

  it('says the same of raw bytes and of hex text, in any pieces', async () => {
    const bytes = telegrams(3)
    const raw = await decode(bytes, true, 8)
    const hex = await decode(
      new TextEncoder().encode(toHex(bytes).replace(/.{64}/g, '$&\n')),
      true,
      7,
    )
    assert.deepEqual(hex.lines, raw.lines)
    assert.equal(raw.summary.readings, 3)
  })

  it('reads a body that lost its frame and says so', async () => {
    const household = new Household({ seed: 5, startMs: START })
    const { lines } = await decode(encodeSmlBody(household.at(START)))
    assert.match(lines.join(), /"flags":\["unframed"\]/)
  })

  it('explains registers to people, aligned, with names and a summary', async () => {
    const { lines } = await decode(telegrams(2, SML_STYLES.modern), false)
    const power = lines.find((line) => line.includes('1-0:16.7.0*255')) ?? ''
    assert.match(power, /power, import − export +-?\d+\.\d W$/)
    assert.equal(lines.at(-1), '2 readings, 0 bytes discarded')
    const columns = lines
      .filter((line) => line.startsWith('  1-0:'))
      .map((line) => line.indexOf('  ', 3))
    assert.equal(new Set(columns.map((column) => column > 0)).size, 1)
  })

  it('shows what stood on the wire where it was repaired', () => {
    const state = { ...new Household({ seed: 1, startMs: START }).at(START), powerMw: 507_000 }
    const [event] = createDecoder('sml').push(encodeSml(state, SML_STYLES.dzgOld))
    assert.ok(event?.type === 'reading')
    const text = JSON.stringify(readingJson(event.reading, event.offset, event.length))
    assert.match(text, /"value":"507\.00","unit":"W","wire":"-148\.36"/)
    assert.match(text, /"flags":\["sign-repaired-int16"\]/)
  })

  it('keeps nothing of what it has printed', async () => {
    const one = telegrams(50)
    let most = 0
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (let round = 0; round < 40; round++) {
        await Promise.resolve()
        yield one
      }
    }
    const { readings } = await decodeCapture(endless(), { protocol: 'sml', json: true }, (line) => {
      most = Math.max(most, line.length)
    })
    assert.equal(readings, 2000)
    assert.ok(most < 4000)
  })
})

describe('s3mp decode', function () {
  this.timeout(30_000)
  const run = promisify(execFile)
  const program = join(import.meta.dirname, '../support/decode-command.ts')
  let folder = ''

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 's3mp-decode-'))
    writeFileSync(join(folder, 'good.bin'), telegrams(2))
    writeFileSync(join(folder, 'noise.bin'), new Uint8Array(300).fill(0x5a))
    writeFileSync(join(folder, 'broken.hex'), '1b1b'.repeat(200) + 'oops')
  })

  after(() => {
    rmSync(folder, { recursive: true, force: true })
  })

  async function call(...words: readonly string[]): Promise<[number, string, string]> {
    try {
      const node = ['--conditions=@s3mp/source', program, 'decode', ...words]
      const { stdout, stderr } = await run(process.execPath, node)
      return [0, stdout, stderr]
    } catch (error) {
      assert.ok(error instanceof Error && 'code' in error && 'stdout' in error && 'stderr' in error)
      return [Number(error.code), String(error.stdout), String(error.stderr)]
    }
  }

  it('ends with 0 when it found readings', async () => {
    const [status, output] = await call('--json', join(folder, 'good.bin'))
    assert.equal(status, 0)
    assert.equal(output.trim().split('\n').length, 2)
  })

  it('ends with 1 and a sentence when it found none', async () => {
    const [status, output, complaint] = await call('--json', join(folder, 'noise.bin'))
    assert.equal(status, 1)
    assert.equal(output, '{"discarded":300,"reason":"garbage"}\n')
    assert.match(complaint, /noise\.bin: no reading found \(300 bytes discarded\)\n$/)
  })

  it('ends with 1 and a sentence when the file is missing, a folder, or half hex', async () => {
    for (const [name, words] of [
      ['absent.bin', /there is no such file \(not-found\)/],
      ['.', /this is a folder; name a file in it \(folder\)/],
      ['broken.hex', /hex text at position 800: expected a hex digit, found 0x6f \(malformed\)/],
    ] as const) {
      const [status, , complaint] = await call(join(folder, name))
      assert.equal(status, 1)
      assert.match(complaint, words)
    }
  })

  it('explains itself, exit status included', async () => {
    const [status, output] = await call('--help')
    assert.equal(status, 0)
    assert.match(output, /Exit status:\s+0 {2}at least one reading/)
  })
})
