import type { ModbusEntry, ModbusType } from '../map.ts'

/** OBIS codes of what electricity meters on Modbus measure, by short names. */
export const CODE = {
  importEnergy: '1-0:1.8.0*255',
  exportEnergy: '1-0:2.8.0*255',
  importEnergyL1: '1-0:21.8.0*255',
  importEnergyL2: '1-0:41.8.0*255',
  importEnergyL3: '1-0:61.8.0*255',
  exportEnergyL1: '1-0:22.8.0*255',
  exportEnergyL2: '1-0:42.8.0*255',
  exportEnergyL3: '1-0:62.8.0*255',
  reactiveImport: '1-0:3.8.0*255',
  reactiveExport: '1-0:4.8.0*255',
  power: '1-0:16.7.0*255',
  powerL1: '1-0:36.7.0*255',
  powerL2: '1-0:56.7.0*255',
  powerL3: '1-0:76.7.0*255',
  apparentPower: '1-0:9.7.0*255',
  voltageL1: '1-0:32.7.0*255',
  voltageL2: '1-0:52.7.0*255',
  voltageL3: '1-0:72.7.0*255',
  currentL1: '1-0:31.7.0*255',
  currentL2: '1-0:51.7.0*255',
  currentL3: '1-0:71.7.0*255',
  frequency: '1-0:14.7.0*255',
  powerFactor: '1-0:13.7.0*255',
  powerFactorL1: '1-0:33.7.0*255',
  powerFactorL2: '1-0:53.7.0*255',
  powerFactorL3: '1-0:73.7.0*255',
} as const

/** A quantity by its short name. */
export type Quantity = keyof typeof CODE

const UNITS: readonly (readonly [RegExp, string])[] = [
  [/^reactive/, 'varh'],
  [/Energy/, 'Wh'],
  [/^apparentPower/, 'VA'],
  [/^powerFactor/, ''],
  [/^power/, 'W'],
  [/^voltage/, 'V'],
  [/^current/, 'A'],
  [/^frequency/, 'Hz'],
]

/** How the values of one kind lie in a meter: type, power of ten, decimals of floating point. */
export interface Form {
  readonly type: ModbusType
  readonly exponent?: number
  readonly decimals?: number
  readonly exponentFrom?: number
}

/** Entries of one form: quantities and their addresses. */
export function entries(
  form: Form,
  addresses: Readonly<Partial<Record<Quantity, number>>>,
): readonly ModbusEntry[] {
  return Object.entries(addresses).map(([name, address]) => ({
    exponent: 0,
    ...form,
    address,
    obis: CODE[name as Quantity],
    unit: UNITS.find(([pattern]) => pattern.test(name))?.[1] ?? '',
  }))
}
