import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { UnderlayAddress } from '../../src/addr/underlay.ts'
import {
  DNS_MESSAGE_BYTES_MAX,
  DNS_TYPE,
  decodeDnsResponse,
  encodeDnsQuestion,
} from '../../src/discovery/dns-message.ts'
import { mdnsHints, serversIn } from '../../src/discovery/mdns.ts'
import { refuses, valueOrRefusal } from '../support/refusal.ts'
import { bytes, hex } from '../support/vectors.ts'

const SERVICE = '_sciondiscovery._tcp.local'

/**
 * An answer as responders write it, put together by hand: PTR to "box", its SRV record on port 8041
 * of host "h.local", and the addresses of that. Offsets: the service's name at 12, "box" at 0x32, the
 * target of the SRV record at 0x4f.
 */
const ANSWER = bytes(
  [
    '000084000000000100000003',
    // _sciondiscovery._tcp.local PTR box.<12>
    '0f5f7363696f6e646973636f76657279045f746370056c6f63616c00',
    '000c00010000007800060362' + '6f78c00c',
    // <box> SRV 0 0 8041 h.<local at 0x21>
    'c0320021800100000078000a' + '00000000' + '1f69' + '0168c021',
    // <h> A 192.0.2.8, AAAA 2001:db8::8
    'c04a0001800100000078000' + '4c0000208',
    'c04a001c80010000007800102001' + '0db8' + '000000000000000000000008',
  ].join(''),
)

describe('multicast DNS messages', () => {
  it('ask one question that is to be answered to us alone', () => {
    const question = encodeDnsQuestion(0x1234, SERVICE, DNS_TYPE.ptr)
    const name = '0f5f7363696f6e646973636f76657279045f746370056c6f63616c00'
    assert.equal(hex(question), `123400000001000000000000${name}000c8001`)
    refuses(() => encodeDnsQuestion(0, 'x'.repeat(64), 1), 'ERR_SCION_MALFORMED')
    refuses(() => encodeDnsQuestion(0, 'abcdefg.'.repeat(40), 1), 'ERR_SCION_MALFORMED')
  })

  it('are read with names that stand earlier in the message', () => {
    assert.deepEqual(decodeDnsResponse(ANSWER), [
      { type: 'ptr', name: SERVICE, target: `box.${SERVICE}` },
      {
        type: 'srv',
        name: `box.${SERVICE}`,
        priority: 0,
        weight: 0,
        port: 8041,
        target: 'h.local',
      },
      { type: 'a', name: 'h.local', address: '192.0.2.8' },
      { type: 'aaaa', name: 'h.local', address: '2001:db8:0:0:0:0:0:8' },
    ])
    assert.deepEqual(serversIn(decodeDnsResponse(ANSWER)), [
      { host: '192.0.2.8', port: 8041 },
      { host: '2001:db8:0:0:0:0:0:8', port: 8041 },
    ])
  })

  it('are refused where a name goes round in a circle, points ahead, or has no end', () => {
    const record = (name: string): Uint8Array => bytes(`000084000000000100000000${name}00010001000000780004c0000201`) // prettier-ignore
    for (const name of ['c00c', 'c040', 'c000', ('3f' + '61'.repeat(63)).repeat(4) + '00']) {
      refuses(() => decodeDnsResponse(record(name)), 'ERR_SCION_MALFORMED')
    }
    refuses(() => decodeDnsResponse(ANSWER.subarray(0, 60)), 'ERR_SCION_MALFORMED')
    refuses(() => decodeDnsResponse(encodeDnsQuestion(1, 'a', 1)), 'ERR_SCION_MALFORMED')
    refuses(
      () => decodeDnsResponse(new Uint8Array(DNS_MESSAGE_BYTES_MAX + 1)),
      'ERR_SCION_MALFORMED',
    )
  })

  it('let nothing but ScionError escape, whatever is changed', () => {
    const damaged = fc
      .tuple(fc.nat(ANSWER.length - 1), fc.nat(255), fc.nat(ANSWER.length))
      .map(([at, value, length]) => {
        const copy = ANSWER.slice(0, length)
        if (at < copy.length) copy[at] = value
        return copy
      })
    fc.assert(
      fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 80 })), (input) => {
        valueOrRefusal(() => decodeDnsResponse(input))
      }),
      { numRuns: 3000 },
    )
  })
})

describe('mdnsHints', () => {
  /** A responder on loopback that answers each question as `answer` says. */
  async function responder(
    answer: (question: Uint8Array) => Uint8Array | undefined,
  ): Promise<{ target: UnderlayAddress; asked: string[]; close: () => Promise<void> }> {
    const socket = createSocket('udp4')
    const asked: string[] = []
    socket.on('message', (question: Uint8Array, from) => {
      asked.push(hex(question.subarray(12)))
      const found = answer(question)
      if (found !== undefined) socket.send(found, from.port, from.address)
    })
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    const { port } = socket.address()
    const close = async (): Promise<void> => {
      socket.close()
      await once(socket, 'close')
    }
    return { target: { host: '127.0.0.1', port }, asked, close }
  }

  it('finds what a responder on the link announces', async () => {
    const server = await responder(() => ANSWER)
    const found = await mdnsHints({ target: server.target, waitMs: 100 })
    assert.deepEqual(
      found.map(({ host }) => host),
      ['192.0.2.8', '2001:db8:0:0:0:0:0:8'],
    )
    await server.close()
  })

  it('asks for what an answer names but does not hold', async () => {
    const pointer = ANSWER.slice(0, 12 + 28 + 16)
    pointer.set([0, 0], 10)
    let turn = 0
    const server = await responder(() => (++turn === 1 ? pointer : ANSWER))
    const found = await mdnsHints({ target: server.target, waitMs: 150 })
    assert.equal(found.length, 2)
    assert.equal(server.asked.length, 2)
    assert.match(server.asked[1] ?? '', /^03626f78.*00218001$/)
    await server.close()
  })

  it('finds nothing where nobody answers, or with nonsense', async () => {
    const server = await responder(() => Uint8Array.of(1, 2, 3))
    assert.deepEqual(await mdnsHints({ target: server.target, waitMs: 50 }), [])
    await server.close()
  })

  it('ends when it is called off', async () => {
    const signal = AbortSignal.timeout(20)
    const target = { host: '127.0.0.1', port: 9 }
    await assert.rejects(mdnsHints({ target, waitMs: 60_000, signal }), { name: 'TimeoutError' })
  })
})
