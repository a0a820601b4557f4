import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { IsdAs, Path, ScmpError } from '@s3mp/scion'
import { EMPTY_PATH, parseIsdAs } from '@s3mp/scion'
import type { Figures, Trial } from '../scripts/evaluate/measure.ts'
import { emptyFigures } from '../scripts/evaluate/measure.ts'
import { DOWN_MEMORY_MS, PassivePaths } from '../scripts/evaluate/passive.ts'
import { gapPlot } from '../scripts/evaluate/plots.ts'
import { report } from '../scripts/evaluate/report.ts'
import {
  longestGapMs,
  lostOf,
  movedAfterMs,
  quantile,
  roundTrips,
} from '../scripts/evaluate/statistics.ts'

const CORE = parseIsdAs('1-ff00:0:110')
const OTHER = parseIsdAs('1-ff00:0:120')

function pathOver(isdAs: IsdAs, id: number): Path {
  return {
    source: parseIsdAs('1-ff00:0:111'),
    destination: parseIsdAs('1-ff00:0:112'),
    dataplane: EMPTY_PATH,
    interfaces: [{ isdAs, id }],
    mtu: 1400,
    expiryMs: Infinity,
    fingerprint: `${isdAs}#${id}`,
  }
}

function linkDown(isdAs: IsdAs, interfaceId: number): ScmpError {
  return {
    type: 'external-interface-down',
    isdAs,
    interfaceId,
    quote: new Uint8Array(),
  } as ScmpError
}

describe('the evaluation’s arithmetic', () => {
  it('takes quantiles by the nearest rank', () => {
    assert.equal(quantile([4, 1, 3, 2], 0.5), 2)
    assert.equal(quantile([4, 1, 3, 2], 1), 4)
    assert.equal(quantile([4, 1, 3, 2], 0), 1)
    assert.ok(Number.isNaN(quantile([], 0.5)))
  })

  it('finds the longest silence between arrivals, and one that never ends', () => {
    const arrivals = [0, 10, 20, 90, 100].map((ms, index) => [index, ms] as const)
    assert.equal(longestGapMs(arrivals, 15, 100), 70)
    assert.equal(longestGapMs(arrivals, 15, 300), 200)
    assert.equal(longestGapMs([], 15, 300), 285)
  })

  it('counts a silence that began before the event in full', () => {
    assert.equal(
      longestGapMs(
        [
          [0, 10],
          [1, 60],
        ],
        30,
        60,
      ),
      50,
    )
  })

  it('knows which readings never arrived, and how long the others took', () => {
    const sent = [
      [1, 0],
      [2, 10],
      [3, 20],
    ] as const
    assert.deepEqual(
      lostOf(sent, [
        [1, 5],
        [3, 25],
      ]),
      [[2, 10]],
    )
    assert.deepEqual(
      roundTrips(sent, [
        [3, 40],
        [1, 8],
      ]),
      [
        [0, 8],
        [20, 20],
      ],
    )
  })

  it('holds traffic to have moved after ten fast readings in a row', () => {
    const trips = Array.from({ length: 40 }, (_, n) => [n * 10, n < 25 ? 90 : 20] as const)
    assert.equal(movedAfterMs(trips, 100, 50), 150)
    assert.equal(movedAfterMs(trips.slice(0, 30), 100, 50), undefined)
  })
})

describe('the passive policy of the evaluation', () => {
  const first = pathOver(CORE, 1)
  const second = pathOver(OTHER, 1)

  it('stays where it is until a router says that a link of its path is down', () => {
    const passive = new PassivePaths([first, second], () => 0)
    passive.reported(linkDown(OTHER, 1))
    passive.reported(linkDown(CORE, 7))
    assert.equal(passive.current(), first)
    passive.reported(linkDown(CORE, 1))
    assert.equal(passive.current(), first, 'both are down: it stays')
  })

  it('moves at the word of a router, and forgets it after ten seconds', () => {
    let nowMs = 0
    const passive = new PassivePaths([first, second], () => nowMs)
    passive.reported(linkDown(CORE, 1))
    assert.equal(passive.current(), second)
    nowMs = DOWN_MEMORY_MS
    passive.reported(linkDown(OTHER, 1))
    assert.equal(passive.current(), first)
  })
})

describe('the evaluation’s page', () => {
  const trial: Trial = {
    roundTripMs: 24,
    calmGapMs: 12,
    gapMs: 50,
    silentAtEnd: false,
    sent: 300,
    lost: 3,
    lastLostMs: 40,
    movedMs: 900,
    trips: [[0, 24]],
  }
  const measured = (gapMs: number): Figures => ({
    ...emptyFigures('single'),
    ...{ startMs: [900], openMs: [200], echoesMs: [1, 2], wireBytes: [1000], cpuMicros: [100] },
    trials: {
      silent: [{ ...trial, gapMs }],
      ...{ reported: [trial], router: [trial], lossy: [trial], better: [trial] },
    },
  })
  const page = (gapMs: number): string =>
    report({
      figures: [measured(gapMs)],
      ...{ machine: 'a machine', rounds: 1, echoes: 2, streamMs: 1000, version: 'v0' },
      ...{ gatewayExcuse: 'no root here', idleBytes: 100 },
    })

  it('says what was not measured, and why', () => {
    assert.match(page(50), /The gateway was not measured: no root here/)
    assert.match(page(50), /not measured \|/)
  })

  it('says whether an aim was met', () => {
    assert.match(page(68), /here 68 ms\. It was 68 ms: met/)
    assert.match(page(69), /here 68 ms\. It was 69 ms: MISSED/)
  })

  it('draws every repetition', () => {
    assert.equal(gapPlot([measured(50)]).match(/r="3"/g)?.length, 5)
  })
})
