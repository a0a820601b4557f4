import assert from 'node:assert/strict'

import { encodeCbor, fromHex, toHex } from '@s3mp/envelope'
import fc from 'fast-check'
import { describe, it } from 'mocha'

import { frame, FrameReader } from '../../src/channel/frame.ts'
import {
  AUTHENTICATION_STATES,
  CHANNEL_COPIES_MAX,
  CHANNEL_MESSAGE_BYTES_MAX,
  DEADLINE_CLASSES,
  decodeMessage,
  encodeMessage,
  NAT_STATES,
  type ChannelMessage,
} from '../../src/channel/message.ts'
import { FirmwareError } from '../../src/errors.ts'

const bytes = fc.uint8Array({ maxLength: 64 })
const count = fc.oneof(fc.nat(), fc.maxSafeNat())
const text = fc.string({ maxLength: 40 })
const plain = { noNullPrototype: true } as const
const path = fc.record(
  {
    fingerprint: bytes,
    name: text,
    isActive: fc.boolean(),
    isAlive: fc.boolean(),
    roundTripMs: fc.nat(),
    sent: count,
    acknowledged: count,
    interfaces: fc.string({ minLength: 1, maxLength: 40 }),
  },
  {
    ...plain,
    requiredKeys: [
      'fingerprint',
      'name',
      'isActive',
      'isAlive',
      'roundTripMs',
      'sent',
      'acknowledged',
    ],
  },
)
const name = fc.uint8Array({ minLength: 8, maxLength: 8 })
// As they travel: in thousandths.
const measure = fc.nat().map((count) => count / 1000)
const isdAs = fc.constantFrom('1-ff00:0:111', '2-ff00:0:211', '64-2:0:9')
const cause = fc.constantFrom('best' as const, 'silent' as const, 'refused' as const)
const report = fc.record(
  {
    source: isdAs,
    destination: isdAs,
    policy: text,
    paths: fc.array(
      fc.record(
        {
          fingerprint: name,
          interfaces: fc.array(
            isdAs.map((ia) => `${ia}#41`),
            { maxLength: 6 },
          ),
          delaysMs: fc.array(fc.option(measure, { nil: undefined }), { maxLength: 3 }),
          state: fc.constantFrom('active' as const, 'down' as const, 'refused' as const),
          reason: cause,
          roundTripMs: measure,
          jitterMs: measure,
          lossPercent: measure,
          mtu: fc.nat(65_535),
          expiresMs: count,
          ruling: fc.record(
            {
              allowed: fc.boolean(),
              by: fc.constantFrom('none' as const, 'acl' as const, 'requirement' as const),
              rule: fc.string({ minLength: 1, maxLength: 40 }),
              preference: fc.integer({ min: 1, max: 99 }),
            },
            { ...plain, requiredKeys: ['allowed', 'by'] },
          ),
          brokenLink: fc.nat(30),
        },
        {
          ...plain,
          requiredKeys: ['fingerprint', 'interfaces', 'delaysMs', 'state', 'reason', 'mtu', 'expiresMs', 'ruling'], // prettier-ignore
        },
      ),
      { maxLength: 4 },
    ),
    changes: fc.array(
      fc.record(
        {
          atMs: count,
          from: fc.oneof(name, fc.constant(new Uint8Array())),
          to: name,
          cause,
          gapMs: measure,
        },
        { ...plain, requiredKeys: ['atMs', 'from', 'to', 'cause'] },
      ),
      { maxLength: 4 },
    ),
  },
  plain,
)
const message: fc.Arbitrary<ChannelMessage> = fc.oneof(
  fc.record(
    {
      type: fc.constant('send' as const),
      id: count,
      deadline: fc.constantFrom(...DEADLINE_CLASSES),
      attempt: fc.nat(1000),
      bytes,
    },
    plain,
  ),
  fc.record(
    {
      type: fc.constant('settled' as const),
      token: count,
      ids: fc.array(count, { maxLength: 9 }),
    },
    plain,
  ),
  fc.record({ type: fc.constant('received' as const), token: count, bytes }, plain),
  fc.record(
    {
      type: fc.constant('sent' as const),
      id: count,
      path: bytes,
      copies: fc.array(bytes, { minLength: 1, maxLength: CHANNEL_COPIES_MAX }),
    },
    { ...plain, requiredKeys: ['type', 'id', 'path'] },
  ),
  fc.record({ type: fc.constant('unsent' as const), id: count, reason: text }, plain),
  fc.record(
    {
      type: fc.constant('status' as const),
      paths: fc.array(path, { maxLength: 4 }),
      health: fc.record(
        {
          authentication: fc.constantFrom(...AUTHENTICATION_STATES),
          forbidden: text,
          nat: fc.record(
            { state: fc.constantFrom(...NAT_STATES), outside: text, changes: count },
            plain,
          ),
        },
        { ...plain, requiredKeys: ['authentication', 'forbidden'] },
      ),
    },
    { ...plain, requiredKeys: ['type', 'paths'] },
  ),
  fc.record({ type: fc.constant('network' as const), report }, plain),
)

