import type { HostAddress } from '../addr/host.ts'
import type { IsdAs } from '../addr/isd-as.ts'
import { ScionError } from '../errors.ts'
import type { DecodedHeader } from '../packet/header.ts'
import { decodeHeader } from '../packet/header.ts'
import type { ExtensionOption } from '../packet/extensions.ts'
import { OPTION } from '../packet/extensions.ts'
import { optionsAt, skipExtensions } from '../packet/extensions.ts'
import { PROTOCOL } from '../packet/protocol.ts'
import { SCMP_FIRST_INFORMATION } from '../packet/scmp.ts'
import type { ScmpError, ScmpMessage } from '../packet/scmp.ts'
import { decodeScmpMessage, encodeScmpPacket } from '../packet/scmp-codec.ts'
import { PathCursor } from '../path/cursor.ts'
import type { DataplanePath } from '../path/dataplane.ts'
import { reverseStandardPath } from '../path/reverse.ts'
import { byteAt } from '../reader.ts'
import type { ScmpAuthentication } from './scmp-authentication.ts'

/**
 * What a border router says to the sender of a packet: SCMP errors and traceroute replies, on the
 * packet's own path turned around from where it is. Errors carry the packet authenticator of the
 * reference router; replies only where the question carried one.
 */
export class RouterAnswers {
  readonly #isdAs: IsdAs
  readonly #host: HostAddress
  readonly #authentication: ScmpAuthentication

  /** `host` is the address that the router calls itself by. */
  constructor(isdAs: IsdAs, host: HostAddress, authentication: ScmpAuthentication) {
    this.#isdAs = isdAs
    this.#host = host
    this.#authentication = authentication
  }

  /** The packet with an error; undefined where the packet is itself an error or cannot be read. */
  error(bytes: Uint8Array, fromOutside: boolean, error: ScmpError): Uint8Array | undefined {
    const header = decodeHeader(bytes)
    if (isScmpErrorPacket(bytes, header)) return undefined
    return this.#pack(header, fromOutside, error, true)
  }

  /** The reply to a traceroute request; undefined where the packet is none. */
  traceroute(bytes: Uint8Array, fromOutside: boolean, interfaceId: number): Uint8Array | undefined {
    const header = decodeHeader(bytes)
    const upper = skipExtensions(bytes, header.headerBytes, bytes.length, header.nextHeader)
    if (upper.protocol !== PROTOCOL.scmp) return undefined
    const request = decodeScmpMessage(bytes.subarray(upper.at))
    if (request.type !== 'traceroute-request') return undefined
    const { identifier, sequence } = request
    const reply: ScmpMessage = {
      type: 'traceroute-reply',
      code: 0,
      identifier,
      sequence,
      isdAs: this.#isdAs,
      interfaceId,
      data: new Uint8Array(0),
    }
    const options = optionsAt(bytes, upper.endToEndAt)
    const asked = options.some((option) => option.type === OPTION.authenticator)
    return this.#pack(header, fromOutside, reply, asked)
  }

  #pack(
    header: DecodedHeader,
    fromOutside: boolean,
    message: ScmpMessage,
    authenticated: boolean,
  ): Uint8Array {
    const fields = {
      trafficClass: header.trafficClass,
      flowId: header.flowId,
      destination: header.source,
      source: { isdAs: this.#isdAs, host: this.#host },
      path: wayBack(header.path, fromOutside),
    }
    if (!authenticated) return encodeScmpPacket(fields, message)
    const blank: ExtensionOption = this.#authentication.blankOption()
    const packet = encodeScmpPacket({ ...fields, endToEnd: [blank] }, message)
    this.#authentication.fill(packet)
    return packet
  }
}

/** Whether the current hop is one of the two at a peering link, whose SegID stands still. */
export function isPeeringHop(cursor: PathCursor): boolean {
  if (!cursor.infoField().peering) return false
  const [first, second, third] = cursor.segmentLengths
  if (first === 0 || second === 0 || third !== 0) {
    throw new ScionError('ERR_SCION_MALFORMED', 'path.peering: two segments, found another number')
  }
  return cursor.currHf === first - 1 || cursor.currHf === first
}

/** The path back from this router to the source; towards a neighbour it moves on by one hop. */
function wayBack(path: DataplanePath, fromOutside: boolean): DataplanePath {
  const bytes = reverseStandardPath(path.bytes)
  const cursor = new PathCursor(bytes)
  const peering = isPeeringHop(cursor)
  // A segment change that was already made is undone.
  if (cursor.isCrossover && !peering) cursor.increment()
  if (fromOutside) {
    if (cursor.infoField().consDir && !peering) cursor.updateSegmentId()
    cursor.increment()
  }
  return { type: path.type, bytes }
}

/** Whether a packet may be an SCMP error; one whose extension headers are broken counts as such. */
function isScmpErrorPacket(bytes: Uint8Array, header: DecodedHeader): boolean {
  const upper = skipExtensions(bytes, header.headerBytes, bytes.length, header.nextHeader)
  return upper.protocol === PROTOCOL.scmp && byteAt(bytes, upper.at) < SCMP_FIRST_INFORMATION
}
