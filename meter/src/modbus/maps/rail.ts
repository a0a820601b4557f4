import type { RegisterMap } from '../map.ts'
import { entries } from './entry.ts'

const COMMON = { wordOrder: 'high-first', absentSigned: 'min', gap: 0, blockRegisters: 60 } as const

/** Carlo Gavazzi: 32-bit integers, low word first; volts and watts in tenths. */
const GAVAZZI = {
  ...COMMON,
  maker: 'Carlo Gavazzi',
  function: 4,
  wordOrder: 'low-first',
  // The meters give at most eleven registers at once in older firmware.
  blockRegisters: 11,
} as const

const GAVAZZI_PHASES = [
  ...entries(
    { type: 'i32', exponent: -1 },
    {
      voltageL1: 0x00,
      voltageL2: 0x02,
      voltageL3: 0x04,
      powerL1: 0x12,
      powerL2: 0x14,
      powerL3: 0x16,
      power: 0x28,
    },
  ),
  ...entries({ type: 'i32', exponent: -3 }, { currentL1: 0x0c, currentL2: 0x0e, currentL3: 0x10 }),
]

/** EM330, EM340 and the Ethernet version of the EM24 agree on the rest. */
const GAVAZZI_REST = [
  ...entries(
    { type: 'i16', exponent: -3 },
    { powerFactorL1: 0x2e, powerFactorL2: 0x2f, powerFactorL3: 0x30, powerFactor: 0x31 },
  ),
  ...entries({ type: 'i16', exponent: -1 }, { frequency: 0x33 }),
  // Tenths of kilowatt-hours.
  ...entries(
    { type: 'i32', exponent: 2 },
    {
      importEnergy: 0x34,
      importEnergyL1: 0x40,
      importEnergyL2: 0x42,
      importEnergyL3: 0x44,
      exportEnergy: 0x4e,
    },
  ),
]

