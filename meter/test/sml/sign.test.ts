import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { ReadingEvent, Register } from '../../src/index.ts'
import { createDecoder, decimal } from '../../src/index.ts'
import { METER_DEVICES_MAX, SIGN_WITNESSES_MIN } from '../../src/sml/memory.ts'
import { isFnnStatus, judgeSign, powerRole, statusDirection } from '../../src/sml/sign.ts'
import type { HouseholdState, SmlStyle } from '../../src/simulator/index.ts'
import { SML_STYLES, encodeSml } from '../../src/simulator/index.ts'
import { decodeAll, houseState } from '../support/telegrams.ts'

const BASE = {
  width: 4,
  signed: true,
  phase: 0,
  maker: 'SIM',
  twoWay: true,
  wireSignHolds: false,
} as const

describe('statusDirection', () => {
  it('tells FNN and EDL21 words apart by their low byte', () => {
    assert.ok(isFnnStatus(0x1c0104n))
    assert.ok(isFnnStatus(0x40104n))
    assert.ok(!isFnnStatus(0x182n))
    assert.ok(!isFnnStatus(0x80n))
  })

  it('reads bit 11 and the phases after it in FNN words', () => {
    assert.equal(statusDirection(0x1c0104n, 0), 'import')
    assert.equal(statusDirection(0x1c7804n, 0), 'export')
    assert.deepEqual(
      [1, 2, 3].map((phase) => statusDirection(0x1c6d04n, phase as 1 | 2 | 3)),
      ['import', 'export', 'export'],
    )
  })

  it('reads bit 5 in EDL21 words, which say nothing of phases', () => {
    assert.equal(statusDirection(0x182n, 0), 'import')
    assert.equal(statusDirection(0x1b0n, 0), 'export')
    assert.equal(statusDirection(0x101a2n, 0), 'export')
    assert.equal(statusDirection(0x1b0n, 1), undefined)
  })
})

describe('powerRole', () => {
  it('knows net, amount and one-way powers of the sum and the phases', () => {
    assert.deepEqual(powerRole('1-0:16.7.0*255'), { kind: 'net', phase: 0 })
    assert.deepEqual(powerRole('1-0:76.7.0*255'), { kind: 'net', phase: 3 })
    assert.deepEqual(powerRole('1-0:15.7.0*255'), { kind: 'amount', phase: 0 })
    assert.deepEqual(powerRole('1-0:2.7.0*255'), { kind: 'export', phase: 0 })
  })

  it('leaves everything else alone', () => {
    for (const obis of [
      '1-0:16.8.0*255',
      '1-0:32.7.0*255',
      '1-0:96.7.0*255',
      '8-0:1.7.0*255',
      'x:00',
    ]) {
      assert.equal(powerRole(obis), undefined, obis)
    }
  })
})

describe('judgeSign', () => {
  const cases = [
    ['agreement on import', { digits: 5n, status: 0x1c0104n }, 5n, undefined],
    ['agreement on export', { digits: -5n, status: 0x1c0904n }, -5n, undefined],
    ['zero, which has no direction', { digits: 0n, status: 0x1c0904n }, 0n, undefined],
    ['no status word and a signed field', { digits: -5n, status: undefined }, -5n, undefined],
    [
      'no status word and no sign',
      { digits: 5n, status: undefined, signed: false },
      5n,
      'sign-unknown',
    ],
    [
      'no sign on a meter that counts one way',
      { digits: 5n, status: undefined, signed: false, twoWay: false },
      5n,
      undefined,
    ],
    [
      'a wrapped 16-bit field',
      { digits: -14836n, status: 0x40104n, width: 2, maker: 'DZG' },
      50700n,
      'sign-repaired-int16',
    ],
    [
      'a wrapped phase',
      { digits: -14836n, status: 0x40104n, width: 2, maker: 'DZG', phase: 1 },
      50700n,
      'sign-repaired-int16',
    ],
    [
      'a wrap of a meter without a name',
      { digits: -1n, status: 0x1c0104n, width: 2, maker: undefined },
      65535n,
      'sign-repaired-int16',
    ],
    [
      'a wide negative field against the status word',
      { digits: -14836n, status: 0x40104n, maker: 'DZG' },
      -14836n,
      'sign-doubt',
    ],
    [
      'a two-byte field of a meter that does not wrap',
      { digits: -7n, status: 0x1c0104n, width: 2, maker: 'ISK' },
      -7n,
      'sign-doubt',
    ],
    [
      'a wrap that energy has disproved',
      { digits: -7n, status: 0x1c0104n, width: 2, maker: 'DZG', wireSignHolds: true },
      -7n,
      'sign-doubt',
    ],
    [
      'export told by the status word of an EMH',
      { digits: 1266n, status: 0x1b0n, maker: 'EMH' },
      -1266n,
      'sign-from-status',
    ],
    [
      'export of an unsigned field',
      { digits: 1266n, status: 0x1c0904n, signed: false },
      -1266n,
      'sign-from-status',
    ],
    [
      'a positive value against an FNN status word',
      { digits: 1266n, status: 0x1c0904n },
      1266n,
      'sign-doubt',
    ],
    [
      'a positive value against EDL21 of another maker',
      { digits: 9n, status: 0x101a2n, maker: 'ISK' },
      9n,
      'sign-doubt',
    ],
  ] as const
  for (const [name, power, digits, flag] of cases) {
    it(`settles ${name}`, () => {
      assert.deepEqual(judgeSign({ ...BASE, ...power }), { digits, flag })
    })
  }
})

