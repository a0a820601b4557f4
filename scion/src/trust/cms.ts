import { createHash } from 'node:crypto'
import { ScionError } from '../errors.ts'
import type { Certificate, SignatureHash } from './certificate.ts'
import { HASH_BY_OID, OID, isSignedBy, publicKeyOf } from './certificate.ts'
import { Der, TAG, hexOf } from './der.ts'

/** One signature of a CMS SignedData structure (RFC 5652 §5.3). */
export interface SignerInfo {
  /** DER of the issuer's name of the certificate that signed. */
  readonly issuer: Uint8Array
  /** Its serial number. */
  readonly serial: bigint
  readonly hash: SignatureHash
  /** The hash of the content that the signer vouches for. */
  readonly messageDigest: Uint8Array
  /** What is signed: the signed attributes as an explicit SET, in the order they stand. */
  readonly signedAttributes: Uint8Array
  readonly signature: Uint8Array
}

/** Content and its signatures. */
export interface SignedData {
  readonly content: Uint8Array
  readonly signers: readonly SignerInfo[]
}

/** Most signatures on one structure. */
export const SIGNERS_MAX = 256

const CMS_OID = {
  data: '1.2.840.113549.1.7.1',
  signedData: '1.2.840.113549.1.7.2',
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
} as const

/**
 * Reads a CMS ContentInfo with SignedData of version 1 around plain data, as TRCs come. Throws
 * `ERR_SCION_MALFORMED` for anything else; nothing is verified.
 */
export function parseSignedData(bytes: Uint8Array): SignedData {
  const info = Der.parse(bytes, 'cms').sequence('contentInfo')
  expectOid(info.next('contentType'), CMS_OID.signedData)
  const explicit = info.next('content').as(TAG.context0, 'content').elements('content')
  info.end()
  const data = explicit.next('signedData').sequence('signedData')
  explicit.end()
  data.next('version').number('version', 1, 1)
  data.next('digestAlgorithms').as(TAG.set, 'digestAlgorithms')
  const encapsulated = data.next('encapContentInfo').sequence('encapContentInfo')
  expectOid(encapsulated.next('eContentType'), CMS_OID.data)
  const content = encapsulated.next('eContent').as(TAG.context0, 'eContent').elements('eContent')
  encapsulated.end()
  // Certificates and revocation lists may come along; they are of no use here.
  data.optional(0xa0)
  data.optional(0xa1)
  const signers = data.next('signerInfos').as(TAG.set, 'signerInfos').elements('signerInfos').rest()
  data.end()
  if (signers.length > SIGNERS_MAX) {
    throw new ScionError('ERR_SCION_MALFORMED', `cms.signerInfos: at most ${SIGNERS_MAX}`)
  }
  return { content: content.next('octets').octetString('octets'), signers: signers.map(readSigner) }
}

function readSigner(info: Der): SignerInfo {
  const fields = info.sequence('signerInfo')
  fields.next('version').number('version', 1, 1)
  const sid = fields.next('sid').sequence('issuerAndSerialNumber')
  const issuer = sid.next('issuer').as(TAG.sequence, 'issuer').raw
  const serial = sid.next('serialNumber').integer('serialNumber')
  sid.end()
  const digest = fields.next('digestAlgorithm').sequence('digestAlgorithm').next('oid').oid('oid')
  const attributes = fields.next('signedAttrs').as(TAG.context0, 'signedAttrs')
  const algorithm = fields.next('signatureAlgorithm').sequence('algorithm').next('oid').oid('oid')
  const signature = fields.next('signature').octetString('signature')
  fields.optional(0xa1)
  fields.end()
  // RFC 5652 §5.4: signed as an explicit SET OF instead of [0] IMPLICIT; one byte differs.
  const signedAttributes = attributes.raw.slice()
  signedAttributes[0] = TAG.set
  return {
    issuer,
    serial,
    hash: hashOf(digest, algorithm),
    messageDigest: readAttributes(attributes),
    signedAttributes,
    signature,
  }
}

function hashOf(digest: string, algorithm: string): SignatureHash {
  const hash = HASH_BY_OID[digest]
  // Some signers name the kind of key only; the digest algorithm then tells the hash.
  const signed = algorithm === OID.ecPublicKey ? hash : HASH_BY_OID[algorithm]
  if (hash === undefined || signed !== hash) {
    const found = `${algorithm} with ${digest}`
    throw new ScionError('ERR_SCION_MALFORMED', `cms.algorithm: ECDSA with SHA-2, found ${found}`)
  }
  return hash
}

function readAttributes(attributes: Der): Uint8Array {
  const values = new Map<string, Der>()
  for (const attribute of attributes.elements('signedAttrs').rest()) {
    const fields = attribute.sequence('attribute')
    const oid = fields.next('type').oid('type')
    const set = fields.next('values').as(TAG.set, 'values').elements('values')
    if (values.has(oid)) {
      throw new ScionError('ERR_SCION_MALFORMED', `cms.signedAttrs: ${oid} once, found twice`)
    }
    values.set(oid, set.next('value'))
    set.end()
    fields.end()
  }
  const type = values.get(CMS_OID.contentType)
  const digest = values.get(CMS_OID.messageDigest)
  if (type === undefined || digest === undefined) {
    throw new ScionError('ERR_SCION_MALFORMED', 'cms.signedAttrs: contentType and messageDigest')
  }
  expectOid(type, CMS_OID.data)
  return digest.octetString('messageDigest')
}

function expectOid(element: Der, wanted: string): void {
  const found = element.oid('oid')
  if (found !== wanted) {
    throw new ScionError('ERR_SCION_MALFORMED', `cms.type: ${wanted}, found ${found}`)
  }
}

/**
 * Throws `ERR_SCION_UNTRUSTED` unless every one of the certificates signed the content. Signatures
 * by others are ignored, a wrong one by one of these is not.
 */
export function verifySigners(data: SignedData, certificates: readonly Certificate[]): void {
  const missing = new Map(certificates.map((one) => [hexOf(one.raw), one]))
  for (const signer of data.signers) {
    const certificate = certificates.find(
      ({ issuer, serial }) =>
        serial === signer.serial && hexOf(issuer.raw) === hexOf(signer.issuer),
    )
    if (certificate === undefined) continue
    const digest = createHash(signer.hash).update(data.content).digest()
    const isRight =
      hexOf(digest) === hexOf(signer.messageDigest) &&
      isSignedBy(publicKeyOf(certificate), signer.hash, signer.signedAttributes, signer.signature)
    if (!isRight) throw untrusted(`a signature by ${name(certificate)}`, 'a wrong one')
    missing.delete(hexOf(certificate.raw))
  }
  const [first] = missing.values()
  if (first !== undefined) throw untrusted(`a signature by ${name(first)}`, 'none')
}

function name(certificate: Certificate): string {
  return JSON.stringify(certificate.subject.commonName)
}

function untrusted(expected: string, found: string): ScionError {
  return new ScionError('ERR_SCION_UNTRUSTED', `trc: ${expected}, found ${found}`)
}
