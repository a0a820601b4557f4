import { formatHost } from '../../src/addr/host.ts'
import { formatIsdAs } from '../../src/addr/isd-as.ts'
import type { ExtensionOption } from '../../src/packet/extensions.ts'
import type { Packet } from '../../src/packet/packet.ts'
import { hex, vectors } from './vectors.ts'

/** Decoded SCMP fields as the vectors spell them. */
export interface ScmpVector {
  readonly type: number
  readonly code: number
  readonly checksum: number
  readonly quote?: string
  readonly payload?: string
  readonly data?: string
  readonly mtu?: number
  readonly pointer?: number
  readonly ia?: string
  readonly ifId?: string
  readonly ingress?: string
  readonly egress?: string
  readonly identifier?: number
  readonly sequence?: number
}

/** An option as the vectors spell it. */
export interface OptionVector {
  readonly type: number
  readonly data?: string
}

/** A packet of another implementation with what is in it. */
export interface PacketVector {
  readonly id: string
  readonly bytes: string
  readonly decoded: {
    readonly header: {
      readonly trafficClass: number
      readonly flowId: number
      readonly nextHdr: number
      readonly hdrLen: number
      readonly payloadLen: number
      readonly pathType: number
      readonly dstType: number
      readonly srcType: number
      readonly dstIA: string
      readonly srcIA: string
      readonly dstHost: string
      readonly srcHost: string
    }
    readonly pathRaw: string
    readonly extensions?: readonly {
      readonly kind: 'HBH' | 'E2E'
      readonly options: readonly OptionVector[]
    }[]
    readonly l4Protocol: number
    readonly udp?: {
      readonly srcPort: number
      readonly dstPort: number
      readonly length: number
      readonly checksum: number
    }
    readonly scmp?: ScmpVector
    readonly checksumValid?: boolean
    readonly checksumIfFilled?: number
    readonly l4Payload?: string
    readonly l4PayloadLength?: number
    readonly l4Raw?: string
  }
}

/** All whole packets of `vectors/packets.json`. */
export const goldenPackets = vectors<{
  readonly packets: readonly PacketVector[]
  readonly faulty: readonly { readonly id: string; readonly bytes: string }[]
  readonly extensionHeaders: {
    readonly bytes: string
    readonly decoded: {
      readonly hbh: { readonly options: readonly OptionVector[] }
      readonly e2e: { readonly options: readonly OptionVector[] }
      readonly udpRaw: string
    }
  }
}>('packets.json')

/** The packets that are whole; the others are quotes, cut behind their headers. */
export const wholePackets = goldenPackets.packets.filter(
  ({ bytes, decoded: { header } }) => 2 * (4 * header.hdrLen + header.payloadLen) === bytes.length,
)

/** A decoded packet in the words of the vectors. */
export function asVector(packet: Packet): object {
  return {
    trafficClass: packet.trafficClass,
    flowId: packet.flowId,
    pathType: packet.path.type,
    dstIA: formatIsdAs(packet.destination.isdAs),
    srcIA: formatIsdAs(packet.source.isdAs),
    dstHost: formatHost(packet.destination.host),
    srcHost: formatHost(packet.source.host),
    pathRaw: hex(packet.path.bytes),
    protocol: packet.protocol,
    hopByHop: packet.hopByHop && optionsAsVector(packet.hopByHop),
    endToEnd: packet.endToEnd && optionsAsVector(packet.endToEnd),
  }
}

/** What {@link asVector} gives for a packet that was decoded right. */
export function wanted({ decoded }: PacketVector): object {
  const { trafficClass, flowId, pathType, dstIA, srcIA, dstHost, srcHost } = decoded.header
  const options = (kind: string): readonly object[] | undefined => {
    const found = decoded.extensions?.find((extension) => extension.kind === kind)
    return found?.options.map(({ type, data = '' }) => ({ type, data }))
  }
  return {
    ...{ trafficClass, flowId, pathType, dstIA, srcIA, dstHost, srcHost },
    pathRaw: decoded.pathRaw,
    protocol: decoded.l4Protocol,
    hopByHop: options('HBH'),
    endToEnd: options('E2E'),
  }
}

/** Options in the words of the vectors. */
export function optionsAsVector(options: readonly ExtensionOption[]): readonly object[] {
  return options.map(({ type, data }) => ({ type, data: hex(data) }))
}
