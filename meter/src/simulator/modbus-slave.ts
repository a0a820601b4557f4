import { crc16Modbus } from '../crc16.ts'
import type { ModbusTransport } from '../modbus/frame.ts'
import { withCrc } from '../modbus/frame.ts'
import type { ModbusEntry, RegisterMap } from '../modbus/map.ts'
import { MODBUS_BLOCK_REGISTERS_MAX, MODBUS_WORDS } from '../modbus/map.ts'
import { encodeValue } from '../modbus/value.ts'
import type { Household, HouseholdState } from './household.ts'
import type { LineMoment, LinePeer, LineReply } from './line-peer.ts'
import { quantityOf } from './quantities.ts'

/** What a {@link ModbusSlave} is made of. */
export interface ModbusSlaveOptions {
  readonly household: Household
  readonly map: RegisterMap
  /** Its address on the line. */
  readonly unit: number
  readonly transport: ModbusTransport
  /** Speed of the serial line; at another it hears nothing. */
  readonly baudRate?: number
  /** Refuses blocks in which a register is no value of its map, as many meters do. */
  readonly strict?: boolean
  /** Codes that this meter does not have: their registers are refused. */
  readonly without?: readonly string[]
  /** Serial number in the common model of a SunSpec meter. */
  readonly serial?: string
}

const REACTION_MS = 15
const REQUEST_BYTES = 8
const ILLEGAL = { function: 1, address: 2, value: 3 } as const
const SUNSPEC_BASE = 40_000
const COMMON_WORDS = 66
const MODEL_WORDS = 105
const SERIAL_WORD = 50
const EXPONENT = -2
const BUFFER_BYTES_MAX = 512

/**
 * A simulated Modbus meter: its registers hold a household's state in the types, scales and word order
 * of a register map. It answers reads over RTU or TCP, refuses what a real one refuses, and keeps
 * silent at wrong checksums and other units.
 */
export class ModbusSlave implements LinePeer {
  readonly #options: ModbusSlaveOptions
  #received: Uint8Array = new Uint8Array()

  constructor(options: ModbusSlaveOptions) {
    this.#options = options
  }