/** Readings of one line that hears these states one after the other. */
function hear(
  states: readonly Partial<HouseholdState>[],
  style: Partial<SmlStyle>,
): readonly ReadingEvent[] {
  const decoder = createDecoder('sml')
  return states
    .flatMap((state) => decodeAll(decoder, encodeSml(houseState(state), style)))
    .map((event) => {
      assert.equal(event.type, 'reading')
      return event
    })
}

function register(event: ReadingEvent | undefined, obis: string): Register | undefined {
  return event?.reading.registers.find((one) => one.obis === obis)
}

const NET = '1-0:16.7.0*255'
const PLUS = { powerMw: 500_000, phasePowerMw: [500_000, 0, 0] } as const
const MINUS = { powerMw: -500_000, phasePowerMw: [-500_000, 0, 0] } as const

describe('the sign of power in readings', () => {
  it('needs no flag when the meter is sound', () => {
    for (const style of [SML_STYLES.modern, SML_STYLES.iskraOld, SML_STYLES.easyMeter]) {
      for (const event of hear([PLUS, MINUS], style)) assert.deepEqual(event.reading.flags, [])
    }
  })

  it('is repaired where 16 bits wrapped, and what stood on the wire is kept', () => {
    const [event] = hear([{ powerMw: 507_000 }], SML_STYLES.dzgOld)
    const power = register(event, NET)
    assert.ok(power !== undefined)
    assert.equal(decimal(power), '507.00')
    assert.equal(power.wireDigits, -14836n)
    assert.deepEqual(event?.reading.flags, ['sign-repaired-int16'])
  })

  it('stays negative when that meter really exports', () => {
    const [event] = hear([{ powerMw: -507_000 }], SML_STYLES.dzgOld)
    const power = register(event, NET)
    assert.ok(power !== undefined)
    assert.equal(decimal(power), '-507.00')
    assert.deepEqual(event?.reading.flags, [])
  })

  it('follows the status word of a meter that sends amounts only', () => {
    const [plus, minus] = hear([PLUS, MINUS], SML_STYLES.emhOld)
    for (const [event, value] of [
      [plus, '500.0'],
      [minus, '-500.0'],
    ] as const) {
      const amount = register(event, '1-0:15.7.0*255')
      const net = register(event, NET)
      assert.ok(amount !== undefined && net !== undefined)
      assert.equal(decimal(amount), '500.0')
      assert.equal(decimal(net), value)
      assert.equal(net.derived, true)
    }
    assert.deepEqual(plus?.reading.flags, [])
    assert.deepEqual(minus?.reading.flags, ['sign-from-status'])
  })

  it('follows it, too, where the meter counts export alone and the house takes', () => {
    const [taken, given] = hear([PLUS, MINUS], SML_STYLES.feedIn)
    assert.equal(register(taken, '1-0:1.8.0*255'), undefined)
    assert.deepEqual([register(taken, NET)?.digits, taken?.reading.flags], [500n, []])
    assert.deepEqual(
      [register(given, NET)?.digits, given?.reading.flags],
      [-500n, ['sign-from-status']],
    )
  })

  it('is what some call import, signed; of others that is one side of it', () => {
    const style = { power: 'import', phases: false } as const
    const [taken, given] = hear([PLUS, MINUS], { ...style, manufacturer: 'ESY' })
    assert.deepEqual([register(taken, NET)?.digits, taken?.reading.flags], [5000n, []])
    assert.deepEqual([register(given, NET)?.digits, given?.reading.flags], [-5000n, []])
    assert.equal(register(given, NET)?.derived, true)
    const [half, doubt] = hear([PLUS, MINUS], style)
    assert.equal(register(half, NET), undefined)
    assert.deepEqual(doubt?.reading.flags, ['sign-doubt'])
  })

  it('is negated where an unsigned net power meets an export status', () => {
    const [event] = hear([MINUS], { power: 'unsigned' })
    assert.equal(register(event, NET)?.digits, -5000n)
    assert.equal(register(event, NET)?.wireDigits, 5000n)
    assert.deepEqual(event?.reading.flags, ['sign-from-status'])
  })
})

