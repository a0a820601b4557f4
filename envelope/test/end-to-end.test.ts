import assert from 'node:assert/strict'
import { webcrypto } from 'node:crypto'
import { describe, it } from 'mocha'
import {
  acceptEpoch,
  advance,
  createPrekey,
  decodeRecord,
  encodeRecord,
  EpochIndex,
  genesis,
  nextLink,
  openDatagram,
  openEpoch,
  recordSpan,
  restoreEpoch,
  schemaIdOf,
  sealAck,
  signRecord,
  SoftwareSigner,
  verifyPlatform,
  verifyPrekey,
  type ReadingRecord,
  type SuiteId,
} from '@s3mp/envelope'

const random = (length: number): Uint8Array => webcrypto.getRandomValues(new Uint8Array(length))
const NOW = 1_790_000_000_000
const DAY = 86_400_000

describe('one reading on its way', () => {
  for (const suite of [1, 2] as const satisfies SuiteId[]) {
    it(`is sealed, opened, stored and acknowledged in an epoch of suite ${suite}`, async () => {
      const device = SoftwareSigner.generate('Ed25519', random)
      const recipient = SoftwareSigner.generate('Ed25519', random)
      const pair = await createPrekey({
        signer: recipient,
        suite,
        notBeforeMs: NOW - DAY,
        notAfterMs: NOW + DAY,
        policyVersion: 1,
        random,
      })
      const policy = { suites: [1, 2], nowMs: NOW } as const
      const prekey = verifyPrekey(pair.prekey.object, recipient, policy, verifyPlatform)
      const { datagram, epoch } = await openEpoch({
        signer: device,
        prekey,
        number: 1,
        bootCounter: 1,
        firmwareHash: new Uint8Array(32),
        nowMs: NOW,
        clock: 'synced',
        monotonicMs: 0,
        random,
      })

      const registers = [12345678n, 234567n, 312n, 2301n, 2298n, 2305n, 13n, 4998n]
      const schemaId = schemaIdOf({
        meterId: '1EMH0012345678',
        protocol: 'sml',
        intervalMs: 900_000,
        registers: registers.map((_, index) => ({
          obis: `1-0:${index}.8.0*255`,
          unitCode: 30,
          scaler: -1,
        })),
      })
      const start = { ...genesis(device.ueid, 1), nextSeq: 35_000 }
      const record: ReadingRecord = {
        kind: 'reading',
        ...nextLink(start),
        timeMs: NOW,
        status: 1,
        schemaId,
        samples: [{ timeMs: NOW, status: 1, registers }],
      }
      const signed = await signRecord(device, record, prekey.recipientId)
      const sealed = epoch.seal('reading', signed, 1000)
      const state = advance(start, encodeRecord(record), recordSpan(record))

      const lookups = {
        recipientId: recipient.ueid,
        lookupPrekey: () => pair,
        verify: verifyPlatform,
      }
      const history = { transcriptOf: () => undefined }
      const accepted = await acceptEpoch(datagram, {
        ...lookups,
        lookupDevice: () => ({ key: device, history }),
        nowMs: NOW,
      })
      assert.equal(accepted.standing, 'newest')
      const index = new EpochIndex()
      index.add(await restoreEpoch(datagram, { ...lookups, lookupDevice: () => device }))
      const opened = openDatagram(sealed, index.lookup, verifyPlatform)
      assert.deepEqual(decodeRecord('reading', opened.payload), record)
      assert.deepEqual(opened.hash, state.head)

      const streams = [
        {
          stream: 1,
          cumulative: 35_000,
          bitmap: new Uint8Array(0),
          headHash8: opened.hash.slice(0, 8),
        },
      ]
      const ack = { timeMs: NOW, paceMs: 0, echo: opened.partialIv, streams }
      const answer = sealAck(accepted.epoch, ack, random)
      assert.deepEqual(epoch.openAck(answer), { ack, fresh: true })
    })
  }
})
