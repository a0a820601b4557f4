import { toHex } from '../bytes.ts'
import { crc16Arc } from '../crc16.ts'
import type { HouseholdState } from './household.ts'
import { asciiBytes, bothWays, fixed, kiloWattHours, kiloWatts, wallClock } from './text.ts'

/** How a simulated meter sends DSMR P1; each field is a habit of real meters. */
export interface DsmrStyle {
  /** Identification line without `/`. */
  readonly ident: string
  /** Value of 1-3:0.2.8, where the version has that line. */
  readonly version?: string
  readonly crc: 'padded' | 'unpadded' | 'none'
  /** Two tariffs (Netherlands, Belgium) or the total alone (Nordic countries, Luxembourg). */
  readonly tariffs: boolean
  /** Reactive energy and power, as the Nordic countries have them. */
  readonly reactive: boolean
  readonly phases: boolean
  /** Text of the equipment's number, sent as hex; '' for a meter that does not say it. */
  readonly device: string
  /** Gas: the three-line form of versions 2 and 3, 24.2.1, 24.2.3, or no meter. */
  readonly gas: 'profile' | 'converted' | 'unconverted' | 'none'
  /** Beside gas: a water meter on channel 2, a heat meter on channel 3. */
  readonly others?: readonly ('water' | 'heat')[]
  /** Registers of four tariffs beside the total, and values at the end of the month (Hungary). */
  readonly fourTariffs?: boolean
  /** Monthly peaks (Belgium). */
  readonly peaks?: boolean
  /** Code of the equipment's number where it is not 0-0:96.1.1. */
  readonly deviceCode?: string
}

/** Styles of meters that exist, as far as their telegrams go. */
export const DSMR_STYLES = {
  v2: {
    ident: 'SIM5\\2SIM-V2',
    crc: 'none',
    tariffs: true,
    reactive: false,
    phases: false,
    device: 'SIM00000000000020',
    gas: 'profile',
  },
  v4: {
    ident: 'SIM5SIM-V42',
    version: '42',
    crc: 'padded',
    tariffs: true,
    reactive: false,
    phases: true,
    device: 'SIM00000000000042',
    gas: 'converted',
  },
  v5: {
    ident: 'SIM5\\2SIM-V50',
    version: '50',
    crc: 'padded',
    tariffs: true,
    reactive: false,
    phases: true,
    device: 'SIM00000000000050',
    gas: 'converted',
  },
  belgium: {
    ident: 'FLU5\\253000001_A',
    crc: 'padded',
    tariffs: true,
    reactive: false,
    phases: true,
    device: '1SIM0000000171',
    gas: 'unconverted',
  },
  nordic: {
    ident: 'SIM5E360',
    crc: 'padded',
    tariffs: false,
    reactive: true,
    phases: true,
    device: '',
    gas: 'none',
  },
  /** Belgium with a digital water meter and the monthly peaks that its grid fees follow. */
  belgiumWater: {
    ident: 'FLU5\\253000002_A',
    crc: 'padded',
    tariffs: true,
    reactive: false,
    phases: true,
    device: '1SIM0000000172',
    gas: 'unconverted',
    others: ['water'],
    peaks: true,
  },
  /** Luxembourg's Smarty, as it is inside its cipher. */
  luxembourg: {
    ident: 'SIM5\\253000003_A',
    version: '42',
    crc: 'padded',
    tariffs: false,
    reactive: true,
    phases: true,
    device: 'SIM1030123456789',
    deviceCode: '0-0:42.0.0',
    gas: 'converted',
  },
  hungary: {
    ident: 'SIM5EON-HU',
    crc: 'padded',
    tariffs: false,
    reactive: true,
    phases: true,
    device: 'SIM0000000361',
    deviceCode: '0-0:96.1.0',
    gas: 'none',
    fourTariffs: true,
  },
  /** A port in a house with district heating: gas, water and heat behind one electricity meter. */
  allMedia: {
    ident: 'SIM5\\2SIM-ALL',
    version: '50',
    crc: 'padded',
    tariffs: true,
    reactive: false,
    phases: false,
    device: 'SIM00000000000052',
    gas: 'converted',
    others: ['water', 'heat'],
  },
  unpadded: {
    ident: 'SIM-HEAT',
    version: '50',
    crc: 'unpadded',
    tariffs: false,
    reactive: false,
    phases: false,
    device: 'SIM00000000000051',
    gas: 'converted',
  },
} as const satisfies Record<string, DsmrStyle>

