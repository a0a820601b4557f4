import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { encodeRecord, EVENT_CODES, type DeviceRecord } from '@s3mp/envelope'
import { after, describe, it } from 'mocha'

import {
  History,
  HISTORY_BATCH_MAX,
  HISTORY_EVENT_MS_MAX,
  type NewRecord,
} from '../../src/history/history.ts'
import { STREAM } from '../../src/streams.ts'
import { freshFolder, removeFolders } from '../support/folder.ts'

const START_MS = Date.UTC(2026, 10, 23)

function event(seq: number, timeMs: number): NewRecord {
  const record: DeviceRecord = {
    kind: 'event',
    stream: STREAM.events,
    seq,
    timeMs,
    status: 0,
    prevHash16: new Uint8Array(16),
    code: EVENT_CODES.boot,
    severity: 'info',
    details: [BigInt(seq)],
  }
  const payload = encodeRecord(record)
  return { stream: STREAM.events, seq, storedMs: timeMs, record, payload, object: payload }
}

function fine(seq: number, atMs: number): NewRecord {
  const record: DeviceRecord = {
    kind: 'reading',
    stream: STREAM.minute,
    seq,
    timeMs: atMs,
    status: 0,
    prevHash16: new Uint8Array(16),
    schemaId: new Uint8Array(8),
    samples: [{ timeMs: atMs, status: 0, registers: [BigInt(seq)] }],
  }
  const payload = new Uint8Array(400)
  return { stream: STREAM.minute, seq, storedMs: atMs, record, payload, object: payload }
}

const numbers = (history: History): readonly number[] =>
  history.newest(STREAM.events, 'event', Number.MAX_SAFE_INTEGER, 1000).map(({ seq }) => seq)

describe('the history', () => {
  after(removeFolders)

  it('remembers across restarts, and shows at once what waits to be written', () => {
    const file = join(freshFolder(), 'history.sqlite')
    const history = new History(file)
    history.take(event(1, START_MS))
    assert.deepEqual(numbers(history), [1])
    history.take(event(2, START_MS + 1))
    history.close()
    const again = new History(file)
    assert.deepEqual(numbers(again), [2, 1])
    again.close()
  })

  it('writes many together', () => {
    const history = new History(join(freshFolder(), 'history.sqlite'))
    for (let seq = 1; seq <= 3 * HISTORY_BATCH_MAX; seq++) history.take(event(seq, START_MS + seq))
    assert.equal(numbers(history).length, 3 * HISTORY_BATCH_MAX)
    history.close()
  })

  it('lets go of what is too old', () => {
    const history = new History(join(freshFolder(), 'history.sqlite'))
    history.take(event(1, START_MS))
    history.flush()
    history.take(event(2, START_MS + HISTORY_EVENT_MS_MAX + 1000))
    assert.deepEqual(numbers(history), [2])
    history.close()
  })

  it('lets fine readings go first when there is no more room', () => {
    const history = new History(join(freshFolder(), 'history.sqlite'), 100)
    history.take(event(1, START_MS))
    for (let seq = 1; seq <= 2000; seq++) history.take(fine(seq, START_MS + seq * 3_600_000))
    history.flush()
    assert.deepEqual(numbers(history), [1])
    const kept = history.count(STREAM.minute, 0, Number.MAX_SAFE_INTEGER, 10_000)
    assert.ok(kept >= 90 && kept < 700, String(kept))
    assert.equal(history.readingBefore(STREAM.minute, Number.MAX_SAFE_INTEGER)?.seq, 2000)
    history.close()
  })

  it('begins anew where its file is no database, instead of keeping the meter from metering', () => {
    const file = join(freshFolder(), 'history.sqlite')
    writeFileSync(file, 'not a database, and long enough to be taken for a damaged one'.repeat(100))
    const history = new History(file)
    history.take(event(1, START_MS))
    assert.deepEqual(numbers(history), [1])
    history.close()
  })
})
