import assert from 'node:assert/strict'
import { sha256 } from '@noble/hashes/sha2.js'
import { before, describe, it } from 'mocha'
import {
  acceptEpoch,
  DeviceEpoch,
  encodeCbor,
  openDatagram,
  openEpoch,
  ReceiverEpoch,
  sealAck,
  signRecord,
  SoftwareSigner,
  verifyPlatform,
  type EnvelopeReason,
  type PublicKey,
} from '@s3mp/envelope'
import { CHACHA20_POLY1305 } from '../src/aead.ts'
import { encodeEncrypt0, HEADER, nonceOf, protectedAlgorithm } from '../src/cose.ts'
import {
  downKeys,
  encodeEpochClaims,
  epochAad,
  epochInfo,
  firstStep,
  upKeys,
} from '../src/epoch.ts'
import { hpkeRecipient, hpkeSender, SUITES } from '../src/hpke.ts'
import { signObject } from '../src/sign1.ts'
import { decodeTraffic, encodeTraffic, trafficEncStructure } from '../src/traffic.ts'
import { refuses, rejects } from './support/refuses.ts'
import { seeded } from './support/seeded.ts'
import { makeWorld, oneOfEach, type MadeRecord, type World } from './support/world.ts'

describe('what a stranger may try', () => {
  let world: World
  let records: readonly MadeRecord[]

  before(async () => {
    world = await makeWorld({ seed: 'stranger' })
    records = await oneOfEach(world)
  })

  function first(): MadeRecord {
    const [made] = records
    assert.ok(made)
    return made
  }

  it('a datagram of another device: its kid is not known', async () => {
    const other = await makeWorld({ seed: 'other' })
    const datagram = other.epoch.seal(first().kind, first().object, 0)
    refuses(() => openDatagram(datagram, world.index.lookup, verifyPlatform), 'unknown-kid')
  })

  it('a datagram with the kid of another epoch: the tag does not fit', async () => {
    const other = await makeWorld({ seed: 'other' })
    const traffic = decodeTraffic(other.epoch.seal(first().kind, first().object, 0))
    const kid = world.received.kids[0] ?? new Uint8Array(8)
    const datagram = encodeTraffic({ ...traffic, kid })
    refuses(() => openDatagram(datagram, world.index.lookup, verifyPlatform), 'not-authentic')
  })

  it('a partial IV spelt another way', () => {
    const traffic = decodeTraffic(world.epoch.seal(first().kind, first().object, 0))
    const spelt = (iv: number[]): Uint8Array =>
      encodeTraffic({ ...traffic, iv: Uint8Array.from(iv) })
    const [value] = traffic.iv
    assert.ok(value !== undefined)
    const open = (datagram: Uint8Array): unknown =>
      openDatagram(datagram, world.index.lookup, verifyPlatform)
    open(spelt([value]))
    refuses(() => open(spelt([0, value])), 'not-canonical')
    refuses(() => open(spelt([0, 0, 0, value])), 'bad-field')
    refuses(() => open(spelt([])), 'bad-field')
    refuses(() => open(spelt([0x10, 0, 0])), 'bad-field')
    refuses(() => open(spelt([value + 1])), 'not-authentic')
  })

  it('an object sent back to where it came from', () => {
    const up = world.epoch.seal(first().kind, first().object, 0)
    const down = sealAck(
      world.received,
      { timeMs: 0, paceMs: 0, echo: null, streams: [] },
      world.random,
    )
    refuses(() => world.epoch.openAck(up), 'wrong-direction')
    refuses(() => openDatagram(down, world.index.lookup, verifyPlatform), 'wrong-direction')
    // Dressed up as the other direction, the kid still tells, and then the tag.
    const { kid, ciphertext } = decodeTraffic(down)
    const dressed = encodeTraffic({ direction: 'up', kid, iv: Uint8Array.of(1), ciphertext })
    refuses(() => openDatagram(dressed, world.index.lookup, verifyPlatform), 'wrong-direction')
  })

  it('a device that asks to seal what only a recipient sends, and the other way round', () => {
    refuses(() => world.epoch.seal('ack', Uint8Array.of(0), 0), 'wrong-direction')
    refuses(() => world.epoch.seal('epoch', Uint8Array.of(0), 0), 'wrong-direction')
    refuses(
      () => world.received.sealDown('reading', Uint8Array.of(0), world.random),
      'wrong-direction',
    )
  })

  it('headers beside those that are allowed', () => {
    const keys = { kid: world.received.kids[0] ?? new Uint8Array(8), iv: Uint8Array.of(1) }
    const ciphertext = new Uint8Array(40)
    const alg = protectedAlgorithm(24)
    const headers = [
      new Map<number, Uint8Array>([[HEADER.kid, keys.kid]]),
      new Map<number, Uint8Array>([
        [HEADER.kid, keys.kid],
        [HEADER.partialIv, keys.iv],
        [7, keys.iv],
      ]),
    ]
    for (const header of headers) {
      refuses(
        () =>
          openDatagram(encodeEncrypt0(alg, header, ciphertext), world.index.lookup, verifyPlatform),
        'forbidden',
      )
    }
    const good = new Map([
      [HEADER.kid, keys.kid],
      [HEADER.partialIv, keys.iv],
    ])
    for (const algorithm of [1, 3, 30, -65_537]) {
      const datagram = encodeEncrypt0(protectedAlgorithm(algorithm), good, ciphertext)
      refuses(() => openDatagram(datagram, world.index.lookup, verifyPlatform), 'unknown-suite')
    }
    refuses(
      () =>
        openDatagram(
          encodeEncrypt0(alg, good, new Uint8Array(16)),
          world.index.lookup,
          verifyPlatform,
        ),
      'truncated',
    )
  })
})