const QUARTER_SECONDS = 900
const HOUR_SECONDS = 3_600
const GAS_DEVICE = 'G0000000000012345'
/** When the simulated gas meter stood at zero, and litres an hour since. */
const GAS_START_MS = Date.UTC(2025, 0, 1)
const GAS_LITRES_AN_HOUR = 175
const HOUR_MS = 3_600_000

/** What the simulated gas meter shows at a moment, in litres. */
export function gasLitresAt(timeMs: number): number {
  return Math.floor((Math.max(0, timeMs - GAS_START_MS) / HOUR_MS) * GAS_LITRES_AN_HOUR)
}

/** Encodes a state as a telegram from `/` to the line end behind its checksum. */
export function encodeDsmr(state: HouseholdState, style: Partial<DsmrStyle> = {}): Uint8Array {
  const full: DsmrStyle = { ...DSMR_STYLES.v5, ...style }
  const lines = [
    ...headRows(state, full),
    ...energyRows(state, full),
    ...powerRows(state, full),
    ...(full.phases ? gridRows(state) : []),
    ...(full.peaks === true ? peakRows(state) : []),
    ...gasRows(state, full),
    ...(full.others ?? []).flatMap((other) => otherRows(state, other)),
  ]
  const text = `/${full.ident}\r\n\r\n${lines.map((line) => `${line}\r\n`).join('')}!`
  if (full.crc === 'none') return asciiBytes(`${text}\r\n`)
  const crc = crc16Arc(asciiBytes(text)).toString(16).toUpperCase()
  return asciiBytes(`${text}${full.crc === 'padded' ? crc.padStart(4, '0') : crc}\r\n`)
}

function hexOf(text: string): string {
  return toHex(asciiBytes(text)).toUpperCase()
}

function headRows(state: HouseholdState, style: DsmrStyle): readonly string[] {
  return [
    ...(style.version === undefined ? [] : [`1-3:0.2.8(${style.version})`]),
    ...(style.crc === 'none' ? [] : [`0-0:1.0.0(${wallClock(state)}W)`]),
    ...(style.device === '' ? [] : [`${style.deviceCode ?? '0-0:96.1.1'}(${hexOf(style.device)})`]),
  ]
}

function energyRows(state: HouseholdState, style: DsmrStyle): readonly string[] {
  const kwh = (milliWh: bigint): string => kiloWattHours(milliWh, 6, 3)
  const { importMilliWh: bought, exportMilliWh: sold } = state
  if (!style.tariffs) {
    return [
      `1-0:1.8.0(${kwh(bought)})`,
      `1-0:2.8.0(${kwh(sold)})`,
      ...(style.fourTariffs === true ? tariffRows(bought, sold) : []),
      ...(style.reactive ? ['1-0:3.8.0(000044.813*kVArh)', '1-0:4.8.0(000486.492*kVArh)'] : []),
    ]
  }
  // The night's share: two fifths, so that the two add up to the total.
  const night = (bought * 2n) / 5n
  return [
    `1-0:1.8.1(${kwh(night)})`,
    `1-0:1.8.2(${kwh(bought - night)})`,
    `1-0:2.8.1(${kwh(0n)})`,
    `1-0:2.8.2(${kwh(sold)})`,
    '0-0:96.14.0(0002)',
  ]
}

/** Two tariffs in use and two that stand at zero. */
function tariffRows(bought: bigint, sold: bigint): readonly string[] {
  const night = (bought * 2n) / 5n
  const rows = (group: number, values: readonly bigint[]): readonly string[] =>
    values.map((value, index) => `1-0:${group}.8.${index + 1}(${kiloWattHours(value, 6, 3)})`)
  return [
    ...rows(1, [bought - night, night, 0n, 0n]),
    ...rows(2, [sold, 0n, 0n, 0n]),
    '0-0:96.14.0(0001)',
  ]
}

