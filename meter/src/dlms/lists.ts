import type { Data } from './axdr.ts'

/** What stands at one place of a list without OBIS codes. */
type Place =
  /** The device number: letters and digits, or the list is another one. */
  | 'device'
  /** The meter's clock: a date-time, or the list is another one. */
  | 'clock'
  | 'skip'
  /** With a unit where the code alone does not say it; `isTurned`: the meter counts the other way. */
  | readonly [obis: string, scaler: number, unitCode?: number, isTurned?: boolean]

/** A list whose values are named by their places alone. */
export interface PositionalList {
  readonly name: string
  readonly makers: readonly string[]
  /**
   * A letter an element: `s` octets or text, `u` `h` `b` unsigned of 32, 16, 8 bits, `i` `j` `c`
   * signed, `U` `I` of 64 bits, `e` enumeration, `o` boolean, `n` null, `l` a list.
   */
  readonly types: RegExp
  /** What the first text begins with, where it is known. */
  readonly begins?: string
  /** Types alone tell it: its owner vouches for what stands where. */
  readonly byTypes?: true
  readonly places: readonly Place[]
  /** How the places are known. */
  readonly evidence: string
}

const POWERS = [
  ['1-0:1.7.0*255', 0],
  ['1-0:2.7.0*255', 0],
  ['1-0:3.7.0*255', 0],
  ['1-0:4.7.0*255', 0],
] as const
const VOLTAGES = [
  ['1-0:32.7.0*255', -1],
  ['1-0:52.7.0*255', -1],
  ['1-0:72.7.0*255', -1],
] as const
const CURRENTS = [
  ['1-0:31.7.0*255', -2],
  ['1-0:51.7.0*255', -2],
  ['1-0:71.7.0*255', -2],
] as const
const MILLI_CURRENTS = CURRENTS.map(([obis]) => [obis, -3] as const)
const IMPORTS = [
  ['1-0:21.7.0*255', 0],
  ['1-0:41.7.0*255', 0],
  ['1-0:61.7.0*255', 0],
] as const
const EXPORTS = [
  ['1-0:22.7.0*255', 0],
  ['1-0:42.7.0*255', 0],
  ['1-0:62.7.0*255', 0],
] as const
const TARIFFS = [
  ['1-0:1.8.0*255', 0],
  ['1-0:1.8.1*255', 0],
  ['1-0:1.8.2*255', 0],
  ['1-0:2.8.0*255', 0],
  ['1-0:2.8.1*255', 0],
  ['1-0:2.8.2*255', 0],
] as const
const ENERGIES = [
  ['1-0:1.8.0*255', 0],
  ['1-0:2.8.0*255', 0],
  ['1-0:3.8.0*255', 0],
  ['1-0:4.8.0*255', 0],
] as const
const BY_TARIFF = [1, 2, 3, 4].flatMap((c) =>
  [1, 2].map((e) => [`1-0:${c}.8.${e}*255`, 0] as const),
)
const KAIFA_HEAD = ['skip', 'device', 'skip'] as const
const NVE = 'Norwegian HAN specification of NVE, lists of Kaifa; streams of a MA304H3E'
const ISKRA = 'UtilitechAS/amsreader-firmware src/decoder/src/IEC6205675.cpp, lists of Iskraemeco'
const SODO =
  'AM550 of Slovenian grids: sums of tariffs and phases agree, amsreader-firmware #615 and #869'

