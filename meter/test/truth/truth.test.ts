import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { Reading, ReadingFlag, Register, Truth, TruthMoment } from '../../src/index.ts'
import {
  MODBUS_MAPS,
  TRUTH_LIMITS,
  createDecoder,
  createTruth,
  decodeBlocks,
  planBlocks,
} from '../../src/index.ts'
import type { HouseholdState } from '../../src/simulator/index.ts'
import {
  D0_STYLES,
  DSMR_STYLES,
  Household,
  SML_STYLES,
  encodeD0,
  encodeDsmr,
  encodeSml,
} from '../../src/simulator/index.ts'
import { encodeValue } from '../../src/modbus/value.ts'
import { quantityOf } from '../../src/simulator/quantities.ts'
import {
  TRUTH_DEVICES_MAX,
  TRUTH_PAUSE_MS_MAX,
  TRUTH_REGISTERS_MAX,
  TRUTH_WINDOW_MS,
  TRUTH_WITNESSES_MIN,
} from '../../src/truth/limits.ts'
import { decodeAll } from '../support/telegrams.ts'

const START_MS = Date.UTC(2026, 6, 10, 9)
const TELEGRAMS = ['energy', 'power', 'phase', 'grid', 'clock', 'meter', 'register', 'sign']

type Encoder = (state: HouseholdState) => Reading

function decoded(
  protocol: 'sml' | 'd0' | 'dsmr',
  encode: (state: HouseholdState) => Uint8Array,
): Encoder {
  return (state) => {
    const [event] = decodeAll(createDecoder(protocol), encode(state))
    assert.ok(event?.type === 'reading')
    return event.reading
  }
}

/** A Modbus meter's answer without the line in between. */
const modbus: Encoder = (state) => {
  const map = MODBUS_MAPS.get('eastron-sdm630')
  assert.ok(map !== undefined)
  const words = new Map<number, number>()
  for (const { address, type, obis, exponent } of map.entries) {
    const found = quantityOf(state, obis)
    const value = found === undefined ? NaN : Number(found.digits) * 10 ** (found.scaler - exponent)
    encodeValue(map, type, value).forEach((word, index) => words.set(address + index, word))
  }
  const answers = planBlocks(map).map(({ address, count }) => ({
    address,
    count,
    words: Array.from({ length: count }, (_, index) => words.get(address + index) ?? 0),
  }))
  return decodeBlocks(map, answers, 'modbus')
}

const METERS: readonly (readonly [name: string, encode: Encoder])[] = [
  ...Object.entries(SML_STYLES).map(
    ([name, style]) => [`SML ${name}`, decoded('sml', (state) => encodeSml(state, style))] as const,
  ),
  ...Object.entries(D0_STYLES).map(
    ([name, style]) => [`D0 ${name}`, decoded('d0', (state) => encodeD0(state, style))] as const,
  ),
  ...Object.entries(DSMR_STYLES).map(
    ([name, style]) =>
      [`P1 ${name}`, decoded('dsmr', (state) => encodeDsmr(state, style))] as const,
  ),
  ['Modbus', modbus],
]

const sml = METERS.find(([name]) => name === 'SML modern')?.[1] ?? modbus

function house(seed = 3): Household {
  return new Household({ seed, startMs: START_MS, solarPeakW: 5_000, importMilliWh: 9_000_000n })
}

function moment(sinceMs: number, changes: Partial<TruthMoment> = {}): TruthMoment {
  return { wallMs: START_MS + sinceMs, monotonicMs: 5_000 + sinceMs, wallTrusted: true, ...changes }
}

/** Flags that the truth adds while a meter is read for some minutes, faults included. */
function flagsOf(
  encode: Encoder,
  options: {
    readonly minutes?: number
    readonly stepMs?: number
    readonly seed?: number
    readonly spoil?: (reading: Reading, sinceMs: number) => Reading
    readonly clock?: (sinceMs: number) => Partial<TruthMoment>
    readonly truth?: Truth
  } = {},
): readonly ReadingFlag[] {
  const { minutes = 12, stepMs = 2_000, seed = 3, spoil, clock, truth = createTruth() } = options
  const household = house(seed)
  const flags = new Set<ReadingFlag>()
  for (let since = 0; since < minutes * 60_000; since += stepMs) {
    const plain = encode(household.at(START_MS + since))
    const reading = spoil?.(plain, since) ?? plain
    const verdict = truth.check(reading, moment(since, clock?.(since)))
    assert.equal(verdict.reading.registers, reading.registers)
    assert.ok(verdict.findings.every(({ flag }) => verdict.reading.flags.includes(flag)))
    for (const { flag } of verdict.findings) flags.add(flag)
  }
  return [...flags].sort()
}