/** Mean demand of this quarter hour, its highest of this month, and those of two months before. */
function peakRows(state: HouseholdState): readonly string[] {
  const [bought] = bothWays(state.powerMw)
  const time = wallClock(state, QUARTER_SECONDS)
  return [
    `1-0:1.4.0(${kiloWatts(bought, 2, 3)})`,
    `1-0:1.6.0(${time}W)(04.321*kW)`,
    '0-0:98.1.0(2)(1-0:1.6.0)(1-0:1.6.0)(250101000000W)(241213174500W)(05.012*kW)' +
      '(250201000000W)(250117180000W)(04.329*kW)',
  ]
}

function powerRows(state: HouseholdState, style: DsmrStyle): readonly string[] {
  const [bought, sold] = bothWays(state.powerMw)
  return [
    `1-0:1.7.0(${kiloWatts(bought, 2, 3)})`,
    `1-0:2.7.0(${kiloWatts(sold, 2, 3)})`,
    ...(style.reactive ? ['1-0:3.7.0(00.000*kVAr)', '1-0:4.7.0(00.367*kVAr)'] : []),
    ...(style.tariffs
      ? [
          '0-0:96.7.21(00004)',
          '1-0:99.97.0(1)(0-0:96.7.19)(250108152415W)(0000000240*s)',
          '0-0:96.13.0()',
        ]
      : []),
  ]
}

function gridRows(state: HouseholdState): readonly string[] {
  const { voltageMv, currentMa, phasePowerMw } = state
  return [
    ...voltageMv.map((mv, index) => `1-0:${32 + 20 * index}.7.0(${fixed(mv, 3, 3, 1)}*V)`),
    ...currentMa.map((ma, index) => `1-0:${31 + 20 * index}.7.0(${fixed(ma, 3, 3, 2)}*A)`),
    ...phasePowerMw.flatMap((mw, index) => {
      const [bought, sold] = bothWays(mw)
      return [
        `1-0:${21 + 20 * index}.7.0(${kiloWatts(bought, 2, 3)})`,
        `1-0:${22 + 20 * index}.7.0(${kiloWatts(sold, 2, 3)})`,
      ]
    }),
  ]
}

function gasRows(state: HouseholdState, style: DsmrStyle): readonly string[] {
  if (style.gas === 'none') return []
  const stepSeconds = style.version === '50' ? 300 : 3_600
  const shownMs = Math.floor(state.timeMs / (1_000 * stepSeconds)) * 1_000 * stepSeconds
  const value = fixed(gasLitresAt(shownMs), 3, 5, 3)
  const time = wallClock(state, stepSeconds)
  const head = ['0-1:24.1.0(003)', `0-1:96.1.0(${hexOf(GAS_DEVICE)})`]
  if (style.gas === 'profile') {
    return [...head, `0-1:24.3.0(${time})(00)(60)(1)(0-1:24.2.1)(m3)`, `(${value})`]
  }
  return [...head, `0-1:24.2.${style.gas === 'converted' ? 1 : 3}(${time}W)(${value}*m3)`]
}

/** A water or heat meter behind the port, asked once an hour. */
function otherRows(state: HouseholdState, other: 'water' | 'heat'): readonly string[] {
  const [channel, type, device] = other === 'water' ? [2, '007', 'W0001'] : [3, '012', 'H0001']
  const hours = Math.floor(Math.max(0, state.timeMs - GAS_START_MS) / HOUR_MS)
  // Nine litres an hour; a hundredth of a gigajoule every four hours.
  const value =
    other === 'water'
      ? `${fixed(9 * hours, 3, 5, 3)}*m3`
      : `${fixed(Math.floor(hours / 4), 2, 5, 3)}*GJ`
  return [
    `0-${channel}:24.1.0(${type})`,
    `0-${channel}:96.1.${other === 'water' ? 1 : 0}(${hexOf(device)})`,
    `0-${channel}:24.2.1(${wallClock(state, HOUR_SECONDS)}W)(${value})`,
  ]
}
