import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { copyFileSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { after, describe, it } from 'mocha'

import { FirmwareError } from '../../src/errors.ts'
import { SEQ_RESERVED_MAX } from '../../src/spool/counters.ts'
import { PRIORITY } from '../../src/spool/priority.ts'
import { SPOOL_ASIDE_MAX } from '../../src/spool/recovery.ts'
import { Spool } from '../../src/spool/spool.ts'
import { freshFolder, removeFolders } from '../support/folder.ts'
import { record } from '../support/spool-record.ts'

const WRITER = new URL('../support/spool-writer.ts', import.meta.url).pathname

function open(folder: string, nowMs = 0): Spool {
  return Spool.open({ folder, bytesMax: 1e9, objectsMax: 1e6, nowMs })
}

function fill(spool: Spool, count: number, stream = 1): void {
  for (let i = 0; i < count; i += 1) {
    const { object, after } = record(spool.stream(stream), { size: 500 })
    spool.append(object, after)
  }
}

/** Small generator for places to damage; the seed is in the test's name. */
function lcg(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** Runs the writer, kills it with SIGKILL after a while, and returns what it said was safe. */
async function writeAndKill(folder: string, afterMs: number): Promise<Map<string, number>> {
  const child = spawn(process.execPath, [...process.execArgv, WRITER, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Uint8Array) => {
    const isFirst = output === ''
    output += Buffer.from(chunk).toString()
    if (isFirst) setTimeout(() => child.kill('SIGKILL'), afterMs)
  })
  await new Promise((resolve) => child.once('close', resolve))
  const safe = new Map<string, number>()
  for (const line of output.split('\n').slice(0, -1)) {
    const [word, stream, seq] = line.split(' ')
    if (word === 'stored' && stream !== undefined) safe.set(stream, Number(seq))
  }
  return safe
}

describe('the spool under damage', () => {
  after(removeFolders)

  it('has lost nothing that was stored when its process is killed at any moment', async () => {
    const random = lcg(7)
    const folder = freshFolder()
    let epochs = 0
    for (let round = 0; round < 4; round += 1) {
      const safe = await writeAndKill(folder, 5 + random() * 120)
      const spool = open(folder)
      assert.equal(spool.recovery, undefined)
      for (const [stream, lastSeq] of safe) {
        // One more may be stored than was told: the kill came between the two.
        const nextSeq = spool.stream(Number(stream)).nextSeq
        assert.ok(nextSeq === lastSeq + 1 || nextSeq === lastSeq + 2, `${nextSeq} after ${lastSeq}`)
      }
      const seen = new Map<number, number>()
      for (const { stream, seq } of spool.waiting(PRIORITY.billing, 0, 1e6)) {
        assert.equal(seq, (seen.get(stream) ?? 0) + 1, 'no hole, no repetition')
        seen.set(stream, seq)
      }
      for (const stream of spool.streams()) {
        assert.equal(seen.get(stream), spool.stream(stream).nextSeq - 1)
      }
      epochs += 1
      assert.equal(spool.nextEpoch(), 2 * epochs)
      spool.close()
    }
  }).timeout(20_000)

  it('opens with an unbroken prefix when its log is torn at any place', () => {
    const random = lcg(11)
    const folder = freshFolder()
    const spool = open(folder)
    fill(spool, 40)
    const wal = join(folder, 'spool.sqlite-wal')
    const whole = readFileSync(wal)
    for (let round = 0; round < 12; round += 1) {
      const copy = freshFolder()
      for (const name of readdirSync(folder)) copyFileSync(join(folder, name), join(copy, name))
      const torn = new Uint8Array(whole)
      if (round % 2 === 0) torn.fill(0x55, Math.floor(random() * whole.length))
      writeFileSync(
        join(copy, 'spool.sqlite-wal'),
        torn.subarray(0, Math.ceil(random() * torn.length)),
      )
      const opened = open(copy)
      const waiting = opened.waiting(PRIORITY.billing, 0, 100)
      assert.deepEqual(
        waiting.map(({ seq }) => seq),
        waiting.map((_, index) => index + 1),
      )
      fill(opened, 1)
      opened.close()
    }
    spool.close()
  })

  it('sets a broken file aside, carries over what it can, and repeats no number', () => {
    const folder = freshFolder()
    const file = join(folder, 'spool.sqlite')
    const random = lcg(13)
    const given = new Set<number>()
    let salvaged = 0
    for (let round = 0; round < 6; round += 1) {
      const spool = open(folder, 1000 * round)
      fill(spool, 60)
      const { nextSeq } = spool.stream(1)
      for (let seq = nextSeq - 60; seq < nextSeq; seq += 1) {
        assert.ok(!given.has(seq), `seq ${String(seq)} was given out twice`)
        given.add(seq)
      }
      assert.equal(spool.nextEpoch(), round + 1)
      spool.close()
      const bytes = readFileSync(file)
      if (round === 0)
        bytes.fill(0, 0, 100) // No database at all.
      else {
        const at = 4096 + Math.floor(random() * (bytes.length - 8192))
        bytes.fill(0xff, at, at + 4096)
      }
      writeFileSync(file, bytes)
      const after = open(folder, 1000 * round + 500)
      assert.ok(after.recovery !== undefined, `round ${String(round)}`)
      assert.ok(statSync(after.recovery.aside).isFile())
      salvaged += after.recovery.salvaged.objects
      after.close()
    }
    assert.ok(salvaged > 30, `salvaged ${String(salvaged)}`)
    const kept = readdirSync(folder).filter((name) => name.includes('broken'))
    assert.ok(kept.length <= 3 * SPOOL_ASIDE_MAX, kept.join(' '))
  })

  it('goes on beyond every number it may have given out when an old copy is put back', () => {
    const folder = freshFolder()
    const file = join(folder, 'spool.sqlite')
    const first = open(folder)
    fill(first, 2)
    first.close()
    const old = readFileSync(file)
    const second = open(folder)
    // A stream far ahead: what a year of billing makes, without writing it all.
    const state = second.stream(1)
    const far = { ...record(state).object, lastSeq: SEQ_RESERVED_MAX * 3 }
    second.append(far, { ...state, nextSeq: far.lastSeq + 1, head: far.hash })
    second.close()
    writeFileSync(file, old)
    const third = open(folder)
    assert.ok(third.stream(1).nextSeq > SEQ_RESERVED_MAX * 3)
    assert.equal(third.stream(1).head.length, 0, 'a new chain')
    third.close()
  })

  it('repeats no number when the file itself is gone', () => {
    const folder = freshFolder()
    const spool = open(folder)
    fill(spool, 3)
    spool.nextEpoch()
    spool.close()
    for (const name of readdirSync(folder)) {
      if (name.startsWith('spool')) rmSync(join(folder, name))
    }
    const opened = open(folder)
    assert.ok(opened.stream(1).nextSeq > 3)
    assert.equal(opened.stream(1).head.length, 0, 'a new chain')
    assert.equal(opened.stream(2).nextSeq, 1, 'a stream that never was begins at its beginning')
    assert.equal(opened.nextEpoch(), 2)
    opened.close()
  })

  it('does without its counters, and with unreadable ones', () => {
    for (const damage of [
      (): string => '',
      (): string => '{"boot":1}',
      (text: string): string => text.replace('1', '0'),
    ]) {
      const folder = freshFolder()
      const file = join(folder, 'counters')
      const spool = open(folder)
      spool.nextBoot()
      fill(spool, 3)
      spool.close()
      writeFileSync(file, damage(readFileSync(file, 'utf8')))
      const opened = open(folder)
      assert.equal(opened.nextBoot(), 2)
      assert.equal(opened.stream(1).nextSeq, 4)
      opened.close()
    }
  })

  it('says what is wrong with a folder that it cannot use', () => {
    const folder = freshFolder()
    const file = join(folder, 'occupied')
    writeFileSync(file, '')
    assert.throws(
      () => open(join(file, 'state')),
      (error: unknown) => error instanceof FirmwareError && error.code === 'spool',
    )
  })
})
