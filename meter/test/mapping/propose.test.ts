import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { MappingProposal, MappingSample } from '../../src/index.ts'
import { MeterError, proposeMapping } from '../../src/index.ts'
import {
  MAPPING_PLACES_MAX,
  MAPPING_SAMPLES_MAX,
  MAPPING_SAMPLES_MIN,
  MAPPING_SPAN_MS_MIN,
} from '../../src/mapping/columns.ts'
import type { HouseholdState } from '../../src/simulator/index.ts'
import { Household } from '../../src/simulator/index.ts'
import { hashed } from '../../src/simulator/random.ts'

const START_MS = Date.UTC(2026, 5, 10, 10)
const STEP_MS = 5_000
const MINUTES = 40

/** A place of a simulated list: its code, if it has one worth finding, and what stands in it. */
interface Place {
  readonly obis: string | undefined
  readonly value: (state: HouseholdState, at: number) => bigint | undefined
}

const whole = (value: number): bigint => BigInt(Math.round(value))
const place = (
  obis: string | undefined,
  value: (state: HouseholdState, at: number) => number,
): Place => ({
  obis,
  value: (state, at) => whole(value(state, at)),
})
const phase = (index: 0 | 1 | 2): readonly Place[] => [
  place(`1-0:${32 + 20 * index}.7.0*255`, ({ voltageMv }) => voltageMv[index] / 100),
  place(`1-0:${31 + 20 * index}.7.0*255`, ({ currentMa }) => currentMa[index] / 10),
  place(`1-0:${36 + 20 * index}.7.0*255`, ({ phasePowerMw }) => phasePowerMw[index] / 1_000),
]

const SIGNED: readonly Place[] = [
  place('1-0:1.8.0*255', ({ importMilliWh }) => Number(importMilliWh) / 1_000),
  place('1-0:2.8.0*255', ({ exportMilliWh }) => Number(exportMilliWh) / 1_000),
  place('1-0:16.7.0*255', ({ powerMw }) => powerMw / 1_000),
  ...phase(0),
  ...phase(1),
  ...phase(2),
  place('1-0:14.7.0*255', ({ frequencyMilliHz }) => frequencyMilliHz),
]

const SEPARATE: readonly Place[] = [
  place('1-0:1.7.0*255', ({ powerMw }) => Math.max(0, powerMw) / 1_000),
  place('1-0:2.7.0*255', ({ powerMw }) => Math.max(0, -powerMw) / 1_000),
  place('1-0:1.8.0*255', ({ importMilliWh }) => Number(importMilliWh) / 1_000),
  place('1-0:2.8.0*255', ({ exportMilliWh }) => Number(exportMilliWh) / 1_000),
  place('1-0:32.7.0*255', ({ voltageMv }) => voltageMv[0] / 1_000),
]

/** What stands in lists beside quantities: clocks, constants, texts, noise. */
const OTHERS: readonly Place[] = [
  place(undefined, ({ timeMs }) => timeMs / 1_000),
  place(undefined, () => 42),
  { obis: undefined, value: () => undefined },
  place(undefined, (_, at) => hashed(7, at) * 90_000 - 45_000),
  { obis: undefined, value: (_, at) => (at % 3 === 0 ? undefined : 5n) },
]

/** A list in an order that follows from a seed. */
function shuffled(places: readonly Place[], seed: number): readonly Place[] {
  return places
    .map((one, index) => [hashed(seed, index), one] as const)
    .sort(([left], [right]) => left - right)
    .map(([, one]) => one)
}

function record(
  places: readonly Place[],
  seed: number,
  solarPeakW: number,
): readonly MappingSample[] {
  const household = new Household({
    seed,
    startMs: START_MS,
    solarPeakW,
    importMilliWh: 7_654_321_000n,
    exportMilliWh: 1_234_567_000n,
  })
  return Array.from({ length: (MINUTES * 60_000) / STEP_MS }, (_, at) => {
    const state = household.at(START_MS + at * STEP_MS)
    return { timeMs: at * STEP_MS, values: places.map(({ value }) => value(state, at)) }
  })
}

/** A code without its phase: which one is which is not in the numbers. */
function kind(obis: string | undefined): string {
  const [, c = '', rest = ''] = /^1-0:(\d+)\.(.*)$/.exec(obis ?? '') ?? []
  const number = Number(c)
  return number > 20 ? `phase ${((number - 1) % 20) + 1}.${rest}` : `${c}.${rest}`
}

function wrong(
  proposals: readonly MappingProposal[],
  list: readonly Place[],
  least: number,
): readonly string[] {
  return (
    proposals
      .filter(({ confidence }) => confidence >= least)
      .filter(({ place: at, obis }) => kind(obis) !== kind(list[at]?.obis))
      // Net power that was never negative looks as import does, and the evidence says so.
      .filter(
        ({ obis, evidence }) => !(obis === '1-0:1.7.0*255' && evidence.includes('never negative')),
      )
      .map(
        ({ place: at, obis, evidence }) =>
          `${at} is ${list[at]?.obis ?? 'nothing'}, not ${obis}: ${evidence}`,
      )
  )
}

