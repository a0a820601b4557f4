import { gasLitresAt } from '@s3mp/meter/simulator'
import type { DemoPast, PastMoment, PastRegister, PastStream } from './history.ts'
import type { DemoMeter } from './kinds.ts'

/** Units of DLMS UA (IEC 62056-6-2, clause 4.3.2): watt, watt-hour, cubic metre. */
const [W, WH, M3] = [27, 30, 13]
const QUARTER_MS = 900_000

/** Enough on the registers for a year and more. */
export const IMPORT_MILLI_WH = 4_821_337_250n
export const EXPORT_MILLI_WH = 6_904_512_800n

/** The numbers by which the pretended meters call themselves. */
const METER_IDS: Readonly<Record<DemoMeter, string>> = {
  sml: '1SIM0010203040',
  dlms: 'SIM1020304050',
  d0: '10203052',
  dsmr: 'SIM00000000000050',
  s0: '1SIM0010203050',
  modbus: 'SIM-630',
}

/** What each kind of meter says of the house, as it will go on to say it. */
const REGISTERS: Readonly<Record<DemoMeter, readonly PastRegister[]>> = {
  sml: [drawn('1-0:1.8.0*255', -1), fed('1-0:2.8.0*255', -1), power('1-0:16.7.0*255', -1)],
  dlms: [drawn('1-0:1.8.0*255', 0), fed('1-0:2.8.0*255', 0), power('1-0:16.7.0*255', 0)],
  d0: [drawn('1-0:1.8.0*255', 0), fed('1-0:2.8.0*255', 0)],
  dsmr: [
    // Two tariffs, of which the first has two fifths, as the simulated meter shares them out.
    energy('1-0:1.8.1*255', 0, ({ drawn }) => Math.floor((drawn * 2) / 5)),
    energy('1-0:1.8.2*255', 0, ({ drawn }) => drawn - Math.floor((drawn * 2) / 5)),
    energy('1-0:2.8.1*255', 0, () => 0),
    energy('1-0:2.8.2*255', 0, ({ fed }) => fed),
    power('1-0:16.7.0*255', 0),
  ],
  s0: [drawn('1-0:1.8.0*255', -4), power('1-0:1.7.0*255', -3, ({ watts }) => Math.max(0, watts))],
  modbus: [drawn('1-0:1.8.0*255', 0), fed('1-0:2.8.0*255', 0), power('1-0:16.7.0*255', -2)],
}

const GAS: PastStream = {
  place: 1,
  meterId: 'G0000000000012345',
  protocol: 'dsmr',
  intervalMs: 0,
  aDay: 24,
  registers: [
    {
      obis: '0-1:24.2.1*255',
      unitCode: M3,
      scaler: -3,
      digits: ({ litres }) => BigInt(Math.floor(litres)),
    },
  ],
}

/** The past of the simulated house, as a meter of that kind has it. */
export function pastOf(kind: DemoMeter): DemoPast {
  const house: PastStream = {
    place: 0,
    meterId: METER_IDS[kind],
    protocol: kind,
    intervalMs: QUARTER_MS,
    aDay: 96,
    registers: REGISTERS[kind],
  }
  return {
    importMilliWh: IMPORT_MILLI_WH,
    exportMilliWh: EXPORT_MILLI_WH,
    gasLitresAt,
    streams: kind === 'dsmr' ? [house, GAS] : [house],
  }
}

/** A register of energy, out of tenths of a watt-hour; a meter never shows more than there is. */
function energy(obis: string, scaler: number, of: (moment: PastMoment) => number): PastRegister {
  const factor = 10 ** (-1 - scaler)
  const digits = (moment: PastMoment): bigint => BigInt(Math.floor(of(moment) * factor))
  return { obis, unitCode: WH, scaler, digits }
}

function drawn(obis: string, scaler: number): PastRegister {
  return energy(obis, scaler, (moment) => moment.drawn)
}

function fed(obis: string, scaler: number): PastRegister {
  return energy(obis, scaler, (moment) => moment.fed)
}

function power(
  obis: string,
  scaler: number,
  of: (moment: PastMoment) => number = ({ watts }) => watts,
): PastRegister {
  const factor = 10 ** -scaler
  const digits = (moment: PastMoment): bigint => BigInt(Math.round(of(moment) * factor))
  return { obis, unitCode: W, scaler, digits }
}