describe('what a device with a valid epoch may try', () => {
  let world: World

  before(async () => {
    world = await makeWorld({ seed: 'insider' })
  })

  /** An epoch whose root is known, so that any plaintext can be sealed. */
  function craft(): {
    readonly receiver: ReceiverEpoch
    readonly device: DeviceEpoch
    readonly seal: (plaintext: Uint8Array) => Uint8Array
    readonly sealDown: (plaintext: Uint8Array) => Uint8Array
  } {
    const root = sha256(Uint8Array.of(1))
    const { claims, device, recipientId, transcript } = world.received
    const iv = Uint8Array.of(9)
    const up = upKeys(firstStep(root))
    const down = downKeys(root)
    const receiver = new ReceiverEpoch(Uint8Array.from(root), {
      claims,
      device,
      recipientId,
      transcript,
    })
    const facts = {
      number: 7,
      transcript,
      recipientId,
      openedMs: 0,
      paddingBlock: 1,
      objectsMax: 10,
    }
    return {
      receiver,
      device: new DeviceEpoch(Uint8Array.from(root), facts),
      seal: (plaintext) => {
        const aad = trafficEncStructure('up', transcript)
        const ciphertext = CHACHA20_POLY1305.seal(up.key, nonceOf(up.commonIv, iv), plaintext, aad)
        return encodeTraffic({ direction: 'up', kid: up.kid, iv, ciphertext })
      },
      sealDown: (plaintext) => {
        const aad = trafficEncStructure('down', transcript)
        const nonce = new Uint8Array(12)
        const ciphertext = CHACHA20_POLY1305.seal(down.key, nonce, plaintext, aad)
        return encodeTraffic({ direction: 'down', kid: down.kid, iv: nonce, ciphertext })
      },
    }
  }

  const PLAINTEXTS: readonly (readonly [string, readonly number[], EnvelopeReason])[] = [
    ['a kind that does not exist', [23, 0x80], 'unknown-kind'],
    ['a kind kept for later', [10, 0x80], 'unknown-kind'],
    ['a kind beyond one byte', [0x18, 24, 0x80], 'bad-field'],
    ['a kind that is no number', [0x61, 0x61, 0x80], 'bad-field'],
    ['an ack going up', [9, 0x80], 'wrong-direction'],
    ['an epoch inside an epoch', [7, 0x80], 'wrong-direction'],
    ['a prekey inside an epoch', [8, 0x80], 'wrong-direction'],
    ['a kind and nothing else', [1], 'truncated'],
    ['an object cut short', [1, 0x82, 0x01], 'truncated'],
    ['something behind the object', [2, 0x80, 0x01], 'extended'],
    ['an unsigned object of a signed kind', [1, 0x80], 'bad-field'],
    ['a fast record that is none', [2, 0x80], 'bad-field'],
    ['a float in the payload', [2, 0xf9, 0x3c, 0x00], 'forbidden'],
    [
      'an object nested too deep',
      [2, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0],
      'too-deep',
    ],
  ]
  for (const [what, plaintext, code] of PLAINTEXTS) {
    it(`${what} is refused as ${code}`, () => {
      const { receiver, seal } = craft()
      const datagram = seal(Uint8Array.from(plaintext))
      refuses(() => openDatagram(datagram, () => receiver, verifyPlatform), code)
    })
  }

  it('a record going down is refused, and anything that is no ack', () => {
    const { device, sealDown } = craft()
    refuses(() => device.openAck(sealDown(Uint8Array.of(1, 0x80))), 'wrong-direction')
    refuses(() => device.openAck(sealDown(Uint8Array.of(9, 0x80))), 'bad-field')
  })

  it('a signature of another kind, device or recipient does not fit', async () => {
    const [, made] = await oneOfEach(world)
    assert.ok(made)
    const { index, epoch, recipient } = world
    const open = (object: Uint8Array, kind = made.kind): unknown =>
      openDatagram(epoch.seal(kind, object, 0), index.lookup, verifyPlatform)
    open(made.object)
    refuses(() => open(made.object, 'event'), 'bad-signature')
    const impostor = SoftwareSigner.generate('Ed25519', seeded('impostor'))
    const forged = await signRecord(impostor, made.record, recipient.ueid)
    refuses(() => open(forged), 'bad-signature')
    const elsewhere = await signRecord(world.device, made.record, impostor.ueid)
    refuses(() => open(elsewhere), 'bad-signature')
    const element = SoftwareSigner.generate('ESP256', seeded('impostor'))
    const other = await signRecord(element, made.record, recipient.ueid)
    refuses(() => open(other), 'wrong-key')
  })
})

