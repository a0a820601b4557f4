import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { REFUSALS, type Refusal } from '../src/receive/refusals.ts'
import { openWorld, type World } from './support/receiving.ts'
import { mailbox, readingBody, START_MS, TestMeter } from './support/world.ts'

const QUARTER = 1

describe('hostile datagrams', () => {
  let world: World
  let meter: TestMeter
  let row: number

  beforeEach(async () => {
    world = await openWorld()
    meter = new TestMeter('one')
    row = (await world.join(meter)).row
  })

  afterEach(() => world.close())

  async function sealed(power: bigint): Promise<Uint8Array> {
    const body = readingBody(world.clock.nowMs(), [1n, power])
    return (await meter.next(QUARTER, body, world.keyring.ueid)).datagram
  }

  /** Delivers from a fresh source, so that what came before is not held against it. */
  let sources = 0
  async function refusal(bytes: Uint8Array): Promise<Refusal | 'accepted'> {
    const before = world.refusals.length
    const { opened, epochs } = world.receiver.counts
    const box = mailbox()
    world.receiver.receive(box.arrival(bytes, `source ${sources++}`))
    await new Promise((resolve) => setImmediate(resolve))
    while (!world.receiver.idle) await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(
      box.answers.filter((answer) => answer.length > bytes.length),
      [],
      'never answers with more than was sent',
    )
    const counts = world.receiver.counts
    if (counts.opened !== opened || counts.epochs !== epochs) return 'accepted'
    return world.refusals[before] ?? 'accepted'
  }

  const cut = (bytes: Uint8Array, length: number): Uint8Array => bytes.slice(0, length)
  const extended = (bytes: Uint8Array, more: number): Uint8Array =>
    Uint8Array.from([...bytes, ...new Uint8Array(more).fill(7)])
  const flipped = (bytes: Uint8Array, at: number, bit: number): Uint8Array => {
    const copy = Uint8Array.from(bytes)
    copy[at] = (copy[at] ?? 0) ^ (1 << bit)
    return copy
  }
  const twice = (bytes: Uint8Array): Uint8Array => Uint8Array.from([...bytes, ...bytes])

  it('flipped, cut, extended and doubled at every byte are refused, each with a reason', async function () {
    this.timeout(20_000)
    const good = await sealed(1n)
    const reasons = new Set<string>()
    const mutants = [twice(good), extended(good, 1), extended(good, 64)]
    for (let at = 0; at < good.length; at++) {
      mutants.push(flipped(good, at, at % 8), flipped(good, at, (at + 3) % 8), cut(good, at))
    }
    for (const mutant of mutants) {
      const reason = await refusal(mutant)
      assert.notEqual(reason, 'accepted')
      reasons.add(reason)
    }
    assert.deepEqual(
      [...reasons].filter((reason) => !(REFUSALS as readonly string[]).includes(reason)),
      [],
    )
    assert.ok(
      reasons.has('unknown-kid') && reasons.has('not-authentic') && reasons.has('too-small'),
    )
    assert.equal(world.store.queries.newestRow(), 0)
    // Nothing else is disturbed: the good one is taken, and the next.
    assert.equal((await world.deliver(good)).length, 1)
    assert.equal((await world.deliver(await sealed(2n))).length, 1)
    assert.equal(world.store.queries.stream(row, QUARTER)?.contiguous, 2)
  })

  it('epoch objects mutated at every byte open nothing', async function () {
    this.timeout(20_000)
    const other = new TestMeter('two')
    world.enroll(other)
    const prekey = world.keyring.current(START_MS)?.prekey
    assert.ok(prekey)
    const good = await other.openEpoch(prekey, START_MS)
    for (let at = 0; at < good.length; at++) {
      assert.notEqual(await refusal(flipped(good, at, at % 8)), 'accepted', `byte ${at}`)
      if (at % 8 === 0) assert.notEqual(await refusal(cut(good, at)), 'accepted', `cut at ${at}`)
    }
    assert.notEqual(await refusal(extended(good, 1)), 'accepted')
    assert.equal(await refusal(good), 'accepted')
  })

  it('of any shape throw nothing and are all counted', async () => {
    const good = await sealed(1n)
    const shaped = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.uint8Array({ maxLength: 2100, minLength: 2000 }),
      fc.uint8Array({ maxLength: 200 }).map((tail) => Uint8Array.from([...cut(good, 17), ...tail])),
      fc.uint8Array({ maxLength: 60 }).map((tail) => Uint8Array.from([0x83, 0x46, ...tail])),
      fc.uint8Array({ maxLength: 60 }).map((tail) => Uint8Array.from([0x84, ...tail])),
    )
    const before = { ...world.receiver.counts }
    let sent = 0
    fc.assert(
      fc.property(shaped, (bytes) => {
        sent++
        world.receiver.receive(mailbox().arrival(bytes, `shape ${sent}`))
      }),
      { numRuns: 500 },
    )
    await world.settle()
    const refused = Object.values(world.receiver.counts.refused).reduce((sum, one) => sum + one, 0)
    assert.equal(refused, sent)
    assert.equal(world.receiver.counts.received - before.received, sent)
    assert.equal(world.receiver.counts.opened, before.opened)
  })

  it('in a flood leave the good ones acknowledged and the memory bounded', async function () {
    this.timeout(20_000)
    const box = mailbox()
    const good = await sealed(1n)
    let junk = createHash('sha256').update('junk').digest()
    const noise = (length: number): Uint8Array => {
      const bytes = new Uint8Array(length)
      for (let at = 0; at < length; at += 32) {
        junk = createHash('sha256').update(junk).digest()
        bytes.set(junk.subarray(0, Math.min(32, length - at)), at)
      }
      return bytes
    }
    let readings = 0
    for (let round = 0; round < 40; round++) {
      for (let i = 0; i < 250; i++) {
        const kinds = [
          noise(120),
          Uint8Array.from([...cut(good, 9), ...noise(100)]),
          // Whoever has seen the meter's traffic knows its kid.
          Uint8Array.from([...cut(good, 17), 0x06, 0x41, i, 0x58, 0x60, ...noise(96)]),
          Uint8Array.from([0x83, 0x47, 0xa1, 0x01, 0x3a, 0, 1, 0, 0, ...noise(200)]),
        ]
        world.receiver.receive(box.arrival(kinds[i % 4] ?? good, `flood ${i % 50}`))
      }
      world.receiver.receive(box.arrival(await sealed(BigInt(round)), 'meter'))
      readings++
      world.clock.advance(100)
      await new Promise((resolve) => setImmediate(resolve))
      assert.ok(world.receiver.fill < 0.5)
    }
    await world.settle()
    const stream = world.store.queries.stream(row, QUARTER)
    // The first of the chain was made for its bytes only.
    assert.equal(stream?.newest, readings + 1)
    assert.equal((await world.deliver(good)).length > 0, true)
    assert.equal(world.store.queries.stream(row, QUARTER)?.contiguous, readings + 1)
    assert.equal(world.receiver.counts.refused['store-failed'], 0)
  })

  it('forged in a meter’s name cannot make the head-end deaf to it', async () => {
    const box = mailbox()
    const good = await sealed(1n)
    for (let i = 0; i < 5000; i++) {
      world.receiver.receive(box.arrival(Uint8Array.from([0x83, ...new Uint8Array(80)]), 'meter'))
    }
    assert.ok(
      world.receiver.counts.refused['rate-limited'] > 0,
      'the source is not heard with junk',
    )
    assert.equal((await world.deliver(good, box)).length > 0, true)
    assert.equal(world.store.queries.stream(row, QUARTER)?.contiguous, 1)
  })
})
