import assert from 'node:assert/strict'

import { parseSettings, type SerialBackend } from '@s3mp/hal'
import { ReplaySerial, VirtualClock } from '@s3mp/hal/mock'
import {
  D0_STYLES,
  DLMS_STYLES,
  DLMS_UNNAMED,
  DSMR_STYLES,
  encodeD0,
  encodeDlms,
  encodeDsmr,
  encodeSml,
  Household,
  type HouseholdState,
} from '@s3mp/meter/simulator'
import type { DecoderOptions } from '@s3mp/meter'
import { describe, it } from 'mocha'

import { parseConfig } from '../../src/config/load.ts'
import { meterSections, withMeters } from '../../src/head/configure.ts'
import { detectHeads, trialInWords, type Detection } from '../../src/head/detect.ts'
import { seededRandom } from '../support/world.ts'

const START_MS = Date.UTC(2026, 10, 23, 12)
const signal = new AbortController().signal

/** Meters as they are sold: how they speak, and how often. */
const METERS: readonly (readonly [
  string,
  string,
  string,
  number,
  (state: HouseholdState) => Uint8Array,
])[] = [
  ['SML', '9600 8N1', 'sml', 1000, (state) => encodeSml(state)],
  ['pushed D0', '9600 7E1', 'd0', 2000, (state) => encodeD0(state, D0_STYLES.push)],
  ['P1 of version 5', '115200 8N1', 'dsmr', 1000, (state) => encodeDsmr(state, DSMR_STYLES.v5)],
  ['P1 of version 2', '9600 7E1', 'dsmr', 10_000, (state) => encodeDsmr(state, DSMR_STYLES.v2)],
  ['HDLC', '2400 8N1', 'dlms', 5000, (state) => encodeDlms(state, DLMS_STYLES.described)],
  [
    'segmented HDLC',
    '115200 8N1',
    'dlms',
    10_000,
    (state) => encodeDlms(state, DLMS_STYLES.segmented),
  ],
  ['M-Bus', '2400 8E1', 'dlms', 5000, (state) => encodeDlms(state, DLMS_STYLES.mbus)],
]

function head(
  clock: VirtualClock,
  path: string,
  settings: string,
  periodMs: number,
  encode: (state: HouseholdState) => Uint8Array,
): ReplaySerial {
  const household = new Household({ seed: 1, startMs: START_MS - 86_400_000 })
  return new ReplaySerial({
    clock,
    random: seededRandom(path),
    path,
    settings: parseSettings(settings),
    periodMs,
    telegrams: (_index, nowMs) => encode(household.at(nowMs)),
  })
}

/** Several ports in one machine. */
function hub(serials: readonly ReplaySerial[]): SerialBackend {
  return {
    list: async () => (await Promise.all(serials.map((serial) => serial.list()))).flat(),
    open: (path, settings) =>
      (serials.find((serial) => serial.path === path) ?? serials[0]!).open(path, settings), // eslint-disable-line @typescript-eslint/no-non-null-assertion -- the list is never empty
  }
}

async function detect(serials: readonly ReplaySerial[], clock: VirtualClock): Promise<Detection> {
  const paths = serials.map(({ path }) => path)
  return clock.runUntil(detectHeads({ serial: hub(serials), paths, clock, signal }))
}

describe('a meter is found by itself', () => {
  for (const [name, settings, protocol, periodMs, encode] of METERS) {
    it(`that speaks ${name} at ${settings}, through every wrong line before it`, async () => {
      const clock = new VirtualClock(START_MS)
      const { found, trials } = await detect(
        [head(clock, '/dev/a', settings, periodMs, encode)],
        clock,
      )
      assert.equal(found.length, 1, JSON.stringify(trials.map((one) => [one.settings, one.bytes])))
      assert.equal(found[0]?.settings, settings)
      assert.equal(found[0].reading.protocol, protocol)
      const text = `${meterSections(found)}\n[uplink]\ntransport = "udp"\n[uplink.udp]\nremote = "192.0.2.1:1"\n`
      const [meter] = parseConfig(text, 'meter.toml').meters
      assert.equal(`${String(meter?.baud)} ${meter?.frame ?? ''}`, settings)
    })
  }

  it('on each of several ports', async () => {
    const clock = new VirtualClock(START_MS)
    const serials = METERS.slice(0, 3).map(([name, settings, , periodMs, encode]) =>
      head(clock, `/dev/${name}`, settings, periodMs, encode),
    )
    const { found } = await detect(serials, clock)
    assert.deepEqual(
      found.map(({ path }) => path),
      serials.map(({ path }) => path),
    )
    const sections = meterSections(found)
    assert.equal(sections.match(/^\[\[meter\]\]$/gmu)?.length, 3)
    assert.match(sections, /name = "meter-1"/u)
  })
})