describe('what a recipient may try with the epoch of a device', () => {
  it('passing the claims on to another recipient is seen', async () => {
    const world = await makeWorld({ seed: 'forwarding' })
    const target = await makeWorld({ seed: 'target' })
    const suite = SUITES[1]
    // The first recipient opens the epoch's outer layer, as it may.
    const outer = world.epochDatagram
    const { pair } = world
    const { ciphertext, encapsulation } = readEpoch(outer)
    const info = epochInfo(suite, world.recipient.ueid)
    const hpke = await hpkeRecipient(1, pair.privateKey, encapsulation, info)
    const object = await hpke.open(ciphertext, epochAad(suite, pair.prekey.id))
    // Then it seals the same signed claims to the target's prekey.
    const targetInfo = epochInfo(suite, target.recipient.ueid)
    const { publicKey, id } = target.pair.prekey
    const sender = await hpkeSender(1, publicKey, targetInfo, world.random)
    const forwarded = writeEpoch(
      sender.encapsulation,
      id,
      await sender.seal(object, epochAad(suite, id)),
    )
    const lookupDevice = world.accepting.lookupDevice
    await rejects(acceptEpoch(forwarded, { ...target.accepting, lookupDevice }), 'wrong-recipient')
  })

  it('passing them on to itself under the same prekey is seen too', async () => {
    const world = await makeWorld({ seed: 'forwarding' })
    const suite = SUITES[1]
    const { pair, recipient } = world
    const { ciphertext, encapsulation } = readEpoch(world.epochDatagram)
    const info = epochInfo(suite, recipient.ueid)
    const hpke = await hpkeRecipient(1, pair.privateKey, encapsulation, info)
    const object = await hpke.open(ciphertext, epochAad(suite, pair.prekey.id))
    const sender = await hpkeSender(1, pair.prekey.publicKey, info, world.random)
    const sealed = await sender.seal(object, epochAad(suite, pair.prekey.id))
    const again = writeEpoch(sender.encapsulation, pair.prekey.id, sealed)
    await rejects(acceptEpoch(again, world.accepting), 'wrong-recipient')
  })

  it('claims with another suite, or in another form, are refused', async () => {
    const world = await makeWorld({ seed: 'claims' })
    const suite = SUITES[1]
    const { pair, recipient, device } = world
    const info = epochInfo(suite, recipient.ueid)
    const wrap = async (payload: (hash: Uint8Array) => Uint8Array): Promise<Uint8Array> => {
      const sender = await hpkeSender(1, pair.prekey.publicKey, info, world.random)
      const context = { kind: 'epoch', recipientId: recipient.ueid } as const
      const object = await signObject(device, payload(sha256(sender.encapsulation)), context)
      const sealed = await sender.seal(object, epochAad(suite, pair.prekey.id))
      return writeEpoch(sender.encapsulation, pair.prekey.id, sealed)
    }
    const claims = (encapsulationHash: Uint8Array): Parameters<typeof encodeEpochClaims>[0] => ({
      ...world.received.claims,
      encapsulationHash,
    })
    await acceptEpoch(await wrap((hash) => encodeEpochClaims(claims(hash))), world.accepting)
    const other = await wrap((hash) => encodeEpochClaims({ ...claims(hash), suite: 2 }))
    await rejects(acceptEpoch(other, world.accepting), 'downgrade')
    const shapeless = await wrap(() => encodeCbor([1, 2, 3]))
    await rejects(acceptEpoch(shapeless, world.accepting), 'bad-field')
    refuses(
      () => encodeEpochClaims({ ...claims(sha256(new Uint8Array(0))), number: 0 }),
      'bad-field',
    )
  })
})

