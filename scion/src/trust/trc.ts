import { formatAs, parseAs } from '../addr/isd-as.ts'
import { ScionError } from '../errors.ts'
import type { Certificate, Validity } from './certificate.ts'
import { covers, parseCertificate } from './certificate.ts'
import type { SignedData } from './cms.ts'
import { parseSignedData } from './cms.ts'
import { Der, hexOf } from './der.ts'
import type { CertificateType } from './rules.ts'
import { checkCertificate, nameIsdAs } from './rules.ts'

/** Names a TRC: the isolation domain, the number of the trust reset, the number of the update. */
export interface TrcId {
  readonly isd: number
  readonly base: number
  readonly serial: number
}

/** The payload of a trust root configuration (draft-dekater-scion-pki). */
export interface Trc extends Validity {
  readonly id: TrcId
  /** How long the predecessor stays valid after this one became valid. */
  readonly gracePeriodMs: number
  readonly noTrustReset: boolean
  /** Indices of the predecessor's certificates that voted for this update. */
  readonly votes: readonly number[]
  readonly quorum: number
  /** AS numbers without ISD. */
  readonly coreAses: readonly number[]
  readonly authoritativeAses: readonly number[]
  readonly description: string
  readonly certificates: readonly Certificate[]
}

/** A TRC with its signatures, which are not yet verified. */
export interface SignedTrc {
  /** The whole CMS structure in DER. */
  readonly raw: Uint8Array
  readonly trc: Trc
  readonly data: SignedData
}

/** Largest TRC that is read, in bytes. */
export const TRC_BYTES_MAX = 1024 * 1024
/** Most certificates in a TRC. */
export const TRC_CERTIFICATES_MAX = 256
/** Most ASes in each list of a TRC. */
export const TRC_ASES_MAX = 1024

/** Reads a TRC file: DER, or PEM with the label TRC. Payload rules are checked, signatures not. */
export function parseTrc(file: Uint8Array): SignedTrc {
  if (file.length > TRC_BYTES_MAX)
    throw malformed(`at most ${TRC_BYTES_MAX} bytes`, `${file.length}`)
  const raw = file[0] === 0x2d ? fromPem(file) : file
  const data = parseSignedData(raw)
  const trc = readPayload(data.content)
  checkTrc(trc)
  return { raw, trc, data }
}

/** Writes the name of a TRC as in file names: `ISD1-B1-S1`. */
export function formatTrcId({ isd, base, serial }: TrcId): string {
  return `ISD${isd}-B${base}-S${serial}`
}

/** Parses the name of a TRC. */
export function parseTrcId(text: string): TrcId {
  const match = /^ISD(\d{1,5})-B(\d{1,15})-S(\d{1,15})$/.exec(text)
  const [isd = 0, base = 0, serial = 0] = match?.slice(1).map(Number) ?? []
  if (match === null) throw malformed('ISDn-Bn-Sn', JSON.stringify(text.slice(0, 80)))
  checkId({ isd, base, serial })
  return { isd, base, serial }
}

/** Whether a TRC starts its ISD, or starts it anew, rather than updating another. */
export function isBase({ id }: Pick<Trc, 'id'>): boolean {
  return id.base === id.serial
}

/** The span in which the predecessor of an update stays valid beside it; undefined for a base TRC. */
export function gracePeriod(trc: Trc): Validity | undefined {
  if (isBase(trc)) return undefined
  return { notBeforeMs: trc.notBeforeMs, notAfterMs: trc.notBeforeMs + trc.gracePeriodMs }
}

function fromPem(file: Uint8Array): Uint8Array {
  const text = new TextDecoder('latin1').decode(file)
  const match = /^-----BEGIN TRC-----\s([A-Za-z0-9+/=\s]*)-----END TRC-----\s*$/.exec(text)
  if (match === null) throw malformed('DER, or one PEM block TRC', 'something else')
  return Uint8Array.from(Buffer.from(match[1] ?? '', 'base64'))
}

function readPayload(content: Uint8Array): Trc {
  const payload = Der.parse(content, 'trc').sequence('payload')
  payload.next('version').number('version', 0, 0)
  const id = payload.next('iD').sequence('iD')
  const isd = id.next('iSD').number('iSD', 1, 0xffff)
  const serial = id.next('serialNumber').number('serialNumber', 1, Number.MAX_SAFE_INTEGER)
  const base = id.next('baseNumber').number('baseNumber', 1, Number.MAX_SAFE_INTEGER)
  id.end()
  const validity = payload.next('validity').sequence('validity')
  const notBeforeMs = validity.next('notBefore').time('notBefore')
  const notAfterMs = validity.next('notAfter').time('notAfter')
  validity.end()
  const graceSeconds = payload.next('gracePeriod').number('gracePeriod', 0, 0xffff_ffff)
  const noTrustReset = payload.next('noTrustReset').boolean('noTrustReset')
  const votes = payload.next('votes').sequence('votes').rest()
  const quorum = payload.next('votingQuorum').number('votingQuorum', 1, 255)
  const coreAses = readAses(payload.next('coreASes'))
  const authoritativeAses = readAses(payload.next('authoritativeASes'))
  const description = payload.next('description').text('description')
  const certificates = payload.next('certificates').sequence('certificates').rest()
  payload.end()
  if (certificates.length > TRC_CERTIFICATES_MAX || votes.length > TRC_CERTIFICATES_MAX) {
    throw malformed(`at most ${TRC_CERTIFICATES_MAX} certificates and votes`, 'more')
  }
  return {
    id: { isd, base, serial },
    notBeforeMs,
    notAfterMs,
    gracePeriodMs: graceSeconds * 1000,
    noTrustReset,
    votes: votes.map((vote) => vote.number('vote', 0, TRC_CERTIFICATES_MAX - 1)),
    quorum,
    coreAses,
    authoritativeAses,
    description,
    certificates: certificates.map((certificate) => parseCertificate(certificate.raw)),
  }
}

