import type { IsdAs } from '../addr/isd-as.ts'
import { ScionError } from '../errors.ts'
import type { Certificate } from './certificate.ts'
import { covers, isIssuedBy, isValidAt, parseCertificate } from './certificate.ts'
import { checkCertificate, nameIsdAs } from './rules.ts'
import type { Trc } from './trc.ts'
import { formatTrcId, sortCertificates } from './trc.ts'

/** The certificate of an AS and that of the CA which issued it. */
export interface CertificateChain {
  readonly as: Certificate
  readonly ca: Certificate
  /** The AS that the certificate names. */
  readonly isdAs: IsdAs
}

/** Largest PEM file of certificates that is read, in bytes. */
export const CHAIN_BYTES_MAX = 64 * 1024

/** Reads the certificates of a PEM file, which must hold nothing else. */
export function parsePemCertificates(text: string): readonly Certificate[] {
  if (text.length > CHAIN_BYTES_MAX) throw malformed(`at most ${CHAIN_BYTES_MAX} bytes`, 'more')
  const certificates: Certificate[] = []
  const block = /\s*-----BEGIN CERTIFICATE-----\s([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----/y
  for (let end = 0; text.slice(end).trim() !== ''; end = block.lastIndex) {
    const match = block.exec(text)
    if (match === null) throw malformed('PEM blocks CERTIFICATE', 'something else')
    certificates.push(parseCertificate(Uint8Array.from(Buffer.from(match[1] ?? '', 'base64'))))
  }
  if (certificates.length === 0) throw malformed('PEM blocks CERTIFICATE', 'nothing')
  return certificates
}

/**
 * Takes two certificates for a chain: types, names and validity must fit. Throws
 * `ERR_SCION_UNTRUSTED` otherwise; signatures are for {@link verifyChain}.
 */
export function chainOf(certificates: readonly Certificate[]): CertificateChain {
  const [as, ca] = certificates
  if (as === undefined || ca === undefined || certificates.length !== 2) {
    throw untrusted('two certificates', String(certificates.length))
  }
  const types = [checkCertificate(as), checkCertificate(ca)]
  if (types[0] !== 'cp-as' || types[1] !== 'cp-ca')
    throw untrusted('cp-as, cp-ca', types.join(', '))
  if (!covers(ca, as)) throw untrusted('a CA that outlives its certificate', 'one that does not')
  const isdAs = nameIsdAs(as.subject)
  if (isdAs === undefined) throw untrusted('an AS in the name', 'none')
  return { as, ca, isdAs }
}

/**
 * Throws `ERR_SCION_UNTRUSTED` unless the chain leads to a root of one of the TRCs, and
 * `ERR_SCION_VALIDITY` where it is the moment alone that is wrong for something on the way. The reason
 * for each TRC is in the message.
 */
export function verifyChain(chain: CertificateChain, trcs: readonly Trc[], timeMs: number): void {
  const reasons: string[] = []
  let isUntimely = trcs.length > 0
  for (const trc of trcs) {
    const reason = whyNot(chain, trc, timeMs)
    if (reason === undefined) return
    isUntimely &&= reason.endsWith(UNTIMELY)
    reasons.push(`${formatTrcId(trc.id)}: ${reason}`)
  }
  const found = reasons.join('; ') || 'no TRC'
  if (!isUntimely) throw untrusted('a way to the root of a TRC', found)
  throw new ScionError('ERR_SCION_VALIDITY', `chain: a way to the root of a TRC, found ${found}`)
}

const UNTIMELY = 'not valid now'

function whyNot({ as, ca, isdAs }: CertificateChain, trc: Trc, timeMs: number): string | undefined {
  if (Number(isdAs >> 48n) !== trc.id.isd) return 'of another ISD'
  if (!isValidAt(as, timeMs)) return `AS certificate ${UNTIMELY}`
  if (!isValidAt(ca, timeMs)) return `CA certificate ${UNTIMELY}`
  if (!isIssuedBy(as, ca)) return 'AS certificate not issued by the CA'
  const roots = [...sortCertificates(trc).roots.values()]
  const issuers = roots.filter((root) => isIssuedBy(ca, root))
  if (issuers.length === 0) return 'CA certificate not issued by a root'
  return issuers.some((root) => isValidAt(root, timeMs)) ? undefined : `root ${UNTIMELY}`
}

function untrusted(expected: string, found: string): ScionError {
  return new ScionError('ERR_SCION_UNTRUSTED', `chain: ${expected}, found ${found}`)
}

function malformed(expected: string, found: string): ScionError {
  return new ScionError('ERR_SCION_MALFORMED', `certificates: ${expected}, found ${found}`)
}