/** Changes one register of a reading. */
function change(obis: string, to: (register: Register) => Register): (reading: Reading) => Reading {
  return (reading) => ({
    ...reading,
    registers: reading.registers.map((one) => (one.obis === obis ? to(one) : one)),
  })
}

const POWER = '1-0:16.7.0*255'
const IMPORT = '1-0:1.8.0*255'

describe('the truth about readings', () => {
  for (const [name, encode] of METERS) {
    it(`has nothing against a sound ${name}, whatever the house does`, function () {
      this.timeout(20_000)
      fc.assert(
        fc.property(fc.nat(100_000), fc.constantFrom(1_000, 2_500, 10_000), (seed, stepMs) => {
          const minutes = stepMs < 2_000 ? 6 : 13
          assert.deepEqual(flagsOf(encode, { seed, stepMs, minutes }), [])
        }),
        { numRuns: 4 },
      )
    })
  }

  const faults: readonly (readonly [
    what: string,
    flag: ReadingFlag,
    spoil: (reading: Reading, sinceMs: number) => Reading,
  ])[] = [
    [
      'an energy register that falls',
      'register-went-back',
      (reading, since) =>
        since === 60_000
          ? change(IMPORT, (one) => ({ ...one, digits: one.digits - 1_000n }))(reading)
          : reading,
    ],
    [
      'an energy register that jumps',
      'register-jumped',
      (reading, since) =>
        since >= 60_000
          ? change(IMPORT, (one) => ({ ...one, digits: one.digits + 50_000_000n }))(reading)
          : reading,
    ],
    [
      'energy that stands still while power flows',
      'energy-doubt',
      (reading) =>
        change(IMPORT, (one) => ({ ...one, digits: 90_000_000n }))(
          change('1-0:2.8.0*255', (one) => ({ ...one, digits: 1n }))(reading),
        ),
    ],
    [
      'power off by a factor of ten',
      'energy-doubt',
      change(POWER, (one) => ({ ...one, digits: one.digits * 10n })),
    ],
    [
      'power of a megawatt',
      'power-doubt',
      change(POWER, (one) => ({ ...one, digits: 98_765_430n, scaler: -2 })),
    ],
    [
      'current in the wrong scale',
      'power-doubt',
      change('1-0:31.7.0*255', (one) => ({ ...one, scaler: one.scaler - 1 })),
    ],
    [
      'a phase with the wrong sign',
      'phase-doubt',
      change('1-0:36.7.0*255', (one) => ({ ...one, digits: -one.digits - 100_000n })),
    ],
    [
      'a voltage of 2,300 volts',
      'grid-doubt',
      change('1-0:32.7.0*255', (one) => ({ ...one, scaler: one.scaler + 1 })),
    ],
    [
      'power with the sign of the other direction',
      'sign-contradicts-energy',
      change(POWER, (one) => ({ ...one, digits: -one.digits })),
    ],
  ]
  for (const [what, flag, spoil] of faults) {
    it(`notices ${what}`, () => {
      const flags = flagsOf(sml, { spoil })
      assert.ok(flags.includes(flag), flags.join(' '))
    })
  }

  it('adds tariffs up where the meter sends no total', () => {
    const [, p1] = METERS.find(([name]) => name === 'P1 v5') ?? []
    assert.ok(p1 !== undefined)
    const flags = flagsOf(p1, {
      spoil: change(POWER, (one) => ({ ...one, digits: one.digits * 10n })),
    })
    assert.ok(flags.includes('energy-doubt'), flags.join(' '))
  })

  it('waits for a second witness before momentary values are doubted', () => {
    assert.equal(TRUTH_WITNESSES_MIN, 2)
    const spoil = change('1-0:36.7.0*255', (one) => ({ ...one, digits: one.digits + 900_000n }))
    const once = flagsOf(sml, { spoil: (one, since) => (since === 60_000 ? spoil(one) : one) })
    assert.deepEqual(once, [])
  })

  it('compares energy and power over unbroken spans alone', () => {
    const wrong = change(POWER, (one) => ({ ...one, digits: one.digits * 10n, scaler: one.scaler }))
    assert.ok(flagsOf(sml, { spoil: wrong, minutes: 6 }).includes('energy-doubt'))
    const sparse = TRUTH_PAUSE_MS_MAX + 1_000
    const seldom = flagsOf(sml, { spoil: wrong, stepMs: sparse, minutes: 20 })
    assert.equal(seldom.includes('energy-doubt'), false)
    assert.ok(TRUTH_WINDOW_MS < 6 * 60_000)
  })

  it('keeps meters apart, a bounded number of them, and registers of each', () => {
    const truth = createTruth()
    const register = (at: number, digits: bigint): Register => ({
      obis: `1-${at % 200}:1.8.${Math.floor(at / 200)}*255`,
      digits,
      scaler: 0,
      unit: 'Wh',
      unitCode: 30,
    })
    const reading = (device: string, digits: bigint, count = 1): Reading => ({
      protocol: 'sml',
      device,
      registers: Array.from({ length: count }, (_, at) => register(at, digits)),
      texts: [],
      flags: [],
    })
    truth.check(reading('a', 100n), moment(0))
    assert.deepEqual(truth.check(reading('b', 50n), moment(1_000)).findings, [])
    assert.equal(truth.check(reading('a', 50n), moment(2_000)).findings.length, 1)
    for (let other = 0; other < TRUTH_DEVICES_MAX; other++) {
      truth.check(reading(`c${other}`, 1n), moment(3_000 + other))
    }
    assert.deepEqual(truth.check(reading('a', 20n), moment(9_000)).findings, [])
    const many = TRUTH_REGISTERS_MAX + 50
    truth.check(reading('d', 100n, many), moment(0))
    const fell = truth.check(reading('d', 50n, many), moment(1_000))
    assert.equal(fell.findings.length, TRUTH_REGISTERS_MAX)
  })

  it('never throws, whatever a reading holds', () => {
    const truth = createTruth()
    const register = fc.record({
      obis: fc.constantFrom(
        IMPORT,
        POWER,
        '1-0:2.8.0*255',
        '1-0:32.7.0*255',
        'x:00',
        '1-0:31.7.0*255',
      ),
      digits: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n }),
      scaler: fc.integer({ min: -128, max: 127 }),
      unit: fc.constantFrom('W', 'Wh', ''),
      unitCode: fc.constantFrom(27, 30, 255),
    })
    fc.assert(
      fc.property(
        fc.array(register, { maxLength: 9 }),
        fc.integer(),
        fc.double(),
        (registers, at, wallMs) => {
          truth.check(
            { protocol: 'd0', device: 'x', registers, texts: [], flags: [] },
            { wallMs, monotonicMs: at, wallTrusted: at % 2 === 0 },
          )
        },
      ),
    )
  })

  it('flags with names that its documentation knows', () => {
    for (const [, flag] of faults) assert.ok(TELEGRAMS.includes(flag.split('-')[0] ?? ''))
  })
})

