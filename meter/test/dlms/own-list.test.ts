import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { POSITIONAL_LISTS } from '../../src/dlms/lists.ts'
import { checkList, formatPlace } from '../../src/dlms/own-list.ts'
import type { OwnList } from '../../src/index.ts'
import {
  MeterError,
  OWN_LISTS_MAX,
  OWN_LIST_PLACES_MAX,
  createDecoder,
  decimal,
  draftList,
  ownLists,
  proposeMapping,
  unnamedList,
} from '../../src/index.ts'
import { DLMS_STYLES, DLMS_UNNAMED, Household, encodeDlms } from '../../src/simulator/index.ts'

const START_MS = Date.UTC(2026, 5, 10, 6)
const STEP_MS = 10_000

function house(): Household {
  return new Household({ seed: 9, startMs: START_MS, solarPeakW: 8_000, importMilliWh: 7_000_000_000n }) // prettier-ignore
}

/** What is right of the simulator's list that nobody has documented. */
const LIST: OwnList = {
  types: 'hihhhhhhuus',
  places: [
    'skip',
    '1-0:16.7.0 W',
    '1-0:32.7.0 0.1 V',
    '1-0:52.7.0 0.1 V',
    '1-0:72.7.0 0.1 V',
    '1-0:31.7.0 0.01 A',
    '1-0:51.7.0 0.01 A',
    '1-0:71.7.0 0.01 A',
    '1-0:1.8.0 Wh',
    '1-0:2.8.0',
    'device',
  ],
}

function decode(bytes: Uint8Array, lists: readonly OwnList[]): ReturnType<typeof events>[number] {
  const [event] = events(bytes, lists)
  assert.ok(event !== undefined)
  return event
}

function events(bytes: Uint8Array, lists: readonly OwnList[]): ReturnType<Decoder['push']> {
  const decoder = createDecoder('auto', { lists })
  return [...decoder.push(bytes), ...decoder.end()]
}

type Decoder = ReturnType<typeof createDecoder>

function refusal(list: Partial<OwnList>): string {
  try {
    ownLists([{ ...LIST, types: undefined, ...list }])
  } catch (error) {
    assert.ok(error instanceof MeterError, String(error))
    return `${error.code}: ${error.message}`
  }
  return assert.fail('was accepted')
}

