import { SML_TAG } from '../sml/message.ts'
import type { SmlCrc } from '../sml/framer.ts'
import { UNIT } from '../units.ts'
import type { HouseholdState, Phases } from './household.ts'
import { SmlWriter } from './sml-writer.ts'

/** How a simulated meter writes SML; each field is a habit of real meters. */
export interface SmlStyle {
  /** Three letters of the maker. */
  readonly manufacturer: string
  /** Block of the DIN 43863-5 id, then the serial number in it. */
  readonly block: number
  readonly serial: number
  /** FNN basic meter with its codes and status word, or the older EDL21. */
  readonly generation: 'fnn' | 'edl21'
  readonly crc: SmlCrc
  /** Message checksums below 256 go as Unsigned8, as the standard's shortest form. */
  readonly shortCrc: boolean
  /** Four fill bytes where none are needed. */
  readonly fillOfFour: boolean
  /** How times are written; `bare` leaves the choice out, `none` leaves out the time. */
  readonly time: 'second-index' | 'bare' | 'utc' | 'local' | 'none'
  /** PIN entered and InF on: power and decimals are shown. Without, whole kWh alone. */
  readonly detailed: boolean
  /** Values of each phase, voltage, current, frequency. */
  readonly phases: boolean
  /** Fewest bytes of an energy and of a power field. */
  readonly energyBytes: number
  readonly powerBytes: number
  /** Energy goes as a signed integer although it never is negative. */
  readonly energySigned: boolean
  readonly energyScaler: number
  readonly powerScaler: number
  /**
   * How power is written: `signed`; `unsigned`, its direction in the status word; `amount`, the
   * same but under 15.7.0; `import`, signed but under 1.7.0; `int16`, the signed field of two bytes
   * that wraps from 32,768 on.
   */
  readonly power: 'signed' | 'unsigned' | 'amount' | 'import' | 'int16'
  /** The EDL21 public key, 48 bytes. */
  readonly publicKey: boolean
  /** Counts what is given to the grid alone, as meters of panels do; both directions if left out. */
  readonly counts?: 'export'
}