describe('the truth about time', () => {
  const reading = (meterTime?: Reading['meterTime']): Reading => ({
    protocol: 'sml',
    device: 'x',
    registers: [],
    texts: [],
    flags: [],
    ...(meterTime === undefined ? {} : { meterTime }),
  })
  const utc = (ms: number): Reading => reading({ kind: 'utc', seconds: Math.floor(ms / 1000) })

  it('is the system clock where somebody vouches for it, or another clock agrees', () => {
    const { time, findings } = createTruth().check(utc(START_MS), moment(0))
    assert.deepEqual(time, {
      timeMs: START_MS,
      source: 'system',
      doubtful: false,
      meterAheadMs: 0,
    })
    assert.deepEqual(findings, [])
    const agreed = createTruth().check(
      reading(),
      moment(0, { wallTrusted: false, rtcMs: START_MS - 900 }),
    )
    assert.equal(agreed.time.doubtful, false)
    const alone = createTruth().check(reading(), moment(0, { wallTrusted: false }))
    assert.deepEqual(alone.reading.flags, ['clock-doubt'])
    assert.equal(alone.time.timeMs, START_MS)
  })

  it('is never 1970: another clock is asked, or there is no time', () => {
    const reset = { wallMs: 12_000, wallTrusted: false }
    const rtc = createTruth().check(reading(), moment(0, { ...reset, rtcMs: START_MS }))
    assert.deepEqual([rtc.time.source, rtc.time.timeMs], ['rtc', START_MS])
    const meter = createTruth().check(utc(START_MS), moment(0, reset))
    assert.deepEqual([meter.time.source, meter.time.timeMs], ['meter', START_MS])
    const index = createTruth().check(
      reading({ kind: 'second-index', seconds: START_MS / 1000 }),
      moment(0, reset),
    )
    assert.deepEqual([index.time.source, index.time.timeMs], ['none', undefined])
    assert.deepEqual(index.reading.flags, ['clock-doubt'])
    fc.assert(
      fc.property(
        fc.double(),
        fc.double(),
        fc.integer(),
        fc.boolean(),
        (wallMs, rtcMs, seconds, wallTrusted) => {
          const { time } = createTruth().check(
            reading({ kind: 'utc', seconds }),
            moment(0, { wallMs, rtcMs, wallTrusted }),
          )
          const { timeMs = TRUTH_LIMITS.earliestMs } = time
          assert.ok(timeMs >= TRUTH_LIMITS.earliestMs && timeMs < TRUTH_LIMITS.latestMs)
        },
      ),
    )
  })

  it('prefers the battery-backed clock to a system clock that nobody vouches for', () => {
    const { time, reading: flagged } = createTruth().check(
      reading(),
      moment(0, { wallTrusted: false, rtcMs: START_MS + 7_200_000 }),
    )
    assert.deepEqual([time.source, time.doubtful], ['rtc', true])
    assert.deepEqual(flagged.flags, ['clock-doubt'])
  })

  it('notices a system clock that is set', () => {
    const step = (since: number): Partial<TruthMoment> =>
      since >= 60_000 ? { wallMs: START_MS + since + 4_000 } : {}
    assert.deepEqual(flagsOf(sml, { minutes: 2, clock: step }), ['clock-stepped'])
  })

  it('holds a meter clock against ours, zone and summer time aside', () => {
    const flags = (seconds: number, kind: 'wall' | 'utc'): readonly string[] =>
      createTruth().check(reading({ kind, seconds }), moment(0)).reading.flags
    const now = START_MS / 1000
    for (const zone of [0, 3_600, 7_200, 20_700, -36_000]) {
      assert.deepEqual(flags(now + zone, 'wall'), [])
    }
    assert.deepEqual(flags(now + 3_600 + 300, 'wall'), ['meter-clock-doubt'])
    assert.deepEqual(flags(now + 3_600, 'utc'), ['meter-clock-doubt'])
    assert.deepEqual(flags(now - 86_400 * 365, 'wall'), ['meter-clock-doubt'])
  })

  it('expects of a second index that it counts seconds', () => {
    const index =
      (rate: number, from = 1_000_000) =>
      (one: Reading, since: number): Reading => ({
        ...one,
        meterTime: { kind: 'second-index', seconds: Math.floor(from + (since * rate) / 1000) },
      })
    assert.deepEqual(flagsOf(sml, { minutes: 2, spoil: index(1) }), [])
    assert.deepEqual(flagsOf(sml, { minutes: 2, stepMs: 10_000, spoil: index(2) }), [
      'meter-clock-doubt',
    ])
    const restarted = flagsOf(sml, {
      minutes: 2,
      spoil: (one, since) => (since < 60_000 ? index(1)(one, since) : index(1, -60)(one, since)),
    })
    assert.deepEqual(restarted, ['meter-restarted'])
  })
})
