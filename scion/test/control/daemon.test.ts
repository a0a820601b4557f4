import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { isdAs, isdAsOf, parseIsdAs } from '../../src/addr/isd-as.ts'
import { DaemonPathSource } from '../../src/control/daemon.ts'
import { DAEMON_PATHS_MAX, decodePathsResponse } from '../../src/control/daemon-messages.ts'
import { ProtoWriter, fieldsOf } from '../../src/control/protobuf.ts'
import type { RpcCall, RpcTransport } from '../../src/control/rpc.ts'
import { ScionError } from '../../src/errors.ts'
import { pathFingerprint } from '../../src/path/fingerprint.ts'
import { refuses, valueOrRefusal } from '../support/refusal.ts'
import { bytes, hex, vectors } from '../support/vectors.ts'

const raw = vectors<{ path: { raw: string } }>('fields.json').path.raw
const [source, middle, destination] = ['1-ff00:0:111', '1-ff00:0:110', '1-ff00:0:112'].map(
  parseIsdAs,
)
assert.ok(source !== undefined && middle !== undefined && destination !== undefined)
const request = { source, destination, refresh: false, hidden: false }
const interfaces = [
  { isdAs: source, id: 41 },
  { isdAs: middle, id: 1 },
  { isdAs: middle, id: 2 },
  { isdAs: destination, id: 1 },
]

const timestamp = (seconds: bigint, nanos: number) => (one: ProtoWriter) =>
  one.varint(1, seconds).varint(2, nanos)

/** A Path message as the reference's daemon writes it, numbers packed. */
function pathMessage(more: (path: ProtoWriter) => unknown = () => undefined): Uint8Array {
  const path = new ProtoWriter().bytes(1, bytes(raw))
  path.message(2, (one) => one.message(1, (underlay) => underlay.string(1, '127.0.2.1:30042')))
  for (const { isdAs: ia, id } of interfaces) {
    path.message(3, (one) => one.varint(1, ia).varint(2, id))
  }
  path.varint(4, 1400).message(5, timestamp(1_767_268_800n, 500_000_000))
  path
    .message(6, timestamp(0n, 1_500_000))
    .message(6, timestamp(-1n, 0))
    .message(6, timestamp(0n, 0))
  path.bytes(7, Uint8Array.of(10, 0, 0x80, 0x08))
  for (const latitude of [47, 0, 0, 0]) path.message(8, (geo) => geo.float(1, latitude))
  path.bytes(9, Uint8Array.of(1, 9)).bytes(10, Uint8Array.of(0))
  for (const note of ['a', 'b', 'c']) path.string(11, note)
  path.message(12, (epic) => epic.bytes(1, new Uint8Array(16)).bytes(2, new Uint8Array(16).fill(1)))
  more(path)
  return path.finish()
}

function response(...paths: readonly Uint8Array[]): Uint8Array {
  const writer = new ProtoWriter()
  for (const path of paths) writer.bytes(1, path)
  return writer.finish()
}

describe('daemon messages', () => {
  it('give a path with everything that the daemon says about it', () => {
    const [path] = decodePathsResponse(response(pathMessage()), request)
    assert.deepEqual(path, {
      source,
      destination,
      dataplane: { type: 1, bytes: bytes(raw) },
      nextHop: { host: '127.0.2.1', port: 30042 },
      interfaces,
      mtu: 1400,
      expiryMs: 1_767_268_800_500,
      fingerprint: pathFingerprint(interfaces),
      metadata: {
        latenciesMs: [1.5, undefined, 0],
        bandwidthsKbps: [10, undefined, 1024],
        geo: [{ latitude: 47, longitude: 0, address: '' }, undefined, undefined, undefined],
        linkTypes: ['direct', 'unset'],
        internalHops: [undefined],
        notes: ['a', 'b', 'c'],
      },
      epicAuthenticators: {
        penultimate: new Uint8Array(16),
        last: new Uint8Array(16).fill(1),
      },
    })
  })

  it('take numbers that are not packed, and lists of a wrong length for silence', () => {
    const odd = pathMessage((path) => path.varint(10, 7).string(11, 'one too many'))
    const [path] = decodePathsResponse(response(odd), request)
    assert.deepEqual(path?.metadata?.internalHops, [undefined])
    assert.deepEqual(path.metadata.notes, ['', '', ''])
  })

  it('refuse a path that leads elsewhere, has no router, or is none', () => {
    const elsewhere = { ...request, destination: middle }
    refuses(() => decodePathsResponse(response(pathMessage()), elsewhere), 'ERR_SCION_CONTROL')
    const odd = pathMessage((path) => path.message(3, (one) => one.varint(1, 1n)))
    refuses(() => decodePathsResponse(response(odd), request), 'ERR_SCION_CONTROL')
    const noRouter = pathMessage((path) => path.bytes(2, new Uint8Array(0)))
    refuses(() => decodePathsResponse(response(noRouter), request), 'ERR_SCION_CONTROL')
    const cut = pathMessage((path) => path.bytes(1, bytes(raw).subarray(1)))
    refuses(() => decodePathsResponse(response(cut), request))
    assert.equal(decodePathsResponse(response(odd, pathMessage(), cut), request).length, 1)
    const long = pathMessage((path) => {
      for (let count = 0; count < 200; count++) path.message(3, (one) => one.varint(1, source))
    })
    refuses(() => decodePathsResponse(response(long), request), 'ERR_SCION_CONTROL')
  })

  it('take no more paths than the limit', () => {
    const many = Array<Uint8Array>(DAEMON_PATHS_MAX + 3).fill(pathMessage())
    assert.equal(decodePathsResponse(response(...many), request).length, DAEMON_PATHS_MAX)
  })

  it('throw nothing but ScionError on an answer with any byte changed', () => {
    const whole = response(pathMessage())
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, value) => {
        const changed = whole.slice()
        changed[at] = value
        valueOrRefusal(() => decodePathsResponse(changed, request))
      }),
      { numRuns: 2000 },
    )
  })
})

