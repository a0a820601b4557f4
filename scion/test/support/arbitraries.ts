import fc from 'fast-check'
import type { ScionAddress } from '../../src/addr/endpoint.ts'
import type { HostAddress } from '../../src/addr/host.ts'
import { hostLength, ipHost, serviceHost } from '../../src/addr/host.ts'
import { isdAsOf } from '../../src/addr/isd-as.ts'
import type { ExtensionOption } from '../../src/packet/extensions.ts'
import type { PacketFields } from '../../src/packet/packet.ts'
import type { ScmpMessage } from '../../src/packet/scmp.ts'
import { EMPTY_PATH, PATH_TYPE } from '../../src/path/dataplane.ts'
import type { DataplanePath } from '../../src/path/dataplane.ts'
import type { HopField, InfoField } from '../../src/path/fields.ts'
import type { StandardPath } from '../../src/path/standard.ts'
import { encodeStandardPath } from '../../src/path/standard.ts'

/** A record with the prototype of an object literal, so that it compares equal to one. */
function plain<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record<T>(model, { noNullPrototype: true })
}

/** Exactly `length` bytes. */
export const run = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length })

/** Any ISD-AS. */
export const anyIsdAs = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(isdAsOf)

/** Any info field. */
export const infoField: fc.Arbitrary<InfoField> = plain({
  consDir: fc.boolean(),
  peering: fc.boolean(),
  segmentId: fc.nat(0xffff),
  timestamp: fc.nat(0xffff_ffff),
})

/** Any hop field. */
export const hopField: fc.Arbitrary<HopField> = plain({
  ingressAlert: fc.boolean(),
  egressAlert: fc.boolean(),
  expTime: fc.nat(255),
  consIngress: fc.nat(0xffff),
  consEgress: fc.nat(0xffff),
  mac: run(6),
})

/** Any path of one to three segments whose indices agree. */
export function standardPath(hopsMax = 6): fc.Arbitrary<StandardPath> {
  const segment = plain({
    info: infoField,
    hops: fc.array(hopField, { minLength: 1, maxLength: hopsMax }),
  })
  return fc
    .tuple(fc.array(segment, { minLength: 1, maxLength: 3 }), fc.nat())
    .map(([segments, random]) => {
      const owners = segments.flatMap(({ hops }, index) => hops.map(() => index))
      const currHf = random % owners.length
      return { currInf: owners[currHf] ?? 0, currHf, segments }
    })
}

/** Any path that fits a header, opaque ones included. */
export const dataplanePath: fc.Arbitrary<DataplanePath> = fc.oneof(
  fc.constant(EMPTY_PATH),
  standardPath().map((path) => ({ type: PATH_TYPE.scion, bytes: encodeStandardPath(path) })),
  fc
    .tuple(fc.integer({ min: 4, max: 255 }), fc.nat(20))
    .chain(([type, words]) => run(4 * words).map((bytes) => ({ type, bytes }))),
)

/** Any host that a header can hold in one way only. */
export const host: fc.Arbitrary<HostAddress> = fc.oneof(
  run(4).map(ipHost),
  run(16)
    .filter((bytes) => bytes[10] !== 0xff)
    .map(ipHost),
  fc.nat(0xffff).map(serviceHost),
  fc
    .constantFrom(1, 2, 5, 8, 14, 15)
    .chain((typeLength) =>
      run(hostLength(typeLength)).map((bytes) => ({ type: 'opaque' as const, typeLength, bytes })),
    ),
)

const address: fc.Arbitrary<ScionAddress> = plain({ isdAs: anyIsdAs, host })

const option: fc.Arbitrary<ExtensionOption> = fc
  .tuple(fc.integer({ min: 2, max: 255 }), fc.uint8Array({ maxLength: 40 }))
  .map(([type, data]) => ({ type, data }))

const options = fc.option(fc.array(option, { maxLength: 3 }), { nil: undefined })

/** Everything of a packet but its upper layer. */
export const packetFields: fc.Arbitrary<PacketFields> = plain({
  trafficClass: fc.nat(255),
  flowId: fc.nat(0xf_ffff),
  destination: address,
  source: address,
  path: dataplanePath,
  hopByHop: options,
  endToEnd: options,
  reserved: fc.nat(0xffff),
})

const code = fc.nat(255)
const quote = fc.uint8Array({ maxLength: 60 })
const interfaceId = fc.nat({ max: 0x1_0000_0000 })
const asks = { code, identifier: fc.nat(0xffff), sequence: fc.nat(0xffff), data: quote }

/** Any SCMP message. */
export const scmpMessage: fc.Arbitrary<ScmpMessage> = fc.oneof<fc.Arbitrary<ScmpMessage>[]>(
  plain({ type: fc.constant('destination-unreachable' as const), code, quote }),
  plain({ type: fc.constant('packet-too-big' as const), code, mtu: fc.nat(0xffff), quote }),
  plain({ type: fc.constant('parameter-problem' as const), code, pointer: fc.nat(0xffff), quote }),
  plain({
    type: fc.constant('external-interface-down' as const),
    code,
    isdAs: anyIsdAs,
    interfaceId,
    quote,
  }),
  plain({
    type: fc.constant('internal-connectivity-down' as const),
    code,
    isdAs: anyIsdAs,
    ingressId: interfaceId,
    egressId: interfaceId,
    quote,
  }),
  plain({
    type: fc.constant('unknown-error' as const),
    typeNumber: fc.constantFrom(0, 3, 7, 100, 127),
    code,
    word: fc.nat(0xffff_ffff),
    quote,
  }),
  plain({ type: fc.constantFrom('echo-request' as const, 'echo-reply' as const), ...asks }),
  plain({
    type: fc.constantFrom('traceroute-request' as const, 'traceroute-reply' as const),
    ...asks,
    isdAs: anyIsdAs,
    interfaceId,
  }),
  plain({
    type: fc.constant('unknown-information' as const),
    typeNumber: fc.integer({ min: 132, max: 255 }),
    code,
    data: quote,
  }),
)