describe('the cross-check of power with energy', () => {
  const step = (wh: bigint, state: Partial<HouseholdState>): Partial<HouseholdState> => ({
    ...state,
    importMilliWh: 1_000_000n + wh * 1000n,
  })

  it('flags a power that says export while import goes on', () => {
    const states = Array.from({ length: SIGN_WITNESSES_MIN + 1 }, (_, n) => step(BigInt(n), MINUS))
    const flags = hear(states, {}).map(({ reading }) => reading.flags)
    assert.deepEqual(flags.at(-1), ['sign-contradicts-energy'])
    assert.ok(flags.slice(0, -1).every((list) => list.length === 0))
  })

  it('forgives one contradiction, and forgets when energy agrees', () => {
    const states = [
      step(0n, MINUS),
      step(1n, MINUS),
      step(1n, PLUS),
      step(2n, PLUS),
      step(3n, PLUS),
    ]
    assert.ok(hear(states, {}).every(({ reading }) => reading.flags.length === 0))
  })

  it('stops repairing 16-bit power once export is seen to grow', () => {
    // A wrapped import and a small real export look the same on the wire; energy tells them apart.
    const states = Array.from({ length: 6 }, (_, n) => ({
      powerMw: 507_000,
      exportMilliWh: 1_000_000n * BigInt(n),
    }))
    const events = hear(states, { ...SML_STYLES.dzgOld, energyScaler: 0 })
    assert.equal(register(events[0], NET)?.digits, 50700n)
    assert.equal(register(events[5], NET)?.digits, -14836n)
    assert.ok(events[5]?.reading.flags.includes('sign-doubt'))
  })

  it('flags an energy register that went back, once', () => {
    const states = [step(10n, PLUS), step(5n, PLUS), step(6n, PLUS)]
    const flags = hear(states, {}).map(({ reading }) => reading.flags)
    assert.deepEqual(flags, [[], ['register-went-back'], []])
  })

  it('does not compare registers before and after their decimals appeared', () => {
    const decoder = createDecoder('sml')
    const whole = encodeSml(houseState(PLUS), { detailed: false, energyScaler: 3 })
    const fine = encodeSml(houseState(PLUS), { energyScaler: -1 })
    for (const telegram of [whole, fine, whole]) {
      const [event] = decoder.push(telegram)
      assert.ok(event?.type === 'reading')
      assert.deepEqual(event.reading.flags, [])
    }
  })

  it('keeps meters apart, and remembers no more of them than its limit', () => {
    const decoder = createDecoder('sml')
    const send = (serial: number, wh: bigint): readonly string[] => {
      const [event] = decoder.push(encodeSml(houseState(step(wh, PLUS)), { serial }))
      assert.ok(event?.type === 'reading')
      return event.reading.flags
    }
    send(1, 10n)
    assert.deepEqual(send(2, 5n), [])
    assert.deepEqual(send(1, 9n), ['register-went-back'])
    for (let serial = 10; serial < 10 + METER_DEVICES_MAX; serial++) send(serial, 1n)
    assert.deepEqual(send(1, 1n), [], 'forgotten, so nothing to compare with')
  })
})