/** A daemon in the same process. */
class FakeDaemon implements RpcTransport {
  readonly name = 'fake daemon'
  readonly calls: RpcCall[] = []
  closed = false
  refusing = false

  call(call: RpcCall): Promise<Uint8Array> {
    this.calls.push(call)
    if (this.refusing) {
      return Promise.reject(new ScionError('ERR_SCION_IO', 'fake daemon: gone'))
    }
    return Promise.resolve(this.#answer(call.method))
  }

  close(): Promise<void> {
    this.closed = true
    return Promise.resolve()
  }

  #answer(method: string): Uint8Array {
    switch (method) {
      case 'AS':
        return new ProtoWriter()
          .varint(1, source ?? 0n)
          .varint(2, true)
          .varint(3, 1472)
          .finish()
      case 'Interfaces':
        return new ProtoWriter()
          .message(1, (entry) =>
            entry
              .varint(1, 41)
              .message(2, (one) => one.message(1, (two) => two.string(1, '[fd00::1]:30042'))),
          )
          .message(1, (entry) => entry.varint(1, 42))
          .finish()
      case 'PortRange':
        return new ProtoWriter().varint(1, 31000).varint(2, 32767).finish()
      case 'Paths':
        return response(pathMessage(), pathMessage())
      default:
        return new Uint8Array(0)
    }
  }
}

describe('DaemonPathSource', () => {
  it('knows the AS, its routers and its ports', async () => {
    const daemon = new FakeDaemon()
    const paths = await DaemonPathSource.open(daemon)
    assert.deepEqual(paths.local, {
      isdAs: source,
      core: true,
      mtu: 1472,
      dispatchedPorts: { min: 31000, max: 32767 },
      borderRouters: new Map([[41, { host: 'fd00::1', port: 30042 }]]),
    })
    await paths.close()
    assert.ok(daemon.closed)
  })

  it('asks for paths, fresh when told to, and drops duplicates', async () => {
    const daemon = new FakeDaemon()
    const paths = await DaemonPathSource.open(daemon)
    assert.equal((await paths.paths(destination)).length, 1)
    await paths.paths(destination, { refresh: true })
    const asked = daemon.calls
      .slice(-2)
      .map(({ request: message }) => [
        ...[...fieldsOf(message, 'PathsRequest')].map((field) => field.u64()),
      ])
    assert.deepEqual(asked, [
      [source, destination],
      [source, destination, 1n],
    ])
  })

  it('knows the path inside the AS without asking', async () => {
    const daemon = new FakeDaemon()
    const paths = await DaemonPathSource.open(daemon)
    const before = daemon.calls.length
    const [inside] = await paths.paths(source)
    assert.equal(inside?.fingerprint, '')
    assert.equal(daemon.calls.length, before)
    const signal = AbortSignal.abort(new Error('enough'))
    await assert.rejects(paths.paths(source, { signal }), /enough/)
  })

  it('tells the daemon of a link that is down, and shrugs when it does not listen', async () => {
    const daemon = new FakeDaemon()
    const paths = await DaemonPathSource.open(daemon)
    assert.equal(await paths.reportDown({ isdAs: middle, id: 2 }), true)
    const told = [...fieldsOf(daemon.calls.at(-1)?.request ?? bytes(''), 'Notify')]
    assert.deepEqual(
      told.map((field) => field.u64()),
      [middle, 2n],
    )
    daemon.refusing = true
    assert.equal(await paths.reportDown({ isdAs: middle, id: 2 }), false)
    await assert.rejects(paths.paths(destination), { code: 'ERR_SCION_IO' })
    assert.equal(hex(bytes('')), '')
    assert.equal(isdAsOf(0n), isdAs(0, 0))
  })
})
