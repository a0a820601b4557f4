import assert from 'node:assert/strict'
import { before, describe, it } from 'mocha'
import {
  acceptEpoch,
  classify,
  decodeAck,
  decodeRecord,
  encodeAck,
  encodeRecord,
  EpochIndex,
  fromHex,
  openDatagram,
  openEpoch,
  restoreEpoch,
  sealAck,
  SoftwareSigner,
  toHex,
  verifyPlatform,
  verifyPrekey,
  verifyRecords,
  type AcceptEpochOptions,
  type ClockState,
  type Prekey,
  type PublicKey,
  type RecordKind,
  type ReceiverEpoch,
  type SignatureAlgorithm,
} from '@s3mp/envelope'
import { signObject } from '../src/sign1.ts'
import { vectorFile } from './support/vectors.ts'
import { NO_HISTORY } from './support/world.ts'

interface Key {
  readonly algorithm: SignatureAlgorithm
  readonly privateKey: string
  readonly publicKey: string
  readonly ueid: string
}

interface Golden {
  readonly suite: number
  readonly device: Key
  readonly recipient: Key
  readonly prekey: { readonly object: string; readonly privateKey: string }
  readonly epoch: {
    readonly number: number
    readonly bootCounter: number
    readonly nowMs: number
    readonly clock: ClockState
    readonly monotonicMs: number
    readonly firmwareHash: string
    readonly ephemeral: string
    readonly datagram: string
    readonly transcript: string
    readonly kids: readonly string[]
    readonly downKid: string
  }
  readonly records: readonly {
    readonly kind: RecordKind
    readonly monotonicMs: number
    readonly payload: string
    readonly object: string
    readonly datagram: string
  }[]
  readonly acks: readonly {
    readonly iv: string
    readonly payload: string
    readonly datagram: string
  }[]
}

for (const name of ['golden-1-x25519-ed25519', 'golden-2-xwing-esp256']) {
  describe(`golden envelopes: ${name}`, () => {
    const golden = vectorFile(name) as Golden
    const device = SoftwareSigner.fromPem(golden.device.privateKey)
    const recipient = SoftwareSigner.fromPem(golden.recipient.privateKey)
    const epochDatagram = fromHex(golden.epoch.datagram)
    const index = new EpochIndex()
    let prekey: Prekey
    let accepting: AcceptEpochOptions
    let received: ReceiverEpoch

    before(async () => {
      const policy = { suites: [1, 2], nowMs: golden.epoch.nowMs } as const
      prekey = verifyPrekey(fromHex(golden.prekey.object), recipient, policy, verifyPlatform)
      const pair = { prekey, privateKey: fromHex(golden.prekey.privateKey) }
      accepting = {
        recipientId: recipient.ueid,
        lookupPrekey: (id) => (toHex(id) === toHex(prekey.id) ? pair : undefined),
        lookupDevice: () => ({ key: device, history: NO_HISTORY }),
        nowMs: golden.epoch.nowMs,
        verify: verifyPlatform,
      }
      received = (await acceptEpoch(epochDatagram, accepting)).epoch
      index.add(received)
    })

    it('keys and identities are read as ever', () => {
      assert.equal(toHex(device.publicKey), golden.device.publicKey)
      assert.equal(toHex(device.ueid), golden.device.ueid)
      assert.equal(toHex(recipient.ueid), golden.recipient.ueid)
      assert.equal(prekey.suite, golden.suite)
    })

    it('the epoch is opened as ever', async () => {
      assert.equal(classify(epochDatagram), 'epoch')
      assert.equal(toHex(received.transcript), golden.epoch.transcript)
      assert.deepEqual(received.kids.map(toHex), golden.epoch.kids)
      assert.equal(toHex(received.downKid), golden.epoch.downKid)
      assert.equal(received.claims.number, golden.epoch.number)
      const lookupDevice = (): PublicKey => device
      const again = await restoreEpoch(epochDatagram, { ...accepting, lookupDevice })
      assert.deepEqual(again.kids, received.kids)
    })

    it('every record is opened, read and written as ever', async () => {
      for (const { kind, payload, object, datagram } of golden.records) {
        const opened = openDatagram(fromHex(datagram), index.lookup, verifyPlatform)
        assert.equal(opened.kind, kind)
        assert.equal(toHex(opened.payload), payload)
        assert.equal(toHex(opened.object), object)
        assert.equal(toHex(encodeRecord(decodeRecord(kind, fromHex(payload)))), payload)
      }
      const entries = golden.records.map(({ kind, object }) => ({ kind, object: fromHex(object) }))
      const report = await verifyRecords(entries, { key: device, recipientId: recipient.ueid })
      assert.ok(report.ok, JSON.stringify(report.problems))
    })

    it('every ack is sealed and read as ever', () => {
      for (const { iv, payload, datagram } of golden.acks) {
        const ack = decodeAck(fromHex(payload))
        assert.equal(toHex(encodeAck(ack)), payload)
        assert.equal(toHex(sealAck(received, ack, () => fromHex(iv))), datagram)
      }
    })

    // X-Wing takes the platform's randomness, and ECDSA its own: these bytes can only be read.
    if (golden.suite !== 1 || golden.device.algorithm !== 'Ed25519') return

    it('the device makes the same bytes again', async () => {
      const { firmwareHash, ephemeral, number, bootCounter, nowMs, clock, monotonicMs } =
        golden.epoch
      const { datagram, epoch } = await openEpoch({
        signer: device,
        prekey,
        number,
        bootCounter,
        nowMs,
        clock,
        monotonicMs,
        firmwareHash: fromHex(firmwareHash),
        random: () => fromHex(ephemeral),
      })
      assert.equal(toHex(datagram), golden.epoch.datagram)
      for (const record of golden.records) {
        const payload = fromHex(record.payload)
        const context = { kind: record.kind, recipientId: recipient.ueid }
        const object = record.kind === 'fast' ? payload : await signObject(device, payload, context)
        assert.equal(toHex(object), record.object)
        assert.equal(toHex(epoch.seal(record.kind, object, record.monotonicMs)), record.datagram)
      }
      for (const { datagram: ack, payload } of golden.acks) {
        assert.equal(toHex(encodeAck(epoch.openAck(fromHex(ack)).ack)), payload)
      }
    })
  })
}