describe('whole telegrams from which nothing is read', () => {
  const sealing = {
    control: 0x30,
    systemTitle: Uint8Array.from(Buffer.from('53494d0000bc614e', 'hex')),
    encryptionKey: new Uint8Array(16).fill(1),
    authenticationKey: new Uint8Array(16).fill(2),
    counter: 0,
  }

  async function detectWith(
    encode: (state: HouseholdState) => Uint8Array,
    decoding?: DecoderOptions,
  ): Promise<Detection> {
    const clock = new VirtualClock(START_MS)
    const serial = head(clock, '/dev/a', '2400 8N1', 5000, encode)
    const decodingOf = (): DecoderOptions | undefined => decoding
    return clock.runUntil(
      detectHeads({ serial: hub([serial]), paths: ['/dev/a'], clock, signal, decodingOf }),
    )
  }

  it('settle speed and framing, and say what is missing', async () => {
    const unnamed = await detectWith((state) => encodeDlms(state, DLMS_UNNAMED))
    const [trial] = unnamed.trials.slice(-1)
    assert.ok(trial?.settings === '2400 8N1')
    assert.match(trialInWords(trial), /whole telegrams, nothing read: .*s3mp decode --propose/u)
    const ciphered = await detectWith((state) => encodeDlms(state, {}, { ...sealing, counter: state.timeMs / 1000 - 1.7e9 })) // prettier-ignore
    assert.equal(ciphered.trials.at(-1)?.whole?.reason, 'key-missing')
    assert.deepEqual([unnamed.found, ciphered.found], [[], []])
  }).timeout(10_000)

  it('are read with what the configuration says of the meter on that port', async () => {
    const places = ['skip', '1-0:16.7.0', ...Array<string>(6).fill('skip'), '1-0:1.8.0', 'skip', 'device'] // prettier-ignore
    const { found } = await detectWith((state) => encodeDlms(state, DLMS_UNNAMED), {
      lists: [{ places }],
    })
    assert.equal(found[0]?.reading.device, 'SIM1020304058')
  }).timeout(10_000)
})

describe('the configuration of what was found', () => {
  const clock = new VirtualClock(START_MS)
  const pushed = (state: HouseholdState): Uint8Array => encodeD0(state, D0_STYLES.push)
  const one = detect([head(clock, '/dev/new', '9600 7E1', 2000, pushed)], clock)
  const TEXT = `# mine
[meter]
# the cellar
device = "/dev/old"
silence = "1m"   # slow
[state]
folder = "state"
[uplink]
transport = "udp"
[uplink.udp]
remote = "192.0.2.1:7400"
`

  it('changes the meter and nothing else', async () => {
    const { found } = await one
    const text = withMeters(TEXT, found)
    const config = parseConfig(text, 'm.toml')
    assert.equal(config.meters[0]?.device, '/dev/new')
    assert.equal(config.meters[0].frame, '7E1')
    assert.equal(config.meters[0].silence, 60_000)
    assert.ok(text.startsWith('# mine\n[meter]\n') && text.includes('# the cellar'))
    assert.equal(withMeters(text, found), text)
  })

  it('takes the place of one meter by several', async () => {
    const { found } = await one
    const text = withMeters(TEXT, [...found, ...found])
    assert.equal(parseConfig(text, 'm.toml').meters.length, 2)
  })

  it('leaves several meters to their owner', async () => {
    const { found } = await one
    const several = TEXT.replace('[meter]', '[[meter]]\nname = "a"')
    assert.throws(
      () => withMeters(several, found),
      /several meters already; add by hand:\n\[meter\]/u,
    )
  })
})
