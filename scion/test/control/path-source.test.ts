import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { formatIsdAs, isdAs, isdAsOf, parseIsdAs } from '../../src/addr/isd-as.ts'
import {
  ControlPathSource,
  DESTINATIONS_KEPT_MAX,
  PATHS_AGE_MS_MAX,
} from '../../src/control/path-source.ts'
import type { LookupReport } from '../../src/control/path-source.ts'
import { ProtoWriter, fieldsOf } from '../../src/control/protobuf.ts'
import type { RpcCall, RpcTransport } from '../../src/control/rpc.ts'
import {
  SEGMENTS_ANSWERED_MAX,
  decodeSegmentsResponse,
  encodeSegmentsResponse,
} from '../../src/control/segment-messages.ts'
import { ControlLookup } from '../../src/control/segment-lookup.ts'
import { ControlServices } from '../../src/control/services.ts'
import { splitLookup } from '../../src/control/split.ts'
import { ScionError } from '../../src/errors.ts'
import { decodeSegment } from '../../src/segment/codec.ts'
import { formatInterface } from '../../src/path/interface-text.ts'
import type { LocalAs } from '../../src/path/source.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { TrustStore } from '../../src/trust/store.ts'
import { refuses } from '../support/refusal.ts'
import { patched } from '../support/trust-files.ts'
import { FileMaterial, signedWorld } from '../support/trust-world.ts'
import { hex } from '../support/vectors.ts'

const { source, destination, pathSegment } = signedWorld
const router = { host: '127.0.0.1', port: 30042 }
const local: LocalAs = {
  isdAs: source,
  core: true,
  mtu: 1472,
  borderRouters: new Map([[41, router]]),
}

/** A control service that answers with what it is given, and remembers what it was asked. */
class FakeService implements RpcTransport {
  readonly name = 'fake'
  readonly questions: string[] = []
  readonly #answer: (call: RpcCall) => Uint8Array | Promise<Uint8Array>

  constructor(answer: (call: RpcCall) => Uint8Array | Promise<Uint8Array>) {
    this.#answer = answer
  }

