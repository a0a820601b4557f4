import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'mocha'
import {
  decodeCbor,
  decodeRecord,
  encodeAck,
  encodeCbor,
  readSignedObject,
  sealAck,
  type Ack,
  type CborValue,
} from '@s3mp/envelope'
import { encodeEpochClaims, epochInfo, trafficAad } from '../src/epoch.ts'
import { SUITES } from '../src/hpke.ts'
import * as limits from '../src/limits.ts'
import { SEAL_RECORDS_MAX } from '../src/payload/seal.ts'
import { Cddl } from './support/cddl.ts'
import { makeWorld, NOW_MS, oneOfEach, type MadeRecord, type World } from './support/world.ts'

const text = readFileSync(join(import.meta.dirname, '../schema/envelope.cddl'), 'utf8')
const cddl = new Cddl(text)

const ACK: Ack = {
  timeMs: NOW_MS,
  paceMs: 250,
  echo: 3,
  streams: [{ stream: 1, cumulative: 9, bitmap: Uint8Array.of(2), headHash8: new Uint8Array(8) }],
}

/** Values that no field of these payloads may all be exchanged for. */
const STRANGERS: readonly CborValue[] = [-1, 2 ** 52, 'x', true, new Uint8Array(7), new Map(), [[]]]

for (const options of [{}, { algorithm: 'ESP256', suite: 2 }] as const) {
  describe(`the CDDL schema, with ${JSON.stringify(options)}`, () => {
    let world: World
    let records: readonly MadeRecord[]

    before(async () => {
      world = await makeWorld(options)
      records = await oneOfEach(world)
    })

    it('describes everything that travels', () => {
      const { epoch, received, random, epochDatagram, pair } = world
      for (const { kind, object, payload } of records) {
        assert.ok(cddl.matches(kind, payload), kind)
        assert.ok(cddl.matches(kind === 'fast' ? 'fast' : 'signed', object), kind)
        const datagram = epoch.seal(kind, object, 0)
        for (const rule of ['traffic-up', 'datagram']) assert.ok(cddl.matches(rule, datagram), rule)
      }
      const down = sealAck(received, ACK, random)
      assert.ok(cddl.matches('ack', encodeAck(ACK)))
      assert.ok(cddl.matches('ack', encodeAck({ ...ACK, echo: null, streams: [] })))
      for (const rule of ['traffic-down', 'datagram']) assert.ok(cddl.matches(rule, down), rule)
      for (const rule of ['epoch-datagram', 'datagram']) {
        assert.ok(cddl.matches(rule, epochDatagram), rule)
      }
      assert.ok(cddl.matches('prekey', pair.prekey.object))
      assert.ok(cddl.matches('prekey-claims', readSignedObject(pair.prekey.object).payload))
      assert.ok(cddl.matches('epoch-claims', encodeEpochClaims(received.claims)))
    })

    it('describes what is bound without travelling', () => {
      const { recipientId, transcript } = world.received
      assert.ok(cddl.matches('traffic-aad', trafficAad('down', transcript)))
      assert.ok(cddl.matches('epoch-info', epochInfo(SUITES[options.suite ?? 1], recipientId)))
    })

    it('does not describe one thing as another', () => {
      const { epoch, received, random, epochDatagram } = world
      const up = epoch.seal('fast', Uint8Array.of(0), 0)
      const down = sealAck(received, ACK, random)
      assert.ok(!cddl.matches('traffic-down', up))
      assert.ok(!cddl.matches('traffic-up', down))
      assert.ok(!cddl.matches('traffic-up', epochDatagram))
      assert.ok(!cddl.matches('epoch-datagram', up))
    })

    it('refuses every payload that the decoder refuses when a field is exchanged', () => {
      let refused = 0
      for (const { kind, payload } of records) {
        const items = decodeCbor(payload)
        assert.ok(Array.isArray(items))
        for (const index of items.keys()) {
          for (const [which, stranger] of STRANGERS.entries()) {
            const bytes = encodeCbor((items as CborValue[]).with(index, stranger))
            if (!decodes(kind, bytes)) {
              // What only the decoder knows: sums and neighbours, not shapes.
              const beyond = kind === 'seal' && (index === 1 || index === 5 || index === 6)
              if (!beyond) assert.ok(!cddl.matches(kind, bytes), `${kind} ${index} ${which}`)
              refused += 1
            } else assert.ok(cddl.matches(kind, bytes), `${kind} ${index} ${which}`)
          }
        }
      }
      assert.ok(refused > 250, `${refused}`)
    })
  })
}

function decodes(kind: MadeRecord['kind'], bytes: Uint8Array): boolean {
  try {
    decodeRecord(kind, bytes)
    return true
  } catch {
    return false
  }
}

describe('the CDDL schema', () => {
  it('has the limits that the code has', () => {
    const expected: readonly (readonly [string, number])[] = [
      ['[ 0*N register ]', limits.SCHEMA_REGISTERS_MAX],
      ['[ 1*N [ time-delta', limits.SAMPLES_MAX - 1],
      ['records: 1..N, digest', SEAL_RECORDS_MAX],
      ['details: [ 0*N (', limits.EVENT_DETAILS_MAX],
      ['paths: [ 0*N [', limits.HEARTBEAT_PATHS_MAX],
      ['streams: [ 0*N [', limits.HEARTBEAT_STREAMS_MAX],
      ['streams: [ 0*N stream-ack', limits.ACK_STREAMS_MAX],
      ['columns: [ 1*N [', limits.SCHEMA_REGISTERS_MAX],
      ['pace-ms: 0..N', limits.ACK_PACE_MS_MAX],
      ['echo: 0..N /', limits.EPOCH_OBJECTS_MAX - 1],
      ['bitmap: bstr .size (0..N)', limits.ACK_BITMAP_BYTES_MAX],
      ['short-text = tstr .size (0..N)', limits.TEXT_BYTES_MAX],
      ['counter = 0..N', limits.COUNTER_MAX],
      ['counter1 = 1..N', limits.SEQ_MAX],
      ['stream: 0..N,', limits.STREAM_MAX],
    ]
    for (const [line, value] of expected)
      assert.ok(text.includes(line.replace('N', `${value}`)), line)
  })

  it('has no rule that nothing uses', () => {
    const roots = new Set(['datagram', 'signature-aad', 'traffic-aad', 'epoch-aad', 'epoch-info'])
    const contents = [
      'content-up',
      'content-down',
      'reading',
      'seal',
      'event',
      'heartbeat',
      'schema',
    ]
    for (const name of [...contents, 'epoch', 'epoch-claims', 'prekey-claims']) roots.add(name)
    const code = text.replace(/;[^\n]*/g, '')
    for (const name of cddl.names) {
      const uses = code.match(new RegExp(`(?<![\\w-])${name}(?![\\w-])`, 'g'))?.length ?? 0
      assert.ok(uses > 1 || roots.has(name), name)
    }
  })
})
