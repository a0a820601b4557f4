import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { before, describe, it } from 'mocha'
import {
  acceptEpoch,
  classify,
  createPrekey,
  EPOCH_PAST_MAX,
  EPOCH_STEP_MS,
  EPOCH_STEPS_MAX,
  EpochIndex,
  openDatagram,
  openEpoch,
  PREKEY_GRACE_MS,
  restoreEpoch,
  sealAck,
  SoftwareSigner,
  toHex,
  trafficKid,
  unsealDatagram,
  verifyPlatform,
  verifyUnsealed,
  type EpochHistory,
  type OpenEpochOptions,
  type ReceiverEpoch,
} from '@s3mp/envelope'
import { rejects, refuses } from './support/refuses.ts'
import { seeded } from './support/seeded.ts'
import {
  DAY_MS,
  makeWorld,
  NO_HISTORY,
  NOW_MS,
  oneOfEach,
  type MadeRecord,
  type World,
} from './support/world.ts'

const firmwareHash = createHash('sha256').update('firmware').digest()

function opening(world: World, change: Partial<OpenEpochOptions> = {}): OpenEpochOptions {
  const { device, pair, random } = world
  return {
    signer: device,
    prekey: pair.prekey,
    number: 8,
    bootCounter: 3,
    firmwareHash,
    nowMs: NOW_MS,
    clock: 'synced',
    monotonicMs: 0,
    random,
    ...change,
  }
}

function remembering(...epochs: readonly ReceiverEpoch[]): EpochHistory {
  const known = new Map(epochs.map((epoch) => [epoch.claims.number, epoch]))
  const newest = epochs
    .map(({ claims }) => claims)
    .sort((left, right) => right.number - left.number)
  const history = { transcriptOf: (number: number) => known.get(number)?.transcript }
  return newest[0] === undefined ? history : { ...history, newest: newest[0] }
}

for (const algorithm of ['Ed25519', 'ESP256'] as const) {
  describe(`an epoch of a device with ${algorithm}`, () => {
    let world: World
    let records: readonly MadeRecord[]

    before(async () => {
      world = await makeWorld({ algorithm })
      records = await oneOfEach(world)
    })

    it('carries every kind of record unchanged', () => {
      for (const { kind, record, payload, object } of records) {
        const opened = openDatagram(
          world.epoch.seal(kind, object, 0),
          world.index.lookup,
          verifyPlatform,
        )
        assert.equal(opened.kind, kind)
        assert.deepEqual(opened.object, object)
        assert.deepEqual(opened.payload, payload)
        assert.deepEqual(opened.record, record)
        assert.deepEqual(opened.ueid, world.device.ueid)
        assert.equal(opened.signed, kind !== 'fast')
        assert.deepEqual(Buffer.from(opened.hash), createHash('sha256').update(payload).digest())
      }
    })

    it('claims what the device said', () => {
      const { claims } = world.received
      assert.equal(claims.number, 7)
      assert.equal(claims.bootCounter, 3)
      assert.equal(claims.timeMs, NOW_MS)
      assert.equal(claims.clock, 'synced')
      assert.deepEqual(claims.ueid, world.device.ueid)
      assert.deepEqual(Buffer.from(claims.firmwareHash), firmwareHash)
    })

    it('can be made again from the stored datagram and the private part of the prekey', async () => {
      const [made] = records
      assert.ok(made)
      const { recipientId, lookupPrekey, verify } = world.accepting
      const lookupDevice = (): SoftwareSigner => world.device
      const options = { recipientId, lookupPrekey, verify, lookupDevice }
      const again = await restoreEpoch(world.epochDatagram, options)
      assert.deepEqual(again.kids, world.received.kids)
      const index = new EpochIndex()
      index.add(again)
      const datagram = world.epoch.seal(made.kind, made.object, 0)
      assert.deepEqual(openDatagram(datagram, index.lookup, verifyPlatform).record, made.record)
    })
  })
}

