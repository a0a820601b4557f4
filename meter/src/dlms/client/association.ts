import { Reader } from '../../bytes.ts'
import { MeterError } from '../../errors.ts'
import { readLength } from '../axdr.ts'
import { counted, join, u16 } from '../encode.ts'
import { DLMS_CLIENT_APDU_BYTES_MAX } from './link.ts'

/** Ways to prove who one is, by their number in the standard (IEC 62056-5-3 §7.2.2). */
export const MECHANISM = {
  none: 0,
  low: 1,
  md5: 3,
  sha1: 4,
  gmac: 5,
  sha256: 6,
  ecdsa: 7,
} as const

/** A way to prove who one is. */
export type Mechanism = keyof typeof MECHANISM

/** Services that both sides may offer, by their bit in the conformance block. */
export const CONFORMANCE = {
  generalProtection: 1,
  generalBlockTransfer: 2,
  attribute0WithGet: 10,
  blockTransferWithGet: 11,
  multipleReferences: 14,
  dataNotification: 16,
  access: 17,
  get: 19,
  set: 20,
  selectiveAccess: 21,
  eventNotification: 22,
  action: 23,
} as const

/** What this client can do: it reads. */
const OFFER = [
  CONFORMANCE.blockTransferWithGet,
  CONFORMANCE.multipleReferences,
  CONFORMANCE.get,
  CONFORMANCE.selectiveAccess,
  CONFORMANCE.action,
]

/** Whether a conformance block has a service. */
export function offers(conformance: number, bit: number): boolean {
  return (conformance & (1 << (23 - bit))) !== 0
}

/** A request for an association. */
export interface AssociationRequest {
  readonly ciphered: boolean
  readonly mechanism: Mechanism
  /** Eight bytes where anything is ciphered or a mechanism needs it. */
  readonly clientTitle: Uint8Array | undefined
  /** Password or challenge. */
  readonly authentication: Uint8Array | undefined
  /** The initiate-request, protected where wanted. */
  readonly initiate: Uint8Array
}

/** An answer to one, as far as a client needs it; bytes borrowed. */
export interface AssociationAnswer {
  readonly serverTitle: Uint8Array | undefined
  readonly ciphered: boolean
  /** The meter's challenge, where more is to be proven. */
  readonly challenge: Uint8Array | undefined
  readonly initiate: Uint8Array
}

/** What the meter agreed to. */
export interface InitiateResponse {
  readonly conformance: number
  /** Bytes of the longest APDU that the meter takes; 0 for no limit. */
  readonly serverApduBytes: number
}

const TITLE_BYTES = 8
const AARQ = 0x60
const AARE = 0x61
const RELEASE_REQUEST = 0x62
const OBJECT_ID = 0x06
/** joint-iso-itu-t(2) country(16) 756 identified-organisation(5) DLMS-UA(8). */
export const DLMS_UA: readonly number[] = [0x60, 0x85, 0x74, 0x05, 0x08]
const CONTEXT = 1
const MECHANISM_NAME = 2
/** Logical names without and with ciphering. */
const LOGICAL_NAMES = 1
const LOGICAL_NAMES_CIPHERED = 3
const INITIATE_REQUEST = 0x01
const INITIATE_RESPONSE = 0x08
const DLMS_VERSION = 6
/** What a server says of itself that speaks logical names. */
const VAA_LOGICAL_NAMES = 7

/** The initiate-request; the dedicated key belongs to this association alone. */
export function encodeInitiate(dedicatedKey: Uint8Array | undefined): Uint8Array {
  let conformance = 0
  for (const bit of OFFER) conformance |= 1 << (23 - bit)
  const key = dedicatedKey === undefined ? [0] : join([1], counted(dedicatedKey))
  const bits = [conformance >> 16, (conformance >> 8) & 0xff, conformance & 0xff]
  // Response allowed and quality of service keep their defaults.
  const rest = [0, 0, DLMS_VERSION, 0x5f, 0x1f, 4, 0, ...bits]
  return join([INITIATE_REQUEST], key, rest, u16(DLMS_CLIENT_APDU_BYTES_MAX))
}

/** An AARQ (IEC 62056-5-3 §7.2.4) in BER. */
export function encodeAssociation(request: AssociationRequest): Uint8Array {
  const { ciphered, mechanism, clientTitle, authentication, initiate } = request
  const context = ciphered ? LOGICAL_NAMES_CIPHERED : LOGICAL_NAMES
  const parts = [tlv(0xa1, tlv(OBJECT_ID, [...DLMS_UA, CONTEXT, context]))]
  if (clientTitle !== undefined) parts.push(tlv(0xa6, tlv(0x04, clientTitle)))
  if (mechanism !== 'none') {
    // The functional unit of authentication, its name, and what proves it.
    parts.push(tlv(0x8a, [0x07, 0x80]))
    parts.push(tlv(0x8b, [...DLMS_UA, MECHANISM_NAME, MECHANISM[mechanism]]))
    parts.push(tlv(0xac, tlv(0x80, authentication ?? [])))
  }
  parts.push(tlv(0xbe, tlv(0x04, initiate)))
  return tlv(AARQ, join(...parts))
}

/** A release-request: a normal end, the initiate-request again where it was protected. */
export function encodeRelease(initiate: Uint8Array | undefined): Uint8Array {
  const user = initiate === undefined ? [] : tlv(0xbe, tlv(0x04, initiate))
  return tlv(RELEASE_REQUEST, join(tlv(0x80, [0]), user))
}