function readAses(list: Der): readonly number[] {
  const ases = list.sequence('ases').rest()
  if (ases.length > TRC_ASES_MAX) throw malformed(`at most ${TRC_ASES_MAX} ASes`, `${ases.length}`)
  return ases.map((as) => {
    const text = as.text('as')
    const number = canonicalAs(text)
    if (number === undefined) throw malformed('an AS in canonical form', JSON.stringify(text))
    return number
  })
}

function canonicalAs(text: string): number | undefined {
  try {
    const number = parseAs(text)
    return formatAs(number) === text ? number : undefined
  } catch {
    return undefined
  }
}

/**
 * Checks a TRC by itself: identity, validity, quorum, lists of ASes, and that its certificates are
 * what a TRC may hold. Throws `ERR_SCION_UNTRUSTED` with the rule that is broken.
 */
export function checkTrc(trc: Trc): void {
  checkId(trc.id)
  if (trc.notBeforeMs >= trc.notAfterMs) throw broken(trc, 'a validity that begins before it ends')
  if (isBase(trc) && trc.gracePeriodMs !== 0) throw broken(trc, 'no grace period on a base TRC')
  if (isBase(trc) && trc.votes.length > 0) throw broken(trc, 'no votes on a base TRC')
  if (trc.quorum < 1 || trc.quorum > 255) throw broken(trc, 'a quorum of 1 … 255')
  for (const ases of [trc.coreAses, trc.authoritativeAses]) {
    const isGood = ases.length > 0 && !ases.includes(0) && new Set(ases).size === ases.length
    if (!isGood) throw broken(trc, 'lists of different ASes')
  }
  const { sensitive, regular, roots } = sortCertificates(trc)
  for (const voters of [sensitive, regular]) {
    if (voters.size < trc.quorum) throw broken(trc, 'as many voters of each kind as the quorum')
  }
  checkCertificates(trc)
  for (const group of [sensitive, regular, roots]) {
    const subjects = [...group.values()].map(({ subject }) => subject.key)
    if (new Set(subjects).size < subjects.length) throw broken(trc, 'different subjects of a kind')
  }
}

function checkId({ isd, base, serial }: TrcId): void {
  if (!(isd >= 1 && isd <= 0xffff && base >= 1 && serial >= base)) {
    throw malformed('an ISD, and serial ≥ base ≥ 1', formatTrcId({ isd, base, serial }))
  }
}

function checkCertificates(trc: Trc): void {
  const seen = new Set<string>()
  for (const certificate of trc.certificates) {
    const isdAs = nameIsdAs(certificate.subject)
    if (isdAs !== undefined && Number(isdAs >> 48n) !== trc.id.isd) {
      throw broken(trc, `certificates of ISD ${trc.id.isd} only`)
    }
    if (!covers(certificate, trc)) throw broken(trc, 'certificates that outlive it')
    const key = `${certificate.serial.toString()} ${certificate.issuer.key}`
    if (seen.has(key)) throw broken(trc, 'every certificate once')
    seen.add(key)
  }
}

/** The certificates of a TRC by what they are for, with their indices. */
export interface SortedCertificates {
  readonly sensitive: ReadonlyMap<number, Certificate>
  readonly regular: ReadonlyMap<number, Certificate>
  readonly roots: ReadonlyMap<number, Certificate>
}

/** Checks and sorts the certificates of a TRC; throws `ERR_SCION_UNTRUSTED` for a foreign kind. */
export function sortCertificates(trc: Pick<Trc, 'id' | 'certificates'>): SortedCertificates {
  const sorted: Partial<Record<CertificateType, Map<number, Certificate>>> = {
    'sensitive-voting': new Map(),
    'regular-voting': new Map(),
    'cp-root': new Map(),
  }
  for (const [index, certificate] of trc.certificates.entries()) {
    const group = sorted[checkCertificate(certificate)]
    if (group === undefined) throw broken(trc, 'voting and root certificates only')
    group.set(index, certificate)
  }
  return {
    sensitive: sorted['sensitive-voting'] ?? new Map(),
    regular: sorted['regular-voting'] ?? new Map(),
    roots: sorted['cp-root'] ?? new Map(),
  }
}

/** Whether two certificates are the same bytes. */
export function sameCertificate(a: Certificate, b: Certificate): boolean {
  return hexOf(a.raw) === hexOf(b.raw)
}

function broken(trc: Pick<Trc, 'id'>, expected: string): ScionError {
  return new ScionError('ERR_SCION_UNTRUSTED', `trc ${formatTrcId(trc.id)}: ${expected}`)
}

function malformed(expected: string, found: string): ScionError {
  return new ScionError('ERR_SCION_MALFORMED', `trc: ${expected}, found ${found}`)
}
