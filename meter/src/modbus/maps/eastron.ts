import type { RegisterMap } from '../map.ts'
import type { Form, Quantity } from './entry.ts'
import { entries } from './entry.ts'

/** Floating point everywhere: energy in kWh, all else in the unit. */
const KILO: Form = { type: 'f32', exponent: 3, decimals: 3 }
const UNIT: Form = { type: 'f32', decimals: 2 }

const COMMON = {
  maker: 'Eastron',
  function: 4,
  wordOrder: 'high-first',
  absentSigned: 'min',
  gap: 8,
  // The meters answer at most 40 values of two registers.
  blockRegisters: 80,
} as const

const ENERGY: Readonly<Partial<Record<Quantity, number>>> = {
  importEnergy: 0x48,
  exportEnergy: 0x4a,
  reactiveImport: 0x4c,
  reactiveExport: 0x4e,
}

const SINGLE_PHASE: Readonly<Partial<Record<Quantity, number>>> = {
  voltageL1: 0x00,
  currentL1: 0x06,
  power: 0x0c,
  apparentPower: 0x12,
  powerFactor: 0x1e,
  frequency: 0x46,
}

const THREE_PHASE: Readonly<Partial<Record<Quantity, number>>> = {
  voltageL1: 0x00,
  voltageL2: 0x02,
  voltageL3: 0x04,
  currentL1: 0x06,
  currentL2: 0x08,
  currentL3: 0x0a,
  powerL1: 0x0c,
  powerL2: 0x0e,
  powerL3: 0x10,
  powerFactorL1: 0x1e,
  powerFactorL2: 0x20,
  powerFactorL3: 0x22,
  power: 0x34,
  apparentPower: 0x38,
  powerFactor: 0x3e,
  frequency: 0x46,
}

/** Meters of Eastron for the DIN rail. */
export const EASTRON: readonly RegisterMap[] = [
  {
    ...COMMON,
    id: 'eastron-sdm120',
    models: ['SDM120-Modbus', 'SDM120M'],
    source: 'SDM120-Modbus manual, input registers; volkszaehler/mbmd meters/rs485/sdm120.go',
    entries: [...entries(KILO, ENERGY), ...entries(UNIT, SINGLE_PHASE)],
  },
  {
    ...COMMON,
    id: 'eastron-sdm230',
    models: ['SDM220-Modbus', 'SDM230-Modbus'],
    source:
      'SDM220 and SDM230 register lists; volkszaehler/mbmd meters/rs485/sdm220.go and sdm230.go',
    entries: [...entries(KILO, ENERGY), ...entries(UNIT, SINGLE_PHASE)],
  },
  {
    ...COMMON,
    id: 'eastron-sdm630',
    models: ['SDM630-Modbus', 'SDM630-Modbus V2'],
    source: 'SDM630 Modbus protocol, input registers; volkszaehler/mbmd meters/rs485/sdm.go',
    entries: [
      ...entries(KILO, {
        ...ENERGY,
        importEnergyL1: 0x15a,
        importEnergyL2: 0x15c,
        importEnergyL3: 0x15e,
        exportEnergyL1: 0x160,
        exportEnergyL2: 0x162,
        exportEnergyL3: 0x164,
      }),
      ...entries(UNIT, THREE_PHASE),
    ],
  },
  {
    ...COMMON,
    id: 'eastron-sdm72',
    models: ['SDM72D-M'],
    source: 'SDM72D-M manual, input registers; volkszaehler/mbmd meters/rs485/sdm72.go',
    // Only these registers exist: what lies between is refused.
    gap: 0,
    entries: [
      ...entries(KILO, { importEnergy: 0x48, exportEnergy: 0x4a }),
      ...entries(UNIT, { power: 0x34 }),
    ],
  },
  {
    ...COMMON,
    id: 'eastron-sdm72-v2',
    models: ['SDM72D-M-2'],
    source: 'SDM72D-M v2 manual, input registers; volkszaehler/mbmd meters/rs485/sdm72v2.go',
    entries: [
      ...entries(KILO, { importEnergy: 0x48, exportEnergy: 0x4a }),
      ...entries(UNIT, THREE_PHASE),
    ],
  },
]
