import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { parseSettings } from '@s3mp/hal'
import { MockSerial, VirtualClock } from '@s3mp/hal/mock'
import { createDecoder } from '@s3mp/meter'
import { encodeSml, Household } from '@s3mp/meter/simulator'
import fc from 'fast-check'
import { after, describe, it } from 'mocha'

import {
  BLACKBOX_AFTER_BYTES_MAX,
  BLACKBOX_BEFORE_BYTES_MAX,
  BLACKBOX_FILES_MAX,
  BlackBox,
} from '../../src/blackbox/blackbox.ts'
import { bytesOf, captureLines, parseCapture, readCapture } from '../../src/blackbox/capture.ts'
import { play } from '../../src/blackbox/play.ts'
import { reportOf } from '../../src/blackbox/report.ts'
import { capturesIn, keepCapture } from '../../src/blackbox/shelf.ts'
import { FirmwareError } from '../../src/errors.ts'
import { freshFolder, removeFolders } from '../support/folder.ts'

const START_MS = Date.UTC(2026, 10, 23, 10)
const LINE = parseSettings('9600 8N1')
const household = new Household({ seed: 3, startMs: START_MS - 86_400_000 })
const telegram = (ms: number): Uint8Array => encodeSml(household.at(START_MS + ms))
const S3MP = fileURLToPath(new URL('../../bin/s3mp', import.meta.url))
const FACTS = { version: '1.2.3', board: 'a table' }

function s3mp(...words: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(S3MP, words, { encoding: 'utf8' })
}

describe('a capture', () => {
  it('reads back what it writes, times and settings included', () => {
    const chunk = fc.record({ gapMs: fc.nat(5000), bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }) }) // prettier-ignore
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 20 }), (gaps) => {
        let atMs = 0
        const chunks = gaps.map(({ gapMs, bytes }) => ({ atMs: (atMs += gapMs), bytes }))
        const capture = { settings: LINE, startedMs: START_MS, notes: ['a'], chunks, isTimed: true }
        assert.deepEqual(parseCapture([...captureLines(capture)].join('\n'), 'x'), capture)
      }),
    )
  })

  it('names the line that is wrong, whatever it is', () => {
    for (const line of ['x', '12', '12 0', '12 zz', '-1 00', '# settings 9 9', '# started never']) {
      assert.throws(
        () => parseCapture(`# s3mp capture 1\n${line}\n`, 'f'),
        (error) => error instanceof FirmwareError && error.message.startsWith('f:2: expected'),
        line,
      )
    }
    assert.throws(() => parseCapture('5 00\n4 00', 'f'), /f:2/)
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          parseCapture(text, 'f')
        } catch (error) {
          assert.ok(error instanceof FirmwareError)
        }
      }),
    )
  })

  it('is played with its silences and never faster than the line', async () => {
    const clock = new VirtualClock()
    const heard: (readonly [number, number])[] = []
    const device = new MockSerial('/dev/mock', (bytes) => {
      heard.push([Math.round(clock.monotonicMs()), bytes.length])
    })
    const port = await device.open(device.path, LINE)
    const chunks = [
      { atMs: 0, bytes: new Uint8Array(10) },
      { atMs: 700, bytes: new Uint8Array(5) },
    ]
    const options = { port, settings: LINE, clock, signal: new AbortController().signal }
    await clock.runUntil(play({ notes: [], chunks, isTimed: true }, { ...options, speed: 1 }))
    assert.deepEqual(heard, [
      [0, 10],
      [700, 5],
    ])
    heard.length = 0
    const raw = { notes: [], chunks: [{ atMs: 0, bytes: new Uint8Array(960) }], isTimed: false }
    const beginMs = clock.monotonicMs()
    await clock.runUntil(play(raw, { ...options, speed: 1 }))
    const tookMs = (heard.at(-1)?.[0] ?? 0) - beginMs
    assert.ok(tookMs > 900 && tookMs < 1000, String(tookMs))
  })
})