/** Tag, length and content of BER. */
export function tlv(tag: number, content: Uint8Array | readonly number[]): Uint8Array {
  return join([tag], counted(content))
}

const RESULTS: Readonly<Record<number, string>> = {
  0: 'accepted',
  1: 'rejected-permanent',
  2: 'rejected-transient',
}

const DIAGNOSTICS: Readonly<Record<number, string>> = {
  0: 'null',
  1: 'no-reason-given',
  2: 'application-context-name-not-supported',
  3: 'calling-AP-title-not-recognized',
  4: 'calling-AP-invocation-identifier-not-recognized',
  5: 'calling-AE-qualifier-not-recognized',
  6: 'calling-AE-invocation-identifier-not-recognized',
  7: 'called-AP-title-not-recognized',
  8: 'called-AP-invocation-identifier-not-recognized',
  9: 'called-AE-qualifier-not-recognized',
  10: 'called-AE-invocation-identifier-not-recognized',
  11: 'authentication-mechanism-name-not-recognised',
  12: 'authentication-mechanism-name-required',
  13: 'authentication-failure',
  14: 'authentication-required',
}

/**
 * Reads an AARE.
 *
 * @throws {@link MeterError} `refused` with the meter's diagnostic as `detail`, or `malformed`.
 */
export function decodeAssociation(apdu: Uint8Array): AssociationAnswer {
  const reader = new Reader(apdu)
  const tag = reader.u8('association.tag')
  if (tag !== AARE) {
    throw new MeterError('malformed', `association.tag: expected an answer, found ${tag}`)
  }
  const fields = fieldsOf(octets(reader, 'association'))
  if (reader.remaining > 0) {
    throw new MeterError('malformed', `association: ${reader.remaining} bytes too many`)
  }
  const result = lastByte(fields.get(0xa2))
  const diagnostic = lastByte(fields.get(0xa3))
  if (result !== 0) {
    const detail = DIAGNOSTICS[diagnostic ?? -1] ?? `diagnostic ${diagnostic ?? 'missing'}`
    const found = `${RESULTS[result ?? -1] ?? `result ${result ?? 'missing'}`}, ${detail}`
    throw new MeterError('refused', `association: expected accepted, found ${found}`, { detail })
  }
  const title = inner(fields.get(0xa4), 0x04)
  if (title !== undefined && title.length !== TITLE_BYTES) {
    const found = `${title.length} bytes`
    throw new MeterError('malformed', `association.title: expected ${TITLE_BYTES}, found ${found}`)
  }
  const initiate = inner(fields.get(0xbe), 0x04)
  if (initiate === undefined) {
    throw new MeterError('malformed', 'association.user: expected an initiate-response, found none')
  }
  return {
    serverTitle: title,
    ciphered: lastByte(fields.get(0xa1)) === LOGICAL_NAMES_CIPHERED,
    challenge: inner(fields.get(0xaa), 0x80),
    initiate,
  }
}

/**
 * Reads an initiate-response in plain.
 *
 * @throws {@link MeterError} `malformed`, `unsupported` for a meter of another version or without
 *   logical names.
 */
export function decodeInitiate(bytes: Uint8Array): InitiateResponse {
  const reader = new Reader(bytes)
  const tag = reader.u8('initiate.tag')
  if (tag !== INITIATE_RESPONSE) {
    throw new MeterError('malformed', `initiate.tag: expected ${INITIATE_RESPONSE}, found ${tag}`)
  }
  if (reader.u8('initiate.quality') !== 0) reader.skip(1, 'initiate.quality')
  const version = reader.u8('initiate.version')
  if (version !== DLMS_VERSION) {
    throw new MeterError('unsupported', `initiate.version: expected 6, found ${version}`)
  }
  if (reader.u16('initiate.conformance') !== 0x5f1f) {
    throw new MeterError('malformed', 'initiate.conformance: expected a conformance block')
  }
  const length = reader.u8('initiate.conformance.length')
  if (length !== 4) {
    throw new MeterError('malformed', `initiate.conformance: expected 4 bytes, found ${length}`)
  }
  const conformance = reader.u32('initiate.conformance') & 0xff_ffff
  const serverApduBytes = reader.u16('initiate.apduBytes')
  const names = reader.u16('initiate.names')
  if (names !== VAA_LOGICAL_NAMES) {
    throw new MeterError('unsupported', `initiate.names: expected logical names, found ${names}`)
  }
  return { conformance, serverApduBytes }
}

/** Fields of a sequence by their tags; one that comes twice is refused. */
export function fieldsOf(bytes: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const reader = new Reader(bytes)
  const fields = new Map<number, Uint8Array>()
  while (reader.remaining > 0) {
    const tag = reader.u8('association.field')
    if (fields.has(tag)) {
      throw new MeterError('malformed', `association.field: expected ${tag} once, found it twice`)
    }
    fields.set(tag, octets(reader, 'association.field'))
  }
  return fields
}

/** The content of the one element within a field. */
export function inner(field: Uint8Array | undefined, tag: number): Uint8Array | undefined {
  if (field === undefined) return undefined
  const reader = new Reader(field)
  const found = reader.u8('association.element')
  if (found !== tag) {
    throw new MeterError('malformed', `association.element: expected ${tag}, found ${found}`)
  }
  return octets(reader, 'association.element')
}

/** The number at the end of nested elements: results, diagnostics, names. */
export function lastByte(field: Uint8Array | undefined): number | undefined {
  return field?.at(-1)
}

function octets(reader: Reader, field: string): Uint8Array {
  return reader.bytes(readLength(reader, field), field)
}
