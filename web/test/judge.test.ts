import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  advance,
  encodeRecord,
  genesis,
  nextLink,
  schemaIdOf,
  signRecord,
  SoftwareSigner,
  toHex,
} from '@s3mp/envelope'
import type { ChainState, DeviceRecord, Schema } from '@s3mp/envelope'
import fc from 'fast-check'
import { before, describe, it } from 'mocha'
import type { EvidenceAnswer, EvidenceRecord, ReadingView } from '../src/api.ts'
import { judge } from '../src/page/logic/judge.ts'

const recipient = new Uint8Array(32).fill(9)
const signer = SoftwareSigner.generate('Ed25519', (length) => new Uint8Array(length).fill(3))
const stranger = SoftwareSigner.generate('Ed25519', (length) => new Uint8Array(length).fill(4))

const schema: Schema = {
  meterId: '1EMH0011223344',
  protocol: 'sml',
  intervalMs: 1000,
  registers: [
    { obis: '1-0:16.7.0*255', unitCode: 27, scaler: -1 },
    { obis: '1-0:1.8.0*255', unitCode: 30, scaler: -1 },
  ],
}

/** A live stream of the device: schema, three fast readings, the seal over them. */
async function makeStream(by = signer): Promise<readonly EvidenceRecord[]> {
  const records: EvidenceRecord[] = []
  const hashes: Uint8Array[] = []
  let chain: ChainState = genesis(by.ueid, 3)
  const append = async (record: DeviceRecord): Promise<void> => {
    const payload = encodeRecord(record)
    const object = record.kind === 'fast' ? payload : await signRecord(by, record, recipient)
    const { seq, kind } = record
    records.push({ row: seq, stream: 'live', seq, kind, bytes: toHex(object) })
    chain = advance(chain, payload)
    if (kind === 'fast') hashes.push(chain.head)
  }
  await append({ kind: 'schema', ...nextLink(chain), timeMs: 1000, status: 1, schema })
  for (let index = 0; index < 3; index += 1) {
    const sample = {
      timeMs: 2000 + index * 1000,
      status: 1,
      registers: [2641n + BigInt(index), 48n],
    }
    const header = { ...nextLink(chain), timeMs: sample.timeMs, status: 1 }
    await append({ kind: 'fast', ...header, schemaId: schemaIdOf(schema), samples: [sample] })
  }
  const digest = createHash('sha256')
  for (const hash of hashes) digest.update(hash)
  const seal = { firstSeq: 2, records: 3, digest: new Uint8Array(digest.digest()) }
  await append({ kind: 'seal', ...nextLink(chain), timeMs: 5000, status: 1, ...seal })
  return records
}

const shown: ReadingView = {
  device: toHex(signer.ueid),
  stream: 'live',
  seq: 3,
  timeMs: 3000,
  storedMs: 3010,
  row: 3,
  registers: [
    { obis: '1-0:16.7.0*255', value: '264.2', unit: 'W' },
    { obis: '1-0:1.8.0*255', value: '4.8', unit: 'Wh' },
  ],
  flags: [],
  proof: 'sealed',
}

function evidence(records: readonly EvidenceRecord[]): EvidenceAnswer {
  return {
    device: shown.device,
    algorithm: 'Ed25519',
    publicKey: toHex(signer.publicKey),
    recipientId: toHex(recipient),
    stream: 'live',
    seq: shown.seq,
    claimed: shown,
    records,
  }
}

describe('judge', () => {
  let records: readonly EvidenceRecord[]
  before(async () => {
    records = await makeStream()
  })

  it('verifies a fast reading by its chain to the seal, from anywhere in the run', async () => {
    for (const from of [1, 2]) {
      const [first] = records
      assert.ok(first)
      const verdict = await judge(evidence([first, ...records.slice(from)]), shown)
      assert.equal(verdict.state, 'verified', verdict.reason)
      assert.ok(verdict.steps.every((step) => step.ok))
      assert.deepEqual(
        verdict.steps.map((step) => step.code),
        ['key', 'signature', 'chain', 'seal', 'schema', 'content'],
      )
    }
  })

  it('says pending while the seal is missing, whatever the server claims', async () => {
    const verdict = await judge(evidence(records.slice(0, -1)), shown)
    assert.equal(verdict.state, 'pending')
  })

  it('fails, and says where, when the shown row says something else than the signed bytes', async () => {
    const registers = shown.registers.map((register, index) =>
      index === 0 ? { ...register, value: '164.2' } : register,
    )
    const verdict = await judge(evidence(records), { ...shown, registers })
    assert.equal(verdict.state, 'failed')
    assert.match(verdict.reason ?? '', /1-0:16\.7\.0\*255: signed 264\.2 W, shown 164\.2 W/)
    for (const change of [
      { timeMs: 3001 },
      { stream: 'minute' },
      { seq: 77 },
      { device: toHex(stranger.ueid) },
      { registers: shown.registers.slice(1) },
      { registers: [...shown.registers, { obis: '1-0:2.8.0*255', value: '1', unit: 'Wh' }] },
    ]) {
      const changed = await judge(evidence(records), { ...shown, ...change })
      assert.equal(changed.state, 'failed', JSON.stringify(change))
    }
  })

  it('fails for a stream that a stranger signed, under either key', async () => {
    const forged = await makeStream(stranger)
    assert.equal((await judge(evidence(forged), shown)).state, 'failed')
    const publicKey = toHex(stranger.publicKey)
    assert.equal((await judge({ ...evidence(forged), publicKey }, shown)).state, 'failed')
  })

  it('fails for a broken chain, a missing schema, and no records at all', async () => {
    const [first, second, third, fourth, seal] = records as [EvidenceRecord, EvidenceRecord, EvidenceRecord, EvidenceRecord, EvidenceRecord] // prettier-ignore
    for (const broken of [[first, second, third, seal], [second, third, fourth, seal], []]) {
      assert.equal((await judge(evidence(broken), shown)).state, 'failed')
    }
  })

  it('never verifies, and never throws, when any bit is another', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(4), fc.nat(5000), fc.nat(3), async (which, at, bit) => {
        const changed = records.map((record, index) => {
          if (index !== which) return record
          const place = at % record.bytes.length
          const digit = parseInt(record.bytes.charAt(place), 16) ^ (1 << bit)
          const bytes = record.bytes.slice(0, place) + digit.toString(16) + record.bytes.slice(place + 1) // prettier-ignore
          return { ...record, bytes }
        })
        const verdict = await judge(evidence(changed), shown)
        assert.notEqual(verdict.state, 'verified')
      }),
      { numRuns: 150 },
    )
  })

  it('fails for whatever a hostile server may answer', async () => {
    for (const change of [
      { publicKey: 'zz' },
      { publicKey: '' },
      { recipientId: '00' },
      { records: [{ row: 1, stream: 'live', seq: 1, kind: '__proto__', bytes: '00' }] },
      { records: [{ row: 1, stream: 'live', seq: 1, kind: 'fast', bytes: 'not hex' }] },
    ]) {
      const verdict = await judge({ ...evidence(records), ...change }, shown)
      assert.equal(verdict.state, 'failed', JSON.stringify(change))
    }
  })
})
