import type { IsdAs } from '../addr/isd-as.ts'
import { isdAsOf } from '../addr/isd-as.ts'
import { ScionError } from '../errors.ts'
import type { SegmentType } from '../segment/segment.ts'
import type { ProtoField } from './protobuf.ts'
import { ProtoWriter, fieldsOf } from './protobuf.ts'
import type { RawSegment, SegmentsAnswer } from './segment-messages.ts'
import { SEGMENTS_ANSWERED_MAX } from './segment-messages.ts'

/**
 * Messages of the endhost API (`scion.endhost.v1`) and of its discovery (`endhost.discovery.v1`), as
 * the services of scion-sdk speak them.
 */

/** Routers taken from one answer of an endhost API. */
export const ENDHOST_ROUTERS_MAX = 1024
/** Interfaces of one router. */
export const ENDHOST_INTERFACES_MAX = 4096
/** Groups of endhost APIs taken from one answer of a discovery service. */
export const ENDHOST_GROUPS_MAX = 16
/** Endhost APIs taken from one group. */
export const ENDHOST_APIS_MAX = 16
/** Characters of the token that asks for the next page of segments. */
export const PAGE_TOKEN_CHARS_MAX = 4096
/** Segments asked for in one page: the most that the API defines. */
export const PAGE_SEGMENTS = 64

/** A border router that takes packets of hosts by UDP. */
export interface EndhostRouter {
  readonly isdAs: IsdAs
  /** IP and port as stated; nobody has looked at it yet. */
  readonly address: string
  readonly interfaces: readonly number[]
}

/** The ways into the network that an endhost API offers. */
export interface Underlays {
  readonly routers: readonly EndhostRouter[]
  /** Tunnels of another kind, which are not spoken here. */
  readonly tunnels: number
}

/** One page of segments. */
export interface SegmentsPage extends SegmentsAnswer {
  /** Asks for the next page; undefined at the last. */
  readonly nextPage?: string
}

/** Writes a ListUnderlaysRequest; without an AS it asks about every AS that the host may be in. */
export function encodeUnderlaysRequest(isdAs: IsdAs | undefined): Uint8Array {
  return new ProtoWriter().varint(1, isdAs ?? 0n).finish()
}

/** Reads a ListUnderlaysResponse. */
export function decodeUnderlaysResponse(message: Uint8Array): Underlays {
  const routers: EndhostRouter[] = []
  let tunnels = 0
  for (const field of fieldsOf(message, 'ListUnderlaysResponse')) {
    if (field.number === 1) {
      for (const one of field.fields('UdpUnderlay')) {
        if (one.number === 1 && routers.length < ENDHOST_ROUTERS_MAX) routers.push(readRouter(one))
      }
    }
    if (field.number === 2) {
      for (const one of field.fields('SnapUnderlay')) if (one.number === 1) tunnels += 1
    }
  }
  return { routers, tunnels }
}

function readRouter(router: ProtoField): EndhostRouter {
  let isdAs = isdAsOf(0n)
  let address = ''
  const interfaces: number[] = []
  for (const field of router.fields('Router')) {
    if (field.number === 1) isdAs = isdAsOf(field.u64())
    if (field.number === 2) address = field.string()
    if (field.number === 3) interfaces.push(...field.packed(0xffff))
    if (interfaces.length > ENDHOST_INTERFACES_MAX) {
      const expected = `at most ${ENDHOST_INTERFACES_MAX} interfaces`
      throw new ScionError('ERR_SCION_CONTROL', `Router: ${expected}, found more`)
    }
  }
  return { isdAs, address, interfaces }
}

/** Writes a ListSegmentsRequest; `page` is what the page before named. */
export function encodeListSegmentsRequest(
  source: IsdAs,
  destination: IsdAs,
  page: string | undefined,
): Uint8Array {
  return new ProtoWriter()
    .varint(1, source)
    .varint(2, destination)
    .varint(3, PAGE_SEGMENTS)
    .string(4, page ?? '')
    .finish()
}

const TYPES: Readonly<Record<number, SegmentType>> = { 1: 'up', 2: 'down', 3: 'core' }

/** Reads a ListSegmentsResponse as far as the single segments, which are looked at later. */
export function decodeListSegmentsResponse(message: Uint8Array): SegmentsPage {
  const segments: RawSegment[] = []
  let nextPage = ''
  for (const field of fieldsOf(message, 'ListSegmentsResponse')) {
    if (field.number === 4) nextPage = field.string()
    const type = TYPES[field.number]
    if (type === undefined || segments.length === SEGMENTS_ANSWERED_MAX) continue
    segments.push({ type, message: field.bytes() })
  }
  if (nextPage.length > PAGE_TOKEN_CHARS_MAX) {
    const expected = `at most ${PAGE_TOKEN_CHARS_MAX} characters`
    const place = 'ListSegmentsResponse.next_page_token'
    throw new ScionError('ERR_SCION_CONTROL', `${place}: ${expected}, found ${nextPage.length}`)
  }
  return { segments, refused: [], ...(nextPage === '' ? {} : { nextPage }) }
}

/**
 * Reads a GetEndhostApisResponse: addresses in ordered groups. Within a group a host may go from one
 * to another at any time; between groups it begins anew.
 */
export function decodeEndhostApisResponse(message: Uint8Array): readonly (readonly string[])[] {
  const groups: (readonly string[])[] = []
  for (const field of fieldsOf(message, 'GetEndhostApisResponse')) {
    if (field.number !== 1 || groups.length === ENDHOST_GROUPS_MAX) continue
    const addresses: string[] = []
    for (const api of field.fields('EndhostApiGroup')) {
      if (api.number !== 1 || addresses.length === ENDHOST_APIS_MAX) continue
      for (const one of api.fields('EndhostApiInfo')) {
        if (one.number === 1) addresses.push(one.string())
      }
    }
    if (addresses.length > 0) groups.push(addresses)
  }
  return groups
}