/** Styles of meters that exist, as far as their telegrams go. */
export const SML_STYLES = {
  /** A basic meter of today. */
  modern: {
    manufacturer: 'SIM',
    block: 0x00,
    serial: 10_203_040,
    generation: 'fnn',
    crc: 'x25',
    shortCrc: true,
    fillOfFour: false,
    time: 'second-index',
    detailed: true,
    phases: true,
    energyBytes: 5,
    powerBytes: 2,
    energySigned: false,
    energyScaler: -1,
    powerScaler: -1,
    power: 'signed',
    publicKey: false,
  },
  /** EMH eHZ: power without sign under 15.7.0, five-byte integers, public key. */
  emhOld: {
    manufacturer: 'EMH',
    block: 0x00,
    serial: 12_345_678,
    generation: 'edl21',
    crc: 'x25',
    shortCrc: true,
    fillOfFour: false,
    time: 'second-index',
    detailed: true,
    phases: false,
    energyBytes: 5,
    powerBytes: 4,
    energySigned: true,
    energyScaler: -1,
    powerScaler: -1,
    power: 'amount',
    publicKey: true,
  },
  /** Dr. Neuhaus SMARTY of a solar plant: counts export alone, shows the amount of power both ways. */
  feedIn: {
    manufacturer: 'DNT',
    block: 0x00,
    serial: 12_345_679,
    generation: 'edl21',
    crc: 'x25',
    shortCrc: true,
    fillOfFour: false,
    time: 'second-index',
    detailed: true,
    phases: false,
    energyBytes: 8,
    powerBytes: 4,
    energySigned: true,
    energyScaler: -1,
    powerScaler: 0,
    power: 'amount',
    publicKey: true,
    counts: 'export',
  },
  /** DZG DVS74: 16-bit power that wraps, three-byte energy, four fill bytes. */
  dzgOld: {
    manufacturer: 'DZG',
    block: 0x00,
    serial: 42_000_001,
    generation: 'fnn',
    crc: 'x25',
    shortCrc: true,
    fillOfFour: true,
    time: 'second-index',
    detailed: true,
    phases: false,
    energyBytes: 3,
    powerBytes: 2,
    energySigned: false,
    energyScaler: -1,
    powerScaler: -2,
    power: 'int16',
    publicKey: false,
  },
  /** Iskra MT175: EDL21 with a sign and phases. */
  iskraOld: {
    manufacturer: 'ISK',
    block: 0x00,
    serial: 23_456_789,
    generation: 'edl21',
    crc: 'x25',
    shortCrc: false,
    fillOfFour: false,
    time: 'none',
    detailed: true,
    phases: true,
    energyBytes: 8,
    powerBytes: 4,
    energySigned: true,
    energyScaler: -1,
    powerScaler: 0,
    power: 'signed',
    publicKey: true,
  },
  /** Holley DTZ541: Kermit checksums, times without their choice. */
  holley: {
    manufacturer: 'HLY',
    block: 0x02,
    serial: 34_567_890,
    generation: 'fnn',
    crc: 'kermit',
    shortCrc: true,
    fillOfFour: false,
    time: 'bare',
    detailed: true,
    phases: false,
    energyBytes: 5,
    powerBytes: 2,
    energySigned: false,
    energyScaler: -1,
    powerScaler: 0,
    power: 'signed',
    publicKey: false,
  },
  /** EasyMeter Q3A: eight-byte fields, fine scalers. */
  easyMeter: {
    manufacturer: 'ESY',
    block: 0x11,
    serial: 45_678_901,
    generation: 'edl21',
    crc: 'x25',
    shortCrc: true,
    fillOfFour: false,
    time: 'local',
    detailed: true,
    phases: true,
    energyBytes: 8,
    powerBytes: 8,
    energySigned: true,
    energyScaler: -4,
    powerScaler: -2,
    power: 'signed',
    publicKey: true,
  },
  /** A basic meter whose PIN nobody has entered. */
  locked: {
    manufacturer: 'SIM',
    block: 0x00,
    serial: 10_203_041,
    generation: 'fnn',
    crc: 'x25',
    shortCrc: true,
    fillOfFour: false,
    time: 'utc',
    detailed: false,
    phases: false,
    energyBytes: 1,
    powerBytes: 2,
    energySigned: false,
    energyScaler: 3,
    powerScaler: 0,
    power: 'signed',
    publicKey: false,
  },
} as const satisfies Record<string, SmlStyle>

/** Encodes a state as a complete SML telegram: transport, three messages, checksums. */
export function encodeSml(state: HouseholdState, style: Partial<SmlStyle> = {}): Uint8Array {
  const full = { ...SML_STYLES.modern, ...style }
  return write(state, full).frame(full.crc, full.fillOfFour)
}

/** The same without its transport frame, as some programs store it. */
export function encodeSmlBody(state: HouseholdState, style: Partial<SmlStyle> = {}): Uint8Array {
  return write(state, { ...SML_STYLES.modern, ...style }).body()
}

function write(state: HouseholdState, style: SmlStyle): SmlWriter {
  const writer = new SmlWriter()
  const seconds = Math.floor(state.timeMs / 1000) >>> 0
  const transaction = Math.imul(seconds, 3) >>> 0
  const id = serverId(style)
  writer.begin(transaction, 0, SML_TAG.openResponse)
  writer.list(6)
  writer.absent()
  writer.absent()
  writer.octets(bytesOf(seconds, 4))
  writer.octets(id)
  writer.absent()
  writer.absent()
  writer.finish(style.crc, style.shortCrc)
  writer.begin(transaction + 1, 0, SML_TAG.getListResponse)
  writeList(writer, state, style, id)
  writer.finish(style.crc, style.shortCrc)
  writer.begin(transaction + 2, 0, SML_TAG.closeResponse)
  writer.list(1)
  writer.absent()
  writer.finish(style.crc, style.shortCrc)
  return writer
}

