import type { Reading, Register } from '../reading.ts'
import { UNIT_NONE, unitCode } from '../units.ts'
import type { ModbusEntry, ModbusType, RegisterMap } from './map.ts'
import { MODBUS_WORDS } from './map.ts'
import type { ModbusAnswer } from './plan.ts'

/** Decimals of floating point values whose entry says nothing of them. */
const DECIMALS = 3
/** Powers of ten that an exponent register may hold; SunSpec allows −10 to 10. */
const EXPONENT_MAX = 10
const WORD_BITS = 16n

/**
 * Makes a reading of answered blocks. Values that the meter marks as not measured (NaN, 8000, FFFF),
 * and those whose block or exponent is missing, are left out. Floating point values are rounded to the
 * decimals of their entry, so that a register always has the same scaler.
 */
export function decodeBlocks(
  map: RegisterMap,
  answers: readonly ModbusAnswer[],
  device: string,
): Reading {
  const words = new Map<number, number>()
  for (const { address, words: found } of answers) {
    found.forEach((word, index) => words.set(address + index, word))
  }
  const registers = map.entries.flatMap((entry) => registerOf(map, entry, words) ?? [])
  return { protocol: 'modbus', device, registers, texts: [], flags: [] }
}

function registerOf(
  map: RegisterMap,
  entry: ModbusEntry,
  words: ReadonlyMap<number, number>,
): Register | undefined {
  const { address, type, obis, unit, exponentFrom, decimals = DECIMALS } = entry
  const raw: number[] = []
  for (let at = address; at < address + MODBUS_WORDS[type]; at++) {
    const word = words.get(at)
    if (word === undefined) return undefined
    raw.push(word)
  }
  const exponent = exponentFrom === undefined ? entry.exponent : signedWord(words.get(exponentFrom))
  if (exponent === undefined || Math.abs(exponent) > 2 * EXPONENT_MAX) return undefined
  const value = rawValue(map, type, raw, decimals)
  if (value === undefined) return undefined
  return {
    obis,
    digits: value,
    scaler: exponent - (isFloat(type) ? decimals : 0),
    unit,
    unitCode: unit === '' ? UNIT_NONE : unitCode(unit),
  }
}

/** The integer that the words say, floating point in units of its last decimal. */
function rawValue(
  map: Pick<RegisterMap, 'wordOrder' | 'absentSigned'>,
  type: ModbusType,
  words: readonly number[],
  decimals: number,
): bigint | undefined {
  const ordered = map.wordOrder === 'high-first' ? words : words.toReversed()
  const bits = ordered.reduce((sum, word) => (sum << WORD_BITS) | BigInt(word), 0n)
  const width = WORD_BITS * BigInt(words.length)
  if (isFloat(type)) {
    const view = new DataView(new ArrayBuffer(8))
    if (type === 'f32') view.setUint32(0, Number(bits))
    else view.setBigUint64(0, bits)
    const value = type === 'f32' ? view.getFloat32(0) : view.getFloat64(0)
    const digits = Math.round(value * 10 ** decimals)
    return Number.isSafeInteger(digits) ? BigInt(digits) : undefined
  }
  if (type.startsWith('u')) return bits === (1n << width) - 1n ? undefined : bits
  const least = 1n << (width - 1n)
  const absent = map.absentSigned === 'min' ? least : least - 1n
  return bits === absent ? undefined : BigInt.asIntN(Number(width), bits)
}

/** Words as a meter would send a value: the other way, for simulated meters. */
export function encodeValue(
  map: Pick<RegisterMap, 'wordOrder' | 'absentSigned'>,
  type: ModbusType,
  value: number | bigint | undefined,
): readonly number[] {
  const words = MODBUS_WORDS[type]
  const bits = bitsOf(map, type, value, WORD_BITS * BigInt(words))
  const ordered = Array.from({ length: words }, (_, index) =>
    Number((bits >> (WORD_BITS * BigInt(words - 1 - index))) & 0xffffn),
  )
  return map.wordOrder === 'high-first' ? ordered : ordered.toReversed()
}

function bitsOf(
  map: Pick<RegisterMap, 'absentSigned'>,
  type: ModbusType,
  value: number | bigint | undefined,
  width: bigint,
): bigint {
  if (isFloat(type)) {
    const view = new DataView(new ArrayBuffer(8))
    if (type === 'f32') view.setFloat32(0, Number(value ?? NaN))
    else view.setFloat64(0, Number(value ?? NaN))
    return type === 'f32' ? BigInt(view.getUint32(0)) : view.getBigUint64(0)
  }
  if (value !== undefined) return BigInt.asUintN(Number(width), BigInt(value))
  if (type.startsWith('u')) return (1n << width) - 1n
  const least = 1n << (width - 1n)
  return map.absentSigned === 'min' ? least : least - 1n
}

function isFloat(type: ModbusType): boolean {
  return type === 'f32' || type === 'f64'
}

function signedWord(word: number | undefined): number | undefined {
  if (word === undefined) return undefined
  const value = word >= 0x8000 ? word - 0x10000 : word
  return Math.abs(value) <= EXPONENT_MAX ? value : undefined
}