/** Throws unless the bytes are a message or are refused by our own error. */
function isAnswered(input: Uint8Array): void {
  try {
    decodeMessage(input)
  } catch (error) {
    assert.ok(error instanceof FirmwareError && error.code === 'malformed', String(error))
  }
}

describe('messages between the roles', () => {
  it('have one form on the wire', () => {
    const hex = toHex(
      encodeMessage({
        type: 'send',
        id: 500,
        deadline: 'live',
        attempt: 2,
        bytes: fromHex('abcd'),
      }),
    )
    assert.equal(hex, '85011901f4020242abcd')
    assert.equal(
      toHex(encodeMessage({ type: 'settled', token: 7, ids: [1, 2 ** 40] })),
      '83020782011b0000010000000000',
    )
  })

  it('come back as they were', () => {
    fc.assert(
      fc.property(message, (one) => {
        assert.deepEqual(decodeMessage(encodeMessage(one)), one)
      }),
    )
  })

  it('are refused when a field has another type, is missing, or a byte is changed', () => {
    for (const items of [
      [],
      [0],
      [9, 1],
      [1, 1, 3, 0, new Uint8Array(1)],
      [1, -1, 0, 0, new Uint8Array(1)],
      [2, 1, [null]],
      [4, 1],
      [6, [[]]],
      [5, 1, 7],
    ]) {
      assert.throws(() => decodeMessage(encodeCbor(items)), FirmwareError, JSON.stringify(items))
    }
    const whole = encodeMessage({ type: 'sent', id: 70_000, path: new Uint8Array(8) })
    for (let at = 0; at < whole.length; at += 1) {
      isAnswered(whole.subarray(0, at))
      for (const bit of [1, 0x20, 0x80]) {
        const changed = Uint8Array.from(whole)
        changed[at] = (changed[at] ?? 0) ^ bit
        isAnswered(changed)
      }
    }
  })

  it('are refused, and nothing worse, for any bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), isAnswered))
  })
})

describe('the frames of the socket', () => {
  it('give the same messages however the stream is cut', () => {
    const bodies = fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 8 })
    fc.assert(
      fc.property(
        bodies,
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
        (sent, cuts) => {
          const stream = sent.flatMap((body) => [...frame(body)])
          const reader = new FrameReader()
          const got: Uint8Array[] = []
          for (let at = 0, turn = 0; at < stream.length; turn += 1) {
            const size = cuts[turn % cuts.length] ?? 1
            got.push(...reader.push(Uint8Array.from(stream.slice(at, at + size))))
            at += size
          }
          assert.deepEqual(got, sent)
        },
      ),
    )
  })

  it('refuse a length beyond the limit before anything is kept', () => {
    const head = new Uint8Array(4)
    new DataView(head.buffer).setUint32(0, CHANNEL_MESSAGE_BYTES_MAX + 1)
    assert.throws(() => new FrameReader().push(head), FirmwareError)
  })
})
