import assert from 'node:assert/strict'
import { silentLog, volatileMap } from '@s3mp/firmware'
import { VirtualClock } from '@s3mp/hal/mock'
import { explainTelegram, splitMedia, type Reading } from '@s3mp/meter'
import { describe, it } from 'mocha'
import type { PastMoment } from '../scripts/demo/history.ts'
import { DEMO_METERS, type DemoMeter } from '../scripts/demo/kinds.ts'
import { meterInput } from '../scripts/demo/meters.ts'
import { pastOf } from '../scripts/demo/pasts.ts'

const START_MS = Date.UTC(2026, 10, 23, 8)

/** What of each kind a page can say about its bytes, and a code that it must read. */
const EXPECTED: Readonly<Record<DemoMeter, readonly [protocol: string, obis: string]>> = {
  sml: ['sml', '1-0:16.7.0*255'],
  dlms: ['dlms', '1-0:1.8.0*255'],
  d0: ['d0', '1-0:1.8.0*255'],
  dsmr: ['dsmr', '1-0:1.8.1*255'],
  s0: ['s0', '1-0:1.8.0*255'],
  modbus: ['modbus', '1-0:1.8.0*255'],
}

interface Heard {
  readonly reading: Reading
  readonly bytes: Uint8Array
}

/** Lets a pretended meter work for so long under virtual time. */
async function listenTo(
  kind: DemoMeter,
  ms: number,
  act: (input: ReturnType<typeof meterInput>) => void = () => undefined,
): Promise<readonly Heard[]> {
  const clock = new VirtualClock(START_MS)
  let seed = 1
  const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647
  const input = meterInput(kind, clock, random)
  const heard: Heard[] = []
  const stop = new AbortController()
  const [spec] = input.sources
  assert.ok(spec?.isSimulated)
  const source = spec.create({
    clock,
    random,
    log: silentLog,
    invocations: volatileMap(),
    pulses: volatileMap(),
    arrears: volatileMap(),
    onReading: (reading, bytes) => heard.push({ reading, bytes }),
    onDiscarded: () => undefined,
    onSilence: () => undefined,
    onTrouble: () => undefined,
    tap: {},
    newestMs: () => undefined,
    isClockSet: () => true,
    stored: () => Promise.resolve(true),
  })
  const running = source.run(stop.signal, () => undefined)
  act(input)
  await clock.advance(ms)
  stop.abort()
  input.close?.()
  await clock.runUntil(running)
  return heard
}

describe('the meters that the demonstration pretends to have', () => {
  for (const kind of DEMO_METERS) {
    it(`are read by ${kind}, and their bytes can be explained`, async () => {
      const heard = await listenTo(kind, 30_000)
      const last = heard.at(-1)
      assert.ok(last !== undefined && heard.length >= 3, `${String(heard.length)} readings`)
      const [protocol, obis] = EXPECTED[kind]
      assert.equal(last.reading.protocol, protocol)
      assert.ok(last.reading.registers.some((register) => register.obis === obis))
      const fields = explainTelegram(last.reading.protocol, last.bytes)
      assert.equal(fields.length > 0, kind !== 's0')
    })
  }

  for (const kind of DEMO_METERS) {
    it(`have a past that ${kind} goes on from: same meter, same registers, no step back`, async () => {
      const heard = await listenTo(kind, 60_000)
      const { streams, ...house } = pastOf(kind)
      for (const { meterId, protocol, registers } of streams) {
        const moment: PastMoment = {
          timeMs: START_MS,
          drawn: Number(house.importMilliWh / 100n),
          fed: Number(house.exportMilliWh / 100n),
          watts: 500,
          litres: house.gasLitresAt(START_MS),
        }
        for (const { obis, unitCode, scaler, digits } of registers) {
          const found = heard
            .map(({ reading }) => reading.registers.find((register) => register.obis === obis))
            .find((register) => register !== undefined)
          assert.ok(found, `${kind} never says ${obis}`)
          assert.equal(found.unitCode, unitCode, obis)
          assert.equal(found.scaler, scaler, obis)
          // Power is what it is; what a counter has counted stays counted, and a minute is not much.
          if (unitCode === 27) continue
          const step = (found.digits - digits(moment)) * 10n ** BigInt(scaler + 4)
          assert.ok(step >= 0n && step < 1_000_000n, `${obis}: ${String(step)}`)
        }
        const { reading } = heard[0] ?? assert.fail()
        assert.equal(reading.protocol, protocol)
        const said = splitMedia(reading).map((part) => part.reading.device)
        assert.ok(said.includes(meterId), `${meterId}: ${said.join(' ')}`)
      }
    })
  }

  it('are spoiled by noise, and heard again without it', async () => {
    for (const kind of ['sml', 'dlms', 'dsmr', 'modbus'] as const) {
      const clear = await listenTo(kind, 60_000)
      const noisy = await listenTo(kind, 60_000, ({ switches }) => switches.get('noise')?.set(true))
      assert.ok(noisy.length < clear.length / 2, `${kind}: ${String(noisy.length)} of ${String(clear.length)}`) // prettier-ignore
    }
  }).timeout(20_000)
})
