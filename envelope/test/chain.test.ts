import assert from 'node:assert/strict'
import { before, describe, it } from 'mocha'
import {
  advance,
  CHAIN_HISTORY_MAX,
  ChainVerifier,
  encodeRecord,
  genesis,
  isRestart,
  nextLink,
  restart,
  SEQ_FIRST,
  type DeviceRecord,
} from '@s3mp/envelope'
import { makeWorld, readingBody, TestStream, type MadeRecord, type World } from './support/world.ts'

describe('a chain', () => {
  let world: World
  let made: readonly MadeRecord[]

  before(async () => {
    world = await makeWorld()
    const stream = new TestStream(world, 1)
    const records: MadeRecord[] = []
    for (let index = 0; index < 8; index++) {
      const body = readingBody('reading')
      const sample = 'samples' in body ? body.samples[0] : undefined
      assert.ok(sample && 'samples' in body)
      // Every third record is a batch, so that sequence numbers and records differ.
      const samples = index % 3 === 2 ? [sample, sample, sample] : [sample]
      records.push(await stream.append({ ...body, samples }))
    }
    made = records
  })

  function verifier(): ChainVerifier {
    return new ChainVerifier(world.device.ueid, 1)
  }

  function push(chain: ChainVerifier, index: number): string {
    const item = made[index]
    assert.ok(item)
    return chain.push(item.record, item.payload).link
  }

  it('begins with a hash of its own for every device and stream', () => {
    const { ueid } = world.device
    assert.equal(genesis(ueid, 1).nextSeq, SEQ_FIRST)
    assert.notDeepEqual(genesis(ueid, 1).head, genesis(ueid, 2).head)
    assert.notDeepEqual(genesis(ueid, 1).head, genesis(world.recipient.ueid, 1).head)
  })

  it('links every record to the one before', () => {
    const chain = verifier()
    for (const index of made.keys()) assert.equal(push(chain, index), 'linked')
    assert.equal(chain.state?.nextSeq, 13)
    assert.deepEqual(chain.state, new ChainVerifier(world.device.ueid, 1, chain.state).state)
  })

  it('tells a gap, and names the missing numbers', () => {
    const chain = verifier()
    push(chain, 0)
    const item = made[3]
    assert.ok(item)
    const verdict = chain.push(item.record, item.payload)
    assert.deepEqual(verdict, { link: 'gap', code: 'chain-gap', from: 2, to: 5 })
    assert.equal(push(chain, 4), 'linked')
  })

  it('tells a repetition', () => {
    const chain = verifier()
    for (const index of [0, 1, 2]) push(chain, index)
    assert.equal(push(chain, 1), 'repeated')
    assert.equal(push(chain, 3), 'linked')
  })

  it('tells a late record from a rewritten one, by its neighbours on both sides', () => {
    const chain = verifier()
    for (const index of [0, 1, 3]) push(chain, index)
    const late = made[2]
    assert.ok(late)
    const forged: DeviceRecord = { ...late.record, prevHash16: new Uint8Array(16).fill(1) }
    assert.equal(chain.push(forged, encodeRecord(forged)).link, 'rewritten')
    const other: DeviceRecord = { ...late.record, stream: 2 }
    assert.equal(chain.push(other, encodeRecord(other)).link, 'rewritten')
    assert.equal(push(chain, 2), 'reordered')
    assert.equal(push(chain, 2), 'repeated')
  })

  it('tells a record whose numbers overlap with a batch', () => {
    const chain = verifier()
    for (const index of [0, 1, 2]) push(chain, index)
    const inside: DeviceRecord = {
      kind: 'event',
      ...nextLink({ ...genesis(world.device.ueid, 1), nextSeq: 4 }),
      timeMs: 0,
      status: 0,
      code: 1,
      severity: 'info',
      details: [],
    }
    assert.equal(chain.push(inside, encodeRecord(inside)).link, 'rewritten')
  })

  it('tells a rewritten record in its own place', () => {
    const chain = verifier()
    for (const index of [0, 1]) push(chain, index)
    const item = made[1]
    assert.ok(item)
    const changed: DeviceRecord = { ...item.record, timeMs: item.record.timeMs + 1 }
    const verdict = chain.push(
      changed,
      encodeRecord({ ...changed, kind: 'event', code: 1, severity: 'info', details: [] }),
    )
    assert.deepEqual(verdict, { link: 'rewritten', code: 'chain-rewritten', seq: 2 })
  })

  it('tells a rewritten history: the right number, another predecessor', () => {
    const chain = verifier()
    push(chain, 0)
    const item = made[1]
    assert.ok(item)
    const forked: DeviceRecord = { ...item.record, prevHash16: new Uint8Array(16).fill(9) }
    const verdict = chain.push(forked, item.payload)
    assert.deepEqual(verdict, { link: 'rewritten', code: 'chain-rewritten', seq: 2 })
  })

  it('is not broken by a device that lost it and says so', () => {
    const chain = verifier()
    push(chain, 0)
    const lost = restart(1, 40)
    const link = nextLink(lost)
    assert.ok(isRestart(link.prevHash16))
    const item = made[1]
    assert.ok(item)
    const record: DeviceRecord = { ...item.record, ...link }
    const payload = encodeRecord({
      ...record,
      kind: 'event',
      code: 1,
      severity: 'info',
      details: [],
    })
    const verdict = chain.push(record, payload)
    assert.deepEqual(verdict, { link: 'restarted', code: 'chain-gap', from: 2, to: 39 })
    const next: DeviceRecord = { ...item.record, ...nextLink(advance(lost, payload)) }
    assert.equal(chain.push(next, item.payload).link, 'linked')
  })

  it('can be followed from the middle', () => {
    const chain = verifier()
    assert.equal(push(chain, 4), 'first')
    assert.equal(push(chain, 5), 'linked')
    assert.equal(push(chain, 3), 'reordered')
  })

  it('does not take a first record that was not made for this stream', () => {
    const item = made[0]
    assert.ok(item)
    const chain = new ChainVerifier(world.recipient.ueid, 1)
    assert.equal(chain.push(item.record, item.payload).link, 'rewritten')
  })

  it('remembers no more than it may', () => {
    const chain = verifier()
    let state = genesis(world.device.ueid, 1)
    const first: DeviceRecord[] = []
    for (let index = 0; index < CHAIN_HISTORY_MAX + 2; index++) {
      const head = { ...nextLink(state), timeMs: index, status: 0 }
      const record: DeviceRecord = {
        kind: 'event',
        ...head,
        code: 1,
        severity: 'info',
        details: [],
      }
      const payload = encodeRecord(record)
      chain.push(record, payload)
      state = advance(state, payload)
      first.push(record)
    }
    const [oldest, , , fourth] = first
    assert.ok(oldest && fourth)
    // What is forgotten can no longer be told from a late record.
    assert.equal(chain.push(oldest, encodeRecord(oldest)).link, 'reordered')
    assert.equal(chain.push(fourth, encodeRecord(fourth)).link, 'repeated')
  })
})
