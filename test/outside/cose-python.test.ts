import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  advance,
  encodePublicKeyFile,
  encodeRecord,
  exportHeaderLine,
  exportLine,
  genesis,
  nextLink,
  recordHash,
  restart,
  schemaIdOf,
  signRecord,
  SoftwareSigner,
  verifyExport,
  type ChainState,
  type DeviceRecord,
  type Schema,
} from '@s3mp/envelope'
import { after, before, describe, it } from 'mocha'
import { need, skip } from '../support/outside.ts'

interface Golden {
  readonly suite: number
  readonly device: { readonly ueid: string }
  readonly recipient: { readonly ueid: string }
  readonly epoch: {
    readonly number: number
    readonly transcript: string
    readonly kids: readonly string[]
    readonly downKid: string
  }
  readonly records: readonly { readonly payload: string }[]
  readonly acks: readonly { readonly payload: string }[]
}

const FILES = ['golden-1-x25519-ed25519', 'golden-2-xwing-esp256']
const vectors = join(import.meta.dirname, '../../envelope/test/vectors')
const program = join(import.meta.dirname, 'envelope_check.py')

function read(name: string): string {
  return readFileSync(join(vectors, `${name}.json`), 'utf8')
}

describe('the golden envelopes, read by a program in Python that shares nothing with ours', () => {
  let python = ''

  before(function () {
    python = need(this, '/usr/bin/python3', 'python3')
    const probe = spawnSync(python, ['-c', 'import cbor2, cryptography'])
    if (probe.status !== 0) skip(this, 'Debian packages python3-cbor2 and python3-cryptography')
  })

  for (const name of FILES) {
    it(`opens, verifies and chains ${name}`, () => {
      const text = read(name)
      const golden = JSON.parse(text) as Golden
      const output = execFileSync(python, [program], { input: text, encoding: 'utf8' })
      const found = JSON.parse(output) as Record<string, unknown>
      const { epoch, records, acks } = golden
      const payloads = records.map(({ payload }) => payload)
      const signed = {
        ueid: golden.device.ueid,
        recipient: golden.recipient.ueid,
        records: payloads,
      }
      const opened = {
        acks: acks.map(({ payload }) => payload),
        epochNumber: epoch.number,
        transcript: epoch.transcript,
        kids: epoch.kids,
        downKid: epoch.downKid,
      }
      // X-Wing is beyond that library: there only signatures, payloads and chains are compared.
      assert.deepEqual(found, { ...signed, ...(golden.suite === 1 ? opened : { acks: [] }) })
    })
  }

  it('are refused by it, too, when a byte is changed', () => {
    const [name = ''] = FILES
    const golden = JSON.parse(read(name)) as { records: { object: string }[] }
    const [first] = golden.records
    assert.ok(first)
    first.object = first.object.replace(/.$/, (digit) => (digit === '0' ? '1' : '0'))
    const run = spawnSync(python, [program], { input: JSON.stringify(golden), encoding: 'utf8' })
    assert.notEqual(run.status, 0)
    assert.match(run.stderr, /InvalidSignature/)
  })
})