describe('a list without codes that its owner has named', () => {
  it('gives readings with the codes, scales and units that it says', () => {
    const state = house().at(START_MS + 3_600_000)
    const bytes = encodeDlms(state, DLMS_UNNAMED)
    const without = decode(bytes, [])
    assert.equal(without.type === 'discarded' && without.reason, 'empty')
    const event = decode(bytes, [LIST])
    assert.ok(event.type === 'reading')
    const { reading } = event
    assert.equal(reading.device, 'SIM1020304058')
    assert.deepEqual(reading.flags, [])
    const shown = Object.fromEntries(
      reading.registers.map((one) => [one.obis, `${decimal(one)} ${one.unit}`]),
    )
    assert.equal(shown['1-0:16.7.0*255'], `${Math.round(state.powerMw / 1_000)} W`)
    assert.equal(shown['1-0:1.8.0*255'], `${state.importMilliWh / 1_000n} Wh`)
    assert.equal(shown['1-0:2.8.0*255'], `${state.exportMilliWh / 1_000n} Wh`)
    const volts = (Math.round(state.voltageMv[0] / 100) / 10).toFixed(1)
    assert.equal(shown['1-0:32.7.0*255'], `${volts} V`)
    assert.equal(reading.registers.length, 9)
  })

  it('is another one where a type or the number of places is', () => {
    const bytes = encodeDlms(house().at(START_MS), DLMS_UNNAMED)
    for (const other of [
      { ...LIST, types: 'huhhhhhhuus' },
      { ...LIST, types: undefined, places: LIST.places.slice(1) },
      { types: undefined, places: LIST.places.toReversed() },
    ]) {
      assert.equal(decode(bytes, [other]).type, 'discarded')
    }
  })

  it('says nothing about telegrams that name their values, or are documented', () => {
    for (const style of [DLMS_STYLES.described, DLMS_STYLES.places]) {
      const bytes = encodeDlms(house().at(START_MS), style)
      assert.deepEqual(decode(bytes, [LIST]), decode(bytes, []))
    }
  })

  it('may turn a power round that counts the other way', () => {
    const state = house().at(START_MS)
    const places = LIST.places.with(1, '1-0:16.7.0 -1 W')
    const event = decode(encodeDlms(state, DLMS_UNNAMED), [{ ...LIST, places }])
    assert.ok(event.type === 'reading')
    const power = event.reading.registers.find(({ obis }) => obis === '1-0:16.7.0*255')
    assert.equal(power?.digits, -BigInt(Math.round(state.powerMw / 1_000)))
  })

  it('is refused with its place, what was expected and what was found', () => {
    const at = (place: string): string => refusal({ places: ['1-0:1.8.0 Wh', place] })
    assert.match(at('1-0:1.8'), /^malformed: places\[1\]: expected device, clock, skip.*1-0:1\.8/)
    assert.match(at('1-0:1.8.256'), /places\[1\]: expected/)
    assert.match(at('1-0:2.8.0 kWh'), /expected Wh, thousands as a factor: 1000 Wh, found "kWh"/)
    assert.match(at('1-0:2.8.0 W'), /expected Wh for 1-0:2\.8\.0\*255, found W/)
    assert.match(at('1-0:2.8.0 0.3 Wh'), /expected/)
    assert.match(at('1-0:2.8.0 10 Wh Wh'), /expected code, factor and unit/)
    assert.match(at('1-0:1.8.0*255 Wh'), /found 1-0:1\.8\.0\*255, which is at place 0/)
    assert.match(refusal({ places: ['skip', 'device'] }), /expected a register/)
    assert.match(refusal({ places: ['1-0:1.8.0', 'device', 'device'] }), /which is at place 1/)
    assert.match(refusal({ places: [] }), /^range: places: expected 1 to 64, found 0/)
    const many = Array.from({ length: OWN_LIST_PLACES_MAX + 1 }, () => 'skip')
    assert.match(refusal({ places: many }), /^range: .* found 65/)
    assert.match(refusal({ types: 'h' }), /^malformed: types: expected a letter for each of the 11/)
    assert.match(refusal({ types: 'hihhhhhhuu.' }), /types/)
    const lists = Array.from({ length: OWN_LISTS_MAX + 1 }, () => LIST)
    assert.throws(() => ownLists(lists), /expected at most 8, found 9/)
    assert.throws(() => ownLists([LIST, LIST]), /expected 0 and 1 to differ/)
  })

  it('throws nothing but MeterError whatever is written', () => {
    const word = fc.oneof(
      fc.string({ maxLength: 60 }),
      fc.constantFrom('device', 'clock', 'skip', '1-0:1.8.0 Wh', '1-0:16.7.0 -0.01 W', 'x y z'),
    )
    fc.assert(
      fc.property(
        fc.array(word, { maxLength: 70 }),
        fc.option(fc.string({ maxLength: 70 }), { nil: undefined }),
        (places, types) => {
          try {
            ownLists([{ places, types }])
          } catch (error) {
            assert.ok(error instanceof MeterError)
          }
        },
      ),
    )
  })

  it('is read back as it is written', () => {
    for (const [obis, scaler, unitCode, text] of [
      ['1-0:1.8.0*255', 0, 30, '1-0:1.8.0 Wh'],
      ['1-0:32.7.0*255', -1, 35, '1-0:32.7.0 0.1 V'],
      ['1-0:1.8.0*255', 3, 30, '1-0:1.8.0 1000 Wh'],
      ['1-0:13.7.0*255', -3, 255, '1-0:13.7.0 0.001'],
      ['0-1:24.2.1*101', -2, 13, '0-1:24.2.1*101 0.01 m³'],
    ] as const) {
      assert.equal(formatPlace({ obis, scaler, unitCode }), text)
      const [list] = ownLists([{ places: [text] }])
      assert.deepEqual(list?.places[0], [obis, scaler, unitCode, false])
    }
  })

  it('keeps to the same rules as the lists that come along', () => {
    for (const list of POSITIONAL_LISTS) checkList(list)
  })

  it('is drafted from a capture so that its owner has only to confirm it', () => {
    const household = house()
    const telegrams = Array.from({ length: 360 }, (_, at) =>
      encodeDlms(household.at(START_MS + at * STEP_MS), DLMS_UNNAMED),
    )
    const lists = telegrams.map((telegram) => unnamedList(telegram))
    const samples = lists.map((list, at) => ({ timeMs: at * STEP_MS, values: list?.values ?? [] }))
    const [newest] = lists.slice(-1)
    assert.ok(newest !== undefined)
    const draft = draftList(newest, proposeMapping(samples))
    assert.ok(draft !== undefined)
    assert.deepEqual(draft.types, LIST.types)
    assert.equal(draft.remarks.length, draft.places.length)
    assert.deepEqual(draft.places, LIST.places.with(9, '1-0:2.8.0 Wh'))
    const bytes = encodeDlms(household.at(START_MS + 4_000_000), DLMS_UNNAMED)
    const event = decode(bytes, [draft])
    assert.ok(event.type === 'reading')
    assert.equal(event.reading.device, 'SIM1020304058')
    assert.equal(unnamedList(bytes, {}, [draft]), undefined)
  }).timeout(10_000)
})
