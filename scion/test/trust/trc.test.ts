import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { formatAs, parseAs } from '../../src/addr/isd-as.ts'
import type { Certificate } from '../../src/trust/certificate.ts'
import { parsePemCertificates } from '../../src/trust/chain.ts'
import { certificateType } from '../../src/trust/rules.ts'
import type { SignedTrc, Trc, TrcId } from '../../src/trust/trc.ts'
import { checkTrc, formatTrcId, gracePeriod, parseTrc, parseTrcId } from '../../src/trust/trc.ts'
import { checkTrcUpdate, verifyBaseTrc, verifyTrcUpdate } from '../../src/trust/trc-update.ts'
import { refuses, valueOrRefusal } from '../support/refusal.ts'
import type { Patch } from '../support/trust-files.ts'
import { patched, trustFile, trustText } from '../support/trust-files.ts'
import { hex, vectors } from '../support/vectors.ts'

interface UpdateWant {
  readonly updateType?: string
  readonly votesByPredecessorIndex?: readonly number[]
  readonly newVotersByIndex?: readonly number[]
  readonly rootAcknowledgmentsByPredecessorIndex?: readonly number[]
}
interface Vectors {
  readonly trcs: readonly {
    readonly file: string
    readonly sha256OfDer: string
    readonly id: TrcId & { string: string }
    readonly notBefore: string
    readonly notAfter: string
    readonly gracePeriodSeconds: number
    readonly noTrustReset: boolean
    readonly votes: readonly number[]
    readonly votingQuorum: number
    readonly coreASes: readonly string[]
    readonly authoritativeASes: readonly string[]
    readonly description: string
    readonly payloadSha512: string
    readonly certificates: readonly { type: string; commonName: string; sha256: string }[]
    readonly signerInfos: readonly { serialHex: string; digestAlgorithm: string }[]
  }[]
  readonly verifyBase: readonly {
    name: string
    file: string
    patches?: readonly Patch[]
    predecessor?: string
    expected: string
  }[]
  readonly verifyUpdate: readonly ({
    name: string
    predecessor: string | null
    file: string
    patches?: readonly Patch[]
    expected: string
  } & UpdateWant)[]
  readonly validate: {
    base: {
      id: TrcId
      notBefore: string
      notAfter: string
      votingQuorum: number
      coreASes: readonly string[]
      authoritativeASes: readonly string[]
      certificates: readonly string[]
    }
    cases: readonly {
      name: string
      change: Readonly<Record<string, unknown>>
      expectedError: string | null
    }[]
  }
  readonly validateUpdate: {
    predecessor: string
    successor: string
    cases: readonly {
      name: string
      change: Readonly<Record<string, unknown>>
      expected: UpdateWant & { error?: string }
    }[]
  }
  readonly idStrings: readonly { string: string; expected: TrcId | null }[]
  readonly idValidation: readonly (TrcId & { expectedError: string | null })[]
  readonly gracePeriod: { file: string; start: string; end: string }
}

const golden = vectors<Vectors>('trc.json')

function read(file: string, patches?: readonly Patch[]): SignedTrc {
  return parseTrc(patched(trustFile(file), patches))
}

/** The indices at which certificates stand in a TRC. */
function indicesIn(trc: Trc, certificates: readonly Certificate[]): readonly number[] {
  return certificates
    .map((one) => trc.certificates.findIndex((other) => hex(other.raw) === hex(one.raw)))
    .toSorted((a, b) => a - b)
}

/** Another certificate in the place of one: other bytes, perhaps another subject. */
function replaceCertificate(trc: Trc, index: number, words: unknown): Trc {
  const old = trc.certificates[index]
  assert.ok(old)
  if (words === 'removed') return { ...trc, certificates: trc.certificates.toSpliced(index, 1) }
  const raw = old.raw.slice()
  raw[raw.length - 1] = (raw.at(-1) ?? 0) ^ 1
  const subject = words === 'other subject' ? { ...old.subject, key: 'other' } : old.subject
  // A renewed certificate has another serial number; issuer and serial must stay unique.
  const renewed = { ...old, raw, subject, serial: old.serial + 1n }
  return { ...trc, certificates: trc.certificates.with(index, renewed) }
}

/** Applies one change of the update vectors to a TRC. */
function applyUpdate(trc: Trc, place: string, words: unknown): Trc {
  const [field = '', index] = place.split(' ')
  if (field === 'certificate') return replaceCertificate(trc, Number(index), words)
  if (field === 'votes') return { ...trc, votes: words as readonly number[] }
  if (field === 'votingQuorum') return { ...trc, quorum: Number(words) }
  if (field === 'noTrustReset') return { ...trc, noTrustReset: Boolean(words) }
  if (field.startsWith('id.')) return { ...trc, id: { ...trc.id, [field.slice(3)]: words } }
  const key = field === 'coreASes' ? 'coreAses' : 'authoritativeAses'
  const changes: Readonly<Record<string, readonly number[]>> = {
    'ff00:0:119 appended': [...trc[key], parseAs('ff00:0:119')],
    '= coreASes': trc.coreAses,
    'last element moved to the front': [...trc[key].slice(-1), ...trc[key].slice(0, -1)],
  }
  const changed = changes[String(words)]
  assert.ok(changed, String(words))
  return { ...trc, [key]: changed }
}

