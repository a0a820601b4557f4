import { byteAt, u16At } from '../reader.ts'
import { skipExtensions } from './extensions.ts'
import type { DecodedHeader } from './header.ts'
import { decodeHeader } from './header.ts'
import { PROTOCOL } from './protocol.ts'
import { SCMP_TYPE } from './scmp.ts'
import { UDP_HEADER_BYTES } from './udp.ts'

/** What a quoted packet says about its sender's socket. */
export type QuotedUpper =
  | { readonly type: 'udp'; readonly sourcePort: number; readonly destinationPort: number }
  | {
      readonly type: 'scmp'
      /** Type number of the quoted message, see {@link SCMP_TYPE}. */
      readonly typeNumber: number
      /** Identifier and sequence, where the quoted message is an echo or traceroute request. */
      readonly request?: { readonly identifier: number; readonly sequence: number }
    }

/** The packet quoted in an SCMP error, which may be cut anywhere behind its header. */
export interface Quote {
  readonly header: DecodedHeader
  readonly protocol: number
  /** Undefined when the quote ends before the ports, or for another protocol. */
  readonly upper: QuotedUpper | undefined
  /** As much of the upper layer as was quoted. */
  readonly payload: Uint8Array
}

/**
 * Reads the packet quoted in an SCMP error. Throws `ScionError` when even the header is incomplete.
 * A quote proves nothing by itself: anybody may have sent it. Compare it with what was sent.
 */
export function decodeQuote(bytes: Uint8Array): Quote {
  const header = decodeHeader(bytes)
  const end = Math.min(bytes.length, header.headerBytes + header.payloadBytes)
  const { protocol, at } = skipExtensions(bytes, header.headerBytes, end, header.nextHeader)
  const payload = bytes.subarray(at, end)
  return { header, protocol, upper: quotedUpper(protocol, payload), payload }
}

function quotedUpper(protocol: number, payload: Uint8Array): QuotedUpper | undefined {
  if (payload.length < UDP_HEADER_BYTES) return undefined
  if (protocol === PROTOCOL.udp) {
    return { type: 'udp', sourcePort: u16At(payload, 0), destinationPort: u16At(payload, 2) }
  }
  if (protocol !== PROTOCOL.scmp) return undefined
  const typeNumber = byteAt(payload, 0)
  if (typeNumber !== SCMP_TYPE.echoRequest && typeNumber !== SCMP_TYPE.tracerouteRequest) {
    return { type: 'scmp', typeNumber }
  }
  const request = { identifier: u16At(payload, 4), sequence: u16At(payload, 6) }
  return { type: 'scmp', typeNumber, request }
}
