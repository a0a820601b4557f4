import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { packHost, parseHost } from '../../src/addr/host.ts'
import {
  decodeBindingRequest,
  decodeBindingResponse,
  encodeBindingRequest,
  encodeBindingResponse,
  isStun,
  transactionIdOf,
} from '../../src/stun/message.ts'
import { refuses, valueOrRefusal } from '../support/refusal.ts'
import { bytes, hex, vectors } from '../support/vectors.ts'

interface Mapped {
  readonly address: string
  readonly port: number
}

const golden = vectors<{
  isStun: { cases: { raw: string; want: boolean }[] }
  bindingRequest: { transactionId: string; cases: { name: string; raw: string; want: string }[] }
  bindingResponse: { cases: (Mapped & { transactionId: string; raw: string })[] }
  otherImplementation: { request: string; responses: { raw: string; mapped: Mapped }[] }
  responseErrors: { name: string; raw: string }[]
  rfc5769: { cases: { name: string; raw: string; mapped?: Mapped }[] }
}>('stun.json')

describe('STUN', () => {
  it('is told from anything else', () => {
    for (const { raw, want } of golden.isStun.cases) assert.equal(isStun(bytes(raw)), want, raw)
  })

  it('asks as the reference client asks', () => {
    const [first] = golden.bindingRequest.cases
    const id = bytes(golden.bindingRequest.transactionId)
    assert.equal(hex(encodeBindingRequest(id)), first?.raw)
    refuses(() => encodeBindingRequest(id.subarray(1)), 'ERR_SCION_MALFORMED')
  })

  for (const { name, raw, want } of golden.bindingRequest.cases) {
    it(`takes requests as the reference router does: ${name}`, () => {
      if (want !== 'ok') refuses(() => decodeBindingRequest(bytes(raw)))
      else {
        assert.equal(hex(decodeBindingRequest(bytes(raw))), golden.bindingRequest.transactionId)
      }
    })
  }

  it('refuses a request without FINGERPRINT, as scion-cpp sends it', () => {
    refuses(() => decodeBindingRequest(bytes(golden.otherImplementation.request)))
  })

  for (const { transactionId, address, port, raw } of golden.bindingResponse.cases) {
    it(`reads and writes the response that names ${address} port ${port}`, () => {
      const message = bytes(raw)
      assert.deepEqual(decodeBindingResponse(message), { host: address, port })
      assert.equal(hex(transactionIdOf(message)), transactionId)
      const ip = packHost(parseHost(address)).bytes
      assert.equal(hex(encodeBindingResponse(bytes(transactionId), { ip, port })), raw)
    })
  }

  it('reads the responses of other implementations, the masked address before the plain one', () => {
    for (const { raw, mapped } of golden.otherImplementation.responses) {
      const { address: host, port } = mapped
      assert.deepEqual(decodeBindingResponse(bytes(raw)), { host, port })
    }
  })

  for (const { name, raw, mapped } of golden.rfc5769.cases) {
    it(`reads ${name}`, () => {
      if (mapped === undefined) decodeBindingRequest(bytes(raw))
      else {
        const { address: host, port } = mapped
        assert.deepEqual(decodeBindingResponse(bytes(raw)), { host, port })
      }
    })
  }

  for (const { name, raw } of golden.responseErrors) {
    it(`refuses a response: ${name}`, () => {
      refuses(() => decodeBindingResponse(bytes(raw)), 'ERR_SCION_MALFORMED')
    })
  }

  it('throws nothing but ScionError on shaped random bytes', () => {
    const [good] = golden.bindingResponse.cases
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 48 }), fc.boolean(), (tail, request) => {
        const header = bytes(good?.raw ?? '').subarray(0, 20)
        const message = Uint8Array.of(...header, ...tail)
        message[1] = request ? 1 : (message[1] ?? 0)
        message[3] = tail.length
        valueOrRefusal(() =>
          request ? decodeBindingRequest(message) : decodeBindingResponse(message),
        )
      }),
    )
  })
})