describe('the ratchet', () => {
  it('gives every hour another kid, all of which the recipient knows, in any order', async () => {
    const world = await makeWorld({ seed: 'ratchet' })
    const [made] = await oneOfEach(world)
    assert.ok(made)
    const datagrams: Uint8Array[] = []
    for (let step = 0; step < EPOCH_STEPS_MAX; step++) {
      datagrams.push(world.epoch.seal(made.kind, made.object, step * EPOCH_STEP_MS + 17))
    }
    const kids = datagrams.map((datagram) => toHex(trafficKid(datagram) ?? new Uint8Array(0)))
    assert.equal(new Set(kids).size, EPOCH_STEPS_MAX)
    assert.deepEqual(kids, world.received.kids.map(toHex))
    for (const datagram of [...datagrams.reverse(), ...datagrams]) {
      openDatagram(datagram, world.index.lookup, verifyPlatform)
    }
  })

  it('does not go back when the clock does', async () => {
    const world = await makeWorld({ seed: 'ratchet' })
    const [made] = await oneOfEach(world)
    assert.ok(made)
    const later = world.epoch.seal(made.kind, made.object, 5 * EPOCH_STEP_MS)
    const earlier = world.epoch.seal(made.kind, made.object, 2 * EPOCH_STEP_MS)
    assert.deepEqual(trafficKid(later), trafficKid(earlier))
  })

  it('ends with the day, and nothing is sealed afterwards', async () => {
    const world = await makeWorld({ seed: 'ratchet' })
    const end = EPOCH_STEPS_MAX * EPOCH_STEP_MS
    assert.equal(world.epoch.ended(end - 1), false)
    assert.equal(world.epoch.ended(end), true)
    refuses(() => world.epoch.seal('fast', Uint8Array.of(0), end), 'epoch-ended')
    refuses(() => world.epoch.seal('fast', Uint8Array.of(0), 0), 'epoch-ended')
  })

  it('ends when the objects are used up', async () => {
    const world = await makeWorld()
    const { epoch } = await openEpoch(opening(world, { objectsMax: 2 }))
    epoch.seal('fast', Uint8Array.of(0), 0)
    epoch.seal('fast', Uint8Array.of(0), 0)
    assert.equal(epoch.sealed, 2)
    assert.equal(epoch.ended(0), true)
    refuses(() => epoch.seal('fast', Uint8Array.of(0), 0), 'epoch-ended')
  })

  it('leaves nothing to be used after closing', async () => {
    const world = await makeWorld()
    const { epoch } = await openEpoch(opening(world))
    const ack = sealAck(
      world.received,
      { timeMs: 0, paceMs: 0, echo: null, streams: [] },
      world.random,
    )
    world.epoch.close()
    epoch.close()
    refuses(() => epoch.seal('fast', Uint8Array.of(0), 0), 'epoch-ended')
    refuses(() => world.epoch.openAck(ack), 'unknown-kid')
  })
})

describe('nonces', () => {
  it('are never used twice under one kid, over steps and starts of the device', async () => {
    const world = await makeWorld()
    const used = new Set<string>()
    for (let start = 0; start < 4; start++) {
      // A start that remembers nothing, not even its number: only fresh randomness tells it apart.
      const { epoch } = await openEpoch(opening(world, { number: 9 }))
      for (let count = 0; count < 600; count++) {
        const datagram = epoch.seal('fast', Uint8Array.of(0), count * 60_000)
        // Everything before the ciphertext: kid and partial IV.
        used.add(toHex(datagram.subarray(0, 9 + 8 + 2 + (count < 256 ? 1 : 2))))
      }
    }
    assert.equal(used.size, 4 * 600)
  })

  it('of acks come from the randomness given, for any number of workers', async () => {
    const world = await makeWorld()
    const ack = { timeMs: 0, paceMs: 0, echo: null, streams: [] }
    const datagrams = ['a', 'b', 'a'].map((worker) =>
      toHex(sealAck(world.received, ack, seeded(worker))),
    )
    assert.notEqual(datagrams[0], datagrams[1])
    assert.equal(datagrams[0], datagrams[2])
  })
})

describe('padding', () => {
  it('makes readings of any size as long as the next multiple of 64 bytes', async () => {
    const world = await makeWorld()
    const lengths = new Set<number>()
    for (let size = 1; size < 1300; size++) {
      const object = Uint8Array.from([0x59, size >> 8, size & 0xff, ...new Uint8Array(size)])
      if (size < 256) object.copyWithin(0, 1)
      const item =
        size < 24
          ? Uint8Array.from([0x40 + size, ...new Uint8Array(size)])
          : size < 256
            ? Uint8Array.from([0x58, size, ...new Uint8Array(size)])
            : object
      const datagram = world.epoch.seal('fast', item, 0)
      lengths.add(datagram.length)
      assert.deepEqual(unsealDatagram(datagram, world.index.lookup).object, item)
    }
    for (const length of lengths) assert.equal(length % 64, 0, `${length}`)
  })

  it('can be turned off', async () => {
    const world = await makeWorld()
    const { epoch } = await openEpoch(opening(world, { paddingBlock: 1 }))
    assert.equal(epoch.seal('fast', Uint8Array.of(0), 0).length, 9 + 8 + 3 + 1 + 2 + 16)
  })
})

