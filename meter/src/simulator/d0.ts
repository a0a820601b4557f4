import type { HouseholdState } from './household.ts'
import { asciiBytes, fixed, kiloWattHours, wallClock, watts } from './text.ts'

/** How a simulated meter sends IEC 62056-21; each field is a habit of real meters. */
export interface D0Style {
  /** Identification line without `/`: maker, speed, model. */
  readonly ident: string
  /** STX, ETX and block check around the data, as after a sign-on; push meters leave them out. */
  readonly block: boolean
  /** `1-0:1.8.0*255`, `1.8.0`, or `1.8.0*00`. */
  readonly codes: 'full' | 'short' | 'stored'
  /** Number on the name plate; the DIN form where codes are full. */
  readonly device: string
  /** Net power under 16.7.0, under 1.7.0 with its sign, or none. */
  readonly power: 'net' | 'signed-import' | 'none'
  /** Powers, voltages and currents of the phases. */
  readonly phases: boolean
  /** `*kWh`, or `kWh` behind a blank, or no unit. */
  readonly unit: 'star' | 'blank' | 'none'
  readonly energyDecimals: number
  /** Energy at the end of so many months before, with storage numbers. */
  readonly history: number
}

/** Styles of meters that exist, as far as their telegrams go. */
export const D0_STYLES = {
  /** A basic meter that sends every second. */
  push: {
    ident: 'SIM5DD3-METER_100',
    block: false,
    codes: 'full',
    device: '1SIM0010203050',
    power: 'net',
    phases: true,
    unit: 'star',
    energyDecimals: 8,
    history: 0,
  },
  /** EasyMeter: net power under the code of import. */
  signedImport: {
    ident: 'ESY5SIM-Q3D V3.04',
    block: false,
    codes: 'full',
    device: '1ESY0010203051',
    power: 'signed-import',
    phases: true,
    unit: 'star',
    energyDecimals: 7,
    history: 0,
  },
  /** Readout after a sign-on, mode C, with a year of months. */
  readout: {
    ident: 'SIM4\\2ZMF-SIM.M26',
    block: true,
    codes: 'short',
    device: '10203052',
    power: 'none',
    phases: true,
    unit: 'star',
    energyDecimals: 3,
    history: 12,
  },
  /** Whole kilowatt-hours and units behind a blank. */
  coarse: {
    ident: 'SIM5MT171-SIM',
    block: true,
    codes: 'full',
    device: '1SIM0010203053',
    power: 'none',
    phases: false,
    unit: 'blank',
    energyDecimals: 0,
    history: 0,
  },
  /** Values without units under storage number 0. */
  bare: {
    ident: 'SIM5EC3-SIM',
    block: true,
    codes: 'stored',
    device: '10203054',
    power: 'none',
    phases: false,
    unit: 'none',
    energyDecimals: 2,
    history: 0,
  },
} as const satisfies Record<string, D0Style>

/** Energy that the simulated history takes off a month: 250 kWh. */
const MONTH_MILLI_WH = 250_000_000n

/** Encodes a state as a telegram from `/` to its end. */
export function encodeD0(state: HouseholdState, style: Partial<D0Style> = {}): Uint8Array {
  const full: D0Style = { ...D0_STYLES.push, ...style }
  const lines = [
    ...identityRows(full, state),
    ...energyRows(state, full),
    ...powerRows(state, full),
    ...(full.phases ? gridRows(state, full) : []),
  ]
  const data = `${lines.map((line) => `${line}\r\n`).join('')}!\r\n`
  const head = `/${full.ident}\r\n`
  if (!full.block) return asciiBytes(`${head}\r\n${data}`)
  const telegram = asciiBytes(`${head}\x02${data}\x03?`)
  telegram[telegram.length - 1] = blockCheck(telegram, head.length + 1)
  return telegram
}

/** XOR of everything behind STX up to and with ETX. */
function blockCheck(telegram: Uint8Array, from: number): number {
  return telegram.subarray(from, -1).reduce((sum, byte) => sum ^ byte, 0)
}

function row(style: D0Style, code: string, value: string): string {
  if (style.codes === 'full') return `1-0:${code}*255(${value})`
  return style.codes === 'short' ? `${code}(${value})` : `${code}*00(${value})`
}

function identityRows(style: D0Style, state: HouseholdState): readonly string[] {
  if (style.codes === 'full') return [row(style, '96.1.0', style.device)]
  const clock = wallClock(state)
  return [
    'F.F(00)',
    `C.1.0(${style.device})`,
    `0.9.1(${clock.slice(6)})`,
    `0.9.2(${clock.slice(0, 6)})`,
  ]
}

function energyRows(state: HouseholdState, style: D0Style): readonly string[] {
  const value = (milliWh: bigint): string => {
    const star = kiloWattHours(milliWh, 6, style.energyDecimals)
    if (style.unit === 'star') return star
    return star.replace('*kWh', style.unit === 'blank' ? ' kWh' : '')
  }
  const rows = [
    row(style, '1.8.0', value(state.importMilliWh)),
    row(style, '2.8.0', value(state.exportMilliWh)),
  ]
  for (let month = 1; month <= style.history; month++) {
    const left = state.importMilliWh - BigInt(month) * MONTH_MILLI_WH
    const number = month.toString().padStart(2, '0')
    rows.push(`1.8.0*${number}(${value(left > 0n ? left : 0n)})`)
  }
  return rows
}

function powerRows(state: HouseholdState, style: D0Style): readonly string[] {
  if (style.power === 'none') return []
  const first = style.power === 'net' ? 16 : 1
  const values = style.phases ? state.phasePowerMw : []
  return [
    row(style, `${first}.7.0`, watts(state.powerMw, 6, 2)),
    ...values.map((mw, index) => row(style, `${first + 20 * (index + 1)}.7.0`, watts(mw, 6, 2))),
  ]
}

function gridRows(state: HouseholdState, style: D0Style): readonly string[] {
  return [
    ...state.voltageMv.map((mv, index) =>
      row(style, `${32 + 20 * index}.7.0`, `${fixed(mv, 3, 3, 1)}*V`),
    ),
    ...state.currentMa.map((ma, index) =>
      row(style, `${31 + 20 * index}.7.0`, `${fixed(ma, 3, 3, 2)}*A`),
    ),
  ]
}
