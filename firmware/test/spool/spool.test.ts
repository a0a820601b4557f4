import assert from 'node:assert/strict'

import fc from 'fast-check'
import { after, describe, it } from 'mocha'

import { FirmwareError } from '../../src/errors.ts'
import { PRIORITY } from '../../src/spool/priority.ts'
import { Spool, SPOOL_SEQ_FIRST, type Dropped, type SpoolOptions } from '../../src/spool/spool.ts'
import { freshFolder, removeFolders } from '../support/folder.ts'
import { record } from '../support/spool-record.ts'

function open(options: Partial<SpoolOptions> = {}): Spool {
  const folder = options.folder ?? freshFolder()
  return Spool.open({ folder, bytesMax: 1e6, objectsMax: 1000, nowMs: 0, ...options })
}

function add(
  spool: Spool,
  stream: number,
  options: Parameters<typeof record>[1] = {},
): readonly Dropped[] {
  const { object, after } = record(spool.stream(stream), options)
  return spool.append(object, after).dropped
}

function isCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof FirmwareError && error.code === code
}

describe('the spool', () => {
  after(removeFolders)

  it('gives everything back after it was closed and opened', () => {
    const folder = freshFolder()
    const first = open({ folder })
    for (let i = 0; i < 5; i += 1) add(first, 1, { madeMs: 1000 + i })
    add(first, 2, { span: 3 })
    const objects = first.waiting(PRIORITY.billing, 0, 10)
    const state = first.stream(1)
    first.close()
    const second = open({ folder })
    assert.deepEqual(second.waiting(PRIORITY.billing, 0, 10), objects)
    assert.deepEqual(second.stream(1), state)
    assert.equal(second.stream(2).nextSeq, SPOOL_SEQ_FIRST + 3)
    assert.deepEqual(second.stats(), {
      objects: 6,
      bytes: 600,
      objectsMax: 1000,
      bytesMax: 1e6,
      byPriority: [0, 6, 0, 0],
      oldestMs: 1000,
    })
    assert.equal(second.recovery, undefined)
    second.close()
  })

  it('refuses a record that does not follow, and stays as it was', () => {
    const spool = open()
    const { object, after } = record(spool.stream(1))
    assert.throws(() => spool.append({ ...object, seq: 2, lastSeq: 2 }, after), isCode('spool'))
    assert.throws(() => spool.append({ ...object, stream: 2 }, after), isCode('spool'))
    assert.equal(spool.stats().objects, 0)
    assert.equal(spool.stream(1).nextSeq, SPOOL_SEQ_FIRST)
    spool.close()
  })

  it('forgets what is acknowledged and nothing else', () => {
    const spool = open()
    for (let i = 0; i < 10; i += 1) add(spool, 1)
    add(spool, 2)
    assert.equal(spool.acknowledge(1, 4, [6, 99]).length, 4)
    const left = spool.waiting(PRIORITY.billing, 0, 20).map(({ stream, seq }) => [stream, seq])
    assert.deepEqual(left, [
      [1, 4],
      [1, 5],
      [1, 7],
      [1, 8],
      [1, 9],
      [1, 10],
      [2, 1],
    ])
    assert.equal(spool.floor(1), 4)
    assert.equal(spool.floor(7), SPOOL_SEQ_FIRST)
    assert.deepEqual(spool.acknowledge(1, 4, [6]), [])
    spool.acknowledge(1, 11, [])
    assert.equal(spool.floor(1), 11)
    assert.equal(spool.stats().bytes, 100)
    spool.close()
  })

  it('keeps a batch until its last sample is acknowledged', () => {
    const spool = open()
    add(spool, 1, { span: 4 })
    assert.deepEqual(spool.acknowledge(1, 4, [1, 2, 3]), [])
    assert.equal(spool.acknowledge(1, 5, []).length, 1)
    spool.close()
  })

  it('drops live objects, then fine ones, the oldest first, and says which', () => {
    const spool = open({ objectsMax: 100 })
    for (let i = 0; i < 49; i += 1) add(spool, 2, { priority: PRIORITY.fine })
    for (let i = 0; i < 49; i += 1) add(spool, 3, { priority: PRIORITY.live })
    assert.deepEqual(add(spool, 1), [{ stream: 3, fromSeq: 1, toSeq: 49, objects: 49 }])
    for (let i = 0; i < 48; i += 1) add(spool, 1)
    const gone = add(spool, 1)
    assert.deepEqual(gone, [{ stream: 2, fromSeq: 1, toSeq: 49, objects: 49 }])
    spool.close()
  })

  it('refuses billing rather than overwrite billing, and still takes an alarm', () => {
    const spool = open({ objectsMax: 100 })
    for (let i = 0; i < 98; i += 1) add(spool, 1)
    assert.throws(() => add(spool, 1), isCode('spool-full'))
    assert.equal(spool.stream(1).nextSeq, SPOOL_SEQ_FIRST + 98)
    assert.deepEqual(add(spool, 8, { priority: PRIORITY.alarm }), [])
    assert.equal(spool.waiting(PRIORITY.billing, 0, 200).length, 98)
    spool.acknowledge(1, 50, [])
    assert.deepEqual(add(spool, 1), [])
    spool.close()
  })

  it('treats a full disk like its own bound', () => {
    const spool = open({ objectsMax: 1e6, bytesMax: 1e9, pagesMax: 40 })
    let stored = 0
    assert.throws(() => {
      for (; stored < 10_000; stored += 1) add(spool, 1, { size: 1000 })
    }, isCode('spool-full'))
    assert.ok(stored > 10)
    assert.equal(spool.stats().objects, stored)
    assert.equal(spool.waiting(PRIORITY.billing, 0, 10_000).length, stored)
    spool.acknowledge(1, 1000, [])
    add(spool, 1, { size: 1000 })
    spool.close()
  })

  it('drops live objects when the disk is full', () => {
    const spool = open({ objectsMax: 1e6, bytesMax: 1e9, pagesMax: 60 })
    const dropped: Dropped[] = []
    for (let i = 0; i < 300; i += 1) {
      dropped.push(...add(spool, 3, { size: 1000, priority: PRIORITY.live }))
    }
    assert.ok(dropped.length > 0)
    assert.equal(spool.stream(3).nextSeq, SPOOL_SEQ_FIRST + 300)
    spool.close()
  })

  it('never gives out a boot or an epoch twice', () => {
    const folder = freshFolder()
    const seen: number[] = []
    for (let boot = 1; boot <= 4; boot += 1) {
      const spool = open({ folder })
      assert.equal(spool.nextBoot(), boot)
      seen.push(spool.nextEpoch(), spool.nextEpoch())
      spool.close()
    }
    assert.deepEqual(seen, [1, 2, 3, 4, 5, 6, 7, 8])
  })

  it('keeps the object of an epoch while records of it wait', () => {
    const spool = open()
    spool.keepEpoch(1, new Uint8Array([1]))
    add(spool, 1, { epoch: 1 })
    spool.keepEpoch(2, new Uint8Array([2]))
    assert.deepEqual(spool.epochDatagram(1), new Uint8Array([1]))
    spool.acknowledge(1, 2, [])
    spool.keepEpoch(3, new Uint8Array([3]))
    assert.equal(spool.epochDatagram(1), undefined)
    assert.deepEqual(spool.epochDatagram(3), new Uint8Array([3]))
    spool.close()
  })

  it('is held by one process at a time, and says so', () => {
    const folder = freshFolder()
    const spool = open({ folder })
    assert.throws(() => open({ folder }), /another s3mp uses this state folder/u)
    spool.close()
    open({ folder }).close()
  })

  it('behaves like a simple list under any mix of calls', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('add' as const), stream: fc.integer({ min: 1, max: 3 }) }),
      fc.record({
        do: fc.constant('ack' as const),
        stream: fc.integer({ min: 1, max: 3 }),
        seq: fc.nat(20),
      }),
      fc.record({ do: fc.constant('reopen' as const) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const folder = freshFolder()
        let spool = open({ folder })
        let model: [number, number][] = []
        const next = [1, 1, 1, 1]
        for (const step of steps) {
          if (step.do === 'add') {
            add(spool, step.stream)
            model.push([step.stream, next[step.stream] ?? 0])
            next[step.stream] = (next[step.stream] ?? 0) + 1
          } else if (step.do === 'ack') {
            spool.acknowledge(step.stream, step.seq, [])
            model = model.filter(([stream, seq]) => stream !== step.stream || seq >= step.seq)
          } else {
            spool.close()
            spool = open({ folder })
          }
          const waiting = spool.waiting(PRIORITY.billing, 0, 100)
          assert.deepEqual(
            waiting.map(({ stream, seq }) => [stream, seq]),
            model,
          )
          assert.equal(spool.stats().objects, model.length)
        }
        spool.close()
      }),
      { numRuns: 25 },
    )
  }).timeout(20_000)
})