/** Meters for the DIN rail of several makers. */
export const RAIL: readonly RegisterMap[] = [
  {
    ...GAVAZZI,
    id: 'carlo-gavazzi-em24',
    models: ['EM24-DIN'],
    source:
      'Carlo Gavazzi EM24-DIN communication protocol; volkszaehler/mbmd meters/rs485/carlogavazzi-em24.go',
    entries: [
      ...GAVAZZI_PHASES,
      ...entries(
        { type: 'i16', exponent: -3 },
        { powerFactorL1: 0x32, powerFactorL2: 0x33, powerFactorL3: 0x34, powerFactor: 0x35 },
      ),
      ...entries({ type: 'i16', exponent: -1 }, { frequency: 0x37 }),
      ...entries(
        { type: 'i32', exponent: 2 },
        {
          importEnergy: 0x42,
          importEnergyL1: 0x46,
          importEnergyL2: 0x48,
          importEnergyL3: 0x4a,
          exportEnergy: 0x5c,
        },
      ),
    ],
  },
  {
    ...GAVAZZI,
    id: 'carlo-gavazzi-em24-ethernet',
    models: ['EM24-E1'],
    source:
      'Carlo Gavazzi EM24 Ethernet protocol; volkszaehler/mbmd meters/rs485/carlogavazzi-em24_e1.go',
    entries: [...GAVAZZI_PHASES, ...GAVAZZI_REST],
  },
  {
    ...GAVAZZI,
    id: 'carlo-gavazzi-em340',
    models: ['EM330', 'EM340', 'ET330', 'ET340'],
    source:
      'EM330 EM340 ET330 ET340 communication protocol; volkszaehler/mbmd meters/rs485/carlogavazzi-ex3x0.go',
    entries: [...GAVAZZI_PHASES, ...GAVAZZI_REST],
  },
  {
    ...GAVAZZI,
    id: 'carlo-gavazzi-em111',
    models: ['EM110', 'EM111', 'EM112', 'ET112'],
    source: 'evcc-io/evcc templates/definition/meter/cg-emt1xx.yaml, from the EM111 protocol',
    entries: [
      ...entries({ type: 'i32', exponent: -1 }, { power: 0x04 }),
      ...entries({ type: 'i32', exponent: 2 }, { importEnergy: 0x10, exportEnergy: 0x20 }),
    ],
  },
  {
    ...COMMON,
    id: 'schneider-iem3000',
    maker: 'Schneider Electric',
    models: ['iEM3150', 'iEM3155', 'iEM3250', 'iEM3255', 'iEM3350', 'iEM3355'],
    source: 'Schneider Electric DOCA0005 register list; volkszaehler/mbmd meters/rs485/iem3000.go',
    function: 3,
    entries: [
      ...entries(
        { type: 'f32', decimals: 2 },
        { voltageL1: 0xbd3, voltageL2: 0xbd5, voltageL3: 0xbd7 },
      ),
      ...entries(
        { type: 'f32', decimals: 3 },
        { currentL1: 0xbb7, currentL2: 0xbb9, currentL3: 0xbbb },
      ),
      ...entries({ type: 'f32', decimals: 2 }, { frequency: 0xc25 }),
      ...entries(
        { type: 'f32', exponent: 3, decimals: 4 },
        { powerL1: 0xbed, powerL2: 0xbef, powerL3: 0xbf1, power: 0xbf3, apparentPower: 0xc03 },
      ),
      ...entries(
        { type: 'i64' },
        {
          importEnergy: 0xc83,
          exportEnergy: 0xc87,
          reactiveImport: 0xc93,
          reactiveExport: 0xc97,
          importEnergyL1: 0xdbd,
          importEnergyL2: 0xdc1,
          importEnergyL3: 0xdc5,
        },
      ),
    ],
  },
  {
    ...COMMON,
    id: 'abb-b-series',
    maker: 'ABB',
    models: ['B21', 'B23', 'B24', 'A41', 'A42', 'A43', 'A44'],
    source: 'ABB B-series user manual, mapping tables; volkszaehler/mbmd meters/rs485/abb.go',
    function: 3,
    absentSigned: 'max',
    entries: [
      ...entries(
        { type: 'u32', exponent: -1 },
        { voltageL1: 0x5b00, voltageL2: 0x5b02, voltageL3: 0x5b04 },
      ),
      ...entries(
        { type: 'u32', exponent: -2 },
        { currentL1: 0x5b0c, currentL2: 0x5b0e, currentL3: 0x5b10 },
      ),
      ...entries(
        { type: 'i32', exponent: -2 },
        { power: 0x5b14, powerL1: 0x5b16, powerL2: 0x5b18, powerL3: 0x5b1a },
      ),
      ...entries({ type: 'u16', exponent: -2 }, { frequency: 0x5b2c }),
      ...entries(
        { type: 'i16', exponent: -3 },
        {
          powerFactor: 0x5b3a,
          powerFactorL1: 0x5b3b,
          powerFactorL2: 0x5b3c,
          powerFactorL3: 0x5b3d,
        },
      ),
      // Hundredths of kilowatt-hours.
      ...entries(
        { type: 'u64', exponent: 1 },
        {
          importEnergy: 0x5000,
          exportEnergy: 0x5004,
          importEnergyL1: 0x5460,
          importEnergyL2: 0x5464,
          importEnergyL3: 0x5468,
          exportEnergyL1: 0x546c,
          exportEnergyL2: 0x5470,
          exportEnergyL3: 0x5474,
        },
      ),
    ],
  },
  {
    ...COMMON,
    id: 'janitza-umg96rm',
    maker: 'Janitza',
    models: ['UMG 96RM', 'UMG 96RM-E', 'UMG 604', 'UMG 509'],
    source:
      'Janitza Modbus address list, registers 19000 and on; OpenEMS/openems io.openems.edge.meter.janitza',
    function: 3,
    gap: 10,
    blockRegisters: 100,
    entries: [
      ...entries(
        { type: 'f32', decimals: 2 },
        {
          voltageL1: 19_000,
          voltageL2: 19_002,
          voltageL3: 19_004,
          powerL1: 19_020,
          powerL2: 19_022,
          powerL3: 19_024,
          power: 19_026,
          frequency: 19_050,
        },
      ),
      ...entries(
        { type: 'f32', decimals: 3 },
        { currentL1: 19_012, currentL2: 19_014, currentL3: 19_016 },
      ),
      ...entries({ type: 'f32', decimals: 0 }, { importEnergy: 19_068, exportEnergy: 19_076 }),
    ],
  },
  {
    ...COMMON,
    id: 'janitza-b-series',
    maker: 'Janitza',
    models: ['B23', 'B24'],
    source: 'Janitza B-series manual; volkszaehler/mbmd meters/rs485/janitza.go',
    function: 3,
    gap: 10,
    entries: [
      ...entries(
        { type: 'f32', decimals: 2 },
        {
          voltageL1: 0x4a38,
          voltageL2: 0x4a3a,
          voltageL3: 0x4a3c,
          powerL1: 0x4a4c,
          powerL2: 0x4a4e,
          powerL3: 0x4a50,
          power: 0x4a52,
          frequency: 0x4a6a,
        },
      ),
      ...entries(
        { type: 'f32', decimals: 3 },
        { currentL1: 0x4a44, currentL2: 0x4a46, currentL3: 0x4a48 },
      ),
      ...entries(
        { type: 'f32', decimals: 0 },
        {
          importEnergyL1: 0x4a76,
          importEnergyL2: 0x4a78,
          importEnergyL3: 0x4a7a,
          importEnergy: 0x4a7c,
          exportEnergyL1: 0x4a7e,
          exportEnergyL2: 0x4a80,
          exportEnergyL3: 0x4a82,
          exportEnergy: 0x4a84,
        },
      ),
    ],
  },
  {
    ...COMMON,
    id: 'siemens-pac2200',
    maker: 'Siemens',
    models: ['PAC2200'],
    source: 'Siemens PAC2200 manual; volkszaehler/mbmd meters/rs485/pac2200.go',
    function: 4,
    entries: [
      ...entries({ type: 'f32', decimals: 2 }, { voltageL1: 1, voltageL2: 3, voltageL3: 5 }),
      ...entries({ type: 'f32', decimals: 3 }, { currentL1: 13, currentL2: 15, currentL3: 17 }),
      ...entries(
        { type: 'f32', decimals: 2 },
        { powerL1: 25, powerL2: 27, powerL3: 29, apparentPower: 63, power: 65, powerFactor: 69 },
      ),
      ...entries({ type: 'f64', decimals: 0 }, { importEnergy: 801, exportEnergy: 809 }),
    ],
  },
  {
    ...COMMON,
    id: 'inepro-pro380',
    maker: 'Inepro',
    models: ['PRO1', 'PRO380'],
    source: 'Inepro PRO380 user manual; volkszaehler/mbmd meters/rs485/inepro.go',
    function: 3,
    gap: 8,
    entries: [
      ...entries(
        { type: 'f32', decimals: 2 },
        { voltageL1: 0x5002, voltageL2: 0x5004, voltageL3: 0x5006, frequency: 0x5008 },
      ),
      ...entries(
        { type: 'f32', decimals: 3 },
        { currentL1: 0x500c, currentL2: 0x500e, currentL3: 0x5010 },
      ),
      ...entries(
        { type: 'f32', exponent: 3, decimals: 4 },
        { power: 0x5012, powerL1: 0x5014, powerL2: 0x5016, powerL3: 0x5018 },
      ),
      ...entries(
        { type: 'f32', exponent: 3, decimals: 3 },
        {
          importEnergy: 0x600c,
          importEnergyL1: 0x6012,
          importEnergyL2: 0x6014,
          importEnergyL3: 0x6016,
          exportEnergy: 0x6018,
          exportEnergyL1: 0x601e,
          exportEnergyL2: 0x6020,
          exportEnergyL3: 0x6022,
        },
      ),
    ],
  },
  {
    ...COMMON,
    id: 'shelly-pro-3em',
    maker: 'Shelly',
    models: ['Pro 3EM', 'Pro 3EM-400', '3EM-63T Gen3'],
    source:
      'Shelly API documentation, EM and EMData, Modbus registers 31000 and 31160 and on (Modbus TCP)',
    function: 4,
    wordOrder: 'low-first',
    gap: 2,
    entries: [
      ...entries({ type: 'f32', decimals: 2 }, { power: 1_013 }),
      ...entries(
        { type: 'f32', decimals: 2 },
        {
          voltageL1: 1_020,
          voltageL2: 1_040,
          voltageL3: 1_060,
          powerL1: 1_024,
          powerL2: 1_044,
          powerL3: 1_064,
        },
      ),
      ...entries(
        { type: 'f32', decimals: 3 },
        { currentL1: 1_022, currentL2: 1_042, currentL3: 1_062 },
      ),
      ...entries(
        { type: 'f32', decimals: 1 },
        {
          importEnergy: 1_162,
          exportEnergy: 1_164,
          importEnergyL1: 1_182,
          exportEnergyL1: 1_184,
          importEnergyL2: 1_202,
          exportEnergyL2: 1_204,
          importEnergyL3: 1_222,
          exportEnergyL3: 1_224,
        },
      ),
    ],
  },
]