/** One register to be written. */
interface Row {
  readonly code: readonly number[]
  readonly status?: bigint
  readonly unit?: number
  readonly scaler?: number
  readonly value: (writer: SmlWriter) => void
}

function writeList(
  writer: SmlWriter,
  state: HouseholdState,
  style: SmlStyle,
  id: readonly number[],
): void {
  const rows = [...identityRows(style, id), ...energyRows(state, style)]
  if (style.detailed) rows.push(...powerRows(state, style))
  if (style.detailed && style.phases) rows.push(...gridRows(state))
  if (style.publicKey) rows.push(keyRow(style))
  writer.list(7)
  writer.absent()
  writer.octets(id)
  writer.octets([1, 0, 98, 10, 255, 255])
  writeTime(writer, state, style)
  writer.list(rows.length)
  for (const row of rows) writeRow(writer, row)
  writer.absent()
  writer.absent()
}

function writeRow(writer: SmlWriter, row: Row): void {
  writer.list(7)
  writer.octets(row.code)
  if (row.status === undefined) writer.absent()
  else writer.unsigned(row.status, 2)
  writer.absent()
  if (row.unit === undefined) writer.absent()
  else writer.unsigned(row.unit)
  if (row.scaler === undefined) writer.absent()
  else writer.signed(row.scaler)
  row.value(writer)
  writer.absent()
}

function writeTime(writer: SmlWriter, state: HouseholdState, style: SmlStyle): void {
  const utc = Math.floor(state.timeMs / 1000) >>> 0
  // A second index: this meter was installed 30 days before 2024.
  const index = (utc - 1_701_475_200) >>> 0
  switch (style.time) {
    case 'none':
      writer.absent()
      return
    case 'bare':
      writer.unsigned(index, 4)
      return
    case 'local':
      writer.list(2)
      writer.unsigned(3)
      writer.list(3)
      writer.unsigned(utc, 4)
      writer.signed(60, 2)
      writer.signed(0, 2)
      return
    case 'utc':
    case 'second-index':
      writer.list(2)
      writer.unsigned(style.time === 'utc' ? 2 : 1)
      writer.unsigned(style.time === 'utc' ? utc : index, 4)
  }
}

function identityRows(style: SmlStyle, id: readonly number[]): readonly Row[] {
  const letters = [...new TextEncoder().encode(style.manufacturer)]
  const old = style.generation === 'edl21'
  return [
    {
      code: old ? [129, 129, 199, 130, 3, 255] : [1, 0, 96, 50, 1, 1],
      value: (writer) => {
        writer.octets(letters)
      },
    },
    {
      code: old ? [1, 0, 0, 0, 9, 255] : [1, 0, 96, 1, 0, 255],
      value: (writer) => {
        writer.octets(id)
      },
    },
  ]
}

function energyRows(state: HouseholdState, style: SmlStyle): readonly Row[] {
  const { energyScaler: scaler, energyBytes, energySigned } = style
  const row = (group: number, milliWh: bigint): Row => ({
    code: [1, 0, group, 8, 0, 255],
    status: statusWord(state, style),
    unit: UNIT.wattHour,
    scaler,
    value: (writer) => {
      const digits = scaled(milliWh, scaler)
      if (energySigned) writer.signed(digits, energyBytes)
      else writer.unsigned(digits, energyBytes)
    },
  })
  const exported = row(2, state.exportMilliWh)
  return style.counts === 'export' ? [exported] : [row(1, state.importMilliWh), exported]
}

