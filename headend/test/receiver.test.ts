import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { acknowledges, createPrekey, SoftwareSigner, toHex, type StreamAck } from '@s3mp/envelope'
import { afterEach, beforeEach, describe, it } from 'mocha'
import type { Refusal } from '../src/receive/refusals.ts'
import type { DeviceRow } from '../src/store/types.ts'
import { openWorld, type World } from './support/receiving.ts'
import {
  eventBody,
  heartbeatBody,
  mailbox,
  readingBody,
  schemaBody,
  sealBody,
  seededRandom,
  START_MS,
  TestMeter,
  type Sealed,
} from './support/world.ts'

const QUARTER = 1

function streamAck(meter: TestMeter, answers: readonly Uint8Array[], stream = QUARTER): StreamAck {
  const last = answers.at(-1)
  assert.ok(last !== undefined, 'expected an answer')
  const found = meter.openAck(last).ack.streams.find((one) => one.stream === stream)
  assert.ok(found !== undefined, `the ack does not name stream ${stream}`)
  return found
}

describe('the receiver', () => {
  let world: World
  let meter: TestMeter
  let device: DeviceRow
  let to: Uint8Array

  beforeEach(async () => {
    world = await openWorld()
    meter = new TestMeter('one')
    device = await world.join(meter)
    to = world.keyring.ueid
  })

  afterEach(() => world.close())

  async function reading(
    power: bigint,
    kind: 'reading' | 'fast' = 'reading',
    stream = QUARTER,
  ): Promise<Sealed> {
    return meter.next(stream, readingBody(world.clock.nowMs(), [1000n, power], kind), to)
  }

  const events = (): readonly string[] =>
    world.store.queries.events({ device: device.row, limit: 50 }).map(({ code }) => code)

  it('answers an epoch by itself, and a repeated one too, naming what is stored', async () => {
    const other = new TestMeter('two')
    world.enroll(other)
    const prekey = world.keyring.current(START_MS)?.prekey
    assert.ok(prekey)
    const datagram = await other.openEpoch(prekey, START_MS)
    for (let time = 1; time <= 2; time++) {
      const answers = await world.deliver(datagram)
      assert.equal(answers.length, 1)
      const { ack } = other.openAck(answers[0] ?? new Uint8Array())
      assert.deepEqual(ack.streams, [])
      assert.equal(ack.echo, null)
    }
    assert.equal(world.receiver.counts.epochs, 2)
  })

  it('acknowledges a reading when it is stored, with its hash', async () => {
    const sealed = await meter.next(QUARTER, schemaBody(START_MS), to)
    await world.deliver(sealed.datagram)
    const second = await reading(507n)
    const ack = streamAck(meter, await world.deliver(second.datagram))
    assert.equal(ack.cumulative, 2)
    assert.equal(toHex(ack.headHash8), toHex(meter.chain(QUARTER).head.slice(0, 8)))
    const stream = world.store.queries.stream(device.row, QUARTER)
    assert.ok(stream)
    const record = world.store.queries.recordAt(stream.row, 2)
    assert.equal(record?.proof, 'signed')
    assert.deepEqual(new Uint8Array(record.bytes), second.object, 'the signed bytes as they were')
    assert.deepEqual(events(), [])
  })

  it('gives a replay the same ack and changes nothing', async () => {
    const sealed = await reading(1n)
    const first = streamAck(meter, await world.deliver(sealed.datagram))
    const rows = world.store.queries.newestRow()
    const again = streamAck(meter, await world.deliver(sealed.datagram))
    assert.deepEqual(again, first)
    assert.equal(world.store.queries.newestRow(), rows)
    assert.deepEqual([world.receiver.counts.stored, world.receiver.counts.known], [1, 1])
  })

  it('knows a record that was sealed once more', async () => {
    const sealed = await reading(1n)
    await world.deliver(sealed.datagram)
    const again = await meter.seal(sealed.record, to)
    assert.equal(streamAck(meter, await world.deliver(again.datagram)).cumulative, 1)
    assert.equal(world.receiver.counts.known, 1)
    assert.deepEqual(events(), [])
  })

  it('names what is stored beyond a gap, and closes it whatever the order', async () => {
    const [first, second, third] = [await reading(1n), await reading(2n), await reading(3n)]
    await world.deliver(third.datagram)
    const ahead = streamAck(meter, await world.deliver(first.datagram))
    assert.equal(ahead.cumulative, 1)
    assert.ok(acknowledges(ahead, 3) && !acknowledges(ahead, 2))
    assert.equal(streamAck(meter, await world.deliver(second.datagram)).cumulative, 3)
    assert.deepEqual(events(), [])
  })

  it('keeps the first of two contradicting records, raises an alarm and keeps the evidence', async () => {
    const sealed = await reading(1n)
    await world.deliver(sealed.datagram)
    const other = { ...sealed.record, ...readingBody(START_MS, [1000n, 2n]) }
    const forged = await meter.seal(other, to)
    await world.deliver(forged.datagram)
    assert.deepEqual(events(), ['record.contradicted'])
    const stream = world.store.queries.stream(device.row, QUARTER)
    assert.ok(stream)
    assert.deepEqual(
      new Uint8Array(world.store.queries.recordAt(stream.row, 1)?.bytes ?? []),
      sealed.object,
    )
    await world.deliver(forged.datagram)
    assert.deepEqual(events(), ['record.contradicted'], 'the same contradiction is told once')
  })

  it('raises an alarm when the past of a stream was rewritten', async () => {
    const first = await reading(1n)
    await world.deliver(first.datagram)
    meter.setChain({ ...meter.chain(QUARTER), head: new Uint8Array(32).fill(3) })
    await world.deliver((await reading(2n)).datagram)
    assert.deepEqual(events(), ['chain.broken'])
  })

  it('notices a rewritten past from behind, when the earlier record comes last', async () => {
    const first = await reading(1n)
    meter.setChain({ ...meter.chain(QUARTER), head: new Uint8Array(32).fill(3) })
    await world.deliver((await reading(2n)).datagram)
    assert.deepEqual(events(), [])
    await world.deliver(first.datagram)
    assert.deepEqual(events(), ['chain.broken'])
  })

  it('proves live values by the seal that covers them, whichever comes first', async () => {
    const live = 3
    const values = []
    for (let i = 0; i < 4; i++) values.push(await reading(BigInt(i), 'fast', live))
    const seal = await meter.next(live, sealBody(meter, live, START_MS, 4), to)
    for (const one of values.slice(1)) await world.deliver(one.datagram)
    await world.deliver(seal.datagram)
    const stream = world.store.queries.stream(device.row, live)
    assert.ok(stream)
    const proofs = (): readonly (string | undefined)[] =>
      [1, 2, 3, 4, 5].map((seq) => world.store.queries.recordAt(stream.row, seq)?.proof)
    assert.deepEqual(proofs(), [undefined, 'pending', 'pending', 'pending', 'signed'])
    await world.deliver(values[0]?.datagram ?? new Uint8Array())
    assert.deepEqual(proofs(), ['sealed', 'sealed', 'sealed', 'sealed', 'signed'])
    assert.deepEqual(events(), [])
  })

  it('proves live values on both sides of a schema that was announced between them', async () => {
    await world.deliver((await reading(1n, 'fast', 3)).datagram)
    await world.deliver((await meter.next(3, schemaBody(START_MS), to)).datagram)
    await world.deliver((await reading(2n, 'fast', 3)).datagram)
    const [first, , third] = meter.hashes(3)
    const digest = createHash('sha256')
    for (const hash of [first, third]) digest.update(hash ?? '')
    const covered = { firstSeq: 1, records: 2, digest: digest.digest() }
    const body = { kind: 'seal' as const, timeMs: START_MS, status: 1, ...covered }
    await world.deliver((await meter.next(3, body, to)).datagram)
    assert.deepEqual(events(), [])
    const stream = world.store.queries.stream(device.row, 3)
    const proofs = [1, 2, 3].map(
      (seq) => world.store.queries.recordAt(stream?.row ?? 0, seq)?.proof,
    )
    assert.deepEqual(proofs, ['sealed', 'signed', 'sealed'])
  })

  it('raises an alarm when a seal contradicts what it should prove', async () => {
    await world.deliver((await reading(1n, 'fast', 3)).datagram)
    await world.deliver((await reading(2n, 'fast', 3)).datagram)
    const body = { ...sealBody(meter, 3, START_MS, 2), digest: new Uint8Array(32) }
    await world.deliver((await meter.next(3, body, to)).datagram)
    assert.deepEqual(events(), ['seal.contradicted'])
    const stream = world.store.queries.stream(device.row, 3)
    assert.equal(world.store.queries.recordAt(stream?.row ?? 0, 1)?.proof, 'pending')
  })

  it('moves past what a meter gave up, and says how much that was', async () => {
    await world.deliver((await reading(1n)).datagram)
    for (let i = 0; i < 3; i++) await reading(2n)
    const late = await reading(5n)
    await world.deliver(late.datagram)
    const beat = heartbeatBody(START_MS, [{ stream: QUARTER, floorSeq: 5, nextSeq: 6 }])
    await world.deliver((await meter.next(9, beat, to)).datagram)
    assert.equal(world.store.queries.stream(device.row, QUARTER)?.contiguous, 5)
    const [lost] = world.store.queries.events({ device: device.row, limit: 1 })
    assert.equal(lost?.code, 'records.lost')
    assert.deepEqual(lost.details, { stream: QUARTER, from: 2, to: 4, records: 3 })
  })

  it('lists a device’s own events', async () => {
    await world.deliver((await meter.next(8, eventBody(START_MS, 10), to)).datagram)
    const [event] = world.store.queries.events({ device: device.row, limit: 1 })
    assert.equal(event?.code, 'device.cover-opened')
    assert.equal(event.severity, 'alarm')
    assert.deepEqual(event.details, { detail1: 7, detail2: 'why' })
  })

  it('answers over every way a meter asked, once each', async () => {
    const [near, far] = [mailbox('near'), mailbox('far')]
    const sealed = await reading(1n)
    world.receiver.receive(near.arrival(sealed.datagram))
    world.receiver.receive(near.arrival(sealed.datagram))
    world.receiver.receive(far.arrival(sealed.datagram))
    await world.settle()
    assert.equal(near.answers.length, 1)
    assert.equal(far.answers.length, 1)
    assert.equal(world.receiver.counts.stored, 1)
  })

  it('opens what an earlier epoch had sealed, and answers under the newest', async () => {
    const before = await reading(1n)
    const prekey = world.keyring.current(START_MS)?.prekey
    assert.ok(prekey)
    await world.deliver(await meter.openEpoch(prekey, START_MS))
    const ack = streamAck(meter, await world.deliver(before.datagram))
    assert.equal(ack.cumulative, 1)
  })

  it('takes an epoch that comes late for opening, never for answering', async () => {
    const prekey = world.keyring.current(START_MS)?.prekey
    assert.ok(prekey)
    const late = await meter.openEpoch(prekey, START_MS)
    const sealed = await reading(1n)
    await world.deliver(await meter.openEpoch(prekey, START_MS))
    assert.deepEqual(await world.deliver(sealed.datagram), [], 'its epoch is not known yet')
    await world.deliver(late)
    assert.equal(streamAck(meter, await world.deliver(sealed.datagram)).cumulative, 1)
  })

  it('acknowledges nothing while the store fails, and takes it when it is sent again', async () => {
    const sealed = await reading(1n)
    const commit = world.store.commit.bind(world.store)
    world.store.commit = () => Promise.reject(new Error('database or disk is full'))
    const during = await world.deliver(sealed.datagram)
    assert.deepEqual(during, [])
    assert.equal(world.receiver.counts.refused['store-failed'], 1)
    world.store.commit = commit
    assert.equal(streamAck(meter, await world.deliver(sealed.datagram)).cumulative, 1)
  })

  describe('refuses, with its reason counted and nothing stored:', () => {
    async function refused(reason: Refusal, datagram: Uint8Array): Promise<readonly Uint8Array[]> {
      const [rows, before] = [
        world.store.queries.newestRow(),
        world.receiver.counts.refused[reason],
      ]
      const answers = await world.deliver(datagram)
      assert.deepEqual(
        [world.refusals.at(-1), world.receiver.counts.refused[reason]],
        [reason, before + 1],
      )
      assert.equal(world.store.queries.newestRow(), rows)
      return answers
    }

    it('an epoch to a prekey nobody has, telling the current one', async () => {
      const stranger = SoftwareSigner.generate('Ed25519', seededRandom('stranger'))
      const { prekey } = await createPrekey({
        signer: stranger,
        suite: 1,
        notBeforeMs: START_MS,
        notAfterMs: START_MS + 1000,
        policyVersion: 1,
        random: seededRandom('prekey'),
      })
      const question = await meter.openEpoch(prekey, START_MS)
      const answers = await refused('unknown-prekey', question)
      const current = world.keyring.current(START_MS)?.prekey.object
      assert.deepEqual(answers, [current])
      assert.ok((answers[0]?.length ?? 0) <= question.length)
    })

    it('an epoch of a device that is not enrolled, without an answer', async () => {
      const prekey = world.keyring.current(START_MS)?.prekey
      assert.ok(prekey)
      const answers = await refused(
        'unknown-device',
        await new TestMeter('x').openEpoch(prekey, START_MS),
      )
      assert.deepEqual(answers, [])
    })

    it('a revoked device, for good', async () => {
      world.store.registry.setState(device.ueid, 'revoked', { who: 'test' }, START_MS)
      world.receiver.reloadStates()
      assert.deepEqual(await refused('revoked', (await reading(1n)).datagram), [])
      const prekey = world.keyring.current(START_MS)?.prekey
      assert.ok(prekey)
      await refused('unknown-device', await meter.openEpoch(prekey, START_MS))
      assert.throws(() => world.enroll(meter), /revoked key never comes back/)
    })

    it('a record signed with another device’s key inside this device’s epoch', async () => {
      const thief = new TestMeter('thief')
      await world.join(thief)
      const record = { ...(await reading(1n)).record, seq: 1 }
      const foreign = await thief.seal(record, to)
      const smuggled = meter.epoch.seal('reading', foreign.object, 0)
      await refused('bad-signature', smuggled)
    })

    it('a record meant for another recipient', async () => {
      const elsewhere = await meter.next(
        QUARTER,
        readingBody(START_MS, [1n, 1n]),
        meter.signer.ueid,
      )
      await refused('bad-signature', elsewhere.datagram)
    })

    it('its own answer sent back to it', async () => {
      const [answer] = await world.deliver((await reading(1n)).datagram)
      assert.ok(answer)
      await refused('unknown-kid', answer)
    })
  })

  it('stores and acknowledges what a quarantined device sends, and marks it for good', async () => {
    const states = world.store.registry
    const marks = (): readonly boolean[] =>
      world.store.queries
        .recordsFrom(world.store.queries.stream(device.row, 1)?.row ?? 0, 1, 10)
        .map(({ quarantined }) => quarantined)
    await world.deliver((await reading(1n)).datagram)
    states.setState(device.ueid, 'quarantined', { who: 'test', reason: 'odd' }, START_MS)
    world.receiver.reloadStates()
    const held = await reading(2n)
    assert.equal(streamAck(meter, await world.deliver(held.datagram)).cumulative, 2)
    assert.deepEqual(marks(), [false, true])
    // A reboot in quarantine goes on: what is asked of the meter is to keep talking.
    const prekey = world.keyring.current(START_MS)?.prekey
    assert.ok(prekey)
    assert.equal((await world.deliver(await meter.openEpoch(prekey, START_MS))).length, 1)
    states.setState(device.ueid, 'active', { who: 'test' }, START_MS)
    world.receiver.reloadStates()
    await world.deliver((await reading(3n)).datagram)
    assert.deepEqual(marks(), [false, true, false])
    assert.deepEqual(world.refusals, [])
  })
})