describe('accepting an epoch', () => {
  let world: World

  before(async () => {
    world = await makeWorld()
  })

  async function accept(
    change: Partial<OpenEpochOptions>,
    history: EpochHistory = remembering(world.received),
    accepting: Partial<World['accepting']> = {},
  ): Promise<Awaited<ReturnType<typeof acceptEpoch>>> {
    const { datagram } = await openEpoch(opening(world, change))
    const lookupDevice = (): { key: SoftwareSigner; history: EpochHistory } => ({
      key: world.device,
      history,
    })
    return acceptEpoch(datagram, { ...world.accepting, lookupDevice, ...accepting })
  }

  it('takes a higher number as the newest', async () => {
    assert.equal((await accept({})).standing, 'newest')
    assert.equal((await accept({ number: 9000, bootCounter: 4 })).standing, 'newest')
    assert.equal((await accept({ number: 1 }, NO_HISTORY)).standing, 'newest')
  })

  it('knows the same datagram again', async () => {
    const lookupDevice = (): { key: SoftwareSigner; history: EpochHistory } => ({
      key: world.device,
      history: remembering(world.received),
    })
    const again = await acceptEpoch(world.epochDatagram, { ...world.accepting, lookupDevice })
    assert.equal(again.standing, 'repeated')
    assert.deepEqual(again.epoch.transcript, world.received.transcript)
  })

  it('takes an older one that was never seen, for what was spooled under it', async () => {
    assert.equal((await accept({ number: 6, bootCounter: 2 })).standing, 'late')
  })

  it('refuses two epochs under one number: a clone, or a device set back', async () => {
    await rejects(accept({ number: 7 }), 'stale-epoch')
  })

  it('refuses numbers and boot counters that contradict each other', async () => {
    await rejects(accept({ number: 8, bootCounter: 2 }), 'stale-epoch')
    await rejects(accept({ number: 6, bootCounter: 4 }), 'stale-epoch')
    const far = { newest: { number: 7 + EPOCH_PAST_MAX, bootCounter: 3 }, ...NO_HISTORY }
    await rejects(accept({ number: 7 }, far), 'stale-epoch')
    assert.equal((await accept({ number: 8 }, far)).standing, 'late')
  })

  it('refuses a device that is not enrolled', async () => {
    await rejects(accept({}, NO_HISTORY, { lookupDevice: () => undefined }), 'unknown-device')
  })

  it('refuses a signature by another key than the enrolled one', async () => {
    const key = SoftwareSigner.generate('Ed25519', seeded('impostor'))
    const lookupDevice = (): { key: SoftwareSigner; history: EpochHistory } => ({
      key,
      history: NO_HISTORY,
    })
    await rejects(accept({}, NO_HISTORY, { lookupDevice }), 'bad-signature')
  })

  it('refuses a prekey that it does not have, or no longer', async () => {
    await rejects(accept({}, NO_HISTORY, { lookupPrekey: () => undefined }), 'unknown-prekey')
    const nowMs = world.pair.prekey.notAfterMs + PREKEY_GRACE_MS + 1
    await rejects(accept({}, NO_HISTORY, { nowMs }), 'expired-prekey')
    await accept({}, NO_HISTORY, { nowMs: nowMs - 1 })
  })

  it('refuses a device whose good clock lies outside the prekey, but not one without a clock', async () => {
    for (const nowMs of [NOW_MS - 2 * DAY_MS, NOW_MS + 40 * DAY_MS]) {
      await rejects(accept({ nowMs }), 'expired-prekey')
      await accept({ nowMs, clock: 'unset' })
    }
  })

  it('refuses a suite weaker than it must be', async () => {
    await rejects(accept({}, NO_HISTORY, { suiteMin: 2 }), 'downgrade')
  })

  it('refuses what was made for another recipient, or for another prekey of the same', async () => {
    const other = SoftwareSigner.generate('Ed25519', seeded('other recipient'))
    await rejects(accept({}, NO_HISTORY, { recipientId: other.ueid }), 'not-authentic')
    const pair = await createPrekey({
      signer: world.recipient,
      suite: 1,
      notBeforeMs: NOW_MS,
      notAfterMs: NOW_MS + DAY_MS,
      policyVersion: 1,
      random: world.random,
    })
    await rejects(accept({}, NO_HISTORY, { lookupPrekey: () => pair }), 'not-authentic')
  })

  it('refuses a prekey of the other suite under the same id', async () => {
    const strong = await makeWorld({ suite: 2 })
    await rejects(accept({}, NO_HISTORY, { lookupPrekey: () => strong.pair }), 'downgrade')
  })
})