describe('TRC', () => {
  for (const want of golden.trcs) {
    it(`reads ${want.file}`, () => {
      const { raw, trc, data } = read(want.file)
      assert.equal(createHash('sha256').update(raw).digest('hex'), want.sha256OfDer)
      assert.equal(createHash('sha512').update(data.content).digest('hex'), want.payloadSha512)
      const { isd, base, serial } = want.id
      assert.deepEqual(trc.id, { isd, base, serial })
      assert.equal(formatTrcId(trc.id), want.id.string)
      assert.equal(trc.notBeforeMs, Date.parse(want.notBefore))
      assert.equal(trc.notAfterMs, Date.parse(want.notAfter))
      assert.equal(trc.gracePeriodMs, want.gracePeriodSeconds * 1000)
      assert.equal(trc.noTrustReset, want.noTrustReset)
      assert.deepEqual(trc.votes, want.votes)
      assert.equal(trc.quorum, want.votingQuorum)
      assert.deepEqual(
        trc.coreAses.map((as) => formatAs(as)),
        want.coreASes,
      )
      assert.deepEqual(
        trc.authoritativeAses.map((as) => formatAs(as)),
        want.authoritativeASes,
      )
      assert.equal(trc.description, want.description)
      assert.deepEqual(
        trc.certificates.map((one) => ({
          type: certificateType(one),
          sha256: createHash('sha256').update(one.raw).digest('hex'),
        })),
        want.certificates.map(({ type, sha256 }) => ({ type, sha256 })),
      )
      assert.deepEqual(
        data.signers.map((one) => [one.serial, one.hash]),
        want.signerInfos.map((one) => [BigInt(`0x${one.serialHex}`), one.digestAlgorithm]),
      )
    })
  }

  it('reads and checks names', () => {
    for (const { string, expected } of golden.idStrings) {
      if (expected === null) refuses(() => parseTrcId(string), 'ERR_SCION_MALFORMED')
      else assert.deepEqual(parseTrcId(string), expected)
    }
    for (const { expectedError, ...id } of golden.idValidation) {
      const parsed = valueOrRefusal(() => parseTrcId(formatTrcId(id)))
      assert.equal(parsed === undefined, expectedError !== null)
    }
  })

  it('knows how long the predecessor of an update stays valid', () => {
    const { file, start, end } = golden.gracePeriod
    const span = { notBeforeMs: Date.parse(start), notAfterMs: Date.parse(end) }
    assert.deepEqual(gracePeriod(read(file).trc), span)
    assert.equal(gracePeriod(read('trc/ISD1-B1-S1.trc').trc), undefined)
  })

  for (const { name, file, patches, predecessor, expected } of golden.verifyBase) {
    it(`is ${expected} as a base: ${name}`, () => {
      const verify = (): unknown => {
        const signed = read(file, patches)
        if (predecessor === undefined) verifyBaseTrc(signed)
        else verifyTrcUpdate(signed, signed.trc)
        return true
      }
      if (expected === 'valid') assert.ok(verify())
      else refuses(verify)
    })
  }

  for (const one of golden.verifyUpdate) {
    it(`is ${one.expected} as an update: ${one.name}`, () => {
      const before = one.predecessor === null ? undefined : read(one.predecessor).trc
      const verify = (): void => {
        const signed = read(one.file, one.patches)
        if (before === undefined) {
          verifyBaseTrc(signed)
          return
        }
        const update = verifyTrcUpdate(signed, before)
        assert.equal(update.type, one.updateType)
        assert.deepEqual(indicesIn(before, update.votes), one.votesByPredecessorIndex)
        assert.deepEqual(indicesIn(signed.trc, update.newVoters), one.newVotersByIndex)
        const roots = indicesIn(before, update.rootAcknowledgments)
        assert.deepEqual(roots, one.rootAcknowledgmentsByPredecessorIndex)
      }
      if (one.expected === 'valid') verify()
      else refuses(verify)
    })
  }

  it('throws nothing but ScionError on a TRC with any byte changed, or cut', () => {
    const raw = trustFile('derived/ISD1-B1-S1.trc')
    for (let length = 0; length < raw.length; length += 3) {
      refuses(() => parseTrc(raw.subarray(0, length)), 'ERR_SCION_MALFORMED')
    }
    fc.assert(
      fc.property(fc.nat(raw.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = raw.slice()
        changed[at] = (changed[at] ?? 0) ^ flip
        valueOrRefusal(() => {
          verifyBaseTrc(parseTrc(changed))
        })
      }),
      { numRuns: 500 },
    )
  })

  it('refuses PEM with something else in it', () => {
    const text = trustText('trc/ISD64-B1-S11.trc')
    const encode = (changed: string) => () => parseTrc(new TextEncoder().encode(changed))
    refuses(encode(text.replaceAll('TRC', 'CERTIFICATE')), 'ERR_SCION_MALFORMED')
    refuses(encode(text + text), 'ERR_SCION_MALFORMED')
    refuses(encode('-'), 'ERR_SCION_MALFORMED')
  })
})