describe('an epoch datagram', () => {
  it('with headers beside its own, or sizes of another suite, is refused', async () => {
    const world = await makeWorld()
    const { ciphertext, encapsulation } = readEpoch(world.epochDatagram)
    const { id } = world.pair.prekey
    const alg = protectedAlgorithm(SUITES[1].coseAlgorithm)
    const headers = new Map<number, Uint8Array>([
      [HEADER.kid, id],
      [HEADER.ek, encapsulation],
      [7, id],
    ])
    const accept = (bytes: Uint8Array): Promise<unknown> => acceptEpoch(bytes, world.accepting)
    await rejects(accept(encodeEncrypt0(alg, headers, ciphertext)), 'forbidden')
    await rejects(accept(writeEpoch(encapsulation.subarray(1), id, ciphertext)), 'bad-field')
    await rejects(accept(writeEpoch(encapsulation, id.subarray(1), ciphertext)), 'bad-field')
    const strong = protectedAlgorithm(SUITES[2].coseAlgorithm)
    const own = new Map([
      [HEADER.kid, id],
      [HEADER.ek, encapsulation],
    ])
    await rejects(accept(encodeEncrypt0(strong, own, ciphertext)), 'bad-field')
    const long = new Map([
      [HEADER.kid, id],
      [HEADER.ek, new Uint8Array(1120)],
    ])
    await rejects(accept(encodeEncrypt0(strong, long, ciphertext)), 'downgrade')
    await rejects(accept(encodeEncrypt0(protectedAlgorithm(-7), own, ciphertext)), 'unknown-suite')
  })

  it('is not opened with the wrong device key, even one that is enrolled', async () => {
    const world = await makeWorld()
    const key: PublicKey = SoftwareSigner.generate('ESP256', seeded('x'))
    const lookupDevice = (): ReturnType<World['accepting']['lookupDevice']> => ({
      key,
      history: { transcriptOf: () => undefined },
    })
    await rejects(
      acceptEpoch(world.epochDatagram, { ...world.accepting, lookupDevice }),
      'wrong-key',
    )
  })

  it('is not made for a prekey that is no key', async () => {
    const world = await makeWorld()
    const prekey = { ...world.pair.prekey, publicKey: new Uint8Array(32) }
    const { device, random } = world
    const facts = {
      number: 1,
      bootCounter: 1,
      firmwareHash: new Uint8Array(32),
      nowMs: 0,
      monotonicMs: 0,
    }
    await rejects(
      openEpoch({ signer: device, prekey, clock: 'unset', random, ...facts }),
      'bad-key',
    )
  })
})

function readEpoch(datagram: Uint8Array): { ciphertext: Uint8Array; encapsulation: Uint8Array } {
  // 83 | 47 protected | a2 | 04 48 kid(8) | 23 58 20 ek(32) | 58 n ciphertext
  const start = 1 + 8 + 1 + 2 + 8 + 3
  const encapsulation = datagram.slice(start, start + 32)
  return { encapsulation, ciphertext: datagram.slice(start + 32 + 2) }
}

function writeEpoch(encapsulation: Uint8Array, id: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  const headers = new Map([
    [HEADER.kid, id],
    [HEADER.ek, encapsulation],
  ])
  return encodeEncrypt0(protectedAlgorithm(SUITES[1].coseAlgorithm), headers, ciphertext)
}