describe('BlackBox', () => {
  after(removeFolders)

  function box(): {
    clock: VirtualClock
    kept: [string, string][]
    readonly hear: (bytes: Uint8Array) => void
  } {
    const clock = new VirtualClock(START_MS)
    const kept: [string, string][] = []
    const options = { source: 'attic/../x', settings: LINE, clock }
    const { tap } = new BlackBox({ ...options, keep: (name, text) => kept.push([name, text]) })
    const decoder = createDecoder('auto')
    return {
      clock,
      kept,
      hear: (bytes) => {
        tap.bytes?.(bytes)
        for (const event of decoder.push(bytes)) tap.event?.(event)
      },
    }
  }

  function damaged(ms: number): Uint8Array {
    const bytes = telegram(ms)
    bytes[100] = (bytes[100] ?? 0) ^ 1
    return bytes
  }

  it('keeps what came before and after a fault, with times, once', async () => {
    const { clock, kept, hear } = box()
    for (let second = 0; second < 30; second++) {
      hear(second === 10 ? damaged(second * 1000) : telegram(second * 1000))
      await clock.advance(1000)
    }
    assert.equal(kept.length, 1)
    const [name, text] = kept[0] ?? ['', '']
    assert.match(name, /^2026-11-23T10-00-00-000Z-attic____x\.capture$/)
    const capture = parseCapture(text, name)
    assert.equal(capture.chunks.length, 21)
    assert.equal(capture.chunks[10]?.atMs, 10_000)
    assert.ok(capture.notes.some((note) => note.includes('10000 ms') && note.includes('crc 1')))
    const decoder = createDecoder('auto')
    const readings = decoder.push(bytesOf(capture)).filter(({ type }) => type === 'reading')
    assert.equal(readings.length, 20)
  })

  it('stays small and rests ever longer while faults go on', async () => {
    const { clock, kept, hear } = box()
    for (let second = 0; second < 7200; second++) {
      hear(damaged(second * 1000))
      await clock.advance(1000)
    }
    assert.ok(kept.length >= 4 && kept.length <= 8, String(kept.length))
    for (const [, text] of kept) {
      const bytes = bytesOf(parseCapture(text, 'x')).length
      assert.ok(bytes <= BLACKBOX_BEFORE_BYTES_MAX + 2 * BLACKBOX_AFTER_BYTES_MAX, String(bytes))
    }
  })

  it('says nothing about the rest of a telegram into which it came', async () => {
    const { clock, kept, hear } = box()
    hear(telegram(0).subarray(50))
    for (let second = 1; second < 30; second++) {
      hear(telegram(second * 1000))
      await clock.advance(1000)
    }
    assert.deepEqual(kept, [])
  })

  it('keeps the newest files and lets the others go', () => {
    const folder = join(freshFolder(), 'blackbox')
    for (let file = 0; file < BLACKBOX_FILES_MAX + 5; file++) {
      keepCapture(folder, `${String(1000 + file)}.capture`, 'x')
    }
    const files = capturesIn(folder)
    assert.equal(files.length, BLACKBOX_FILES_MAX)
    assert.ok(files[0]?.endsWith(`${String(1000 + BLACKBOX_FILES_MAX + 4)}.capture`))
  })
})

describe('a report', function () {
  this.timeout(30_000)
  after(removeFolders)

  const serial = '10203040'
  const chunks = [0, 1000, 2000].map((atMs) => ({ atMs, bytes: telegram(atMs) }))
  const capture = {
    settings: LINE,
    startedMs: START_MS,
    notes: ['source Mrs Miller', 'fault 1000 ms after the beginning: crc 1'],
    chunks,
    isTimed: true,
  }

  it('has the same values at the same times and names nobody', () => {
    const report = reportOf(capture, FACTS, new Uint8Array(32).fill(1))
    const text = [...captureLines(report.capture)].join('\n')
    assert.ok(!text.includes('Miller') && !text.includes('2026'))
    assert.ok(text.includes('fault 1000 ms'))
    const hex = Number(serial).toString(16).padStart(8, '0')
    assert.ok([...captureLines(capture)].join('\n').includes(hex))
    assert.ok(!text.includes(hex))
    assert.deepEqual(
      report.capture.chunks.map(({ atMs }) => atMs),
      [0, 1000, 2000],
    )
    assert.deepEqual(report.notes, [])
  })

  it('is made by one command and replayed and decoded by others', () => {
    const folder = freshFolder()
    const file = join(folder, 'meter.capture')
    writeFileSync(file, `${[...captureLines(capture)].join('\n')}\n`)
    const made = s3mp('report', file, '-o', join(folder, 'report.capture'), '--json')
    assert.equal(made.status, 0, made.stderr)
    const before = s3mp('replay', file, '--json').stdout.split('\n')
    const after = s3mp('replay', join(folder, 'report.capture'), '--json').stdout.split('\n')
    assert.equal(after.length, 4)
    const registers = (lines: readonly string[]): unknown[] =>
      lines.slice(0, 3).map((line) => (JSON.parse(line) as Record<string, unknown>).registers)
    assert.deepEqual(registers(after), registers(before))
    assert.ok(before.join().includes(serial) && !after.join().includes(serial))
    const decoded = s3mp('decode', join(folder, 'report.capture'), '--json')
    assert.equal(decoded.status, 0, decoded.stderr)
    assert.equal(decoded.stdout.trim().split('\n').length, 3)
    const again = s3mp('report', file, '-o', join(folder, 'report.capture'))
    assert.equal(again.status, 1)
    assert.match(again.stderr, /--force.*ERR_S3MP_EXISTS/)
  })

  it('takes the newest of the black box, and says where none is', () => {
    const folder = freshFolder()
    const config = join(folder, 'meter.toml')
    writeFileSync(
      config,
      `[meter]\ndevice = "simulated:household"\n[state]\nfolder = "${folder}"\n[uplink]\ntransport = "udp"\n[uplink.udp]\nremote = "127.0.0.1:1"\n`,
    )
    const output = join(folder, 'r.capture')
    const none = s3mp('report', '-c', config, '-o', output)
    assert.equal(none.status, 1)
    assert.match(none.stderr, /black box has kept no fault/)
    mkdirSync(join(folder, 'blackbox'))
    keepCapture(join(folder, 'blackbox'), '1.capture', [...captureLines(capture)].join('\n'))
    assert.equal(s3mp('report', '-c', config, '-o', output).status, 0)
    assert.ok(readCapture(output).chunks.length === 3)
    assert.ok(readFileSync(output, 'utf8').startsWith('# s3mp capture 1\n'))
  })
})