  receive(bytes: Uint8Array, moment: LineMoment): readonly LineReply[] {
    const { transport, baudRate = 9_600 } = this.#options
    if (transport === 'rtu' && moment.baudRate !== baudRate) return []
    const joined = Uint8Array.from([...this.#received, ...bytes]).slice(-BUFFER_BYTES_MAX)
    const [answer, rest] =
      transport === 'rtu' ? this.#rtu(joined, moment.timeMs) : this.#tcp(joined, moment.timeMs)
    this.#received = rest
    if (answer === undefined) return []
    const atMs = moment.timeMs + REACTION_MS
    return [{ atMs, baudRate: moment.baudRate, framing: '8N1', bytes: answer }]
  }

  poll(): readonly LineReply[] {
    return []
  }

  #rtu(bytes: Uint8Array, timeMs: number): readonly [Uint8Array | undefined, Uint8Array] {
    for (let at = 0; at + REQUEST_BYTES <= bytes.length; at++) {
      const message = bytes.subarray(at, at + REQUEST_BYTES)
      const crc = crc16Modbus(message, 0, REQUEST_BYTES - 2)
      if (message[6] !== (crc & 0xff) || message[7] !== crc >> 8) continue
      const rest = bytes.slice(at + REQUEST_BYTES)
      if (message[0] !== this.#options.unit) return [undefined, rest]
      return [withCrc([message[0], ...this.#pdu(message.subarray(1, 6), timeMs)]), rest]
    }
    return [undefined, bytes.slice(-REQUEST_BYTES + 1)]
  }

  #tcp(bytes: Uint8Array, timeMs: number): readonly [Uint8Array | undefined, Uint8Array] {
    const length = (bytes[4] ?? 0) * 256 + (bytes[5] ?? 0)
    if (bytes.length < 7 || bytes.length < 6 + length) return [undefined, bytes]
    const rest = bytes.slice(6 + length)
    const pdu = this.#pdu(bytes.subarray(7, 6 + length), timeMs)
    const size = pdu.length + 1
    const head = [bytes[0] ?? 0, bytes[1] ?? 0, 0, 0, size >> 8, size & 0xff, bytes[6] ?? 0]
    return [Uint8Array.from([...head, ...pdu]), rest]
  }

  #pdu(request: Uint8Array, timeMs: number): readonly number[] {
    const [code = 0, high = 0, low = 0, countHigh = 0, countLow = 0] = request
    const refuse = (why: number): readonly number[] => [code | 0x80, why]
    if (code !== this.#options.map.function) return refuse(ILLEGAL.function)
    const [address, count] = [high * 256 + low, countHigh * 256 + countLow]
    if (count < 1 || count > MODBUS_BLOCK_REGISTERS_MAX) return refuse(ILLEGAL.value)
    const words = this.#registers(timeMs)
    const out: number[] = []
    let known = 0
    for (let at = address; at < address + count; at++) {
      const word = words.get(at)
      if (word === undefined && this.#options.strict === true) return refuse(ILLEGAL.address)
      if (word !== undefined) known++
      out.push((word ?? 0) >> 8, (word ?? 0) & 0xff)
    }
    return known === 0 ? refuse(ILLEGAL.address) : [code, out.length, ...out]
  }

  /** All registers at a moment, by address. */
  #registers(timeMs: number): ReadonlyMap<number, number> {
    const { map, household, without = [] } = this.#options
    const state = household.at(timeMs)
    const words = new Map<number, number>()
    const put = (address: number, values: readonly number[]): void => {
      values.forEach((value, index) => words.set(address + index, value))
    }
    const base = map.sunspecModels === undefined ? 0 : SUNSPEC_BASE + 2 + COMMON_WORDS + 2
    for (const entry of map.entries) {
      if (without.includes(entry.obis)) continue
      put(base + entry.address, encodeEntry(map, entry, state))
      if (entry.exponentFrom !== undefined) put(base + entry.exponentFrom, [EXPONENT & 0xffff])
    }
    if (map.sunspecModels !== undefined) {
      put(SUNSPEC_BASE, [0x5375, 0x6e53, 1, COMMON_WORDS])
      put(SUNSPEC_BASE + 2 + SERIAL_WORD, wordsOf(this.#options.serial ?? 'SIM0001'))
      put(base, [map.sunspecModels[0] ?? 0, MODEL_WORDS])
      put(base + 2 + MODEL_WORDS, [0xffff, 0])
    }
    return words
  }
}

function encodeEntry(
  map: RegisterMap,
  entry: ModbusEntry,
  state: HouseholdState,
): readonly number[] {
  const { type, obis, exponentFrom } = entry
  const exponent = exponentFrom === undefined ? entry.exponent : EXPONENT
  const found = quantityOf(state, obis)
  if (found === undefined) return encodeValue(map, type, undefined)
  if (type.startsWith('f')) {
    return encodeValue(map, type, Number(found.digits) * 10 ** (found.scaler - exponent))
  }
  const shift = found.scaler - exponent
  const raw =
    shift >= 0 ? found.digits * 10n ** BigInt(shift) : found.digits / 10n ** BigInt(-shift)
  const bits = 16n * BigInt(MODBUS_WORDS[type])
  const fits = type.startsWith('u')
    ? BigInt.asUintN(Number(bits), raw) === raw
    : BigInt.asIntN(Number(bits), raw) === raw
  return encodeValue(map, type, fits ? raw : undefined)
}

/** Sixteen registers of text. */
function wordsOf(text: string): readonly number[] {
  const code = (at: number): number => (at < text.length ? text.charCodeAt(at) & 0xff : 0)
  return Array.from({ length: 16 }, (_, word) => code(2 * word) * 256 + code(2 * word + 1))
}
