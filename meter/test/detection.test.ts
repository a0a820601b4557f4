import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { Protocol } from '../src/index.ts'
import { createDecoder } from '../src/index.ts'
import {
  D0_STYLES,
  DLMS_STYLES,
  DSMR_STYLES,
  Household,
  SML_STYLES,
  encodeD0,
  encodeDlms,
  encodeDsmr,
  encodeSml,
  withEvenParity,
} from '../src/simulator/index.ts'

const START_MS = Date.UTC(2026, 8, 1, 12)
const TELEGRAMS = 3

/** A line of so many telegrams of one meter, a second or two between them. */
function line(
  seed: number,
  encode: (state: ReturnType<Household['at']>) => Uint8Array,
): Uint8Array {
  const household = new Household({ seed, startMs: START_MS, solarPeakW: 4_000 })
  return Uint8Array.from(
    Array.from({ length: TELEGRAMS }, (_, count) => [
      ...encode(household.at(START_MS + 2_000 * count)),
    ]).flat(),
  )
}

const METERS: readonly (readonly [name: string, Protocol, (seed: number) => Uint8Array])[] = [
  ...Object.entries(SML_STYLES).map(
    ([name, style]) =>
      [
        `SML ${name}`,
        'sml',
        (seed: number) => line(seed, (state) => encodeSml(state, style)),
      ] as const,
  ),
  ...Object.entries(DLMS_STYLES).map(
    ([name, style]) =>
      [
        `DLMS ${name}`,
        'dlms',
        (seed: number) => line(seed, (state) => encodeDlms(state, style)),
      ] as const,
  ),
  ...Object.entries(DSMR_STYLES).map(
    ([name, style]) =>
      [
        `P1 ${name}`,
        'dsmr',
        (seed: number) => line(seed, (state) => encodeDsmr(state, style)),
      ] as const,
  ),
  ...Object.entries(D0_STYLES).flatMap(([name, style]) => [
    [`D0 ${name}`, 'd0', (seed: number) => line(seed, (state) => encodeD0(state, style))] as const,
    [
      `D0 ${name} without parity in the port`,
      'd0',
      (seed: number) => withEvenParity(line(seed, (state) => encodeD0(state, style))),
    ] as const,
  ]),
]

describe('detection', () => {
  for (const [name, protocol, telegrams] of METERS) {
    it(`names ${name} within ${TELEGRAMS} telegrams, wherever listening begins`, () => {
      fc.assert(
        fc.property(
          fc.nat(999),
          fc.nat(90),
          fc.integer({ min: 1, max: 64 }),
          (seed, late, size) => {
            const bytes = telegrams(seed)
            // Listening begins somewhere in the first telegram.
            const from = Math.floor((late / 100) * (bytes.length / TELEGRAMS))
            const decoder = createDecoder('auto')
            const names = new Set<string>()
            for (let at = from; at < bytes.length; at += size) {
              for (const event of decoder.push(bytes.subarray(at, at + size))) {
                if (event.type === 'reading') names.add(event.reading.protocol)
              }
            }
            for (const event of decoder.end()) {
              if (event.type === 'reading') names.add(event.reading.protocol)
            }
            assert.deepEqual([...names], [protocol])
          },
        ),
        { numRuns: 8 },
      )
    })
  }
})
