import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:https'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { formatIsdAs, parseIsdAs } from '../../src/addr/isd-as.ts'
import { ConnectTransport } from '../../src/control/connect.ts'
import {
  EndhostApis,
  SEGMENT_PAGES_MAX,
  UNDERLAYS_AGE_MS_MAX,
} from '../../src/control/endhost-api.ts'
import {
  PAGE_TOKEN_CHARS_MAX,
  decodeEndhostApisResponse,
  decodeListSegmentsResponse,
  decodeUnderlaysResponse,
} from '../../src/control/endhost-messages.ts'
import { parseServerUrl } from '../../src/control/http-server.ts'
import { ControlPathSource } from '../../src/control/path-source.ts'
import { ProtoWriter, fieldsOf } from '../../src/control/protobuf.ts'
import type { RpcCall, RpcTransport } from '../../src/control/rpc.ts'
import { ScionError } from '../../src/errors.ts'
import { formatSequence } from '../../src/policy/hop.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { refuses, valueOrRefusal } from '../support/refusal.ts'
import { bytes, hex, vectors } from '../support/vectors.ts'

const recorded = vectors<{
  nowMs: number
  groups: readonly (readonly string[])[]
  local: string
  destination: string
  paths: readonly { sequence: string; fingerprint: string; mtu: number; raw: string }[]
  exchanges: readonly { service: string; method: string; request: string; answer: string }[]
}>('endhost-api.json')
const local = parseIsdAs(recorded.local)
const destination = parseIsdAs(recorded.destination)
const signal = new AbortController().signal

function answerTo(method: string): Uint8Array {
  const found = recorded.exchanges.find((one) => one.method === method)
  assert.ok(found)
  return bytes(found.answer)
}

type Answer = (call: RpcCall) => Uint8Array

/** An endhost API that remembers what it was asked; it answers as recorded unless told otherwise. */
class FakeApi implements RpcTransport {
  readonly name: string
  readonly asked: string[] = []
  readonly requests: Uint8Array[] = []
  answer: Answer
  closed = 0

  constructor(name = 'fake', answer: Answer = ({ method }) => answerTo(method)) {
    this.name = name
    this.answer = answer
  }

  call(call: RpcCall): Promise<Uint8Array> {
    this.asked.push(call.method)
    this.requests.push(call.request)
    return Promise.resolve().then(() => this.answer(call))
  }

  close(): Promise<void> {
    this.closed += 1
    return Promise.resolve()
  }
}

const dead =
  (message: string): Answer =>
  () => {
    throw new ScionError('ERR_SCION_IO', message)
  }

function underlays(
  routers: readonly (readonly [string, string, number])[],
  tunnels = 0,
): Uint8Array {
  const writer = new ProtoWriter().message(1, (udp) => {
    for (const [isdAs, address, id] of routers) {
      udp.message(1, (one) => one.varint(1, parseIsdAs(isdAs)).string(2, address).varint(3, id))
    }
  })
  if (tunnels > 0) writer.message(2, (snap) => snap.message(1, (one) => one.string(1, 'snap:1')))
  return writer.finish()
}

function open(groups: readonly (readonly RpcTransport[])[], more = {}): Promise<EndhostApis> {
  return EndhostApis.open(groups, { clock: new VirtualClock(recorded.nowMs), ...more })
}

