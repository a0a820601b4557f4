import type { ModbusEntry, RegisterMap } from '../map.ts'
import type { Quantity } from './entry.ts'
import { entries } from './entry.ts'

/** Values of the integer models whose exponent stands in a register of its own. */
function scaled(
  type: 'i16' | 'u32',
  exponentFrom: number,
  addresses: Readonly<Partial<Record<Quantity, number>>>,
): readonly ModbusEntry[] {
  return entries({ type, exponentFrom }, addresses)
}

const COMMON = {
  maker: 'SunSpec Alliance',
  function: 3,
  wordOrder: 'high-first',
  absentSigned: 'min',
  gap: 20,
  blockRegisters: 120,
} as const

/** Meters that follow the SunSpec information model, whoever made them. */
export const SUNSPEC: readonly RegisterMap[] = [
  {
    ...COMMON,
    id: 'sunspec-meter',
    models: ['model 201', 'model 202', 'model 203', 'model 204'],
    source: 'sunspec/models json/model_201.json to model_204.json',
    sunspecModels: [201, 202, 203, 204],
    entries: [
      ...scaled('i16', 6, { currentL1: 3, currentL2: 4, currentL3: 5 }),
      ...scaled('i16', 15, { voltageL1: 8, voltageL2: 9, voltageL3: 10 }),
      ...scaled('i16', 17, { frequency: 16 }),
      ...scaled('i16', 22, { power: 18, powerL1: 19, powerL2: 20, powerL3: 21 }),
      ...scaled('i16', 27, { apparentPower: 23 }),
      ...scaled('u32', 54, {
        exportEnergy: 38,
        exportEnergyL1: 40,
        exportEnergyL2: 42,
        exportEnergyL3: 44,
        importEnergy: 46,
        importEnergyL1: 48,
        importEnergyL2: 50,
        importEnergyL3: 52,
      }),
    ],
  },
  {
    ...COMMON,
    id: 'sunspec-meter-float',
    models: ['model 211', 'model 212', 'model 213', 'model 214'],
    source: 'sunspec/models json/model_211.json to model_214.json',
    sunspecModels: [211, 212, 213, 214],
    entries: [
      ...entries({ type: 'f32', decimals: 3 }, { currentL1: 4, currentL2: 6, currentL3: 8 }),
      ...entries(
        { type: 'f32', decimals: 2 },
        {
          voltageL1: 12,
          voltageL2: 14,
          voltageL3: 16,
          frequency: 26,
          power: 28,
          powerL1: 30,
          powerL2: 32,
          powerL3: 34,
          apparentPower: 36,
        },
      ),
      ...entries(
        { type: 'f32', decimals: 0 },
        {
          exportEnergy: 60,
          exportEnergyL1: 62,
          exportEnergyL2: 64,
          exportEnergyL3: 66,
          importEnergy: 68,
          importEnergyL1: 70,
          importEnergyL2: 72,
          importEnergyL3: 74,
        },
      ),
    ],
  },
]