describe('opening in two steps', () => {
  it('tells the kind before the signature is looked at', async () => {
    const world = await makeWorld()
    const [made] = await oneOfEach(world)
    assert.ok(made)
    const unsealed = unsealDatagram(world.epoch.seal(made.kind, made.object, 0), world.index.lookup)
    assert.equal(unsealed.kind, 'schema')
    refuses(() => verifyUnsealed(unsealed, () => false), 'bad-signature')
    assert.deepEqual(verifyUnsealed(unsealed, verifyPlatform).record, made.record)
  })
})

describe('acks on their way down', () => {
  const ack = { timeMs: NOW_MS, paceMs: 250, echo: null, streams: [] }

  it('are opened once, and fresh while they answer something newer', async () => {
    const world = await makeWorld()
    const { epoch, received, random } = world
    for (let count = 0; count < 3; count++) epoch.seal('fast', Uint8Array.of(0), 0)
    const first = sealAck(received, ack, random)
    const second = sealAck(received, { ...ack, echo: 1 }, random)
    const late = sealAck(received, { ...ack, echo: 0, timeMs: NOW_MS + 1 }, random)
    const same = sealAck(received, { ...ack, echo: 1 }, random)
    const newer = sealAck(received, { ...ack, echo: 1, timeMs: NOW_MS + 2 }, random)
    const impossible = sealAck(received, { ...ack, echo: 3 }, random)
    assert.equal(epoch.openAck(first).fresh, true)
    assert.equal(epoch.openAck(second).fresh, true)
    assert.equal(epoch.openAck(late).fresh, false)
    assert.equal(epoch.openAck(same).fresh, false)
    assert.equal(epoch.openAck(newer).fresh, true)
    assert.equal(epoch.openAck(impossible).fresh, false)
    for (const datagram of [first, second, late]) refuses(() => epoch.openAck(datagram), 'replay')
  })

  it('of one epoch are not taken in another', async () => {
    const world = await makeWorld()
    const { epoch } = await openEpoch(opening(world))
    refuses(() => epoch.openAck(sealAck(world.received, ack, world.random)), 'unknown-kid')
  })
})

describe('the index of kids', () => {
  it('forgets the epoch that was used least recently', async () => {
    const worlds = [
      await makeWorld({ seed: '1' }),
      await makeWorld({ seed: '2' }),
      await makeWorld({ seed: '3' }),
    ]
    const [first, second, third] = worlds.map(({ received }) => received)
    assert.ok(first && second && third)
    const index = new EpochIndex(2 * (EPOCH_STEPS_MAX + 1))
    const find = (epoch: ReceiverEpoch): ReceiverEpoch | undefined =>
      index.lookup(epoch.kids[3] ?? epoch.downKid)
    index.add(first)
    index.add(second)
    assert.equal(find(first), first)
    index.add(third)
    assert.equal(find(second), undefined)
    assert.equal(find(first), first)
    assert.equal(find(third), third)
    index.delete(third)
    assert.equal(find(third), undefined)
    assert.equal(index.lookup(new Uint8Array(7)), undefined)
  })
})

describe('classify', () => {
  it('tells apart what may arrive, without a key', async () => {
    const world = await makeWorld()
    const strong = await makeWorld({ suite: 2 })
    const traffic = world.epoch.seal('fast', Uint8Array.of(0), 0)
    assert.equal(classify(world.epochDatagram), 'epoch')
    assert.equal(classify(strong.epochDatagram), 'epoch')
    assert.equal(classify(traffic), 'traffic')
    assert.equal(classify(world.pair.prekey.object), 'prekey')
    assert.deepEqual(trafficKid(traffic), world.received.kids[0])
    assert.equal(trafficKid(world.epochDatagram), undefined)
    assert.equal(trafficKid(traffic.subarray(0, 16)), undefined)
    refuses(() => classify(new Uint8Array(9000)), 'too-large')
    refuses(
      () => classify(Uint8Array.of(0x83, 0x43, 0xa1, 0x01, 0x01, 0xa0, 0x40)),
      'unknown-suite',
    )
  })

  it('gives an answer to a lost prekey that is no longer than the question', async () => {
    for (const suite of [1, 2] as const) {
      const { pair, epochDatagram } = await makeWorld({ suite })
      assert.ok(pair.prekey.object.length <= epochDatagram.length)
    }
  })
})