describe('a proposal for a list without codes', () => {
  it('names energies, powers, phases, voltages and currents by their relations', () => {
    const list = shuffled([...SIGNED, ...OTHERS], 5)
    const proposals = proposeMapping(record(list, 12, 6_000))
    assert.deepEqual(wrong(proposals, list, 0), [])
    const codes = proposals.map(({ obis }) => obis).sort()
    for (const obis of ['1-0:2.8.0*255', '1-0:16.7.0*255', '1-0:14.7.0*255']) {
      assert.ok(codes.includes(obis), codes.join(' '))
    }
    assert.ok(proposals.length >= 10, codes.join(' '))
    const energy = proposals.find(({ obis }) => obis === '1-0:2.8.0*255')
    assert.deepEqual([energy?.unit, energy?.scaler], ['Wh', 0])
    assert.match(energy?.evidence ?? '', /grows as place \d+ says/)
    const volts = proposals.find(({ obis }) => obis === '1-0:32.7.0*255')
    assert.deepEqual([volts?.unit, volts?.scaler], ['V', -1])
  })

  it('is right wherever it is sure, in any order and any house', function () {
    this.timeout(30_000)
    fc.assert(
      fc.property(
        fc.nat(10_000),
        fc.nat(10_000),
        fc.constantFrom(0, 5_000),
        (seed, order, solar) => {
          const list = shuffled([...SIGNED, ...OTHERS], order)
          const proposals = proposeMapping(record(list, seed, solar))
          assert.deepEqual(wrong(proposals, list, 0.7), [])
        },
      ),
      { numRuns: 25 },
    )
  })

  it('tells import and export apart where each has a power of its own', () => {
    const list = [...SEPARATE, ...OTHERS]
    const found = new Map(
      proposeMapping(record(list, 31, 9_000)).map(({ place: at, obis }) => [at, obis]),
    )
    const energies = [found.get(2), found.get(3)].sort()
    assert.ok(energies.includes('1-0:1.8.0*255'), JSON.stringify([...found]))
  })

  it('finds the scale of finer counters, and tariffs that add up', () => {
    const fine = [
      place('1-0:1.8.1*255', ({ importMilliWh }) =>
        Math.floor((Number(importMilliWh) * 0.4) / 100),
      ),
      place(
        '1-0:1.8.0*255',
        ({ importMilliWh }) =>
          Math.floor((Number(importMilliWh) * 0.4) / 100) +
          Math.floor((Number(importMilliWh) * 0.6) / 100),
      ),
      place('1-0:16.7.0*255', ({ powerMw }) => powerMw / 1_000),
      place('1-0:1.8.2*255', ({ importMilliWh }) =>
        Math.floor((Number(importMilliWh) * 0.6) / 100),
      ),
    ]
    const proposals = proposeMapping(record(fine, 3, 0))
    const total = proposals.find(({ obis }) => obis === '1-0:1.8.0*255')
    assert.equal(total?.scaler, -1)
    assert.deepEqual(
      proposals.filter(({ obis }) => /1\.8\.[12]/.test(obis)).map(({ place: at }) => at),
      [0, 3],
    )
  })

  it('says nothing of numbers that have no relation', () => {
    const list = OTHERS.map((one) => ({ ...one }))
    assert.deepEqual(proposeMapping(record(list, 1, 0)), [])
  })

  it('wants enough samples over enough time', () => {
    const samples = record(SIGNED, 1, 0)
    for (const few of [
      [],
      samples.slice(0, MAPPING_SAMPLES_MIN - 1),
      samples.slice(0, MAPPING_SPAN_MS_MIN / STEP_MS),
    ]) {
      assert.throws(
        () => proposeMapping(few),
        (error) => error instanceof MeterError && error.code === 'range',
      )
    }
  })

  it('is bounded and never throws, whatever the numbers', () => {
    const value = fc.oneof(fc.bigInt(), fc.constant(undefined), fc.bigInt({ min: 0n, max: 300n }))
    fc.assert(
      fc.property(
        fc.array(fc.array(value, { maxLength: MAPPING_PLACES_MAX + 9 }), {
          minLength: MAPPING_SAMPLES_MIN,
          maxLength: 40,
        }),
        (rows) => {
          const samples = rows.map((values, at) => ({ timeMs: at * 60_000, values }))
          for (const proposal of proposeMapping(samples)) {
            assert.ok(proposal.place < MAPPING_PLACES_MAX)
            assert.ok(proposal.confidence > 0 && proposal.confidence <= 1)
          }
        },
      ),
      { numRuns: 40 },
    )
    const long = Array.from({ length: MAPPING_SAMPLES_MAX + 500 }, (_, at) => ({
      timeMs: at * 1_000,
      values: [BigInt(at % 700), BigInt(2_300 + (at % 9))],
    }))
    assert.equal(proposeMapping(long)[0]?.obis, '1-0:32.7.0*255')
  })
})
