import type { IsdAs } from '../addr/isd-as.ts'
import { formatIsdAs, isWildcard, isdAs, isdAsOf } from '../addr/isd-as.ts'
import type { ProtoField } from '../control/protobuf.ts'
import { ProtoWriter, fieldsOf } from '../control/protobuf.ts'
import { ScionError } from '../errors.ts'
import { HOP_MAC_BYTES } from '../path/fields.ts'
import type { AsEntry, PathSegment, PeerEntry, SegmentHop } from './segment.ts'
import { readServices, writeServices } from './services.ts'
import { readStaticInfo, writeStaticInfo } from './static-info.ts'

/** Most ASes in one segment: what the hop count of a path can express. */
export const SEGMENT_ENTRIES_MAX = 63
/**
 * Largest segment that is read, in bytes: 63 ASes with two kilobytes each. Each AS signs all before it,
 * so that verifying costs memory by the square of its length.
 */
export const SEGMENT_BYTES_MAX = 128 * 1024
/** Most peering links that one AS may offer in one segment. */
export const PEER_ENTRIES_MAX = 256

/** What was signed by one AS, byte for byte, and by which key. */
export interface SignedEntry {
  /** The signed header and body as received; never encoded again. */
  readonly headerAndBody: Uint8Array
  /** ECDSA in ASN.1 DER. */
  readonly signature: Uint8Array
  readonly hash: 'sha256' | 'sha384' | 'sha512'
  /** The VerificationKeyID message as received. */
  readonly keyId: Uint8Array
  /** Length of everything that is signed beside `headerAndBody`. */
  readonly associatedDataLength: number
}

/** A segment with what is needed to verify it. */
export interface SignedSegment {
  readonly segment: PathSegment
  /** The SegmentInformation message as received, which every AS signs. */
  readonly segmentInfo: Uint8Array
  /** One for each AS entry. */
  readonly signed: readonly SignedEntry[]
}

/** Names a signing key: the AS, its certificate, and the newest TRC that the signer knew. */
export interface VerificationKeyId {
  readonly isdAs: IsdAs
  readonly subjectKeyId: Uint8Array
  readonly trcBase: bigint
  readonly trcSerial: bigint
}

const HASHES = { 1: 'sha256', 2: 'sha384', 3: 'sha512' } as const

/**
 * Reads a PathSegment message. The entries must chain: each names the next AS, the first is entered
 * by no interface, and the last goes on to none. Throws `ERR_SCION_MALFORMED` for anything else.
 * Signatures are carried, not verified.
 */
export function decodeSegment(message: Uint8Array): SignedSegment {
  if (message.length > SEGMENT_BYTES_MAX) {
    throw malformed('PathSegment', `at most ${SEGMENT_BYTES_MAX} bytes`, String(message.length))
  }
  let segmentInfo = message.subarray(0, 0)
  const entries: { readonly entry: AsEntry; readonly signed: SignedEntry }[] = []
  for (const field of fieldsOf(message, 'PathSegment')) {
    if (field.number === 1) segmentInfo = field.bytes()
    if (field.number !== 2) continue
    if (entries.length === SEGMENT_ENTRIES_MAX) {
      throw malformed('PathSegment.as_entries', `at most ${SEGMENT_ENTRIES_MAX}`, 'more')
    }
    entries.push(readAsEntry(field))
  }
  const segment = { ...readInfo(segmentInfo), entries: entries.map(({ entry }) => entry) }
  checkChain(segment.entries)
  return { segment, segmentInfo, signed: entries.map(({ signed }) => signed) }
}

function readInfo(message: Uint8Array): { timestamp: number; segmentId: number } {
  let timestamp = 0
  let segmentId = 0
  for (const field of fieldsOf(message, 'SegmentInformation')) {
    if (field.number === 1) timestamp = field.uint(0xffff_ffff)
    if (field.number === 2) segmentId = field.uint(0xffff)
  }
  return { timestamp, segmentId }
}

function readAsEntry(field: ProtoField): { entry: AsEntry; signed: SignedEntry } {
  let signedMessage: Uint8Array | undefined
  for (const one of field.fields('ASEntry')) if (one.number === 1) signedMessage = one.bytes()
  if (signedMessage === undefined) throw malformed('ASEntry.signed', 'a message', 'none')
  const none = signedMessage.subarray(0, 0)
  let [headerAndBody, signature, header, body] = [none, none, none, none]
  for (const one of fieldsOf(signedMessage, 'SignedMessage')) {
    if (one.number === 1) headerAndBody = one.bytes()
    if (one.number === 2) signature = one.bytes()
  }
  for (const one of fieldsOf(headerAndBody, 'HeaderAndBodyInternal')) {
    if (one.number === 1) header = one.bytes()
    if (one.number === 2) body = one.bytes()
  }
  return { entry: readBody(body), signed: { headerAndBody, signature, ...readHeader(header) } }
}

