import assert from 'node:assert/strict'
import {
  decodeHeadendCard,
  encodePublicKeyFile,
  toHex,
  verifyPlatform,
  verifyPrekey,
} from '@s3mp/envelope'
import { describe, it } from 'mocha'
import type { Clock } from '../src/clock.ts'
import { HeadendError } from '../src/errors.ts'
import { createHeadend, GAP_TOLERATED_MS_MAX, UPKEEP_MS_MAX, type Headend } from '../src/headend.ts'
import { MemorySecrets } from '../src/keys/files.ts'
import { Keyring } from '../src/keys/keyring.ts'
import { SqliteStore } from '../src/store/store.ts'
import { mailbox, POLICY, readingBody, seededRandom, START_MS, TestMeter } from './support/world.ts'

/** A clock whose long sleeps end when the test lets time pass. */
class SteppedClock implements Clock {
  #nowMs = START_MS
  readonly #sleepers = new Set<{ readonly untilMs: number; readonly wake: () => void }>()

  nowMs(): number {
    return this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const sleeper = { untilMs: this.#nowMs + ms, wake: resolve }
      this.#sleepers.add(sleeper)
      signal?.addEventListener('abort', () => {
        this.#sleepers.delete(sleeper)
        reject(signal.reason as Error)
      })
    })
  }

  async pass(ms: number): Promise<void> {
    this.#nowMs += ms
    for (let turn = 0; turn < 30; turn++) {
      for (const sleeper of this.#sleepers) {
        if (sleeper.untilMs > this.#nowMs) continue
        this.#sleepers.delete(sleeper)
        sleeper.wake()
      }
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }
}

async function open(): Promise<{
  clock: SteppedClock
  store: SqliteStore
  keyring: Keyring
  headend: Headend
}> {
  const clock = new SteppedClock()
  const random = seededRandom('headend')
  const store = new SqliteStore(':memory:')
  const keyring = Keyring.create(new MemorySecrets(), POLICY, random)
  const headend = await createHeadend({
    access: 'open',
    store,
    keyring,
    transports: [],
    clock,
    random,
  })
  return { clock, store, keyring, headend }
}

describe('createHeadend', () => {
  it('gives meters a card with its key and a prekey that is good under it', async () => {
    const { headend, store } = await open()
    const card = decodeHeadendCard(headend.card())
    const [prekey] = card.prekeys
    assert.ok(prekey)
    verifyPrekey(prekey, card.key, { suites: [1], nowMs: START_MS }, verifyPlatform)
    await headend.close()
    store.close()
  })

  it('tells of a gap when it has been open for long, once', async () => {
    const { headend, store, keyring, clock } = await open()
    const meter = new TestMeter('gap')
    headend.enroll(encodePublicKeyFile(meter.signer))
    const prekey = keyring.current(START_MS)?.prekey
    assert.ok(prekey)
    headend.receive(mailbox().arrival(await meter.openEpoch(prekey, START_MS)))
    while (store.registry.kidCount() === 0) await clock.pass(1)
    const sealed = []
    for (let i = 0; i < 3; i++) {
      sealed.push(await meter.next(1, readingBody(START_MS + i, [1n, 1n]), keyring.ueid))
    }
    for (const index of [0, 2]) {
      headend.receive(mailbox().arrival(sealed[index]?.datagram ?? new Uint8Array()))
      await clock.pass(50)
    }
    const codes = (): readonly string[] =>
      store.queries.events({ limit: 9 }).map(({ code }) => code)
    await clock.pass(UPKEEP_MS_MAX)
    assert.deepEqual(codes(), [], 'a datagram may be late')
    await clock.pass(GAP_TOLERATED_MS_MAX)
    await clock.pass(UPKEEP_MS_MAX)
    assert.deepEqual(codes(), ['records.missing'])
    await headend.close()
    store.close()
  })

  it('rotates prekeys by itself, and with an old one its epochs go', async () => {
    const { headend, store, keyring, clock } = await open()
    const meter = new TestMeter('old')
    headend.enroll(encodePublicKeyFile(meter.signer))
    const first = keyring.current(START_MS)?.prekey
    assert.ok(first)
    headend.receive(mailbox().arrival(await meter.openEpoch(first, START_MS)))
    // A key exchange takes as long as it takes, on a machine that is busy.
    while (store.registry.kidCount() === 0) await clock.pass(1)
    const sealed = await meter.next(1, readingBody(START_MS, [1n, 1n]), keyring.ueid)
    await clock.pass(POLICY.validMs + POLICY.graceMs + 1)
    assert.notEqual(toHex(keyring.current(clock.nowMs())?.prekey.id ?? first.id), toHex(first.id))
    assert.equal(store.registry.kidCount(), 0)
    const box = mailbox()
    headend.receive(box.arrival(sealed.datagram))
    assert.equal(headend.counts.refused['unknown-kid'], 1)
    const deeds = [...store.auditLog()].map(({ deed }) => deed)
    assert.deepEqual(deeds, [
      'prekey.created',
      'device.enrolled',
      'prekey.created',
      'prekey.deleted',
    ])
    await headend.close()
    store.close()
  })

  it('revokes at once', async () => {
    const { headend, store, keyring, clock } = await open()
    const meter = new TestMeter('thief')
    headend.enroll(encodePublicKeyFile(meter.signer))
    const prekey = keyring.current(START_MS)?.prekey
    assert.ok(prekey)
    headend.receive(mailbox().arrival(await meter.openEpoch(prekey, START_MS)))
    await clock.pass(20)
    const sealed = await meter.next(1, readingBody(START_MS, [1n, 1n]), keyring.ueid)
    headend.setState(meter.signer.ueid, 'revoked', { who: 'test', reason: 'stolen' })
    const box = mailbox()
    headend.receive(box.arrival(sealed.datagram))
    assert.equal(headend.counts.refused.revoked, 1)
    await clock.pass(50)
    assert.deepEqual(box.answers, [])
    await headend.close()
    store.close()
  })

  it('refuses cards that are none, and names that are no names', async () => {
    const { headend, store } = await open()
    const card = encodePublicKeyFile(new TestMeter('x').signer)
    for (const [text, name] of [
      ['', 'a'],
      ['{}', 'a'],
      [card.replace(/"ueid": "01/, '"ueid": "02'), 'a'],
      [card, 'a\u001b[31m'],
      [card, 'a'.repeat(101)],
    ] as const) {
      assert.throws(
        () => headend.enroll(text, { name }),
        (error) => error instanceof HeadendError && error.code === 'ERR_HEADEND_ENROL',
      )
    }
    await headend.close()
    store.close()
  })
})