/** Every list without OBIS codes that is known, in the one place where they are kept. */
export const POSITIONAL_LISTS: readonly PositionalList[] = [
  { name: 'kaifa-1', makers: ['KFM'], types: /^u$/, places: [['1-0:1.7.0*255', 0]], evidence: NVE },
  {
    name: 'kaifa-single-phase',
    makers: ['KFM'],
    types: /^sss[ui]{6}(?:s[ui]{4})?$/,
    begins: 'KFM_',
    places: [
      ...KAIFA_HEAD,
      ...POWERS,
      ...MILLI_CURRENTS.slice(0, 1),
      ...VOLTAGES.slice(0, 1),
      'skip',
      ...ENERGIES,
    ],
    evidence: NVE,
  },
  {
    name: 'kaifa-three-phase',
    makers: ['KFM'],
    types: /^sss[ui]{10}(?:s[ui]{4})?$/,
    begins: 'KFM_',
    places: [...KAIFA_HEAD, ...POWERS, ...MILLI_CURRENTS, ...VOLTAGES, 'skip', ...ENERGIES],
    evidence: NVE,
  },
  {
    name: 'slovenia-power',
    makers: ['ISK'],
    types: /^ssu{4}h{6}u{6}$/,
    places: ['device', 'skip', ...POWERS, ...VOLTAGES, ...CURRENTS, ...IMPORTS, ...EXPORTS],
    evidence: SODO,
  },
  {
    name: 'slovenia-power-single-phase',
    makers: ['ISK'],
    types: /^ssu{4}hhuu$/,
    places: [
      'device',
      'skip',
      ...POWERS,
      ...VOLTAGES.slice(0, 1),
      ...CURRENTS.slice(0, 1),
      ...IMPORTS.slice(0, 1),
      ...EXPORTS.slice(0, 1),
    ],
    evidence: SODO,
  },
  {
    // The last two are zero in every capture while power flows: what they mean is not known.
    name: 'slovenia-power-without-current',
    makers: ['ISK'],
    types: /^ssu{4}huu$/,
    places: ['device', 'skip', ...POWERS, ...VOLTAGES.slice(0, 1), 'skip', 'skip'],
    evidence: SODO,
  },
  {
    name: 'slovenia-energy',
    makers: ['ISK'],
    types: /^ss[eo][sb]u{8}$/,
    places: ['device', 'skip', 'skip', 'skip', ...TARIFFS, ...ENERGIES.slice(2)],
    evidence: SODO,
  },
  {
    name: 'iskra-power',
    makers: ['ISK'],
    types: /^ssh{6}u{4}$/,
    begins: 'ISK',
    places: ['device', 'skip', ...VOLTAGES, ...CURRENTS, ...POWERS],
    evidence: ISKRA,
  },
  {
    name: 'iskra-power-single-phase',
    makers: ['ISK'],
    types: /^sshhu{4}$/,
    begins: 'ISK',
    places: ['device', 'skip', ...VOLTAGES.slice(0, 1), ...CURRENTS.slice(0, 1), ...POWERS],
    evidence: ISKRA,
  },
  {
    // Before the next one, whose elements are of the same types: here the second is a clock.
    name: 'vienna-named',
    makers: ['SMS', 'ISK', 'LGZ'],
    types: /^ssu{8}$/,
    places: ['device', 'clock', ...ENERGIES, ...POWERS],
    evidence:
      'IM350 on the infrared port of Wiener Netze: a published telegram with its key, eight values in ' +
      'the order of the list without device number',
  },
  {
    name: 'iskra-tariffs',
    makers: ['ISK'],
    types: /^ssu{8}$/,
    begins: 'ISK',
    places: ['device', 'skip', ...BY_TARIFF],
    evidence: ISKRA,
  },
  {
    name: 'slovenia-tariffs',
    makers: ['ISK'],
    types: /^su{8}$/,
    places: ['device', ...POWERS.slice(0, 2), ...TARIFFS],
    evidence: SODO,
  },
  {
    name: 'slovenia-totals',
    makers: ['ISK'],
    types: /^sbuu$/,
    places: ['device', 'skip', ...ENERGIES.slice(0, 2)],
    evidence: SODO,
  },
  {
    // Places 9 to 12 are reactive energies whose order nothing proves.
    name: 'croatia',
    makers: ['ISK'],
    types: /^sssu{10}[ui]{2}h[ui]{6}h{6}[uhlobe]*$/,
    places: [
      'device',
      'skip',
      'skip',
      ...TARIFFS,
      'skip',
      'skip',
      'skip',
      'skip',
      ...POWERS.slice(0, 2),
      ['1-0:13.7.0*255', -3],
      ...IMPORTS,
      ...EXPORTS,
      ...VOLTAGES,
      ...CURRENTS,
    ],
    evidence: 'IE.5-TD1: tariffs, phases and apparent power agree, amsreader-firmware #1072',
  },
  {
    name: 'iskra-tariffs-and-phases',
    makers: ['ISK'],
    types: /^sssu{6}[ui]{8}h{6}[uhlobesj]*$/,
    places: [
      'device',
      'skip',
      'skip',
      ...TARIFFS,
      ...POWERS.slice(0, 2),
      ...IMPORTS,
      ...EXPORTS,
      ...VOLTAGES,
      ...CURRENTS,
    ],
    evidence: ISKRA,
  },
  {
    // A network without neutral: the second phase has no voltage of its own.
    name: 'iskra-two-voltages',
    makers: ['ISK'],
    types: /^u{6}ssuuh{5}$/,
    places: [
      ...TARIFFS,
      'skip',
      'clock',
      ['1-0:2.7.0*255', 0],
      ['1-0:1.7.0*255', 0],
      ...CURRENTS,
      ['1-0:32.7.0*255', -1],
      ['1-0:72.7.0*255', -1],
    ],
    evidence: `${ISKRA}; its names carry question marks there`,
  },
  {
    name: 'vienna',
    makers: ['ISK', 'SMS', 'LGZ'],
    types: /^su{8}$/,
    places: ['clock', ...ENERGIES, ...POWERS],
    evidence:
      'AM550 on the infrared port of Wiener Netze: published telegrams with their keys; the second ' +
      'of the two agrees with the reading printed beside it',
  },
  {
    name: 'iskra-push',
    makers: ['ISK', 'SMS'],
    types: /^ssss[ui]{6}[uihjs]*$/,
    places: ['skip', 'device', 'skip', 'skip', ...ENERGIES, ...POWERS.slice(0, 2)],
    evidence:
      'athombv/node-dsmr-parser, an Iskra list with push setup, id, time and date before it; ' +
      'Noschvie/shrdzm: telegrams of IM350 and AM550 in Vienna, Carinthia and Wels, with their keys',
  },
  {
    name: 'burgenland',
    makers: ['LGZ'],
    types: /^h{6}u{4}h{3}s$/,
    places: [
      ...VOLTAGES.map(([obis]) => [obis, 0] as const),
      ...CURRENTS,
      ...POWERS.slice(0, 2),
      ...ENERGIES.slice(0, 2),
      ['1-0:33.7.0*255', -3],
      ['1-0:53.7.0*255', -3],
      ['1-0:73.7.0*255', -3],
      'device',
    ],
    evidence: 'amsreader-firmware #501; power agrees with voltage, current and power factor',
  },
]

/** The letter of an element's type, as in {@link PositionalList.types}. */
export function typeLetter(data: Data): string {
  switch (data.type) {
    case 'null':
      return 'n'
    case 'list':
      return 'l'
    case 'octets':
      return 's'
    case 'number':
      return LETTERS[data.tag] ?? '?'
  }
}

const LETTERS: Readonly<Record<number, string>> = {
  3: 'o',
  5: 'i',
  6: 'u',
  15: 'c',
  16: 'j',
  17: 'b',
  18: 'h',
  20: 'I',
  21: 'U',
  22: 'e',
}
