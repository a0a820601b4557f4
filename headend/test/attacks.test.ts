import assert from 'node:assert/strict'
import { mock } from 'node:test'
import { createPrekey, openEpoch, signRecord, SoftwareSigner, type Prekey } from '@s3mp/envelope'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { DEVICE_BURST_MAX } from '../src/receive/admission.ts'
import { DEVICE_EPOCHS_BURST_MAX } from '../src/receive/epochs.ts'
import { SignatureChecker } from '../src/receive/signatures.ts'
import type { DeviceRow } from '../src/store/types.ts'
import { openWorld, type World } from './support/receiving.ts'
import {
  eventBody,
  mailbox,
  readingBody,
  seededRandom,
  START_MS,
  TestMeter,
} from './support/world.ts'

const QUARTER = 1

describe('the receiver goes on', () => {
  let world: World
  let meter: TestMeter
  let device: DeviceRow

  beforeEach(async () => {
    world = await openWorld()
    meter = new TestMeter('one')
    device = await world.join(meter)
  })

  afterEach(() => world.close())

  async function reading(power = 1n): Promise<Uint8Array> {
    const body = readingBody(world.clock.nowMs(), [1000n, power])
    return (await meter.next(QUARTER, body, world.keyring.ueid)).datagram
  }

  const stored = (): number | undefined =>
    world.store.queries.stream(device.row, QUARTER)?.contiguous

  it('when an answer cannot even be tried', async () => {
    const signer = SoftwareSigner.generate('Ed25519', seededRandom('stranger'))
    const times = { notBeforeMs: START_MS, notAfterMs: START_MS + 1000 }
    const random = seededRandom('prekey')
    const { prekey } = await createPrekey({ signer, suite: 1, ...times, policyVersion: 1, random })
    const question = await new TestMeter('x').openEpoch(prekey, START_MS)
    const reply = (): void => {
      throw new RangeError('port')
    }
    world.receiver.receive({ ...mailbox().arrival(question), reply })
    await world.settle()
    assert.equal(world.receiver.counts.refused['unknown-prekey'], 1)
    assert.equal((await world.deliver(await reading())).length, 1)
  })

  it('when one object of many is more than it can check, with all the others', async () => {
    const odd = await reading(1n)
    const other = new TestMeter('other')
    await world.join(other)
    const body = readingBody(START_MS, [1n, 2n])
    const good = await other.next(QUARTER, body, world.keyring.ueid)
    const check = mock.method(
      SignatureChecker.prototype,
      'check',
      () => Promise.reject(new TypeError('a fault of this program')),
      { times: 1 },
    )
    const box = mailbox()
    world.receiver.receive(mailbox().arrival(odd))
    world.receiver.receive(box.arrival(good.datagram))
    await world.settle()
    check.mock.restore()
    assert.equal(box.answers.length, 1)
    assert.equal(world.receiver.counts.stored, 1)
  })

  it('when what was stored cannot be told to those who look on', async () => {
    const onCommit = (): void => {
      throw new TypeError('a fault of a page')
    }
    const other = await openWorld({ receiver: { onCommit } })
    const speaker = new TestMeter('speaker')
    await other.join(speaker)
    const body = readingBody(START_MS, [1n, 2n])
    const { datagram } = await speaker.next(QUARTER, body, other.keyring.ueid)
    assert.equal((await other.deliver(datagram)).length, 1)
    assert.deepEqual(other.refusals, [], 'nobody takes the store for broken')
    await other.close()
  })

  it('when a part of the store cannot be read', async () => {
    const good = await reading()
    const { registry } = world.store
    const [epochOfKid, held] = [
      registry.epochOfKid.bind(registry),
      world.receiver.epochs.held.bind(world.receiver.epochs),
    ]
    world.receiver.epochs.held = () => undefined
    registry.epochOfKid = () => {
      throw new Error('disk I/O error')
    }
    assert.deepEqual(await world.deliver(good), [])
    assert.equal(world.receiver.counts.refused['store-failed'], 1)
    registry.epochOfKid = epochOfKid
    world.receiver.epochs.held = held
    assert.equal((await world.deliver(good)).length, 1)
    assert.equal(stored(), 1)
  })
})