describe('TRC payload rules', () => {
  const { base, cases } = golden.validate
  const certificates = (files: readonly string[]): readonly Certificate[] =>
    files.flatMap((file) => parsePemCertificates(trustText(file)))
  const good: Trc = {
    id: base.id,
    notBeforeMs: Date.parse(base.notBefore),
    notAfterMs: Date.parse(base.notAfter),
    gracePeriodMs: 0,
    noTrustReset: false,
    votes: [],
    quorum: base.votingQuorum,
    coreAses: base.coreASes.map((as) => parseAs(as)),
    authoritativeAses: base.authoritativeASes.map((as) => parseAs(as)),
    description: '',
    certificates: certificates(base.certificates),
  }
  const withMore = (more: readonly Certificate[]): Partial<Trc> => ({
    certificates: [...good.certificates, ...more],
  })
  const changes: Readonly<Record<string, (words: unknown) => Partial<Trc>>> = {
    'id.isd': (words) => ({ id: { ...good.id, isd: Number(words) } }),
    notAfter: () => ({ notAfterMs: good.notBeforeMs }),
    notBefore: (words) => ({ notBeforeMs: Date.parse(String(words)) }),
    gracePeriodSeconds: (words) => ({ gracePeriodMs: Number(words) * 1000 }),
    votes: (words) => ({ votes: words as readonly number[] }),
    votingQuorum: (words) => ({ quorum: Number(words) }),
    coreASes: (words) => ({ coreAses: (words as string[]).map((as) => parseAs(as)) }),
    authoritativeASes: (words) => ({
      authoritativeAses: (words as string[]).map((as) => parseAs(as)),
    }),
    certificates: (words) => ({ certificates: certificates(words as string[]) }),
    appendCertificates: () => withMore(good.certificates),
    appendCertificate: (words) => {
      const [file = '', ...rest] = String(words).split(' ')
      const [certificate] = certificates([file])
      assert.ok(certificate)
      if (rest.includes('extended')) return withMore([{ ...certificate, extendedKeyUsage: [] }])
      if (rest.includes('issuer')) {
        return withMore([{ ...certificate, issuer: { ...certificate.issuer, key: 'other' } }])
      }
      return withMore([certificate])
    },
  }

  for (const { name, change, expectedError } of cases) {
    // The payload version is not part of the model: another one is not read.
    if ('formatVersion' in change) continue
    it(`${expectedError === null ? 'are met by' : 'refuse'}: ${name}`, () => {
      let trc = good
      for (const [place, words] of Object.entries(change)) {
        const apply = changes[place]
        assert.ok(apply, place)
        trc = { ...trc, ...apply(words) }
      }
      const check = (): unknown => {
        checkTrc(trc)
        return true
      }
      if (expectedError === null) assert.ok(check())
      else refuses(check)
    })
  }
})

describe('TRC update rules', () => {
  const { cases } = golden.validateUpdate
  for (const { name, change, expected } of cases) {
    if (change.predecessor === null) continue // The type system asks for one.
    it(`${expected.error === undefined ? 'are met by' : 'refuse'}: ${name}`, () => {
      let before = read(golden.validateUpdate.predecessor).trc
      let after = read(golden.validateUpdate.successor).trc
      for (const [place, words] of Object.entries(change)) {
        const [who = '', ...field] = place.split('.')
        if (who === 'predecessor') before = applyUpdate(before, field.join('.'), words)
        else after = applyUpdate(after, field.join('.'), words)
      }
      if (expected.error !== undefined) {
        refuses(() => checkTrcUpdate(after, before))
        return
      }
      const update = checkTrcUpdate(after, before)
      assert.equal(update.type, expected.updateType)
      const sorted = (list: readonly number[] = []): readonly number[] =>
        list.toSorted((a, b) => a - b)
      assert.deepEqual(indicesIn(before, update.votes), sorted(expected.votesByPredecessorIndex))
      assert.deepEqual(indicesIn(after, update.newVoters), sorted(expected.newVotersByIndex))
      assert.deepEqual(
        indicesIn(before, update.rootAcknowledgments),
        sorted(expected.rootAcknowledgmentsByPredecessorIndex),
      )
    })
  }

  it('refuse a vote that is cast twice', () => {
    const before = read(golden.validateUpdate.predecessor).trc
    const after = read(golden.validateUpdate.successor).trc
    const [first = 0] = after.votes
    refuses(
      () => checkTrcUpdate({ ...after, votes: [first, first] }, before),
      'ERR_SCION_UNTRUSTED',
    )
  })
})
