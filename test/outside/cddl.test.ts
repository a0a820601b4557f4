import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'mocha'
import { skip, which } from '../support/outside.ts'

interface Golden {
  readonly prekey: { readonly object: string }
  readonly epoch: { readonly datagram: string }
  readonly records: readonly {
    readonly kind: string
    readonly payload: string
    readonly object: string
    readonly datagram: string
  }[]
  readonly acks: readonly { readonly payload: string; readonly datagram: string }[]
}

const envelope = join(import.meta.dirname, '../../envelope')
const schema = join(envelope, 'schema/envelope.cddl')

describe('the golden envelopes, against the CDDL schema, by zcbor', () => {
  before(function () {
    if (which('zcbor') !== undefined) return
    skip(this, "zcbor is not installed (pip install zcbor 'cbor2<6'; no Debian package has it)")
  })

  function validate(rule: string, hex: string): boolean {
    const options = ['-c', schema, '-t', rule, '-i', '-', '--input-as', 'cborhex']
    return spawnSync('zcbor', ['validate', ...options], { input: hex }).status === 0
  }

  for (const name of ['golden-1-x25519-ed25519', 'golden-2-xwing-esp256']) {
    it(`${name} is described by it`, () => {
      const path = join(envelope, `test/vectors/${name}.json`)
      const { prekey, epoch, records, acks } = JSON.parse(readFileSync(path, 'utf8')) as Golden
      assert.ok(validate('prekey', prekey.object))
      assert.ok(validate('epoch-datagram', epoch.datagram))
      for (const { kind, payload, object, datagram } of records) {
        assert.ok(validate(kind, payload), kind)
        assert.ok(validate(kind === 'fast' ? 'fast' : 'signed', object), kind)
        assert.ok(validate('traffic-up', datagram), kind)
      }
      for (const { payload, datagram } of acks) {
        assert.ok(validate('ack', payload))
        assert.ok(validate('traffic-down', datagram))
      }
      assert.ok(!validate('ack', prekey.object))
    }).timeout(120_000)
  }
})