  async call(call: RpcCall): Promise<Uint8Array> {
    const ends = [...fieldsOf(call.request, 'SegmentsRequest')].map((field) =>
      formatIsdAs(isdAsOf(field.u64())),
    )
    this.questions.push(ends.join(' '))
    return await this.#answer(call)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

const fails = (code: 'ERR_SCION_TIMEOUT' | 'ERR_SCION_CONTROL', message: string) => (): never => {
  throw new ScionError(code, message)
}
const down = encodeSegmentsResponse([{ type: 'down', message: pathSegment }])

function world(
  answer: (call: RpcCall) => Uint8Array | Promise<Uint8Array>,
  options: { trust?: 'insecure'; local?: LocalAs } = {},
): {
  paths: ControlPathSource
  service: FakeService
  clock: VirtualClock
  reports: LookupReport[]
} {
  const clock = new VirtualClock(signedWorld.nowMs)
  const service = new FakeService(answer)
  const material = new FileMaterial(signedWorld.chainFiles)
  const trust = new TrustStore({ clock, material, anchors: [signedWorld.trc()] })
  const reports: LookupReport[] = []
  const paths = new ControlPathSource({
    lookup: new ControlLookup(options.local ?? local, new ControlServices([service])),
    trust: options.trust ?? trust,
    clock,
    onLookup: (report) => reports.push(report),
  })
  return { paths, service, clock, reports }
}

describe('ControlPathSource', () => {
  it('puts a path together from verified segments', async () => {
    const { paths, service, reports } = world(() => down)
    const [path, ...others] = await paths.paths(destination)
    assert.ok(path)
    assert.equal(others.length, 0)
    assert.deepEqual(path.interfaces.map(formatInterface), [
      '1-ff00:0:110#41',
      '1-ff00:0:111#1',
      '1-ff00:0:111#2',
      '1-ff00:0:112#5',
    ])
    assert.deepEqual(path.nextHop, router)
    assert.equal(path.mtu, 1380)
    // The TRC tells that the destination is no core AS: two questions do.
    assert.deepEqual(service.questions, ['1-ff00:0:110 1-0', '1-0 1-ff00:0:112'])
    assert.deepEqual(reports, [{ destination, segments: 1, paths: 1, problems: [] }])
  })

  it('leaves out what does not verify, and says why', async () => {
    const patches = signedWorld.tampered[1]?.patches ?? []
    const bad = encodeSegmentsResponse([{ type: 'down', message: patched(pathSegment, patches) }])
    const { paths, reports } = world(() => bad)
    await assert.rejects(paths.paths(destination), (error) => {
      assert.ok(error instanceof ScionError && error.code === 'ERR_SCION_UNTRUSTED')
      assert.match(error.message, /no path to 1-ff00:0:112: entry of 1-ff00:0:11/)
      return true
    })
    assert.equal(reports[0]?.problems.length, 1)
  })

  it('takes segments unverified only when told so', async () => {
    const { paths, service } = world(() => down, { trust: 'insecure' })
    assert.equal((await paths.paths(destination)).length, 1)
    assert.deepEqual(service.questions, [
      '1-ff00:0:110 1-0',
      '1-ff00:0:110 1-ff00:0:112',
      '1-0 1-ff00:0:112',
    ])
  })

  it('answers from memory for a while, then asks again, and at once when told to', async () => {
    const { paths, service, clock } = world(() => down)
    await paths.paths(destination)
    await paths.paths(destination)
    assert.equal(service.questions.length, 2)
    await paths.paths(destination, { refresh: true })
    assert.equal(service.questions.length, 4)
    await clock.advance(PATHS_AGE_MS_MAX)
    await paths.paths(destination)
    assert.equal(service.questions.length, 6)
  })

  it('asks once for all who ask at the same time', async () => {
    const { paths, service } = world(() => down)
    await Promise.all(Array.from({ length: 10 }, () => paths.paths(destination)))
    assert.equal(service.questions.length, 2)
  })

  it('gives no path that has expired', async () => {
    const { paths, clock } = world(() => down)
    assert.equal((await paths.paths(destination)).length, 1)
    await clock.advance(Date.parse('2026-01-01T13:58:07.500Z') - signedWorld.nowMs)
    assert.deepEqual(await paths.paths(destination, { refresh: true }), [])
  })

  it('knows that there is no path when every question was answered with nothing', async () => {
    const { paths } = world(() => new Uint8Array(0))
    assert.deepEqual(await paths.paths(destination), [])
  })

  it('makes do with some of the answers', async () => {
    const { paths, reports } = world((call) => {
      const isDown = hex(call.request).startsWith('0880808080808040')
      return isDown ? down : fails('ERR_SCION_TIMEOUT', 'fake: late')()
    })
    assert.equal((await paths.paths(destination)).length, 1)
    assert.deepEqual(reports[0]?.problems, ['fake: late'])
  })

  it('fails with the reasons when nothing can be found out', async () => {
    const { paths } = world(fails('ERR_SCION_TIMEOUT', 'fake: late'))
    const error = { code: 'ERR_SCION_TIMEOUT', message: /no path to 1-ff00:0:112: fake: late \(2/ }
    await assert.rejects(paths.paths(destination), error)
  })

  it('survives an answer that is garbage', async () => {
    const { paths } = world(() => Uint8Array.of(0xff, 0xff, 0xff))
    await assert.rejects(paths.paths(destination), { code: 'ERR_SCION_MALFORMED' })
  })

  it('leaves out a path that no router of ours begins', async () => {
    const { paths } = world(() => down, { local: { ...local, borderRouters: new Map() } })
    assert.deepEqual(await paths.paths(destination), [])
  })

  it('knows the path inside the AS, and refuses a wildcard', async () => {
    const { paths, service } = world(() => down)
    const [inside] = await paths.paths(source)
    assert.equal(inside?.interfaces.length, 0)
    assert.equal(service.questions.length, 0)
    await assert.rejects(paths.paths(isdAs(1, 0)), { code: 'ERR_SCION_ADDRESS' })
  })

  it('keeps the paths of so many destinations and no more', async () => {
    const { paths, service } = world(() => new Uint8Array(0))
    for (let as = 1; as <= DESTINATIONS_KEPT_MAX + 1; as++) await paths.paths(isdAs(1, as))
    const asked = service.questions.length
    await paths.paths(isdAs(1, 2))
    assert.equal(service.questions.length, asked)
    await paths.paths(isdAs(1, 1))
    assert.ok(service.questions.length > asked)
  })

  it('ends for the caller who gives up, while others go on waiting', async () => {
    let release: (answer: Uint8Array) => void = () => undefined
    const answer = new Promise<Uint8Array>((resolve) => (release = resolve))
    const { paths } = world(() => answer)
    const controller = new AbortController()
    const impatient = paths.paths(destination, { signal: controller.signal })
    const patient = paths.paths(destination)
    controller.abort(new Error('enough'))
    await assert.rejects(impatient, /enough/)
    await assert.rejects(paths.paths(destination, { signal: controller.signal }), /enough/)
    release(down)
    assert.equal((await patient).length, 1)
  })

  it('takes no questions after it was closed', async () => {
    const { paths } = world(() => down)
    await paths.close()
    await paths.close()
    await assert.rejects(paths.paths(destination), { code: 'ERR_SCION_CLOSED' })
  })
})

describe('ControlServices', () => {
  const ask = (services: ControlServices): Promise<unknown> =>
    services.segments(source, destination)

  it('tries one after the other and stays with the one that answered', async () => {
    const dead = new FakeService(fails('ERR_SCION_TIMEOUT', 'dead: late'))
    const alive = new FakeService(() => down)
    const services = new ControlServices([dead, alive])
    await ask(services)
    await ask(services)
    assert.deepEqual([dead.questions.length, alive.questions.length], [1, 2])
  })

  it('names the reason of each when all fail', async () => {
    const late = new FakeService(fails('ERR_SCION_TIMEOUT', 'one: late'))
    const cross = new FakeService(fails('ERR_SCION_CONTROL', 'two: no'))
    const garbage = new FakeService(() => Uint8Array.of(0xff))
    const services = new ControlServices([late, cross, garbage])
    await assert.rejects(ask(services), /one: late; two: no; SegmentsResponse: a whole varint/)
    await services.close()
  })

  it('needs at least one, and refuses too many', () => {
    refuses(() => new ControlServices([]), 'ERR_SCION_CONFIG')
    const one = new FakeService(() => down)
    refuses(() => new ControlServices(Array<RpcTransport>(17).fill(one)), 'ERR_SCION_CONFIG')
  })
})

describe('SegmentsResponse', () => {
  it('is read as a control service sends it', () => {
    const { segments, refused } = decodeSegmentsResponse(signedWorld.segmentsResponse)
    assert.deepEqual(
      segments.map(({ type, message }) => [type, decodeSegment(message).segment.entries.length]),
      [['down', 3]],
    )
    assert.equal(refused.length, 0)
    assert.equal(hex(down), hex(signedWorld.segmentsResponse))
  })

  it('takes no more than its limit, and leaves out a type of the future', () => {
    const one = { type: 'core', message: pathSegment } as const
    const flood = encodeSegmentsResponse(Array(SEGMENTS_ANSWERED_MAX + 5).fill(one))
    assert.equal(decodeSegmentsResponse(flood).segments.length, SEGMENTS_ANSWERED_MAX)
    const strange = new ProtoWriter().message(1, (entry) =>
      entry.varint(1, 9).message(2, (list) => list.bytes(1, pathSegment)),
    )
    const mixed = decodeSegmentsResponse(
      Uint8Array.from([...strange.finish(), ...encodeSegmentsResponse([one])]),
    )
    assert.deepEqual([mixed.segments.length, mixed.refused.length], [1, 1])
  })
})

describe('splitLookup', () => {
  const [a, b] = [parseIsdAs('1-ff00:0:111'), parseIsdAs('2-ff00:0:211')]
  const words = (core: boolean, farCore?: boolean): readonly string[] =>
    splitLookup(a, core, b, farCore).map((one) =>
      [one.source, one.destination].map(formatIsdAs).join(' > '),
    )

  it('asks what the reference asks', () => {
    const [up, coreToAny, coreTo, beyond] = [
      '1-ff00:0:111 > 1-0',
      '1-0 > 2-0',
      '1-0 > 2-ff00:0:211',
      '2-0 > 2-ff00:0:211',
    ]
    assert.deepEqual(words(false), [up, coreToAny, coreTo, beyond])
    assert.deepEqual(words(false, false), [up, coreToAny, beyond])
    assert.deepEqual(words(false, true), [up, coreTo])
    const [direct, toAny] = ['1-ff00:0:111 > 2-ff00:0:211', '1-ff00:0:111 > 2-0']
    assert.deepEqual(words(true), [toAny, direct, beyond])
    assert.deepEqual(words(true, false), [toAny, beyond])
    assert.deepEqual(words(true, true), [direct])
  })
})