describe('endhost APIs', () => {
  it('give the paths of the recorded network, asked with the very bytes that its servers took', async () => {
    const api = new FakeApi()
    const lookup = await open([[api]], { isdAs: local })
    const clock = new VirtualClock(recorded.nowMs)
    const source = new ControlPathSource({ lookup, trust: 'insecure', clock })
    const paths = await source.paths(destination)
    assert.deepEqual(
      paths.map((path) => ({
        sequence: formatSequence(path.interfaces),
        fingerprint: path.fingerprint,
        mtu: path.mtu,
        raw: 'bytes' in path.dataplane ? hex(path.dataplane.bytes) : '',
      })),
      recorded.paths,
    )
    assert.deepEqual(paths[0]?.nextHop, source.local.borderRouters.get(41))
    const sent = recorded.exchanges.filter(({ method }) => api.asked.includes(method))
    assert.deepEqual(
      api.requests.map(hex),
      sent.map(({ request }) => request),
    )
    await source.close()
    assert.equal(api.closed, 1)
  })

  it('are asked one after the other, the one that answered last first', async () => {
    const [first, second] = [new FakeApi('first', dead('first: gone')), new FakeApi('second')]
    const lookup = await open([[first, second]])
    const before = await lookup.lookUp(destination, undefined, signal)
    assert.deepEqual(before.failures, [])
    assert.deepEqual(first.asked, ['ListUnderlays'])
    second.answer = dead('second: gone')
    first.answer = ({ method }) => answerTo(method)
    const after = await lookup.lookUp(destination, undefined, signal)
    assert.equal(after.segments.length, before.segments.length)
    assert.deepEqual(
      after.failures.map(({ message }) => message),
      ['second: gone'],
    )
  })

  it('of the next group are asked for their routers before their segments', async () => {
    const [near, far] = [new FakeApi('near'), new FakeApi('far')]
    far.answer = ({ method }) =>
      method === 'ListUnderlays'
        ? underlays([[recorded.local, '127.0.0.9:1', 41]])
        : answerTo(method)
    const lookup = await open([[near], [far]])
    assert.deepEqual(far.asked, [])
    near.answer = dead('near: gone')
    const { segments } = await lookup.lookUp(destination, undefined, signal)
    assert.ok(segments.length > 0)
    assert.deepEqual(far.asked, ['ListUnderlays', 'ListSegments'])
    assert.deepEqual(lookup.local.borderRouters, new Map([[41, { host: '127.0.0.9', port: 1 }]]))
  })

  it('of another AS do not stand in', async () => {
    const [near, far] = [new FakeApi('near'), new FakeApi('far')]
    far.answer = () => underlays([['1-ff00:0:999', '127.0.0.9:1', 41]])
    const lookup = await open([[near], [far]])
    near.answer = dead('near: gone')
    const { segments, failures } = await lookup.lookUp(destination, undefined, signal)
    assert.deepEqual(segments, [])
    assert.match(
      failures.at(-1)?.message ?? '',
      /far ListUnderlays: routers of 1-ff00:0:111, found none/,
    )
    assert.equal(lookup.local.isdAs, local)
  })

  it('that all fail give the reason of each', async () => {
    const apis = ['one', 'two'].map((name) => new FakeApi(name, dead(`${name}: gone`)))
    await assert.rejects(open([apis.slice(0, 1), apis.slice(1)]), {
      code: 'ERR_SCION_CONTROL',
      message: 'no endhost API answers: one: gone; two: gone',
    })
  })

  it('are asked for their routers again after a while, and keep the old ones if that fails', async () => {
    const clock = new VirtualClock(recorded.nowMs)
    const api = new FakeApi()
    const lookup = await EndhostApis.open([[api]], { clock })
    await clock.advance(UNDERLAYS_AGE_MS_MAX + 1)
    api.answer = ({ method }) => (method === 'ListUnderlays' ? bytes('ff') : answerTo(method))
    const { segments, failures } = await lookup.lookUp(destination, undefined, signal)
    assert.ok(segments.length > 0)
    assert.equal(failures.length, 1)
    assert.ok(lookup.local.borderRouters.size > 0)
  })

  it('of older servers are asked by the older service', async () => {
    const api = new FakeApi('old', ({ method }) => {
      if (method !== 'ListSegments') return answerTo(method)
      throw new ScionError('ERR_SCION_CONTROL', 'old ListSegments: status 404 ()')
    })
    const lookup = await open([[api]])
    const { segments, failures } = await lookup.lookUp(destination, undefined, signal)
    assert.ok(segments.length > 0)
    assert.deepEqual(failures, [])
    assert.deepEqual(api.asked, ['ListUnderlays', 'ListSegments', 'ListPaths'])
  })
})

describe('pages of segments', () => {
  const whole = answerTo('ListSegments')
  const page = (token: string): Uint8Array => Buffer.concat([whole, new ProtoWriter().string(4, token).finish()]) // prettier-ignore
  const tokenOf = ({ request }: RpcCall): string =>
    [...fieldsOf(request, 'request')].find((one) => one.number === 4)?.string() ?? ''

  async function listing(answer: Answer): Promise<{ segments: number; problems: string[] }> {
    const api = new FakeApi('api', (call) => call.method === 'ListUnderlays' ? answerTo('ListUnderlays') : answer(call)) // prettier-ignore
    const found = await (await open([[api]])).lookUp(destination, undefined, signal)
    const problems = found.failures.map(({ message }) => message)
    return { segments: found.segments.length, problems }
  }

  it('are read one after the other', async () => {
    const one = (await listing(() => whole)).segments
    const two = await listing((call) => (tokenOf(call) === '' ? page('second') : whole))
    assert.deepEqual(two, { segments: 2 * one, problems: [] })
  })

  it('that repeat themselves, or never end, end the question', async () => {
    const circle = await listing(() => page('again'))
    assert.deepEqual(circle, { segments: 0, problems: ['api ListSegments: another page, found again again'] }) // prettier-ignore
    let count = 0
    const endless = await listing(() => page(String(++count)))
    assert.equal(count, SEGMENT_PAGES_MAX)
    assert.deepEqual(endless.problems, [`api: at most ${SEGMENT_PAGES_MAX} pages`])
  })

  it('with a token that is too long are refused', () => {
    refuses(
      () => decodeListSegmentsResponse(page('x'.repeat(PAGE_TOKEN_CHARS_MAX + 1))),
      'ERR_SCION_CONTROL',
    )
  })
})

