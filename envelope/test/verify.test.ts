import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { before, describe, it } from 'mocha'
import {
  advance,
  encodeRecord,
  exportHeaderLine,
  exportLine,
  genesis,
  nextLink,
  parseExportHeader,
  parseExportLine,
  restart,
  signRecord,
  SoftwareSigner,
  verifyExport,
  verifyPlatform,
  verifyPortable,
  verifyRecords,
  VERIFY_PROBLEMS_MAX,
  VERIFY_STREAMS_MAX,
  type ChainState,
  type DeviceRecord,
  type ExportEntry,
  type VerifyReport,
} from '@s3mp/envelope'
import { rejects, refuses } from './support/refuses.ts'
import { seeded } from './support/seeded.ts'
import {
  digestOf,
  makeWorld,
  NOW_MS,
  oneOfEach,
  readingBody,
  SCHEMA,
  TestStream,
  type MadeRecord,
  type World,
} from './support/world.ts'

function codes(report: VerifyReport): string[] {
  return report.problems.map(({ code }) => code)
}

function step(report: VerifyReport, code: string): string {
  return report.steps
    .filter((item) => item.code === code)
    .map(({ result, text }) => `${result}: ${text}`)
    .join(' | ')
}

for (const algorithm of ['Ed25519', 'ESP256'] as const) {
  describe(`verifying records of a device with ${algorithm}`, () => {
    let world: World
    let records: readonly MadeRecord[]

    before(async () => {
      world = await makeWorld({ algorithm })
      records = await oneOfEach(world)
    })

    for (const verify of [undefined, verifyPlatform, verifyPortable]) {
      it(`proves them with the public key alone (${verify?.name ?? 'WebCrypto'})`, async () => {
        const { device, recipient } = world
        const options = { key: device, recipientId: recipient.ueid, ...(verify && { verify }) }
        const report = await verifyRecords(records, options)
        assert.deepEqual(report.problems, [])
        assert.ok(report.ok)
        assert.equal(report.records, 8)
        assert.equal(report.signatures, 6)
        assert.deepEqual(
          report.streams.map(
            ({ stream, records: count, samples, fromSeq, toSeq, fromStart, sealed }) => ({
              stream,
              count,
              samples,
              fromSeq,
              toSeq,
              fromStart,
              sealed,
            }),
          ),
          [
            { stream: 1, count: 3, samples: 5, fromSeq: 1, toSeq: 6, fromStart: true, sealed: 0 },
            { stream: 2, count: 3, samples: 2, fromSeq: 1, toSeq: 3, fromStart: true, sealed: 2 },
            { stream: 3, count: 2, samples: 0, fromSeq: 1, toSeq: 2, fromStart: true, sealed: 0 },
          ],
        )
        assert.equal(
          step(report, 'signatures'),
          "proven: All 6 signatures are good: these records were made by this device's key.",
        )
        assert.match(
          step(report, 'complete'),
          /^proven: Nothing is missing in between: stream 1 from number 1 \(2026-/,
        )
        assert.match(step(report, 'seals'), /^proven: 2 fast records/)
        assert.match(step(report, 'beginning'), /^proven/)
        assert.match(step(report, 'end'), /^not-proven/)
        assert.match(step(report, 'measurement'), /^not-proven/)
      })
    }
  })
}

describe('verifying an export', () => {
  let world: World
  let billing: readonly MadeRecord[]
  let live: readonly MadeRecord[]
  let liveSeal: MadeRecord
  let liveEnd: ChainState

  before(async () => {
    world = await makeWorld()
    const stream = new TestStream(world, 1)
    const schema = await stream.append({ kind: 'schema', schema: SCHEMA })
    const readings: MadeRecord[] = []
    for (let index = 0; index < 6; index++) {
      readings.push(await stream.append(readingBody('reading', NOW_MS + index * 900_000)))
    }
    billing = [schema, ...readings]
    const fast = new TestStream(world, 2)
    const fastSchema = await fast.append({ kind: 'schema', schema: SCHEMA })
    const samples: MadeRecord[] = []
    for (let index = 0; index < 5; index++) samples.push(await fast.append(readingBody('fast')))
    liveSeal = await fast.append({
      kind: 'seal',
      firstSeq: 2,
      records: 5,
      digest: digestOf(samples),
    })
    live = [fastSchema, ...samples, liveSeal]
    liveEnd = fast.state
  })

  function verify(entries: readonly ExportEntry[]): Promise<VerifyReport> {
    return verifyRecords(entries, { key: world.device, recipientId: world.recipient.ueid })
  }

  function lines(entries: readonly ExportEntry[]): string[] {
    return [
      exportHeaderLine({ key: world.device, recipientId: world.recipient.ueid }),
      ...entries.map(exportLine),
      '',
    ]
  }

  it('reads its own file', async () => {
    const report = await verifyExport(lines([...billing, ...live]), { key: world.device })
    assert.ok(report.ok, JSON.stringify(report.problems))
    const [stream] = report.streams
    assert.ok(stream)
    assert.equal(stream.samples, 6)
    assert.deepEqual(stream.schema, SCHEMA)
    assert.equal(stream.first?.timeMs, NOW_MS)
    assert.equal(stream.last?.timeMs, NOW_MS + 5 * 900_000)
  })

  it('does not believe the key that the file names', async () => {
    const other = SoftwareSigner.generate('Ed25519', seeded('other'))
    await rejects(verifyExport(lines(billing), { key: other }), 'wrong-device')
    const forged = [
      exportHeaderLine({ key: other, recipientId: world.recipient.ueid }),
      ...billing.map(exportLine),
    ]
    const report = await verifyExport(forged, { key: other })
    assert.equal(report.ok, false)
    assert.match(step(report, 'signatures'), /^refuted: Record 1 is not genuine/)
  })

  it('does not take records signed for someone else', async () => {
    const report = await verifyRecords(billing, {
      key: world.device,
      recipientId: world.device.ueid,
    })
    assert.ok(codes(report).every((code) => code === 'bad-signature'))
    assert.equal(report.signatures, 0)
  })

  it('sees every single byte that was changed', async () => {
    const [, reading] = billing
    assert.ok(reading)
    for (let index = 0; index < reading.object.length; index += 3) {
      const object = Uint8Array.from(reading.object)
      object[index] = (object[index] ?? 0) ^ 1
      const report = await verify(billing.with(1, { ...reading, object }))
      assert.equal(report.ok, false)
      assert.match(step(report, 'signatures'), /^refuted/)
    }
  })

  it('sees a record left out, and says which numbers are missing', async () => {
    const report = await verify(billing.toSpliced(3, 1))
    assert.deepEqual(codes(report), ['chain-gap'])
    assert.equal(report.streams[0]?.missing, 1)
    assert.match(
      step(report, 'complete'),
      /^refuted: 1 reading missing: at record 4, readings 4 to 4 are missing/,
    )
    assert.match(step(report, 'signatures'), /^proven/)
  })

  it('sees records in another order', async () => {
    const [first, second] = [billing[2], billing[3]]
    assert.ok(first && second)
    const report = await verify(billing.with(2, second).with(3, first))
    assert.deepEqual(codes(report), ['chain-gap', 'chain-reordered'])
    assert.match(
      step(report, 'chain'),
      /^refuted: At record 4 the record is not in the order it was made/,
    )
  })

  it('passes over a record that is there twice', async () => {
    const again = billing[3]
    assert.ok(again)
    const report = await verify([...billing, again])
    assert.ok(report.ok)
    assert.equal(report.streams[0]?.repeated, 1)
  })

  it('sees a history rewritten by the device itself', async () => {
    const forked: DeviceRecord = {
      kind: 'event',
      ...nextLink({ ...genesis(world.device.ueid, 1), nextSeq: 4 }),
      timeMs: NOW_MS,
      status: 1,
      code: 1,
      severity: 'info',
      details: [],
    }
    const object = await signRecord(world.device, forked, world.recipient.ueid)
    const report = await verify([...billing.slice(0, 3), { kind: 'event', object }])
    assert.deepEqual(codes(report), ['chain-rewritten'])
    assert.match(step(report, 'chain'), /contradicts the record before it/)
  })

  it('words a chain that the device lost', async () => {
    const record: DeviceRecord = {
      kind: 'event',
      ...nextLink(restart(1, 50)),
      timeMs: NOW_MS,
      status: 1,
      code: 1,
      severity: 'info',
      details: [],
    }
    const object = await signRecord(world.device, record, world.recipient.ueid)
    const report = await verify([...billing, { kind: 'event', object }])
    assert.deepEqual(codes(report), ['chain-restarted'])
    assert.match(step(report, 'complete'), /began anew/)
  })

  it('can begin in the middle, behind the schema, and says what it does not show', async () => {
    const [schema] = billing
    assert.ok(schema)
    const report = await verify([schema, ...billing.slice(4)])
    assert.ok(report.ok, JSON.stringify(report.problems))
    assert.equal(report.streams[0]?.fromSeq, 5)
    assert.match(step(report, 'beginning'), /^not-proven: What came before/)
  })

  it('says when nothing tells what the registers mean', async () => {
    const report = await verify(billing.slice(2))
    assert.deepEqual([...new Set(codes(report))], ['unknown-schema'])
    assert.match(step(report, 'schema'), /^not-proven/)
  })

  it('sees a reading whose registers are not those of its schema', async () => {
    const stream = new TestStream(world, 1)
    const schema = await stream.append({ kind: 'schema', schema: SCHEMA })
    const body = readingBody('reading')
    assert.ok(body.kind === 'reading')
    const sample = { timeMs: NOW_MS, status: 1, registers: [1n] }
    const reading = await stream.append({ ...body, samples: [sample] })
    const gap = await stream.append({ ...body, samples: [{ ...sample, registers: [] }] })
    assert.deepEqual(codes(await verify([schema, reading, gap])), ['schema-mismatch'])
  })

  it('counts fast records under no seal, and does not call them proven', async () => {
    const report = await verify(live.slice(0, -1))
    assert.ok(report.ok)
    assert.equal(report.proven, false)
    assert.equal(report.streams[0]?.unproven, 5)
    assert.match(step(report, 'seals'), /^not-proven: 5 fast records under no seal/)
    const unsigned = await verify(live.slice(1, 3))
    assert.match(
      step(unsigned, 'signatures'),
      /^not-proven: None of the 2 records carries a signature/,
    )
  })

  it('calls nothing proven that anybody could have added, however well it is chained', async () => {
    // All that a forger needs: a genuine schema, and the rules of the chain.
    const forger = await makeWorld({ seed: 'forger' })
    const stream = new TestStream({ device: world.device, recipient: forger.recipient }, 2)
    const [schema, ...genuine] = live
    assert.ok(schema)
    stream.state = genesis(world.device.ueid, 2)
    stream.state = advance(stream.state, schema.payload)
    const forged: MadeRecord[] = []
    for (let index = 0; index < 3; index++) forged.push(await stream.append(readingBody('fast')))
    assert.equal((await verify([schema, ...forged])).proven, false)
    stream.state = { ...liveEnd }
    const behind = [await stream.append(readingBody('fast'))]
    const report = await verify([schema, ...genuine, ...behind])
    assert.deepEqual([report.ok, report.proven], [true, false])
    assert.equal((await verify(live)).proven, true)
  })

  it('sees a fast record changed, added or left out under a seal', async () => {
    const changed = live[2]
    assert.ok(changed?.record.kind === 'fast')
    const [sample] = changed.record.samples
    assert.ok(sample)
    const object = encodeRecord({
      ...changed.record,
      samples: [{ ...sample, registers: sample.registers.with(0, 1n) }],
    })
    const report = await verify(live.with(2, { ...changed, object }))
    assert.deepEqual(codes(report), ['chain-rewritten'])
    const without = await verify(live.toSpliced(2, 1))
    assert.deepEqual(codes(without), ['chain-gap'])
    assert.equal(without.streams[0]?.unproven, 1)
    assert.equal(without.streams[0].sealed, 3)
  })

  it('sees a seal over something else', async () => {
    const stream = new TestStream(world, 2)
    const schema = await stream.append({ kind: 'schema', schema: SCHEMA })
    const fast = [
      await stream.append(readingBody('fast')),
      await stream.append(readingBody('fast')),
    ]
    const seal = await stream.append({
      kind: 'seal',
      firstSeq: 2,
      records: 2,
      digest: new Uint8Array(32),
    })
    const report = await verify([schema, ...fast, seal])
    assert.deepEqual(codes(report), ['seal-mismatch'])
    assert.match(step(report, 'seals'), /^refuted: .*\| not-proven: 2 fast records/)
  })

  it('takes a run whose beginning is not shown as held by the chain', async () => {
    const [schema] = live
    assert.ok(schema)
    const report = await verify([schema, ...live.slice(3)])
    assert.ok(report.ok, JSON.stringify(report.problems))
    assert.equal(report.streams[0]?.sealed, 3)
  })

  it('says when the clock was not to be trusted', async () => {
    const stream = new TestStream(world, 5)
    const schema = await stream.append({ kind: 'schema', schema: SCHEMA })
    const event = await stream.append({
      kind: 'event',
      status: 0,
      code: 1,
      severity: 'info',
      details: [],
    })
    assert.match(step(await verify([schema, event]), 'clock'), /^not-proven: At 1 reading/)
  })

  it('follows no more streams, and lists no more problems, than it may', async () => {
    const entries: ExportEntry[] = []
    for (let stream = 0; stream < VERIFY_STREAMS_MAX + VERIFY_PROBLEMS_MAX + 5; stream++) {
      const made = await new TestStream(world, stream).append({
        kind: 'event',
        code: 1,
        severity: 'info',
        details: [],
      })
      entries.push(made)
    }
    const report = await verify(entries)
    assert.equal(report.streams.length, VERIFY_STREAMS_MAX)
    assert.equal(report.problems.length, VERIFY_PROBLEMS_MAX)
    assert.equal(report.problemCount, VERIFY_PROBLEMS_MAX + 5)
    assert.ok(codes(report).every((code) => code === 'too-many'))
  })

  it('still refutes what comes after the last problem that it lists', async () => {
    const [, reading] = billing
    const entries: ExportEntry[] = []
    for (let count = 0; count < VERIFY_PROBLEMS_MAX + 1; count++) {
      const made = await new TestStream(world, 1).append(readingBody('reading', NOW_MS + count))
      entries.push(made)
    }
    const object = Uint8Array.from(reading?.object ?? [])
    object[object.length - 1] = (object.at(-1) ?? 0) ^ 1
    const report = await verify([...entries, { kind: 'reading', object }])
    assert.ok(!codes(report).includes('bad-signature'))
    assert.match(step(report, 'signatures'), /^refuted: Record 102/)
  })

  it('is not convinced by nothing', async () => {
    assert.equal((await verify([])).ok, false)
    await rejects(verifyExport(['', ' '], { key: world.device }), 'truncated')
  })

  it('reports lines that are no records, and goes on', async () => {
    const bad = [
      '{',
      '[]',
      '{"kind":"ack","object":""}',
      '{"kind":"toString","object":""}',
      '{"kind":"fast","object":"0g"}',
      '{"kind":"fast"}',
      `{"kind":"fast","object":"${'00'.repeat(20_000)}"}`,
    ]
    const [header, ...rest] = lines(billing)
    const report = await verifyExport([header ?? '', ...bad, ...rest], { key: world.device })
    assert.deepEqual(codes(report), [
      'bad-field',
      'unknown-kind',
      'unknown-kind',
      'unknown-kind',
      'bad-field',
      'bad-field',
      'too-large',
    ])
    assert.equal(report.problems[2]?.record, 3)
    assert.equal(report.signatures, 7)
  })
})

describe('the verifier', () => {
  it('imports nothing that a browser does not have', () => {
    const source = join(import.meta.dirname, '../src')
    const seen = new Set<string>()
    const packages = new Set<string>()
    const todo = [join(source, 'verify.ts')]
    for (let path = todo.pop(); path !== undefined; path = todo.pop()) {
      if (seen.has(path)) continue
      seen.add(path)
      for (const [, name = ''] of readFileSync(path, 'utf8').matchAll(/ from '([^']+)'/g)) {
        if (name.startsWith('.')) todo.push(join(dirname(path), name))
        else packages.add(name)
      }
    }
    assert.ok(seen.size > 15)
    assert.deepEqual([...packages].sort(), [
      '@noble/curves/ed25519.js',
      '@noble/curves/nist.js',
      '@noble/hashes/sha2.js',
      'cbor-x/index-no-eval',
    ])
  })
})

describe('the lines of an export file', () => {
  const key = SoftwareSigner.generate('Ed25519', seeded('lines'))
  const header = {
    key: { algorithm: key.algorithm, publicKey: key.publicKey },
    recipientId: key.ueid,
  }

  it('come back as they were', () => {
    assert.deepEqual(parseExportHeader(exportHeaderLine(header)), header)
    const entry: ExportEntry = { kind: 'fast', object: Uint8Array.of(1, 2, 3) }
    assert.equal(exportLine(entry), '{"kind":"fast","object":"010203"}')
    assert.deepEqual(parseExportLine(exportLine(entry)), entry)
  })

  it('are refused if the header contradicts itself', () => {
    const content = JSON.parse(exportHeaderLine(header)) as Record<string, string>
    const changes = [
      { format: 'x' },
      { algorithm: 'x' },
      { ueid: 'x' },
      { recipientId: '00' },
      { publicKey: 5 },
    ]
    for (const change of changes) {
      refuses(() => parseExportHeader(JSON.stringify({ ...content, ...change })), 'bad-field')
    }
  })
})
