import assert from 'node:assert/strict'
import { before, describe, it } from 'mocha'
import {
  CLOCK_SKEW_MS_MAX,
  createPrekey,
  currentPrekey,
  decodePrekeyFile,
  encodeCbor,
  encodePrekeyFile,
  EnvelopeError,
  PREKEY_GRACE_MS,
  prekeySpent,
  SoftwareSigner,
  verifyPlatform,
  verifyPrekey,
  type PrekeyOptions,
  type PrekeyPair,
  type PrekeyPolicy,
} from '@s3mp/envelope'
import { readSignedObject, signObject } from '../src/sign1.ts'
import { refuses, rejects } from './support/refuses.ts'
import { seeded } from './support/seeded.ts'
import { DAY_MS, NOW_MS } from './support/world.ts'

describe('a prekey', () => {
  const random = seeded('prekey')
  const signer = SoftwareSigner.generate('Ed25519', random)
  const other = SoftwareSigner.generate('Ed25519', random)
  const policy: PrekeyPolicy = { suites: [1, 2], nowMs: NOW_MS }
  const options: PrekeyOptions = {
    signer,
    suite: 1,
    notBeforeMs: NOW_MS,
    notAfterMs: NOW_MS + DAY_MS,
    policyVersion: 5,
    random,
  }
  let pair: PrekeyPair
  let strong: PrekeyPair

  before(async () => {
    pair = await createPrekey(options)
    strong = await createPrekey({ ...options, suite: 2 })
  })

  it('is verified with nothing but the pinned key of the recipient', () => {
    for (const { prekey } of [pair, strong]) {
      assert.deepEqual(verifyPrekey(prekey.object, signer, policy, verifyPlatform), prekey)
    }
    refuses(() => verifyPrekey(pair.prekey.object, other, policy, verifyPlatform), 'bad-signature')
  })

  it('is refused with any byte changed, missing or added', () => {
    const { object } = pair.prekey
    for (let index = 0; index < object.length; index++) {
      for (const bit of [1, 0x80]) {
        const broken = Uint8Array.from(object)
        broken[index] = (broken[index] ?? 0) ^ bit
        refuses(() => verifyPrekey(broken, signer, policy, verifyPlatform))
      }
      refuses(() => verifyPrekey(object.subarray(0, index), signer, policy, verifyPlatform))
    }
    refuses(
      () => verifyPrekey(Uint8Array.from([...object, 0]), signer, policy, verifyPlatform),
      'extended',
    )
  })

  it('is refused outside its validity, if the device knows the time', () => {
    const at = (nowMs: number | undefined): PrekeyPolicy =>
      nowMs === undefined ? { suites: [1] } : { suites: [1], nowMs }
    const { object } = pair.prekey
    for (const nowMs of [NOW_MS - CLOCK_SKEW_MS_MAX - 1, NOW_MS + DAY_MS + 1]) {
      refuses(() => verifyPrekey(object, signer, at(nowMs), verifyPlatform), 'expired-prekey')
    }
    // A clock that is a little behind takes one that was made just now.
    for (const nowMs of [NOW_MS - CLOCK_SKEW_MS_MAX, NOW_MS, NOW_MS + DAY_MS, undefined]) {
      verifyPrekey(object, signer, at(nowMs), verifyPlatform)
    }
  })

  it('is refused in a suite that the device does not use', () => {
    refuses(
      () => verifyPrekey(pair.prekey.object, signer, { ...policy, suites: [2] }, verifyPlatform),
      'unknown-suite',
    )
  })

  it('is refused as a downgrade: an older policy, or a weaker suite under the same', async () => {
    const verify = (candidate: PrekeyPair, previous: PrekeyPair): unknown =>
      verifyPrekey(
        candidate.prekey.object,
        signer,
        { ...policy, previous: previous.prekey },
        verifyPlatform,
      )
    const older = await createPrekey({ ...options, policyVersion: 4 })
    const meant = await createPrekey({ ...options, policyVersion: 6 })
    refuses(() => verify(older, pair), 'downgrade')
    refuses(() => verify(pair, strong), 'downgrade')
    verify(strong, pair)
    verify(meant, strong)
    verify(pair, pair)
  })

  it('is refused if its id is not the hash of its key, or its fields are out of range', async () => {
    const { prekey } = pair
    const items = [1, prekey.id, prekey.publicKey, NOW_MS, NOW_MS + DAY_MS, 5]
    const cases: readonly (readonly [number, number | Uint8Array, string])[] = [
      [0, 3, 'unknown-suite'],
      [0, 2, 'bad-field'],
      [1, new Uint8Array(8), 'bad-field'],
      [2, new Uint8Array(31), 'bad-field'],
      [4, NOW_MS - 1, 'bad-field'],
      [4, NOW_MS + 93 * DAY_MS, 'bad-field'],
      [5, -1, 'bad-field'],
    ]
    for (const [index, value, code] of cases) {
      const payload = encodeCbor(items.with(index, value))
      const context = { kind: 'prekey', recipientId: new Uint8Array(0) } as const
      const object = await signObject(signer, payload, context)
      assert.throws(
        () => verifyPrekey(object, signer, policy, verifyPlatform),
        (error) => error instanceof EnvelopeError && error.code === code,
        `${index}`,
      )
    }
  })

  it('is not made with a validity nobody would accept', async () => {
    await rejects(createPrekey({ ...options, notAfterMs: NOW_MS - 1 }), 'bad-field')
    await rejects(createPrekey({ ...options, notAfterMs: NOW_MS + 93 * DAY_MS }), 'bad-field')
  })

  it('is not taken for a signature of another kind', async () => {
    const { payload } = readSignedObject(pair.prekey.object)
    const context = { kind: 'event', recipientId: new Uint8Array(0) } as const
    const event = await signObject(signer, payload, context)
    refuses(() => verifyPrekey(event, signer, policy, verifyPlatform), 'bad-signature')
  })

  it('is kept with its private part in a file of the recipient', () => {
    for (const item of [pair, strong]) {
      assert.deepEqual(decodePrekeyFile(encodePrekeyFile(item), signer, verifyPlatform), item)
    }
    const text = encodePrekeyFile(pair)
    refuses(() => decodePrekeyFile(text, other, verifyPlatform), 'bad-signature')
    const content = JSON.parse(text) as Record<string, string>
    const changes = [{ privateKey: '00' }, { privateKey: 5 }, { format: 'x' }, { object: 5 }]
    for (const change of changes) {
      const changed = JSON.stringify({ ...content, ...change })
      refuses(() => decodePrekeyFile(changed, signer, verifyPlatform), 'bad-key')
    }
  })

  it('rotates: the newest valid one is handed out, spent ones are to be deleted', async () => {
    const next = await createPrekey({
      ...options,
      notBeforeMs: NOW_MS + DAY_MS / 2,
      notAfterMs: NOW_MS + 2 * DAY_MS,
    })
    const pairs = [next, pair]
    assert.equal(currentPrekey(pairs, NOW_MS), pair)
    assert.equal(currentPrekey(pairs, NOW_MS + DAY_MS / 2), next)
    assert.equal(currentPrekey(pairs, NOW_MS + 3 * DAY_MS), undefined)
    const end = pair.prekey.notAfterMs + PREKEY_GRACE_MS
    assert.equal(prekeySpent(pair.prekey, end), false)
    assert.equal(prekeySpent(pair.prekey, end + 1), true)
  })
})
