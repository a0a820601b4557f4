import { ScionError } from '../errors.ts'
import type { Certificate } from './certificate.ts'
import { verifySigners } from './cms.ts'
import type { SignedTrc, SortedCertificates, Trc } from './trc.ts'
import { checkTrc, formatTrcId, isBase, sameCertificate, sortCertificates } from './trc.ts'

/** Who must have signed an update of a TRC. */
export interface TrcUpdate {
  readonly type: 'regular' | 'sensitive'
  /** Voting certificates that the predecessor did not have. */
  readonly newVoters: readonly Certificate[]
  /** Certificates of the predecessor that voted. */
  readonly votes: readonly Certificate[]
  /** Roots of the predecessor that were replaced and must agree. */
  readonly rootAcknowledgments: readonly Certificate[]
}

/**
 * Verifies a TRC that starts an ISD: all its voting certificates must have signed it. This proves
 * that they agree with it, not that they are the right ones: that is for its reader to know. Throws
 * `ERR_SCION_UNTRUSTED` or `ERR_SCION_MALFORMED`.
 */
export function verifyBaseTrc(signed: SignedTrc): void {
  if (!isBase(signed.trc)) throw broken(signed.trc, 'a base TRC, or a predecessor')
  checkTrc(signed.trc)
  const { sensitive, regular } = sortCertificates(signed.trc)
  verifySigners(signed.data, [...sensitive.values(), ...regular.values()])
}

/** Verifies an update of a TRC that is trusted: rules, votes, and the signatures that they ask for. */
export function verifyTrcUpdate(signed: SignedTrc, predecessor: Trc): TrcUpdate {
  if (isBase(signed.trc)) throw broken(signed.trc, 'an update, found a base TRC')
  const update = checkTrcUpdate(signed.trc, predecessor)
  verifySigners(signed.data, update.newVoters)
  verifySigners(signed.data, update.rootAcknowledgments)
  verifySigners(signed.data, update.votes)
  return update
}

/**
 * Checks an update by the rules of its kind (draft-dekater-scion-pki, "TRC Update"): a regular one
 * may renew regular voters and roots and changes nothing else; a sensitive one may change all.
 */
export function checkTrcUpdate(trc: Trc, predecessor: Trc): TrcUpdate {
  checkTrc(trc)
  const { id } = predecessor
  if (id.isd !== trc.id.isd || id.base !== trc.id.base || id.serial + 1 !== trc.id.serial) {
    throw broken(trc, `the successor of ${formatTrcId(id)}`)
  }
  if (predecessor.noTrustReset !== trc.noTrustReset) throw broken(trc, 'noTrustReset unchanged')
  const voted = new Set(trc.votes)
  if (voted.size < trc.votes.length) throw broken(trc, 'every vote once')
  if (voted.size < predecessor.quorum) throw broken(trc, `${predecessor.quorum} votes`)
  const [before, after] = [sortCertificates(predecessor), sortCertificates(trc)]
  const [firstVote = -1] = trc.votes
  const isRegular = before.regular.has(firstVote)
  const rootAcknowledgments = isRegular ? checkRegular(trc, predecessor, before, after) : []
  const voters = isRegular ? before.regular : before.sensitive
  return {
    type: isRegular ? 'regular' : 'sensitive',
    newVoters: [
      ...changed(before.sensitive, after.sensitive),
      ...changed(before.regular, after.regular),
    ],
    votes: trc.votes.map((index) => {
      const voter = voters.get(index)
      if (voter === undefined) throw broken(trc, 'votes of one kind')
      return voter
    }),
    rootAcknowledgments,
  }
}

type Group = SortedCertificates['roots']

/** Returns the roots that must acknowledge. */
function checkRegular(
  trc: Trc,
  predecessor: Trc,
  before: SortedCertificates,
  after: SortedCertificates,
): readonly Certificate[] {
  const sameList = (a: readonly number[], b: readonly number[]): boolean =>
    a.length === b.length && a.every((one, index) => one === b[index])
  if (trc.quorum !== predecessor.quorum) throw broken(trc, 'the quorum unchanged')
  if (!sameList(trc.coreAses, predecessor.coreAses)) throw broken(trc, 'core ASes unchanged')
  if (!sameList(trc.authoritativeAses, predecessor.authoritativeAses)) {
    throw broken(trc, 'authoritative ASes unchanged')
  }
  for (const kind of ['sensitive', 'regular', 'roots'] as const) {
    const added = [...after[kind].values()].some((one) => findBySubject(before[kind], one) < 0)
    if (before[kind].size !== after[kind].size || added) throw broken(trc, `the ${kind} unchanged`)
  }
  if (changed(before.sensitive, after.sensitive).length > 0) {
    throw broken(trc, 'sensitive voting certificates unchanged')
  }
  for (const renewed of changed(before.regular, after.regular)) {
    if (!trc.votes.includes(findBySubject(before.regular, renewed))) {
      throw broken(trc, `a vote by ${JSON.stringify(renewed.subject.commonName)}`)
    }
  }
  return changed(before.roots, after.roots)
    .map((root) => before.roots.get(findBySubject(before.roots, root)))
    .filter((root) => root !== undefined)
}

/** Certificates that were not there before, byte for byte. */
function changed(before: Group, after: Group): readonly Certificate[] {
  return [...after.values()].filter((certificate) => {
    const old = before.get(findBySubject(before, certificate))
    return old === undefined || !sameCertificate(old, certificate)
  })
}

function findBySubject(group: Group, certificate: Certificate): number {
  for (const [index, one] of group) {
    if (one.subject.key === certificate.subject.key) return index
  }
  return -1
}

function broken(trc: Trc, expected: string): ScionError {
  return new ScionError('ERR_SCION_UNTRUSTED', `trc ${formatTrcId(trc.id)}: ${expected}`)
}