function readHeader(
  message: Uint8Array,
): Pick<SignedEntry, 'hash' | 'keyId' | 'associatedDataLength'> {
  let algorithm = 0
  let keyId = message.subarray(0, 0)
  let associatedDataLength = 0
  for (const field of fieldsOf(message, 'Header')) {
    if (field.number === 1) algorithm = field.i32()
    if (field.number === 2) keyId = field.bytes()
    if (field.number === 5) associatedDataLength = field.i32()
  }
  if (algorithm !== 1 && algorithm !== 2 && algorithm !== 3) {
    throw malformed('Header.signature_algorithm', 'ECDSA (1, 2, 3)', String(algorithm))
  }
  return { hash: HASHES[algorithm], keyId, associatedDataLength }
}

/** Reads a VerificationKeyID message. */
export function decodeKeyId(message: Uint8Array): VerificationKeyId {
  let isdAs = isdAsOf(0n)
  let subjectKeyId = message.subarray(0, 0)
  let trcBase = 0n
  let trcSerial = 0n
  for (const field of fieldsOf(message, 'VerificationKeyID')) {
    if (field.number === 1) isdAs = isdAsOf(field.u64())
    if (field.number === 2) subjectKeyId = field.bytes()
    if (field.number === 3) trcBase = field.u64()
    if (field.number === 4) trcSerial = field.u64()
  }
  return { isdAs, subjectKeyId, trcBase, trcSerial }
}

function readBody(message: Uint8Array): AsEntry {
  let isdAs = isdAsOf(0n)
  let nextIsdAs = isdAs
  let mtu = 0
  let hop: { hop: SegmentHop; ingressMtu: number } | undefined
  let extensions: Uint8Array | undefined
  const peers: PeerEntry[] = []
  for (const field of fieldsOf(message, 'ASEntrySignedBody')) {
    if (field.number === 1) isdAs = isdAsOf(field.u64())
    if (field.number === 2) nextIsdAs = isdAsOf(field.u64())
    if (field.number === 3) hop = readHopEntry(field)
    if (field.number === 4) peers.push(readPeerEntry(field))
    if (field.number === 5) mtu = field.uint(0x7fff_ffff)
    if (field.number === 6) extensions = field.bytes()
  }
  if (isWildcard(isdAs)) throw malformed('ASEntrySignedBody.isd_as', 'an AS', formatIsdAs(isdAs))
  if (hop === undefined) throw malformed('ASEntrySignedBody.hop_entry', 'a message', 'none')
  if (mtu === 0) throw malformed('ASEntrySignedBody.mtu', 'more than 0', '0')
  if (peers.length > PEER_ENTRIES_MAX) {
    throw malformed('ASEntrySignedBody.peer_entries', `at most ${PEER_ENTRIES_MAX}`, 'more')
  }
  const staticInfo = extensions && readStaticInfo(extensions)
  const services = extensions && readServices(extensions)
  return {
    ...{ isdAs, nextIsdAs, mtu, ...hop, peers },
    ...(staticInfo === undefined ? {} : { staticInfo }),
    ...(services === undefined ? {} : { services }),
  }
}

function readHopEntry(entry: ProtoField): { hop: SegmentHop; ingressMtu: number } {
  let hop: SegmentHop | undefined
  let ingressMtu = 0
  for (const field of entry.fields('HopEntry')) {
    if (field.number === 1) hop = readHop(field)
    if (field.number === 2) ingressMtu = field.uint(0x7fff_ffff)
  }
  if (hop === undefined) throw malformed('HopEntry.hop_field', 'a message', 'none')
  return { hop, ingressMtu }
}

function readPeerEntry(entry: ProtoField): PeerEntry {
  let peerIsdAs = isdAsOf(0n)
  let peerInterface = 0
  let peerMtu = 0
  let hop: SegmentHop | undefined
  for (const field of entry.fields('PeerEntry')) {
    if (field.number === 1) peerIsdAs = isdAsOf(field.u64())
    if (field.number === 2) peerInterface = field.uint(0xffff)
    if (field.number === 3) peerMtu = field.uint(0x7fff_ffff)
    if (field.number === 4) hop = readHop(field)
  }
  if (hop === undefined) throw malformed('PeerEntry.hop_field', 'a message', 'none')
  return { peerIsdAs, peerInterface, peerMtu, hop }
}