describe('an export, checked by a program in Python that shares nothing with ours', () => {
  const folder = mkdtempSync(join(tmpdir(), 's3mp-check-'))
  const checker = join(import.meta.dirname, '../../scripts/check-export.py')
  let python = ''

  before(function () {
    python = need(this, '/usr/bin/python3', 'python3')
    const probe = spawnSync(python, ['-c', 'import cbor2, cryptography'])
    if (probe.status !== 0) skip(this, 'Debian packages python3-cbor2 and python3-cryptography')
  })

  after(() => {
    rmSync(folder, { recursive: true, force: true })
  })

  /** What the program says of the records of a golden file, after `change`. */
  function check(
    name: string,
    change: (lines: string[]) => string[] = (lines) => lines,
  ): { readonly status: number | null; readonly stdout: string } {
    const golden = JSON.parse(read(name)) as {
      device: { algorithm: string; privateKey: string; publicKey: string; ueid: string }
      recipient: { ueid: string }
      records: { kind: string; object: string }[]
    }
    const { algorithm, publicKey, ueid } = golden.device
    const recipientId = golden.recipient.ueid
    const header = { format: 's3mp-records/1', algorithm, publicKey, ueid, recipientId }
    const records = golden.records.map(({ kind, object }) => JSON.stringify({ kind, object }))
    const [card, file] = [join(folder, 'device.json'), join(folder, 'records.jsonl')]
    writeFileSync(card, encodePublicKeyFile(SoftwareSigner.fromPem(golden.device.privateKey)))
    writeFileSync(file, [JSON.stringify(header), ...change(records), ''].join('\n'))
    return spawnSync(python, [checker, card, file], { encoding: 'utf8' })
  }

  for (const name of FILES) {
    it(`proves ${name}, and no record of it changed, left out or moved`, () => {
      const good = check(name)
      assert.equal(good.status, 0, good.stdout)
      assert.match(good.stdout, /^proven: /m)
      const count = good.stdout.match(/(\d+) records/g)?.length ?? 0
      assert.ok(count >= 2, good.stdout)
      const flip = (line: string): string =>
        line.replace(/(.)"}$/, (_, digit: string) => `${digit === '0' ? '1' : '0'}"}`)
      const changed = check(name, (lines) =>
        lines.map((line, at) => (at === 3 ? flip(line) : line)),
      )
      assert.equal(changed.status, 1, changed.stdout)
      assert.match(changed.stdout, /record 5: it does not carry the hash|record 6: the seal/)
      const without = check(name, (lines) => lines.filter((_, at) => at !== 1))
      assert.equal(without.status, 1, without.stdout)
      const moved = check(name, ([first = '', second = '', third = '', ...others]) => [
        first,
        third,
        second,
        ...others,
      ])
      assert.equal(moved.status, 1, moved.stdout)
    }).timeout(20_000)
  }

  it('does not prove what anybody could have put in front of a new beginning of the chain', async () => {
    const random = (length: number): Uint8Array => new Uint8Array(length).fill(7)
    const device = SoftwareSigner.generate('Ed25519', random)
    const recipientId = device.ueid
    const schema: Schema = {
      meterId: '1',
      protocol: 'sml',
      intervalMs: 0,
      registers: [{ obis: '1-0:1.8.0*255', unitCode: 30, scaler: 0 }],
    }
    const common = { timeMs: 1, status: 1 }
    const samples = [{ ...common, registers: [1n] }]
    const fast = (state: ChainState): DeviceRecord => ({
      kind: 'fast',
      ...common,
      ...nextLink(state),
      schemaId: schemaIdOf(schema),
      samples,
    })
    const start = genesis(device.ueid, 3)
    const first: DeviceRecord = { kind: 'schema', ...common, ...nextLink(start), schema }
    const forged = fast(advance(start, encodeRecord(first)))
    const anew = restart(3, 10)
    const genuine = fast(anew)
    const digest = createHash('sha256')
      .update(recordHash(encodeRecord(genuine)))
      .digest()
    const link = nextLink(advance(anew, encodeRecord(genuine)))
    const seal: DeviceRecord = {
      kind: 'seal',
      ...common,
      ...link,
      firstSeq: 10,
      records: 1,
      digest,
    }
    const lines = [exportHeaderLine({ key: device, recipientId })]
    for (const record of [first, forged, genuine, seal]) {
      const { kind } = record
      const object =
        kind === 'fast' ? encodeRecord(record) : await signRecord(device, record, recipientId)
      lines.push(exportLine({ kind, object }))
    }
    const [card, file] = [join(folder, 'device.json'), join(folder, 'records.jsonl')]
    writeFileSync(card, encodePublicKeyFile(device))
    writeFileSync(file, `${lines.join('\n')}\n`)
    const { status, stdout } = spawnSync(python, [checker, card, file], { encoding: 'utf8' })
    assert.equal(status, 1, stdout)
    assert.match(stdout, /^not proven: nothing is wrong, but no signature covers 1 of/m)
    assert.equal((await verifyExport(lines, { key: device })).proven, false)
  })
})
