import assert from 'node:assert/strict'
import { readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

import { after, describe, it } from 'mocha'

import { codeOf, FirmwareError } from '../../src/errors.ts'
import { SEQ_RESERVED_MAX, writeCounters } from '../../src/spool/counters.ts'
import { PRIORITY, type Priority } from '../../src/spool/priority.ts'
import { SPOOL_ASIDE_MAX } from '../../src/spool/recovery.ts'
import { Spool, SPOOL_STREAMS_MAX } from '../../src/spool/spool.ts'
import { freshFolder, removeFolders } from '../support/folder.ts'
import { record } from '../support/spool-record.ts'

function open(folder: string, nowMs = 0): Spool {
  return Spool.open({ folder, bytesMax: 1e9, objectsMax: 1e6, nowMs })
}

function fill(spool: Spool, count: number, stream = 1, size = 500): void {
  for (let i = 0; i < count; i += 1) {
    const { object, after } = record(spool.stream(stream), { size })
    spool.append(object, after)
  }
}

/** Makes the file no database any more, without touching what is in its later pages. */
function breakHead(folder: string): void {
  const file = join(folder, 'spool.sqlite')
  const bytes = readFileSync(file)
  bytes.fill(0, 0, 100)
  writeFileSync(file, bytes)
}

/** Overwrites the pages of the file that hold this text, which only some object has. */
function breakPagesOf(folder: string, text: Uint8Array): void {
  const file = join(folder, 'spool.sqlite')
  const bytes = readFileSync(file)
  const at = bytes.lastIndexOf(text) // The root keeps traces of what stood there once.
  assert.ok(at > 4096)
  const page = at - (at % 4096)
  bytes.fill(0xff, page, page + 4096)
  writeFileSync(file, bytes)
}

const isFull = (error: unknown): boolean => codeOf(error) === 'spool-full'

const asides = (folder: string): readonly string[] =>
  readdirSync(folder).filter((name) => /broken-[\dTZ.-]+$/u.test(name))

describe('the spool in trouble', () => {
  after(removeFolders)

  it('leaves the file of a running meter alone, whatever the folder is called', () => {
    const folder = join(freshFolder(), 'version 2')
    const running = open(folder)
    fill(running, 3)
    assert.throws(
      () => open(folder),
      (error: unknown) => error instanceof FirmwareError && error.message.includes('another s3mp'),
    )
    assert.deepEqual(asides(folder), [])
    fill(running, 1)
    running.close()
    const again = open(folder)
    assert.equal(again.stream(1).nextSeq, 5)
    again.close()
  })

  it('carries everything over although the clock fell back to 1970 and others were set aside before', () => {
    const folder = freshFolder()
    for (let round = 0; round < SPOOL_ASIDE_MAX + 2; round += 1) {
      const isLast = round === SPOOL_ASIDE_MAX + 1
      const spool = open(folder)
      fill(spool, 40)
      spool.close()
      breakPagesOf(folder, new Uint8Array(400).fill(20))
      const opened = open(folder, isLast ? 0 : Date.UTC(2030, 0, 1 + round))
      assert.ok(opened.recovery !== undefined)
      assert.ok(opened.recovery.salvaged.objects >= 30, `round ${String(round)}`)
      assert.ok(asides(folder).some((name) => opened.recovery?.aside.endsWith(name)))
      opened.close()
    }
    assert.equal(asides(folder).length, SPOOL_ASIDE_MAX)
  })

  it('sets two files aside at the same time of a clock that stands still', () => {
    const folder = freshFolder()
    for (let round = 0; round < 2; round += 1) {
      const spool = open(folder)
      fill(spool, 3)
      spool.close()
      breakHead(folder)
      open(folder, 1000).close()
    }
    assert.equal(asides(folder).length, 2)
  })

  it('carries over what stands behind a broken page as well as what stands before', () => {
    const folder = freshFolder()
    const spool = open(folder)
    fill(spool, 200)
    spool.close()
    breakPagesOf(folder, new Uint8Array(400).fill(100))
    const opened = open(folder)
    const seqs = opened.waiting(PRIORITY.billing, 0, 1000).map(({ seq }) => seq)
    assert.ok(opened.recovery?.salvaged.stopped !== undefined)
    assert.ok(seqs.includes(1) && seqs.includes(200), seqs.join(' '))
    assert.ok(seqs.length > 185, `${String(seqs.length)} of 200`)
    assert.deepEqual(
      seqs,
      [...new Set(seqs)].sort((a, b) => a - b),
    )
    opened.close()
  })

  it('leaves out a row that cannot be, and takes the others', () => {
    const folder = freshFolder()
    const spool = open(folder)
    fill(spool, 20)
    spool.close()
    const file = join(folder, 'spool.sqlite')
    const database = new DatabaseSync(file)
    database.exec('UPDATE object SET priority = 9 WHERE seq = 7; PRAGMA user_version = 77')
    database.close()
    const opened = open(folder)
    const seqs = opened.waiting(PRIORITY.billing, 0, 100).map(({ seq }) => seq)
    assert.equal(seqs.length, 19)
    assert.ok(!seqs.includes(7))
    opened.close()
  })

  it('carries over at the next start what a power cut left half carried over', () => {
    const folder = freshFolder()
    const spool = open(folder)
    fill(spool, 20)
    spool.close()
    const file = join(folder, 'spool.sqlite')
    // As it looks when the power fails after the file was moved and before its rows were taken.
    const database = new DatabaseSync(file)
    database.exec('PRAGMA user_version = 77')
    database.close()
    renameSync(file, join(folder, 'spool.sqlite.salvage'))
    for (const begun of [false, true]) {
      if (begun) writeFileSync(file, '')
      const opened = open(folder)
      assert.equal(opened.waiting(PRIORITY.billing, 0, 100).length, 20)
      assert.equal(opened.recovery?.salvaged.objects, 20)
      assert.ok(opened.stream(1).nextSeq > 20)
      opened.close()
      const [aside] = asides(folder)
      assert.ok(aside)
      renameSync(join(folder, aside), join(folder, 'spool.sqlite.salvage'))
      rmSync(file)
    }
  })

  it('keeps its counters when the disk is full, and says that it is', () => {
    const folder = freshFolder()
    const file = join(folder, 'counters')
    writeCounters(file, { boot: 3, epoch: 4, reserved: { 1: 4096 } })
    const before = readFileSync(file, 'utf8')
    // A disk without room: what is written to it fails as on one.
    symlinkSync('/dev/full', `${file}.new`)
    assert.throws(() => {
      writeCounters(file, { boot: 4, epoch: 4, reserved: { 1: 4096 } })
    }, isFull)
    assert.equal(readFileSync(file, 'utf8'), before)
    const spool = open(folder)
    const { object, after } = record({ ...spool.stream(1), nextSeq: 1 })
    const far = { ...object, lastSeq: 2 * SEQ_RESERVED_MAX }
    assert.throws(
      () => spool.append({ ...far, seq: spool.stream(1).nextSeq }, { ...after, nextSeq: far.lastSeq + 1 }), // prettier-ignore
      isFull,
    )
    rmSync(`${file}.new`)
    fill(spool, 1)
    spool.close()
  })

  it('lets go what is acknowledged when its file cannot grow, and goes on in that room', () => {
    const spool = Spool.open({ folder: freshFolder(), bytesMax: 1e9, objectsMax: 1e6, nowMs: 0, pagesMax: 60 }) // prettier-ignore
    const add = (stream: number, priority: Priority): void => {
      const { object, after } = record(spool.stream(stream), { size: 700, priority })
      spool.append(object, after)
    }
    for (let i = 0; i < 40; i += 1) add(3, PRIORITY.live)
    for (let i = 0; i < 40; i += 1) add(1, PRIORITY.billing)
    const fillUp = (): void => {
      for (;;) add(1, PRIORITY.billing)
    }
    assert.throws(fillUp, isFull)
    assert.equal(spool.count(PRIORITY.live), 0, 'live readings gave way')
    const stored = spool.count(PRIORITY.billing)
    for (let seq = 1; seq < 4 * stored; seq += 1) {
      if (seq > 10) add(1, PRIORITY.billing)
      assert.equal(spool.acknowledge(1, seq + 1, []).length, 1)
    }
    spool.close()
  })

  it('gives up what it held back to count a start on a full disk, and holds it back again', () => {
    const folder = freshFolder()
    let free = 1e9
    const spool = Spool.open({ folder, bytesMax: 1e9, objectsMax: 1e6, nowMs: 0, freeBytes: () => free }) // prettier-ignore
    const isHeld = (): boolean => readdirSync(folder).includes('spool.reserve')
    assert.ok(isHeld())
    fill(spool, 20)
    const file = join(folder, 'counters')
    symlinkSync('/dev/full', `${file}.new`)
    free = 0
    // On a disk the second try has room; here it has none.
    assert.throws(() => spool.nextBoot(), isFull)
    assert.ok(!isHeld())
    rmSync(`${file}.new`)
    assert.equal(spool.nextBoot(), 1)
    // Without a reserve the file grows no more, and says so; an alarm is still taken.
    const { object, after } = record(spool.stream(1), { size: 700 })
    assert.throws(() => spool.append(object, after), /room on the disk/u)
    spool.append({ ...object, priority: PRIORITY.alarm }, after)
    assert.equal(spool.acknowledge(1, 15, []).length, 14)
    assert.ok(!isHeld())
    free = 1e9
    spool.acknowledge(1, 16, [])
    assert.ok(isHeld())
    spool.close()
  })

  it('knows no more streams than it may, whoever names them', () => {
    const spool = open(freshFolder())
    for (let stream = 1; stream < 2 * SPOOL_STREAMS_MAX; stream += 1) spool.skipBeyond(stream, 9)
    assert.equal(spool.streams().length, SPOOL_STREAMS_MAX)
    spool.close()
  })
})