function readHop(entry: ProtoField): SegmentHop {
  let expTime = 0
  let consIngress = 0
  let consEgress = 0
  let mac = new Uint8Array(0)
  for (const field of entry.fields('HopField')) {
    if (field.number === 1) consIngress = field.uint(0xffff)
    if (field.number === 2) consEgress = field.uint(0xffff)
    if (field.number === 3) expTime = field.uint(0xff)
    if (field.number === 4) mac = field.bytes().slice()
  }
  if (mac.length !== HOP_MAC_BYTES) {
    throw malformed('HopField.mac', `${HOP_MAC_BYTES} bytes`, String(mac.length))
  }
  return { expTime, consIngress, consEgress, mac }
}

function checkChain(entries: readonly AsEntry[]): void {
  if (entries.length < 2) {
    throw malformed('PathSegment.as_entries', 'two or more', String(entries.length))
  }
  for (const [index, { hop, nextIsdAs, peers }] of entries.entries()) {
    const next = entries[index + 1]?.isdAs ?? isdAs(0, 0)
    if (nextIsdAs !== next) {
      const [wanted, found] = [next, nextIsdAs].map(formatIsdAs)
      throw malformed(`as_entries[${index}].next_isd_as`, wanted ?? '', found ?? '')
    }
    if ((hop.consIngress === 0) !== (index === 0)) {
      throw malformed(`as_entries[${index}].ingress`, '0 only at the beginning', 'otherwise')
    }
    if ((hop.consEgress === 0) !== (index === entries.length - 1)) {
      throw malformed(`as_entries[${index}].egress`, '0 only at the end', 'otherwise')
    }
    // A peering hop leaves by the same interface as the hop beside it; routers rely on that.
    if (peers.some((peer) => peer.hop.consEgress !== hop.consEgress)) {
      throw malformed(`as_entries[${index}].peer_entries`, 'the egress of the hop', 'another')
    }
  }
}

/** Writes the body of an AS entry, which its AS then signs. */
export function encodeEntryBody(entry: AsEntry): Uint8Array {
  const writer = new ProtoWriter()
    .varint(1, entry.isdAs)
    .varint(2, entry.nextIsdAs)
    .message(3, (hop) =>
      hop.message(1, (field) => writeHop(field, entry.hop)).varint(2, entry.ingressMtu),
    )
  for (const peer of entry.peers) {
    writer.message(4, (one) =>
      one
        .varint(1, peer.peerIsdAs)
        .varint(2, peer.peerInterface)
        .varint(3, peer.peerMtu)
        .message(4, (field) => writeHop(field, peer.hop)),
    )
  }
  writer.varint(5, entry.mtu)
  const { staticInfo, services } = entry
  if (staticInfo !== undefined || services !== undefined) {
    writer.message(6, (extensions) => {
      if (staticInfo !== undefined) {
        extensions.message(1, (info) => {
          writeStaticInfo(info, staticInfo)
        })
      }
      if (services !== undefined) {
        extensions.message(3, (discovery) => {
          writeServices(discovery, services)
        })
      }
    })
  }
  return writer.finish()
}

function writeHop(field: ProtoWriter, hop: SegmentHop): ProtoWriter {
  return field
    .varint(1, hop.consIngress)
    .varint(2, hop.consEgress)
    .varint(3, hop.expTime)
    .optionalBytes(4, hop.mac)
}

/** Writes the PathSegment message of a signed segment: the bytes that were decoded. */
export function encodeSegment({ segmentInfo, signed }: SignedSegment): Uint8Array {
  const writer = new ProtoWriter().bytes(1, segmentInfo)
  for (const { headerAndBody, signature } of signed) {
    writer.message(2, (entry) =>
      entry.message(1, (message) => message.bytes(1, headerAndBody).bytes(2, signature)),
    )
  }
  return writer.finish()
}

/** Writes a SegmentInformation message. */
export function encodeSegmentInfo(
  segment: Pick<PathSegment, 'timestamp' | 'segmentId'>,
): Uint8Array {
  return new ProtoWriter().varint(1, segment.timestamp).varint(2, segment.segmentId).finish()
}

/** Writes a VerificationKeyID message. */
export function encodeKeyId(key: VerificationKeyId): Uint8Array {
  return new ProtoWriter()
    .varint(1, key.isdAs)
    .optionalBytes(2, key.subjectKeyId)
    .varint(3, key.trcBase)
    .varint(4, key.trcSerial)
    .finish()
}

function malformed(place: string, expected: string, found: string): ScionError {
  return new ScionError('ERR_SCION_MALFORMED', `${place}: ${expected}, found ${found}`)
}
