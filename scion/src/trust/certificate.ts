import { createPublicKey, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { ScionError } from '../errors.ts'
import { Der, TAG, hexOf } from './der.ts'

/** The hash of an ECDSA signature. */
export type SignatureHash = 'sha256' | 'sha384' | 'sha512'

/** A distinguished name. */
export interface Name {
  /** DER bytes, by which issuers are found. */
  readonly raw: Uint8Array
  /** Attribute types and texts in order, by which two names are compared. */
  readonly key: string
  readonly commonName: string
  /** The text of the ISD-AS attribute as it stands; undefined where there is none. */
  readonly isdAs: string | undefined
}

/** A span of time in Unix milliseconds, both ends included. */
export interface Validity {
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

/** An X.509 certificate as far as SCION's control-plane PKI looks at it. */
export interface Certificate extends Validity {
  /** The whole certificate in DER. */
  readonly raw: Uint8Array
  /** The part that is signed. */
  readonly signed: Uint8Array
  /** As people count: 3. */
  readonly version: number
  readonly serial: bigint
  readonly issuer: Name
  readonly subject: Name
  /** SubjectPublicKeyInfo in DER. */
  readonly publicKey: Uint8Array
  /** Undefined for anything but ECDSA with a SHA-2 hash. */
  readonly hash: SignatureHash | undefined
  readonly signature: Uint8Array
  /** Names of the bits that are set. */
  readonly keyUsage: readonly string[]
  /** Object identifiers in their order. */
  readonly extendedKeyUsage: readonly string[]
  readonly basicConstraints: BasicConstraints | undefined
  readonly subjectKeyId: Uint8Array | undefined
  readonly authorityKeyId: Uint8Array | undefined
  /** Object identifiers of the extensions that are marked critical. */
  readonly critical: readonly string[]
}

/** Whether a certificate may sign others, and how many may stand between it and the last. */
export interface BasicConstraints {
  readonly ca: boolean
  readonly pathLength: number | undefined
}

/** Largest certificate that is read, in bytes. */
export const CERTIFICATE_BYTES_MAX = 16 * 1024

/** Object identifiers of X.509 and of SCION's own arc (draft-dekater-scion-pki). */
export const OID = {
  commonName: '2.5.4.3',
  isdAs: '1.3.6.1.4.1.55324.1.2.1',
  ecPublicKey: '1.2.840.10045.2.1',
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  basicConstraints: '2.5.29.19',
  authorityKeyId: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  sensitiveVoting: '1.3.6.1.4.1.55324.1.3.1',
  regularVoting: '1.3.6.1.4.1.55324.1.3.2',
  root: '1.3.6.1.4.1.55324.1.3.3',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  timeStamping: '1.3.6.1.5.5.7.3.8',
} as const

/** Hashes by the object identifier of ECDSA with it, and of the hash itself. */
export const HASH_BY_OID: Readonly<Record<string, SignatureHash>> = {
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
}

const KEY_USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
]

/** Reads a certificate in DER. Nothing is verified, neither signature nor rules. */
export function parseCertificate(raw: Uint8Array): Certificate {
  if (raw.length > CERTIFICATE_BYTES_MAX) {
    throw malformed(`at most ${CERTIFICATE_BYTES_MAX} bytes`, String(raw.length))
  }
  const outer = Der.parse(raw, 'certificate').sequence('certificate')
  const signed = outer.next('tbsCertificate')
  const hash =
    HASH_BY_OID[outer.next('signatureAlgorithm').sequence('algorithm').next('oid').oid('oid')]
  const signature = outer.next('signature').bitString('signature')
  outer.end()
  const fields = signed.sequence('tbsCertificate')
  const version = fields.optional(TAG.context0)?.elements('version').next('version')
  const serial = fields.next('serialNumber').integer('serialNumber')
  const inner = fields.next('signature').sequence('signature').next('oid').oid('oid')
  const issuer = readName(fields.next('issuer'))
  const validity = fields.next('validity').sequence('validity')
  const notBeforeMs = validity.next('notBefore').time('notBefore')
  const notAfterMs = validity.next('notAfter').time('notAfter')
  const subject = readName(fields.next('subject'))
  const publicKey = fields.next('subjectPublicKeyInfo').as(TAG.sequence, 'subjectPublicKeyInfo').raw
  const extensions = fields.optional(TAG.context3)?.elements('extensions').next('extensions')
  fields.end()
  return {
    raw,
    signed: signed.raw,
    version: (version?.number('version', 0, 2) ?? 0) + 1,
    serial,
    issuer,
    subject,
    notBeforeMs,
    notAfterMs,
    publicKey,
    // RFC 5280 §4.1.1.2: the algorithm is named inside and outside the signed part, alike.
    hash: HASH_BY_OID[inner] === hash ? hash : undefined,
    signature,
    ...readExtensions(extensions),
  }
}

type Extensions = Pick<
  Certificate,
  | 'keyUsage'
  | 'extendedKeyUsage'
  | 'basicConstraints'
  | 'subjectKeyId'
  | 'authorityKeyId'
  | 'critical'
>

function readExtensions(list: Der | undefined): Extensions {
  const values = new Map<string, Der>()
  const critical: string[] = []
  for (const extension of list?.sequence('extensions').rest() ?? []) {
    const fields = extension.sequence('extension')
    const oid = fields.next('id').oid('id')
    if (fields.optional(TAG.boolean)?.boolean('critical') === true) critical.push(oid)
    if (values.has(oid)) throw malformed('an extension once', oid)
    const value = fields.next('value').octetString('value')
    // Only the five that are looked at must be DER themselves.
    const isKnown = KNOWN_EXTENSIONS.includes(oid)
    if (isKnown) values.set(oid, Der.parse(value, `extension ${oid}`))
    fields.end()
  }
  return {
    keyUsage: readKeyUsage(values.get(OID.keyUsage)),
    extendedKeyUsage: (values.get(OID.extendedKeyUsage)?.sequence('usages').rest() ?? []).map(
      (one) => one.oid('usage'),
    ),
    basicConstraints: readBasicConstraints(values.get(OID.basicConstraints)),
    subjectKeyId: values.get(OID.subjectKeyId)?.octetString('subjectKeyId'),
    authorityKeyId: readAuthorityKeyId(values.get(OID.authorityKeyId)),
    critical,
  }
}

/** The extensions that are understood; any other one that is critical makes a certificate useless. */
export const KNOWN_EXTENSIONS: readonly string[] = [
  OID.subjectKeyId,
  OID.keyUsage,
  OID.basicConstraints,
  OID.authorityKeyId,
  OID.extendedKeyUsage,
]

function readKeyUsage(usage: Der | undefined): readonly string[] {
  if (usage === undefined) return []
  const { content } = usage.as(TAG.bitString, 'keyUsage')
  return KEY_USAGES.filter((_, bit) => {
    return (((content[1 + (bit >> 3)] ?? 0) >> (7 - (bit & 7))) & 1) === 1
  })
}

function readBasicConstraints(value: Der | undefined): BasicConstraints | undefined {
  if (value === undefined) return undefined
  const fields = value.sequence('basicConstraints')
  const ca = fields.optional(TAG.boolean)?.boolean('cA') ?? false
  const pathLength = fields.optional(TAG.integer)?.number('pathLen', 0, 255)
  fields.end()
  return { ca, pathLength }
}

function readAuthorityKeyId(value: Der | undefined): Uint8Array | undefined {
  // keyIdentifier [0] IMPLICIT OCTET STRING, RFC 5280 §4.2.1.1.
  return value?.sequence('authorityKeyId').optional(0x80)?.content
}

function readName(name: Der): Name {
  const attributes: { oid: string; text: string }[] = []
  for (const set of name.sequence('name').rest()) {
    for (const attribute of set.as(TAG.set, 'name').elements('name').rest()) {
      const fields = attribute.sequence('attribute')
      const oid = fields.next('type').oid('type')
      attributes.push({ oid, text: fields.next('value').text('value') })
      fields.end()
    }
  }
  const find = (oid: string): string | undefined =>
    attributes.find((attribute) => attribute.oid === oid)?.text
  return {
    raw: name.raw,
    key: JSON.stringify(attributes),
    commonName: find(OID.commonName) ?? '',
    isdAs: find(OID.isdAs),
  }
}

/** Reads the public key of a certificate; throws `ERR_SCION_UNTRUSTED` for anything but ECDSA. */
export function publicKeyOf(certificate: Pick<Certificate, 'publicKey'>): KeyObject {
  let key: KeyObject
  try {
    const der = Buffer.from(certificate.publicKey)
    key = createPublicKey({ key: der, format: 'der', type: 'spki' })
  } catch (cause) {
    throw new ScionError('ERR_SCION_UNTRUSTED', 'publicKey: an EC key, found none', { cause })
  }
  const curve = key.asymmetricKeyDetails?.namedCurve ?? ''
  if (key.asymmetricKeyType !== 'ec' || !['prime256v1', 'secp384r1', 'secp521r1'].includes(curve)) {
    throw new ScionError('ERR_SCION_UNTRUSTED', `publicKey: P-256, P-384 or P-521, found ${curve}`)
  }
  return key
}

/** Whether `key` made an ECDSA signature (ASN.1 DER) over the parts, one after the other. */
export function isSignedBy(
  key: KeyObject,
  hash: SignatureHash,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  return verify(hash, message, { key, dsaEncoding: 'der' }, signature)
}

/** Whether a certificate carries the signature of another one's key, names matching. */
export function isIssuedBy(certificate: Certificate, issuer: Certificate): boolean {
  const { hash, signed, signature } = certificate
  if (hash === undefined || hexOf(certificate.issuer.raw) !== hexOf(issuer.subject.raw))
    return false
  return isSignedBy(publicKeyOf(issuer), hash, signed, signature)
}

/** Whether a moment lies in a validity. */
export function isValidAt(validity: Validity, timeMs: number): boolean {
  return validity.notBeforeMs <= timeMs && timeMs <= validity.notAfterMs
}

/** Whether one validity lies wholly within another. */
export function covers(outer: Validity, inner: Validity): boolean {
  return outer.notBeforeMs <= inner.notBeforeMs && inner.notAfterMs <= outer.notAfterMs
}

function malformed(expected: string, found: string): ScionError {
  return new ScionError('ERR_SCION_MALFORMED', `certificate: ${expected}, found ${found}`)
}
