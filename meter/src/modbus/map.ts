import { MeterError } from '../errors.ts'
import { parseObis } from '../obis.ts'
import { UNIT_NONE, unitCode } from '../units.ts'

/** Entries of one register map. */
export const MODBUS_ENTRIES_MAX = 256

/** Registers that one request may ask for (Modbus Application Protocol 1.1b3, 6.3 and 6.4). */
export const MODBUS_BLOCK_REGISTERS_MAX = 125

/** Decimals that a floating point value is rounded to at most. */
export const MODBUS_DECIMALS_MAX = 6

/** How a value lies in its registers; the words in the map's order, their bytes high byte first. */
export type ModbusType = 'u16' | 'i16' | 'u32' | 'i32' | 'u64' | 'i64' | 'f32' | 'f64'

/** Registers that a value of each type takes. */
export const MODBUS_WORDS: Readonly<Record<ModbusType, number>> = {
  u16: 1,
  i16: 1,
  u32: 2,
  i32: 2,
  u64: 4,
  i64: 4,
  f32: 2,
  f64: 4,
}

/** One value of a meter. It is worth `raw × 10^exponent unit`. */
export interface ModbusEntry {
  /** As it stands in the request: counted from 0. In a SunSpec map from the model's first register. */
  readonly address: number
  readonly type: ModbusType
  readonly obis: string
  /** 'W', 'Wh', 'V', …, without prefix; '' for a number without unit. */
  readonly unit: string
  readonly exponent: number
  /** For floating point: decimals of the raw number that are kept. */
  readonly decimals?: number
  /** In place of `exponent`: address of the i16 that holds it. */
  readonly exponentFrom?: number
}

/** What is known of one family of Modbus meters. */
export interface RegisterMap {
  /** 'eastron-sdm630': lower case, what a configuration names it by. */
  readonly id: string
  readonly maker: string
  readonly models: readonly string[]
  /** Where every address and scale comes from. */
  readonly source: string
  /** 3 reads holding registers, 4 input registers. */
  readonly function: 3 | 4
  /** Which word of a longer value comes first. */
  readonly wordOrder: 'high-first' | 'low-first'
  /** What stands for "not measured" in signed integers: 8000… or 7FFF…; unsigned have FFFF…. */
  readonly absentSigned: 'min' | 'max'
  /** Registers that nobody asked for and that one request may read over to reach the next value. */
  readonly gap: number
  /** Registers that the meter gives at once. */
  readonly blockRegisters: number
  /** Models of SunSpec whose registers these are; the meter is searched for one of them. */
  readonly sunspecModels?: readonly number[]
  readonly entries: readonly ModbusEntry[]
}

const ID = /^[a-z0-9][a-z0-9-]{1,39}$/
const TEXT_LETTERS_MAX = 400
const MODELS_MAX = 32
const EXPONENT_MAX = 12

/**
 * Checks a register map from a file.
 *
 * @throws {@link MeterError} `malformed`, naming the field: `entries[3].unit: expected …, found …`.
 */
export function parseRegisterMap(json: unknown): RegisterMap {
  const map = record(json, 'map')
  const entries = list(map.entries, 'entries', MODBUS_ENTRIES_MAX).map(parseEntry)
  const codes = entries.map(({ obis }) => obis)
  const twice = codes.find((obis, index) => codes.indexOf(obis) !== index)
  if (entries.length === 0) fail('entries', 'one or more', 'none')
  if (twice !== undefined) fail('entries', 'each code once', twice)
  const models = map.sunspecModels
  return {
    id: text(map.id, 'id', ID),
    maker: text(map.maker, 'maker'),
    models: list(map.models, 'models', MODELS_MAX).map((one, at) => text(one, `models[${at}]`)),
    source: text(map.source, 'source'),
    function: oneOf(map.function, 'function', [3, 4]),
    wordOrder: oneOf(map.wordOrder ?? 'high-first', 'wordOrder', ['high-first', 'low-first']),
    absentSigned: oneOf(map.absentSigned ?? 'min', 'absentSigned', ['min', 'max']),
    gap: whole(map.gap ?? 0, 'gap', 0, MODBUS_BLOCK_REGISTERS_MAX),
    blockRegisters: whole(map.blockRegisters ?? 60, 'blockRegisters', 4, 125),
    ...(models === undefined
      ? {}
      : {
          sunspecModels: list(models, 'sunspecModels', MODELS_MAX).map((one, at) =>
            whole(one, `sunspecModels[${at}]`, 1, 0xffff),
          ),
        }),
    entries,
  }
}

function parseEntry(json: unknown, index: number): ModbusEntry {
  const at = `entries[${index}]`
  const entry = record(json, at)
  const type = oneOf(entry.type, `${at}.type`, [...TYPES])
  const obis = text(entry.obis, `${at}.obis`)
  if (parseObis(obis) === undefined || !obis.includes('*')) {
    fail(`${at}.obis`, "a code such as '1-0:16.7.0*255'", obis)
  }
  const unit = entry.unit === '' ? '' : text(entry.unit, `${at}.unit`)
  if (unit !== '' && unitCode(unit) === UNIT_NONE) fail(`${at}.unit`, 'a unit without prefix', unit)
  const decimals = entry.decimals
  const from = entry.exponentFrom
  return {
    address: whole(entry.address, `${at}.address`, 0, 0x10000 - MODBUS_WORDS[type]),
    type,
    obis,
    unit,
    exponent: whole(entry.exponent ?? 0, `${at}.exponent`, -EXPONENT_MAX, EXPONENT_MAX),
    ...(decimals === undefined
      ? {}
      : { decimals: whole(decimals, `${at}.decimals`, 0, MODBUS_DECIMALS_MAX) }),
    ...(from === undefined ? {} : { exponentFrom: whole(from, `${at}.exponentFrom`, 0, 0xffff) }),
  }
}

const TYPES: readonly ModbusType[] = ['u16', 'i16', 'u32', 'i32', 'u64', 'i64', 'f32', 'f64']

function record(value: unknown, field: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return fail(field, 'an object', value)
  }
  return { ...value }
}

function list(value: unknown, field: string, most: number): readonly unknown[] {
  if (!Array.isArray(value) || value.length > most) {
    return fail(field, `a list of at most ${most}`, Array.isArray(value) ? value.length : value)
  }
  return Array.from<unknown>(value)
}

function text(value: unknown, field: string, form = /^[^\p{Cc}]+$/u): string {
  if (typeof value !== 'string' || value.length > TEXT_LETTERS_MAX || !form.test(value)) {
    return fail(field, `text of 1 to ${TEXT_LETTERS_MAX} letters`, value)
  }
  return value
}

function whole(value: unknown, field: string, least: number, most: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
    return fail(field, `a whole number from ${least} to ${most}`, value)
  }
  return value
}

function oneOf<T>(value: unknown, field: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value)
  return found ?? fail(field, `one of ${choices.join(', ')}`, value)
}

function fail(field: string, expected: string, found: unknown): never {
  const words = JSON.stringify(found) as string | undefined
  throw new MeterError(
    'malformed',
    `${field}: expected ${expected}, found ${(words ?? 'nothing').slice(0, 80)}`,
  )
}
