import { join, u32 } from '../dlms/encode.ts'
import { parseObis } from '../obis.ts'
import { UNIT } from '../units.ts'
import type { HouseholdState } from './household.ts'

/** How a pushed body lays out its values. */
export type DlmsLayout =
  /** OBIS code and value by turns, scale known to the reader. */
  | 'pairs'
  /** Small structures of code, value, scaler and unit. */
  | 'pairs-with-unit'
  /** A push-object list, then the values. */
  | 'push-list'
  /** Class, code and attribute in bare bytes before each value. */
  | 'descriptors'
  /** A version text, then codes and values; energy in tens of watt-hours. */
  | 'versioned'
  /** Places alone: version, number, type, then numbers without any names. */
  | 'places'
  /** The same as no maker has it: only its owner can say what stands where. */
  | 'unnamed'

/** One value of a simulated meter. */
export interface PushEntry {
  /** The six numbers of its OBIS code. */
  readonly obis: readonly number[]
  /** In A-XDR. */
  readonly value: Uint8Array
  readonly scaler: number
  readonly unit: number
}

const DEVICE_OBIS = [0, 0, 96, 1, 0, 255]
const DATA_CLASS = 1
const REGISTER_CLASS = 3

/** The values of a household as its meter pushes them. */
export function pushEntries(state: HouseholdState): readonly PushEntry[] {
  const power = Math.round(state.powerMw / 1_000)
  return [
    register('1.7.0', double(power), 0, UNIT.watt),
    register('2.7.0', double(-power), 0, UNIT.watt),
    ...state.voltageMv.map((volts, phase) =>
      register(`${32 + 20 * phase}.7.0`, long(Math.round(volts / 100)), -1, UNIT.volt),
    ),
    ...state.currentMa.map((amps, phase) =>
      register(`${31 + 20 * phase}.7.0`, long(Math.round(amps / 10)), -2, UNIT.ampere),
    ),
    register('1.8.0', double(Number(state.importMilliWh / 1_000n)), 0, UNIT.wattHour),
    register('2.8.0', double(Number(state.exportMilliWh / 1_000n)), 0, UNIT.wattHour),
  ]
}

function register(code: string, value: Uint8Array, scaler: number, unit: number): PushEntry {
  return { obis: parseObis(`1-0:${code}*255`) ?? [], value, scaler, unit }
}

function double(value: number): Uint8Array {
  return join([0x06], u32(Math.max(0, value)))
}

function long(value: number): Uint8Array {
  return Uint8Array.of(0x12, value >> 8, value & 0xff)
}

function text(letters: string): Uint8Array {
  return join(
    [0x09, letters.length],
    Uint8Array.from(letters, (letter) => letter.charCodeAt(0)),
  )
}

/** The body of a notification in one of the layouts that meters have. */
export function encodeBody(state: HouseholdState, layout: DlmsLayout, device: string): Uint8Array {
  const registers = pushEntries(state)
  const id = join(name(DEVICE_OBIS), text(device))
  switch (layout) {
    case 'pairs': {
      const pairs = registers.map(({ obis, value }) => join(name(obis), value))
      return join([0x02, 2 * (registers.length + 1)], id, ...pairs)
    }
    case 'pairs-with-unit': {
      const described = registers.map(({ obis, value, scaler, unit }) =>
        join([0x02, 3], name(obis), value, [0x02, 2, 0x0f, scaler & 0xff, 0x16, unit]),
      )
      return join([0x01, registers.length + 1, 0x02, 2], id, ...described)
    }
    case 'push-list': {
      const object = (classId: number, obis: readonly number[]): Uint8Array =>
        join([0x02, 4, 0x12, 0, classId], name(obis), [0x0f, 2, 0x12, 0, 0])
      const codes = registers.map(({ obis }) => object(REGISTER_CLASS, obis))
      const objects = [object(DATA_CLASS, DEVICE_OBIS), ...codes]
      const values = [text(device), ...registers.map(({ value }) => value)]
      return join([0x02, 1 + values.length, 0x01, objects.length], ...objects, ...values)
    }
    case 'descriptors': {
      const entry = (classId: number, obis: readonly number[], value: Uint8Array): Uint8Array =>
        join([0x02, 2, 0, classId], obis, [2], value)
      const entries = registers.map(({ obis, value }) => entry(REGISTER_CLASS, obis, value))
      const count = entries.length + 1
      return join(
        [0x02, 2, 0x16, 1, 0x01, count],
        entry(DATA_CLASS, DEVICE_OBIS, text(device)),
        ...entries,
      )
    }
    case 'versioned': {
      const pairs = registers.map((one) => join(name(one.obis), kamstrup(one)))
      return join([0x02, 1 + 2 * (registers.length + 1)], version(), id, ...pairs)
    }
    case 'places':
      return places(state, device)
    case 'unnamed':
      return unnamed(state, device)
  }
}

function name(obis: readonly number[]): Uint8Array {
  return join([0x09, 6], obis)
}

/** Visible-string in front of the list: what names maker and version. */
function version(): Uint8Array {
  const letters = 'Kamstrup_V0001'
  return join(
    [0x0a, letters.length],
    Uint8Array.from(letters, (one) => one.charCodeAt(0)),
  )
}

/** Energy in tens of watt-hours, volts whole, as that maker's meters have it. */
function kamstrup({ value, unit }: PushEntry): Uint8Array {
  const view = new DataView(value.buffer, value.byteOffset + 1)
  if (unit === UNIT.wattHour) return double(Math.floor(view.getUint32(0) / 10))
  return unit === UNIT.volt ? long(Math.round(view.getUint16(0) / 10)) : value
}

/** The Norwegian list of a three-phase Kaifa: thirteen places, milliamperes, tenths of volts. */
function places(state: HouseholdState, device: string): Uint8Array {
  const power = Math.round(state.powerMw / 1_000)
  const numbers = [power, -power, 0, 0, ...state.currentMa]
  const tenths = state.voltageMv.map((volts) => Math.round(volts / 100))
  const values = [...numbers, ...tenths].map(double)
  return join([0x02, 3 + values.length], text('KFM_001'), text(device), text('SIM304'), ...values)
}

/** A list of nobody: constant, net power, voltages, currents, energies, and its number at last. */
function unnamed(state: HouseholdState, device: string): Uint8Array {
  const power = Math.round(state.powerMw / 1_000)
  const values = [
    long(77),
    join([0x05], u32(power >>> 0)),
    ...state.voltageMv.map((volts) => long(Math.round(volts / 100))),
    ...state.currentMa.map((amperes) => long(Math.round(amperes / 10))),
    double(Number(state.importMilliWh / 1_000n)),
    double(Number(state.exportMilliWh / 1_000n)),
    text(device),
  ]
  return join([0x02, values.length], ...values)
}
