import assert from 'node:assert/strict'
import {
  decodeRecord,
  encodeRecord,
  EnvelopeError,
  KINDS,
  recordHash,
  signRecord,
  type DeviceRecord,
} from '@s3mp/envelope'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { Views } from '../src/api/views.ts'
import type { Entry } from '../src/store/records.ts'
import { openWorld } from './support/receiving.ts'
import { START_MS, TestMeter } from './support/world.ts'

const MAX = 2 ** 48 - 1
const count = fc.oneof(fc.constantFrom(0, 1, 2, 3, MAX - 1, MAX), fc.nat(40))
const seq = count.map((value) => Math.max(1, value))
const int64 = fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n })
const bytes = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length })
const text = fc.string({ maxLength: 20, unit: 'binary' })
const stream = fc.constantFrom(0, 1, 3, 8, 9, 65_535)
const header = {
  stream,
  seq,
  timeMs: count,
  status: fc.nat(0xffff),
  prevHash16: fc.oneof(bytes(16), fc.constant(new Uint8Array(16))),
}

const reading = fc
  .record({
    ...header,
    kind: fc.constantFrom('reading', 'fast'),
    schemaId: fc.oneof(bytes(8), fc.constant(new Uint8Array(8))),
    registers: fc.array(fc.option(int64), { maxLength: 4 }),
    later: fc.array(count, { maxLength: 4 }),
  })
  .map(({ registers, later, ...rest }) => {
    const { timeMs, status } = rest
    const samples = [timeMs, ...later].map((atMs) => ({ timeMs: atMs, status, registers }))
    return { ...rest, samples }
  })
const seal = fc.record({
  ...header,
  kind: fc.constant('seal'),
  firstSeq: seq,
  records: fc.integer({ min: 1, max: 4096 }),
  digest: bytes(32),
})
const event = fc.record({
  ...header,
  kind: fc.constant('event'),
  code: fc.integer({ min: 1, max: 0xffff }),
  severity: fc.constantFrom('info', 'notice', 'warning', 'alarm'),
  details: fc.array(fc.oneof(int64, text), { maxLength: 8 }),
})
const range = fc.record({ stream, floorSeq: seq, nextSeq: seq })
const heartbeat = fc.record({
  ...header,
  kind: fc.constant('heartbeat'),
  firmwareHash: bytes(32),
  bootCounter: count,
  uptimeS: count,
  clockUncertaintyMs: count,
  spool: fc.record({ records: count, bytes: count, bytesMax: count }),
  paths: fc.constant([]),
  streams: fc.array(range, { maxLength: 4 }),
})
const obis = bytes(6).map(([a = 0, b = 0, c = 0, d = 0, e = 0, f = 0]) => {
  return `${a}-${b}:${c}.${d}.${e}*${f}`
})
const register = fc.record({
  obis,
  unitCode: fc.nat(255),
  scaler: fc.integer({ min: -128, max: 127 }),
})
const schema = fc.record({
  ...header,
  kind: fc.constant('schema'),
  schema: fc.record({
    meterId: text,
    protocol: text,
    intervalMs: count,
    registers: fc.array(register, { minLength: 1, maxLength: 4 }),
  }),
})

describe('a commit', () => {
  it('takes whatever a device can sign: one odd record never holds up those of others', async function () {
    this.timeout(20_000)
    const world = await openWorld()
    const meter = new TestMeter('odd')
    const { row } = await world.join(meter)
    const views = new Views(world.store)
    let taken = 0
    const entryOf = async (made: unknown): Promise<readonly Entry[]> => {
      try {
        // Whatever the generators make, the codec decides what a record is.
        const { kind } = made as DeviceRecord
        const payload = encodeRecord(made as DeviceRecord)
        const record = decodeRecord(kind, payload)
        const hash = recordHash(payload)
        const { signer } = meter
        const { signed } = KINDS[kind]
        const object = signed ? await signRecord(signer, record, world.keyring.ueid) : payload
        const entry = { device: row, ueid: signer.ueid, record, hash, bytes: object }
        return [{ ...entry, path: undefined }]
      } catch (error) {
        assert.ok(error instanceof EnvelopeError, String(error))
        return []
      }
    }
    const any = fc.oneof(reading, seal, event, heartbeat, schema)
    await fc.assert(
      fc.asyncProperty(fc.array(any, { maxLength: 30 }), async (made) => {
        const entries = (await Promise.all(made.map(entryOf))).flat()
        const { outcomes } = await world.store.commit(entries, START_MS)
        assert.equal(outcomes.length, entries.length)
        world.store.reportGaps(START_MS, START_MS)
        const device = world.store.registry.device(meter.signer.ueid)
        assert.ok(device)
        JSON.stringify(views.device(device, START_MS))
        for (const told of world.store.queries.events({ limit: 5 })) views.event(told)
        taken += entries.length
      }),
      { numRuns: 300 },
    )
    assert.ok(taken > 500, `only ${taken} of them were records`)
    await world.close()
  })
})