describe('whoever forges a meter’s address', () => {
  let world: World

  beforeEach(async () => {
    world = await openWorld()
  })

  afterEach(() => world.close())

  it('does not keep it from opening an epoch', async () => {
    const meter = new TestMeter('one')
    world.enroll(meter)
    const prekey = world.keyring.current(world.clock.nowMs())?.prekey
    assert.ok(prekey)
    const good = await meter.openEpoch(prekey, START_MS)
    const noise = seededRandom('noise')
    const junk = (): Uint8Array => Uint8Array.from([...good.slice(0, 60), ...noise(240)])
    for (let i = 0; i < 3000; i++) {
      world.receiver.receive(mailbox().arrival(junk(), 'its address'))
      if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    assert.ok(world.receiver.counts.refused['rate-limited'] > 0)
    const box = mailbox()
    world.receiver.receive(box.arrival(good, 'its address'))
    await world.settle()
    assert.equal(world.receiver.counts.epochs, 1)
    assert.equal(box.answers.length, 1)
  })

  it('does not keep answers from it by repeating what it sent', async () => {
    const meter = new TestMeter('one')
    await world.join(meter)
    const body = readingBody(START_MS, [1n, 2n])
    const sent = await meter.next(QUARTER, body, world.keyring.ueid)
    const box = mailbox('meter')
    assert.equal((await world.deliver(sent.datagram, box)).length, 1)
    // The answer was lost; before the meter asks again, others did with its bytes.
    for (let i = 0; i < 8; i++) {
      world.receiver.receive(mailbox().arrival(sent.datagram, `forged ${i}`))
    }
    assert.equal((await world.deliver(sent.datagram, box)).length, 2)
    // Neither while a new reading is answered over a new way.
    for (let i = 0; i < 8; i++) {
      world.receiver.receive(mailbox().arrival(sent.datagram, `forged ${i}`))
    }
    const next = await meter.next(QUARTER, body, world.keyring.ueid)
    assert.equal((await world.deliver(next.datagram, mailbox('elsewhere'))).length, 1)
  })

  it('cannot make others wait: who is in good standing comes first', async () => {
    const [meter, other] = [new TestMeter('one'), new TestMeter('other')]
    world.enroll(meter)
    world.enroll(other)
    const prekey = world.keyring.current(world.clock.nowMs())?.prekey
    assert.ok(prekey)
    const good = await meter.openEpoch(prekey, START_MS)
    const question = await other.openEpoch(prekey, START_MS)
    const noise = seededRandom('noise')
    for (let i = 0; i < 2000; i++) {
      const junk = Uint8Array.from([...good.slice(0, 60), ...noise(240)])
      world.receiver.receive(mailbox().arrival(junk, 'a forger'))
    }
    const beganMs = world.clock.monotonicMs()
    let tookMs = Number.POSITIVE_INFINITY
    const reply = (): void => {
      tookMs = world.clock.monotonicMs() - beganMs
    }
    world.receiver.receive({ ...mailbox().arrival(question, 'another'), reply })
    await world.settle()
    // By the clock of the test, which only waiting moves: the suspects took seconds.
    assert.ok(tookMs < 1000 && world.clock.monotonicMs() - beganMs > 5000, `${tookMs} ms`)
  })
})

describe('a device that turned against the others', () => {
  it('takes its share of the queue, however many addresses it forges', async function () {
    this.timeout(20_000)
    const world = await openWorld()
    const [rogue, honest] = [new TestMeter('rogue'), new TestMeter('honest')]
    await world.join(rogue)
    await world.join(honest)
    const to = world.keyring.ueid
    // Sealed anew each time: to the head-end all of them are new, and events go before readings.
    const { record } = await rogue.next(8, eventBody(START_MS, 10), to)
    const object = await signRecord(rogue.signer, record, to)
    for (let i = 0; i < DEVICE_BURST_MAX + 2000; i++) {
      const bytes = rogue.epoch.seal('event', object, 0)
      world.receiver.receive(mailbox().arrival(bytes, `forged ${i}`))
    }
    const { refused } = world.receiver.counts
    assert.equal(refused['rate-limited'], 2000)
    const reading = await honest.next(QUARTER, readingBody(START_MS, [1n, 2n]), to)
    assert.equal((await world.deliver(reading.datagram)).length, 1)
    assert.equal(refused.shed, 0)
    await world.close()
  })
})

describe('an epoch that cannot be', () => {
  let world: World
  let meter: TestMeter
  let device: DeviceRow

  beforeEach(async () => {
    world = await openWorld()
    meter = new TestMeter('one')
    device = await world.join(meter)
  })

  afterEach(() => world.close())

  function prekey(): Prekey {
    const current = world.keyring.current(world.clock.nowMs())
    assert.ok(current)
    return current.prekey
  }

  /** The same key in another machine, with its own idea of numbers. */
  async function elsewhere(number: number, bootCounter: number): Promise<Uint8Array> {
    const { datagram } = await openEpoch({
      signer: meter.signer,
      prekey: prekey(),
      number,
      bootCounter,
      firmwareHash: new Uint8Array(32),
      nowMs: world.clock.nowMs(),
      clock: 'synced',
      monotonicMs: 0,
      random: seededRandom(`elsewhere ${number} ${bootCounter}`),
    })
    return datagram
  }

  const alarms = (): readonly unknown[] =>
    world.store.queries
      .events({ device: device.row, limit: 20 })
      .map(({ severity, code, details }) => [severity, code, details.number])

  it('under a number that was used before is refused, and told: the card was copied', async () => {
    const copy = await elsewhere(1, 1)
    assert.deepEqual(await world.deliver(copy), [])
    assert.equal(world.refusals.at(-1), 'stale-epoch')
    assert.deepEqual(alarms(), [['alarm', 'epoch.contradicted', 1]])
    await world.deliver(copy)
    assert.equal(alarms().length, 1, 'not with every datagram')
    world.clock.advance(3_600_000)
    await world.deliver(copy)
    assert.equal(alarms().length, 2)
  })

  it('behind those before is refused, and told: the device lost its numbers', async () => {
    for (let i = 0; i < 3; i++) {
      await world.deliver(await meter.openEpoch(prekey(), world.clock.nowMs()))
    }
    await world.deliver(await elsewhere(5, 1))
    assert.equal(world.refusals.at(-1), 'stale-epoch')
    assert.deepEqual(alarms(), [['alarm', 'epoch.refused', 5]])
  })

  it('in a heap of them is taken a few times a minute, so that no device fills the store', async function () {
    this.timeout(20_000)
    let last = await meter.openEpoch(prekey(), world.clock.nowMs())
    for (let i = 0; i < 2 * DEVICE_EPOCHS_BURST_MAX; i++) {
      last = await meter.openEpoch(prekey(), world.clock.nowMs())
      world.receiver.receive(mailbox().arrival(last, `source ${i}`))
      if (i % 50 === 0) await world.settle()
    }
    await world.settle()
    assert.equal(world.receiver.counts.epochs, DEVICE_EPOCHS_BURST_MAX)
    assert.equal(world.receiver.counts.refused['too-many'], DEVICE_EPOCHS_BURST_MAX + 1)
    const other = new TestMeter('other')
    await world.join(other)
    assert.equal(world.receiver.counts.epochs, DEVICE_EPOCHS_BURST_MAX + 1, 'others are taken')
    world.clock.advance(3_600_000)
    assert.equal((await world.deliver(last)).length, 1, 'and so is this one, in time')
  })
})
