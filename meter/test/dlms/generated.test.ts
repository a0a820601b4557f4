import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { createDecoder } from '../../src/index.ts'
import type { Data } from '../../src/dlms/axdr.ts'
import {
  arrayData,
  encodeData,
  numberData,
  octetData,
  structureData,
} from '../../src/dlms/encode.ts'
import { nameOf } from '../../src/dlms/client/services.ts'
import { DLMS_STYLES, frameApdu } from '../../src/simulator/index.ts'
import { decodeAll, hex, join } from '../support/telegrams.ts'

/** A register as some meter may push it. */
interface Pushed {
  readonly obis: string
  readonly tag: number
  readonly digits: bigint
  readonly scaler: number
  readonly unitCode: number
  /** A meter that has nothing to say sends nothing at its place. */
  readonly absent: boolean
}

const NULL: Data = { type: 'null' }
const CLOCK = '07ea0706010c000000ff8880'
const DEVICE = Uint8Array.from('SIM20301', (letter) => letter.charCodeAt(0))
const RANGES: Readonly<Record<number, readonly [bigint, bigint]>> = {
  5: [-(1n << 31n), (1n << 31n) - 1n],
  6: [0n, (1n << 32n) - 1n],
  15: [-128n, 127n],
  16: [-32_768n, 32_767n],
  17: [0n, 255n],
  18: [0n, 65_535n],
  20: [-(1n << 63n), (1n << 63n) - 1n],
  21: [0n, (1n << 64n) - 1n],
}

const code = fc
  .tuple(fc.nat(3), fc.integer({ min: 1, max: 99 }), fc.constantFrom(6, 7, 8), fc.nat(4))
  .map(([channel, c, d, e]) => `1-${channel}:${c}.${d}.${e}*255`)

const pushed: fc.Arbitrary<Pushed> = fc
  .tuple(
    code,
    fc.constantFrom(5, 6, 15, 16, 17, 18, 20, 21),
    fc.integer({ min: -6, max: 6 }),
    fc.integer({ min: 1, max: 72 }),
    fc.boolean(),
    fc.boolean(),
  )
  .chain(([obis, tag, scaler, unitCode, one, other]) => {
    const [min = 0n, max = 0n] = RANGES[tag] ?? []
    return fc
      .bigInt({ min, max })
      .map((digits) => ({ obis, tag, digits, scaler, unitCode, absent: one && other }))
  })

const registers = fc
  .uniqueArray(pushed, { minLength: 1, maxLength: 40, selector: ({ obis }) => obis })
  .filter((all) => all.some(({ absent }) => !absent))

function value({ tag, digits, absent }: Pushed): Data {
  return absent ? NULL : numberData(tag, digits)
}

function unit({ scaler, unitCode }: Pushed): Data {
  return structureData(numberData(15, scaler), numberData(22, unitCode))
}

function name(one: Pushed): Data {
  return octetData(nameOf(one.obis))
}

function object(classId: number, obis: string, attribute: number): Data {
  const names = [numberData(18, classId), octetData(nameOf(obis)), numberData(15, attribute)]
  return structureData(...names, numberData(18, 0))
}

const CLOCK_NAME = octetData(nameOf('0-0:1.0.0*255'))
const DEVICE_NAME = octetData(nameOf('0-0:96.1.0*255'))

/** Every way to say the same that meters have, or could have by the standard. */
const LAYOUTS: Readonly<Record<string, (all: readonly Pushed[], clock: Data) => Data>> = {
  'flat, scaler and unit besides': (all, clock) =>
    structureData(
      clock,
      DEVICE_NAME,
      octetData(DEVICE),
      ...all.flatMap((one) => [name(one), value(one), unit(one)]),
    ),
  'flat, scaler and unit bare': (all) =>
    structureData(
      ...all.flatMap((one) => [
        name(one),
        value(one),
        numberData(15, one.scaler),
        numberData(22, one.unitCode),
      ]),
    ),
  'array of structures': (all, clock) =>
    arrayData([
      structureData(CLOCK_NAME, clock),
      structureData(DEVICE_NAME, octetData(DEVICE)),
      ...all.map((one) => structureData(name(one), value(one), unit(one))),
    ]),
  'structure of structures, some empty': (all) =>
    structureData(
      ...all.flatMap((one) => [structureData(name(one), value(one), unit(one)), structureData()]),
    ),
  'value and unit in a structure': (all) =>
    arrayData(
      all.map((one) =>
        structureData(name(one), one.absent ? NULL : structureData(value(one), unit(one))),
      ),
    ),
  'class, name, attribute, value': (all) =>
    arrayData(
      all.map((one) =>
        structureData(numberData(18, 3), name(one), numberData(15, 2), value(one), unit(one)),
      ),
    ),
  'push list with attributes 2 and 3': (all, clock) =>
    structureData(
      arrayData([
        object(8, '0-0:1.0.0*255', 2),
        ...all.flatMap(({ obis }) => [object(3, obis, 2), object(3, obis, 3)]),
      ]),
      clock,
      ...all.flatMap((one) => [value(one), unit(one)]),
    ),
  'push list that counts itself': (all) =>
    structureData(
      arrayData([
        object(40, '0-0:25.9.0*255', 2),
        ...all.flatMap(({ obis }) => [object(4, obis, 2), object(4, obis, 3)]),
      ]),
      ...all.flatMap((one) => [value(one), unit(one)]),
    ),
  'push list with its values in a list': (all) =>
    structureData(
      arrayData(all.flatMap(({ obis }) => [object(3, obis, 2), object(3, obis, 3)])),
      structureData(...all.flatMap((one) => [value(one), unit(one)])),
    ),
}

const LINKS = [
  { ...DLMS_STYLES.described },
  { ...DLMS_STYLES.segmented, partBytes: 77 },
  { ...DLMS_STYLES.blocks, blockBytes: 60 },
  { ...DLMS_STYLES.mbus },
  { ...DLMS_STYLES.mbus, partBytes: 250 },
  { ...DLMS_STYLES.mbus, partBytes: 251 },
]

/** The date-time in front of a body, in the ways that meters write one. */
const HEADS = ['00', `0c${CLOCK}`, `090c${CLOCK}`, `19${CLOCK}`]
/** A clock as a value: octets, or a type of its own. */
const CLOCKS: readonly Data[] = [
  octetData(hex(CLOCK)),
  { type: 'octets', tag: 25, bytes: hex(CLOCK) },
]

describe('pushed values in any order, of any type', () => {
  for (const [layout, encode] of Object.entries(LAYOUTS)) {
    it(`are read exactly: ${layout}`, () => {
      const cases = fc.tuple(
        registers,
        fc.constantFrom(...LINKS),
        fc.constantFrom(...HEADS),
        fc.constantFrom(...CLOCKS),
      )
      fc.assert(
        fc.property(cases, ([all, link, head, clock]) => {
          const apdu = join(hex('0f00000001'), hex(head), encodeData(encode(all, clock)))
          const [event, more] = decodeAll(createDecoder('dlms'), frameApdu(apdu, link))
          assert.ok(event?.type === 'reading' && more === undefined)
          const told = event.reading.registers.filter(({ derived }) => derived !== true)
          assert.deepEqual(
            told.map(({ obis, digits, scaler, unitCode }) => ({ obis, digits, scaler, unitCode })),
            all
              .filter(({ absent }) => !absent)
              .map(({ obis, digits, scaler, unitCode }) => ({ obis, digits, scaler, unitCode })),
          )
          if (head !== '00') assert.equal(event.reading.meterTime?.kind, 'local')
        }),
        { numRuns: 60 },
      )
    })
  }
})