describe('routers of an endhost API', () => {
  const answers = (message: Uint8Array): Promise<EndhostApis> =>
    open([[new FakeApi('api', () => message)]])

  it('are those of the AS that was named, and one must be named where there are several', async () => {
    const several = underlays([
      ['1-ff00:0:111', '127.0.0.1:1', 1],
      ['2-ff00:0:211', '[::1]:2', 2],
    ])
    await assert.rejects(answers(several), {
      code: 'ERR_SCION_CONFIG',
      message: 'api: one AS must be named, found 1-ff00:0:111, 2-ff00:0:211',
    })
    const named = await open([[new FakeApi('api', () => several)]], {
      isdAs: parseIsdAs('2-ff00:0:211'),
    })
    assert.equal(formatIsdAs(named.local.isdAs), '2-ff00:0:211')
    assert.deepEqual([...named.local.borderRouters.keys()], [2])
  })

  it('are wanted: tunnels are not spoken, and none is no network', async () => {
    await assert.rejects(answers(underlays([], 1)), { code: 'ERR_SCION_UNSUPPORTED' })
    await assert.rejects(answers(new Uint8Array(0)), { code: 'ERR_SCION_CONTROL' })
    await assert.rejects(answers(underlays([['1-ff00:0:111', 'router.example:1', 1]])), ScionError)
  })

  it('are bounded in number, as are groups and APIs', async () => {
    await assert.rejects(open([]), { code: 'ERR_SCION_CONFIG' })
    await assert.rejects(open([[]]), { code: 'ERR_SCION_CONFIG' })
    const many = Array.from({ length: 17 }, () => new FakeApi())
    await assert.rejects(open([many]), { code: 'ERR_SCION_CONFIG' })
    await assert.rejects(open(many.map((api) => [api])), { code: 'ERR_SCION_CONFIG' })
  })
})

describe('messages of the endhost API', () => {
  it('read the groups that the recorded discovery service named', () => {
    assert.deepEqual(decodeEndhostApisResponse(answerTo('GetEndhostApis')), recorded.groups)
  })

  it('throw nothing but ScionError on damaged and on arbitrary input', () => {
    const inputs = [answerTo('ListUnderlays'), answerTo('ListSegments'), answerTo('GetEndhostApis')]
    const damaged = fc
      .tuple(fc.constantFrom(...inputs), fc.nat(4000), fc.nat(255), fc.nat(4000))
      .map(([whole, at, value, length]) => {
        const copy = whole.slice(0, length)
        if (copy.length > 0) copy[at % copy.length] = value
        return copy
      })
    fc.assert(
      fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 64 })), (input) => {
        valueOrRefusal(() => decodeUnderlaysResponse(input))
        valueOrRefusal(() => decodeListSegmentsResponse(input))
        valueOrRefusal(() => decodeEndhostApisResponse(input))
      }),
      { numRuns: 2000 },
    )
  })
})

describe('parseServerUrl', () => {
  it('reads host, port and what comes before a question', () => {
    const { host, port, prefix, secure } = parseServerUrl('https://[::1]:8443/scion/', 'server')
    assert.deepEqual({ host, port, prefix, secure }, { host: '::1', port: 8443, prefix: '/scion', secure: true }) // prettier-ignore
    assert.equal(parseServerUrl('http://api.example', 'server').port, 80)
    assert.equal(parseServerUrl('https://api.example', 'server').port, 443)
  })

  it('refuses what is no server', () => {
    for (const text of [
      '',
      'api.example',
      'ftp://api.example',
      'http://u:p@h',
      'http://h?q',
      'http://h#f',
      `http://${'h'.repeat(3000)}`,
    ]) {
      // prettier-ignore
      refuses(() => parseServerUrl(text, 'server'), 'ERR_SCION_CONFIG')
    }
  })
})

describe('an endhost API by https', () => {
  const tls = vectors<{ certificate: string; key: string }>('tls.json')

  it('is asked only where its certificate is believed', async () => {
    const server = createServer({ cert: tls.certificate, key: tls.key }, (request, response) => {
      request.resume()
      response.writeHead(200, { 'content-type': 'application/proto' })
      response.end(answerTo('ListUnderlays'))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const bound = server.address()
    const port = typeof bound === 'object' && bound !== null ? bound.port : 0
    const url = parseServerUrl(`https://127.0.0.1:${port}`, 'server')
    const stranger = new ConnectTransport(url)
    await assert.rejects(open([[stranger]]), {
      code: 'ERR_SCION_IO',
      message: /https:\/\/127\.0\.0\.1:\d+ ListUnderlays: .*self-signed/,
    })
    const friend = new ConnectTransport(url, { ca: tls.certificate })
    assert.equal((await open([[friend]])).local.isdAs, local)
    await Promise.all([stranger.close(), friend.close()])
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
})
