import assert from 'node:assert/strict'

import { TEXT_BYTES_MAX } from '@s3mp/envelope'
import fc from 'fast-check'
import { describe, it } from 'mocha'

import {
  LEDGER_AGE_MS_MAX,
  LEDGER_ENTRIES_MAX,
  LEDGER_ENTRIES_PER_HOUR_MAX,
  PathLedger,
  type LedgerDetails,
} from '../src/path-ledger.ts'
import { PATHS_LOST_MS_MIN, PathWatch } from '../src/path-watch.ts'

const A = 'aa'.repeat(8)
const B = 'bb'.repeat(8)

function openLedger(): { ledger: PathLedger; records: LedgerDetails[] } {
  const records: LedgerDetails[] = []
  return { ledger: new PathLedger((details) => records.push(details)), records }
}

const journey = (
  seq: number,
  paths: readonly string[],
  stream = 1,
): Parameters<PathLedger['arrived']>[0] => ({ stream, seq, lastSeq: seq, paths: new Set(paths) })

/** The numbers in a text such as `5-9,12`. */
function numbersOf(text: string): readonly number[] {
  return text.split(',').flatMap((span) => {
    const [first = 0, last = first] = span.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  })
}

describe('the ledger of paths', () => {
  it('names path, stream, readings and every interface on the way', () => {
    const { ledger, records } = openLedger()
    ledger.learn(A, '1-ff00:0:111#41 1-ff00:0:110#1 1-ff00:0:110#2 1-ff00:0:112#7 2-ff00:0:211#9')
    for (const seq of [5, 6, 8, 7, 12]) ledger.arrived(journey(seq, [A]), 0)
    ledger.arrived(journey(6, [A, B], 2), 0)
    ledger.tick(LEDGER_AGE_MS_MAX - 1)
    assert.deepEqual(records, [])
    ledger.tick(LEDGER_AGE_MS_MAX)
    const route = ['1-ff00:0:111#41 1-ff00:0:110#1 1-ff00:0:110#2 1-ff00:0:112#7', '2-ff00:0:211#9']
    assert.deepEqual(records, [
      [A, 1n, '5-8,12', ...route],
      [A, 2n, '6', ...route],
      [B, 2n, '6'],
    ])
    ledger.flush(LEDGER_AGE_MS_MAX)
    assert.equal(records.length, 3)
  })

  it('loses no reading and invents none, in whatever order they arrive', () => {
    const seqs = fc.uniqueArray(fc.integer({ min: 1, max: 400 }), { maxLength: 120 })
    fc.assert(
      fc.property(seqs, (arrived) => {
        const { ledger, records } = openLedger()
        for (const seq of arrived) ledger.arrived(journey(seq, [A]), 0)
        ledger.flush(0)
        const told = records.flatMap((details) => numbersOf(String(details[2])))
        assert.deepEqual(
          told.sort((a, b) => a - b),
          [...arrived].sort((a, b) => a - b),
        )
        for (const details of records) {
          for (const one of details) assert.ok(String(one).length <= TEXT_BYTES_MAX)
        }
      }),
      { numRuns: 100 },
    )
  })

  it('stays within its bounds when paths change with every reading, and says that it does', () => {
    const { ledger, records } = openLedger()
    for (let seq = 1; seq <= 20_000; seq++) ledger.arrived(journey(2 * seq, [A]), 0)
    ledger.flush(0)
    assert.equal(records.length, LEDGER_ENTRIES_PER_HOUR_MAX + 1)
    assert.match(String(records.at(-1)?.[2]), /^~\d+-40000$/u)
    for (let index = 0; index < 1000; index++) {
      ledger.arrived(journey(1, [index.toString(16).padStart(16, '0')]), 0)
    }
    const before = records.length
    ledger.flush(0)
    assert.equal(records.length - before, LEDGER_ENTRIES_MAX)
  })

  it('writes down nothing that is no interface', () => {
    const { ledger, records } = openLedger()
    ledger.learn(A, `\u0000 ${'x'.repeat(300)} 1-ff00:0:111#41`)
    ledger.arrived(journey(1, [A]), 0)
    ledger.flush(0)
    assert.deepEqual(records, [[A, 1n, '1', '1-ff00:0:111#41']])
  })
})

describe('the watch over the paths', () => {
  const path = (isAlive: boolean): Parameters<PathWatch['look']>[0] => [
    {
      fingerprint: new Uint8Array(8),
      name: '',
      isActive: false,
      isAlive,
      roundTripMs: 0,
      sent: 0,
      acknowledged: 0,
    },
  ]

  it('tells once that no path is left, why where none is allowed, and once that one is back', () => {
    const watch = new PathWatch()
    const forbidden = { authentication: 'off', forbidden: 'enters ISD 3' } as const
    assert.equal(watch.look(path(true), undefined, 0), undefined)
    assert.equal(watch.look(path(false), forbidden, PATHS_LOST_MS_MIN - 1), undefined)
    const change = watch.look(path(false), forbidden, PATHS_LOST_MS_MIN)
    assert.deepEqual(change, { type: 'lost', reason: 'enters ISD 3' })
    assert.equal(watch.look([], forbidden, 2 * PATHS_LOST_MS_MIN), undefined)
    assert.deepEqual(watch.look(path(true), undefined, 3 * PATHS_LOST_MS_MIN), { type: 'back' })
    assert.equal(watch.look(path(true), undefined, 4 * PATHS_LOST_MS_MIN), undefined)
  })
})
