import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'mocha'
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
