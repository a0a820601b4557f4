import type { IsdAs } from '../addr/isd-as.ts'
import { formatIsdAs, isWildcard, parseIsdAs } from '../addr/isd-as.ts'
import { ScionError } from '../errors.ts'
import type { Certificate, Name } from './certificate.ts'
import { KNOWN_EXTENSIONS, OID } from './certificate.ts'
import { hexOf } from './der.ts'

/** What a certificate of the control-plane PKI is for. */
export type CertificateType = 'sensitive-voting' | 'regular-voting' | 'cp-root' | 'cp-ca' | 'cp-as'

/**
 * What a certificate is for, from its key usages: the first extended one of SCION decides, else
 * whether it may sign certificates or messages. Undefined where none fits.
 */
export function certificateType(certificate: Certificate): CertificateType | undefined {
  for (const usage of certificate.extendedKeyUsage) {
    if (usage === OID.sensitiveVoting) return 'sensitive-voting'
    if (usage === OID.regularVoting) return 'regular-voting'
    if (usage === OID.root) return 'cp-root'
  }
  if (certificate.keyUsage.includes('keyCertSign')) return 'cp-ca'
  return certificate.keyUsage.includes('digitalSignature') ? 'cp-as' : undefined
}

/**
 * Checks a certificate by the rules of its type (draft-dekater-scion-pki, "Certificate
 * Specification") and returns the type; throws `ERR_SCION_UNTRUSTED` with the rule that is broken.
 * Neither signature nor time are looked at.
 */
export function checkCertificate(certificate: Certificate): CertificateType {
  const type = certificateType(certificate)
  if (type === undefined) throw broken(certificate, 'a key usage of SCION')
  checkGeneral(certificate)
  switch (type) {
    case 'sensitive-voting':
    case 'regular-voting':
      checkVoting(certificate)
      break
    case 'cp-root':
      checkSigner(certificate, 1)
      checkOwnAuthority(certificate)
      break
    case 'cp-ca':
      checkSigner(certificate, 0)
      if (!certificate.authorityKeyId?.length)
        throw broken(certificate, 'an authorityKeyIdentifier')
      break
    case 'cp-as':
      checkAs(certificate)
      break
  }
  return type
}

/**
 * The AS in a name; undefined where the name has none. Throws `ERR_SCION_UNTRUSTED` unless it is
 * one AS in canonical form, so that nobody can be mistaken for another.
 */
export function nameIsdAs(name: Name): IsdAs | undefined {
  if (name.isdAs === undefined) return undefined
  let isdAs: IsdAs
  try {
    isdAs = parseIsdAs(name.isdAs)
  } catch (cause) {
    throw new ScionError('ERR_SCION_UNTRUSTED', 'name: an ISD-AS', { cause })
  }
  if (isWildcard(isdAs) || formatIsdAs(isdAs) !== name.isdAs) {
    throw new ScionError(
      'ERR_SCION_UNTRUSTED',
      `name: an ISD-AS in canonical form, found ${JSON.stringify(name.isdAs)}`,
    )
  }
  return isdAs
}

function checkGeneral(certificate: Certificate): void {
  const { version, hash, subjectKeyId, critical } = certificate
  if (version !== 3) throw broken(certificate, 'version 3')
  if (hash === undefined) throw broken(certificate, 'ECDSA with SHA-256, SHA-384 or SHA-512')
  if (!subjectKeyId?.length) throw broken(certificate, 'a subjectKeyIdentifier')
  for (const oid of [OID.subjectKeyId, OID.authorityKeyId]) {
    if (critical.includes(oid)) throw broken(certificate, `${oid} not critical`)
  }
  const stranger = critical.find((oid) => !KNOWN_EXTENSIONS.includes(oid))
  if (stranger !== undefined) throw broken(certificate, `no critical extension ${stranger}`)
}

function checkVoting(certificate: Certificate): void {
  const { keyUsage, extendedKeyUsage, basicConstraints, issuer, subject } = certificate
  checkOwnAuthority(certificate)
  for (const usage of ['keyCertSign', 'digitalSignature']) {
    if (keyUsage.includes(usage)) throw broken(certificate, `no key usage ${usage}`)
  }
  if (!extendedKeyUsage.includes(OID.timeStamping)) throw broken(certificate, 'time stamping')
  checkNoTls(certificate)
  const kinds = [OID.sensitiveVoting, OID.regularVoting]
  if (kinds.every((kind) => extendedKeyUsage.includes(kind))) {
    throw broken(certificate, 'one kind of voting')
  }
  if (basicConstraints?.ca === true) throw broken(certificate, 'no CA')
  nameIsdAs(issuer)
  nameIsdAs(subject)
}

function checkSigner(certificate: Certificate, pathLength: number): void {
  const { keyUsage, basicConstraints, critical } = certificate
  if (!keyUsage.includes('keyCertSign')) throw broken(certificate, 'key usage keyCertSign')
  if (keyUsage.includes('digitalSignature')) throw broken(certificate, 'no digitalSignature')
  checkNoTls(certificate)
  if (!critical.includes(OID.basicConstraints)) throw broken(certificate, 'critical constraints')
  if (basicConstraints?.ca !== true || basicConstraints.pathLength !== pathLength) {
    throw broken(certificate, `a CA with path length ${pathLength}`)
  }
  checkNames(certificate)
}

function checkAs(certificate: Certificate): void {
  const { keyUsage, extendedKeyUsage, basicConstraints, authorityKeyId } = certificate
  if (keyUsage.includes('keyCertSign')) throw broken(certificate, 'no key usage keyCertSign')
  if (basicConstraints?.ca === true) throw broken(certificate, 'no CA')
  checkNames(certificate)
  if (!authorityKeyId?.length) throw broken(certificate, 'an authorityKeyIdentifier')
  if (!extendedKeyUsage.includes(OID.timeStamping)) throw broken(certificate, 'time stamping')
}

function checkNames(certificate: Certificate): void {
  if (nameIsdAs(certificate.issuer) === undefined) throw broken(certificate, 'an issuer ISD-AS')
  if (nameIsdAs(certificate.subject) === undefined) throw broken(certificate, 'a subject ISD-AS')
}

function checkNoTls(certificate: Certificate): void {
  for (const usage of [OID.clientAuth, OID.serverAuth]) {
    if (certificate.extendedKeyUsage.includes(usage)) throw broken(certificate, `no usage ${usage}`)
  }
}

function checkOwnAuthority(certificate: Certificate): void {
  const { authorityKeyId, subjectKeyId } = certificate
  if (authorityKeyId === undefined || authorityKeyId.length === 0) return
  if (hexOf(authorityKeyId) !== hexOf(subjectKeyId ?? new Uint8Array(0))) {
    throw broken(certificate, 'its own key as authority')
  }
}

function broken(certificate: Certificate, expected: string): ScionError {
  const name = JSON.stringify(certificate.subject.commonName)
  return new ScionError('ERR_SCION_UNTRUSTED', `certificate ${name}: ${expected}`)
}
