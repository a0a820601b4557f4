import assert from 'node:assert/strict'

import { describe, it } from 'mocha'

import { anonymise, createDecoder, decimal, type Reading } from '@s3mp/meter'
import {
  D0_STYLES,
  DLMS_STYLES,
  DSMR_STYLES,
  encodeD0,
  encodeDlms,
  encodeDsmr,
  encodeSml,
  Household,
  SML_STYLES,
} from '@s3mp/meter/simulator'
import { crc16X25 } from '../../src/crc16.ts'
import { captures } from '../support/corpus.ts'

const SECRET = new Uint8Array(32).fill(7)
const START_MS = Date.UTC(2026, 10, 23)
const household = new Household({ seed: 5, startMs: START_MS - 86_400_000 })

function readings(bytes: Uint8Array): readonly Reading[] {
  const decoder = createDecoder('auto')
  return [...decoder.push(bytes), ...decoder.end()].flatMap((event) =>
    event.type === 'reading' ? [event.reading] : [],
  )
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]))
}

/** Every way in which a name could be found again. */
function forms(name: string): readonly Buffer[] {
  const text = Buffer.from(name, 'latin1')
  const number = /\d{6,}$/.exec(name)?.[0].replace(/^0+/, '') ?? ''
  const hex = /^([0-9a-f]{2}){5,}$/.test(name) && !/^\d+$/.test(name)
  return [
    text,
    Buffer.from(text.toString('hex')),
    Buffer.from(text.toString('hex').toUpperCase()),
    ...(number.length >= 6 ? [Buffer.from(number.slice(-8))] : []),
    ...(hex ? [Buffer.from(name, 'hex')] : []),
  ].filter((form) => form.length >= 7 && new Set(form).size >= 3)
}

function assertNameless(before: Uint8Array, after: Uint8Array, what: string): void {
  for (const { device } of readings(before)) {
    if (device.length < 6 || new Set(device).size < 3) continue
    for (const form of forms(device)) {
      assert.equal(Buffer.from(after).indexOf(form), -1, `${what}: ${device} is still in it`)
    }
    assert.ok(!readings(after).some((reading) => reading.device === device), what)
  }
}

const values = (bytes: Uint8Array): readonly string[] =>
  readings(bytes).map(({ registers }) =>
    registers
      .filter(({ obis }) => !/:(0\.0\.|96\.1\.|9\.2[01]\.)/.test(obis))
      .map((register) => `${register.obis}=${decimal(register)} ${register.unit}`)
      .join(' '),
  )

const STYLES: readonly (readonly [string, (timeMs: number) => Uint8Array])[] = [
  ...Object.entries(SML_STYLES).map(
    ([name, style]) =>
      [`SML ${name}`, (timeMs: number) => encodeSml(household.at(timeMs), style)] as const,
  ),
  ...Object.entries(D0_STYLES).map(
    ([name, style]) =>
      [`D0 ${name}`, (timeMs: number) => encodeD0(household.at(timeMs), style)] as const,
  ),
  ...Object.entries(DSMR_STYLES).map(
    ([name, style]) =>
      [`DSMR ${name}`, (timeMs: number) => encodeDsmr(household.at(timeMs), style)] as const,
  ),
  ...Object.entries(DLMS_STYLES).map(
    ([name, style]) =>
      [`DLMS ${name}`, (timeMs: number) => encodeDlms(household.at(timeMs), style)] as const,
  ),
]

describe('anonymise', () => {
  for (const [name, telegram] of STYLES) {
    it(`leaves the values of ${name} and takes the names`, () => {
      const capture = joined([0, 1000, 2000, 3000].map((ms) => telegram(START_MS + ms)))
      if (readings(capture).length === 0) return
      const { bytes, isSame } = anonymise(capture, SECRET)
      assert.equal(isSame, true)
      assert.deepEqual(values(bytes), values(capture))
      assertNameless(capture, bytes, name)
    })
  }

  it('gives one meter the same alias everywhere, and another secret another one', () => {
    const capture = joined([1000, 2000].map((ms) => encodeSml(household.at(START_MS + ms))))
    const [first, second] = readings(anonymise(capture, SECRET).bytes)
    assert.equal(first?.device, second?.device)
    const other = readings(anonymise(capture, new Uint8Array(32).fill(8)).bytes)[0]
    assert.notEqual(first?.device, other?.device)
    assert.match(first?.device ?? '', /^1SIM00\d{8}$/)
  })

  it('keeps damage as it was, down to the difference of the checksum', () => {
    const sound = encodeSml(household.at(START_MS))
    const damaged = Uint8Array.from(sound)
    // One bit of a value, behind the names.
    const at = damaged.length - 60
    damaged[at] = (damaged[at] ?? 0) ^ 0x10
    const capture = joined([sound, damaged, sound])
    const { bytes, isSame } = anonymise(capture, SECRET)
    assert.equal(isSame, true)
    assert.equal(readings(bytes).length, 2)
    const syndrome = (all: Uint8Array): number => {
      const part = all.subarray(sound.length, 2 * sound.length)
      const sent = (part.at(-2) ?? 0) | ((part.at(-1) ?? 0) << 8)
      return crc16X25(part.subarray(0, -2)) ^ sent
    }
    assert.equal(syndrome(bytes), syndrome(capture))
    assert.notEqual(syndrome(bytes), 0)
  })

  it('changes what damage and gaps have left of a name', () => {
    const telegram = encodeSml(household.at(START_MS))
    const serial = Buffer.from([0x53, 0x49, 0x4d, 0x00])
    const place = Buffer.from(telegram).indexOf(serial)
    assert.ok(place > 0)
    // The end of the first telegram is lost in the middle of the name.
    const capture = joined([telegram.subarray(0, place + 7), telegram])
    const { bytes } = anonymise(capture, SECRET)
    const cut = Buffer.from(bytes).subarray(0, place + 7)
    assert.equal(cut.indexOf(Buffer.from(telegram.subarray(place, place + 7))), -1)
  })

  it('finds nothing to change where nothing is understood, and says so', () => {
    const noise = Uint8Array.from({ length: 500 }, (_, at) => (at * 37 + 11) & 0xff)
    const { bytes, notes, names } = anonymise(noise, SECRET)
    assert.deepEqual(notes, ['nothing-understood'])
    assert.equal(names, 0)
    assert.deepEqual(bytes, noise)
  })

  for (const kind of ['sml', 'd0', 'dsmr', 'dlms']) {
    it(`leaves the values of captured ${kind} telegrams and takes the names`, function () {
      this.timeout(60_000)
      const different: string[] = []
      for (const { name, bytes } of captures(this, kind)) {
        if (bytes.length > 100_000) continue
        const anonymous = anonymise(bytes, SECRET)
        if (!anonymous.isSame) different.push(name)
        else assert.deepEqual(values(anonymous.bytes), values(bytes), name)
        assertNameless(bytes, anonymous.bytes, name)
      }
      assert.deepEqual(different, [])
    })
  }
})
