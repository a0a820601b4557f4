import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { EnvelopeError } from '../src/errors.ts'
import { decodeHeadendCard, encodeHeadendCard, SoftwareSigner, toHex } from '../src/index.ts'

const key = SoftwareSigner.generate('Ed25519', (length) => new Uint8Array(length).fill(7))
const card = encodeHeadendCard({
  name: 'Stadtwerke',
  key,
  prekeys: [Uint8Array.of(1, 2, 3)],
  addresses: { udp: '192.0.2.1:30100' },
})

function change(edit: (content: Record<string, unknown>) => void): string {
  const content = JSON.parse(card) as Record<string, unknown>
  edit(content)
  return JSON.stringify(content)
}

describe('the head-end card', () => {
  it('comes back as it was', () => {
    const back = decodeHeadendCard(card)
    assert.equal(back.name, 'Stadtwerke')
    assert.equal(toHex(back.key.ueid), toHex(key.ueid))
    assert.deepEqual(back.prekeys, [Uint8Array.of(1, 2, 3)])
    assert.deepEqual(back.addresses, { udp: '192.0.2.1:30100' })
  })

  it('refuses parts that disagree, and what is not a card', () => {
    const wrong = [
      '',
      '[]',
      change((content) => (content.format = 's3mp-public-key/1')),
      change((content) => (content.ueid = '00'.repeat(33))),
      change((content) => (content.fingerprint = '0000')),
      change((content) => (content.prekeys = ['xyz'])),
      change((content) => (content.prekeys = Array.from({ length: 5 }, () => '00'))),
      change((content) => (content.name = 'a\nb')),
      change((content) => (content.addresses = { udp: 3 })),
    ]
    for (const text of wrong) {
      assert.throws(
        () => decodeHeadendCard(text),
        (error) => error instanceof EnvelopeError && ['bad-key', 'bad-field'].includes(error.code),
        text.slice(0, 60),
      )
    }
  })
})