function powerRows(state: HouseholdState, style: SmlStyle): readonly Row[] {
  const { powerScaler: scaler } = style
  const row = (group: number, milliW: number): Row => ({
    code: [1, 0, group, 7, 0, 255],
    unit: UNIT.watt,
    scaler,
    value: (writer) => {
      writePower(writer, scaled(BigInt(milliW), scaler), style)
    },
  })
  const rows = [row(TOTALS[style.power] ?? 16, state.powerMw)]
  if (style.phases) {
    for (const [index, milliW] of state.phasePowerMw.entries())
      rows.push(row(36 + 20 * index, milliW))
  }
  return rows
}

/** Value group C of power where it is not the net power's. */
const TOTALS: Readonly<Partial<Record<SmlStyle['power'], number>>> = { amount: 15, import: 1 }

function writePower(writer: SmlWriter, digits: bigint, style: SmlStyle): void {
  switch (style.power) {
    case 'signed':
    case 'import':
      writer.signed(digits, style.powerBytes)
      return
    case 'unsigned':
    case 'amount':
      writer.unsigned(digits < 0n ? -digits : digits, style.powerBytes)
      return
    case 'int16':
      // The old firmware chooses the width by the unsigned value, and five bytes below zero.
      if (digits >= 0n && digits < 65_536n) writer.signedOf(digits, 2)
      else writer.signed(digits, 4)
  }
}

function gridRows(state: HouseholdState): readonly Row[] {
  const rows = (first: number, unit: number, scaler: number, values: Phases): Row[] =>
    values.map((milli, index) => ({
      code: [1, 0, first + 20 * index, 7, 0, 255],
      unit,
      scaler,
      value: (writer) => {
        writer.unsigned(scaled(BigInt(milli), scaler), 2)
      },
    }))
  return [
    ...rows(32, UNIT.volt, -1, state.voltageMv),
    ...rows(31, UNIT.ampere, -2, state.currentMa),
    {
      code: [1, 0, 14, 7, 0, 255],
      unit: UNIT.hertz,
      scaler: -1,
      value: (writer) => {
        writer.unsigned(scaled(BigInt(state.frequencyMilliHz), -1), 2)
      },
    },
  ]
}

function keyRow(style: SmlStyle): Row {
  const key = Array.from({ length: 48 }, (_, index) => (style.serial * (index + 7)) & 0xff)
  return {
    code: [129, 129, 199, 130, 5, 255],
    value: (writer) => {
      writer.octets(key)
    },
  }
}

/** Thousandths as digits of a scaler, cut off as a display cuts. */
function scaled(milli: bigint, scaler: number): bigint {
  const power = scaler + 3
  return power >= 0 ? milli / 10n ** BigInt(power) : milli * 10n ** BigInt(-power)
}

const FNN_BASE = 0x1c0004n
const FNN_LOADED = 1n << 8n
const FNN_EXPORT_BIT = 11n
const EDL21_BASE = 0x182n
const EDL21_EXPORT = 1n << 5n
/** Below this a meter does not start to count. */
const START_UP_MW = 20_000

function statusWord(state: HouseholdState, style: SmlStyle): bigint {
  const exports = state.powerMw < 0
  if (style.generation === 'edl21') return exports ? EDL21_BASE | EDL21_EXPORT : EDL21_BASE
  let word = FNN_BASE
  if (Math.abs(state.powerMw) >= START_UP_MW) word |= FNN_LOADED
  for (const [index, milliW] of [state.powerMw, ...state.phasePowerMw].entries()) {
    if (milliW < 0) word |= 1n << (FNN_EXPORT_BIT + BigInt(index))
  }
  return word
}

function serverId(style: SmlStyle): readonly number[] {
  const letters = new TextEncoder().encode(style.manufacturer)
  const mark = style.generation === 'fnn' ? 0x0a : 0x09
  return [mark, 0x01, ...letters, style.block, ...bytesOf(style.serial, 4)]
}

function bytesOf(value: number, width: number): readonly number[] {
  return Array.from({ length: width }, (_, at) => (value >>> (8 * (width - 1 - at))) & 0xff)
}
