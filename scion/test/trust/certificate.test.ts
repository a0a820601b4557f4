import assert from 'node:assert/strict'
import { X509Certificate, createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { Certificate, Name } from '../../src/trust/certificate.ts'
import {
  CERTIFICATE_BYTES_MAX,
  OID,
  covers,
  isIssuedBy,
  isValidAt,
  parseCertificate,
  publicKeyOf,
} from '../../src/trust/certificate.ts'
import { chainOf, parsePemCertificates, verifyChain } from '../../src/trust/chain.ts'
import { certificateType, checkCertificate } from '../../src/trust/rules.ts'
import { parseTrc } from '../../src/trust/trc.ts'
import { refuses, valueOrRefusal } from '../support/refusal.ts'
import { trustFile, trustText } from '../support/trust-files.ts'
import { bytes, hex, vectors } from '../support/vectors.ts'

interface Vectors {
  readonly types: readonly {
    readonly file: string
    readonly type: string
    readonly isdAs: string
    readonly serialHex: string
    readonly signatureHash: string
    readonly notBefore: string
    readonly notAfter: string
    readonly subjectKeyId: string
    readonly sha256: string
    readonly version: number
    readonly keyUsage: readonly string[]
    readonly extendedKeyUsage: readonly string[]
    readonly basicConstraints: { ca: boolean; pathLen?: number } | null
    readonly authorityKeyId: string | null
    readonly issuerIsdAs: string
    readonly publicKeySpki: string
  }[]
  readonly rules: readonly { file: string; as: string; change: string; valid: boolean }[]
  readonly chains: readonly {
    readonly name: string
    readonly chain: string
    readonly chainCertificates?: readonly number[]
    readonly intermediateFrom?: string
    readonly trcs: readonly string[]
    readonly time: string
    readonly expected: 'valid' | 'invalid'
  }[]
  readonly fingerprints: readonly { file: string; sha256?: string; expected?: 'error' }[]
}

const golden = vectors<Vectors>('certificates.json')

function read(file: string): Certificate {
  const [certificate] = parsePemCertificates(trustText(file))
  assert.ok(certificate)
  return certificate
}

/** The certificate with one thing changed, in the words of the vectors. */
function change(certificate: Certificate, words: string): Certificate | undefined {
  const { keyUsage, extendedKeyUsage, critical, basicConstraints } = certificate
  const fixed: Readonly<Record<string, Partial<Certificate>>> = {
    none: {},
    'version 2 instead of 3': { version: 2 },
    'signature algorithm not ECDSA with SHA-256/384/512': { hash: undefined },
    'no subjectKeyIdentifier': { subjectKeyId: undefined },
    'no authorityKeyIdentifier': { authorityKeyId: undefined },
    'subjectKeyIdentifier critical': { critical: [...critical, OID.subjectKeyId] },
    'authorityKeyIdentifier critical': { critical: [...critical, OID.authorityKeyId] },
    'authorityKeyIdentifier differs from subjectKeyIdentifier': { authorityKeyId: bytes('00') },
    'basicConstraints not critical': {
      critical: critical.filter((oid) => oid !== OID.basicConstraints),
    },
    'basicConstraints cA false': { basicConstraints: { ca: false, pathLength: undefined } },
    'basicConstraints cA true': { basicConstraints: { ca: true, pathLength: undefined } },
    'basicConstraints pathLen 0': {
      basicConstraints: { ca: basicConstraints?.ca ?? true, pathLength: 0 },
    },
    'basicConstraints pathLen 1': {
      basicConstraints: { ca: basicConstraints?.ca ?? true, pathLength: 1 },
    },
  }
  const known = fixed[words]
  if (known !== undefined) return { ...certificate, ...known }
  const usage = /^(keyUsage|extendedKeyUsage) (with|without) (?:id-kp-)?(\w+)/.exec(words)
  if (usage !== null) {
    const [, list, way, value = ''] = usage
    const names: Readonly<Record<string, string>> = {
      regular: OID.regularVoting,
      sensitive: OID.sensitiveVoting,
      root: OID.root,
      timeStamping: OID.timeStamping,
      clientAuth: OID.clientAuth,
      serverAuth: OID.serverAuth,
    }
    const item = names[value] ?? value
    const old = list === 'keyUsage' ? keyUsage : extendedKeyUsage
    const changed = way === 'with' ? [...old, item] : old.filter((one) => one !== item)
    const field = list === 'keyUsage' ? 'keyUsage' : 'extendedKeyUsage'
    return { ...certificate, [field]: changed }
  }
  const name = /^(issuer|subject) (?:without ISD-AS attribute|ISD-AS attribute is "(.*?)")/.exec(
    words,
  )
  if (name === null) return undefined
  const field = name[1] === 'issuer' ? 'issuer' : 'subject'
  const changed: Name = { ...certificate[field], isdAs: name[2] }
  return { ...certificate, [field]: changed }
}

describe('certificate', () => {
  for (const want of golden.types) {
    it(`reads ${want.file}`, () => {
      const found = read(want.file)
      assert.equal(certificateType(found), want.type)
      assert.equal(checkCertificate(found), want.type)
      assert.equal(found.subject.isdAs, want.isdAs)
      assert.equal(found.issuer.isdAs, want.issuerIsdAs)
      assert.equal(found.serial, BigInt(`0x${want.serialHex}`))
      assert.equal(found.hash, want.signatureHash)
      assert.equal(found.notBeforeMs, Date.parse(want.notBefore))
      assert.equal(found.notAfterMs, Date.parse(want.notAfter))
      assert.equal(hex(found.subjectKeyId ?? bytes('')), want.subjectKeyId)
      assert.equal(found.version, want.version)
      assert.deepEqual(found.keyUsage, want.keyUsage)
      assert.deepEqual(found.extendedKeyUsage, want.extendedKeyUsage)
      assert.equal(found.basicConstraints?.ca, want.basicConstraints?.ca)
      assert.equal(found.basicConstraints?.pathLength, want.basicConstraints?.pathLen)
      assert.equal(
        found.authorityKeyId && hex(found.authorityKeyId),
        want.authorityKeyId ?? undefined,
      )
      assert.equal(hex(found.publicKey), want.publicKeySpki)
      assert.equal(createHash('sha256').update(found.raw).digest('hex'), want.sha256)
    })
  }

  it('agrees with the platform on what a certificate says', () => {
    for (const { file } of golden.types) {
      const found = read(file)
      const peer = new X509Certificate(found.raw)
      assert.equal(found.serial, BigInt(`0x${peer.serialNumber}`))
      assert.equal(found.notBeforeMs, Date.parse(peer.validFrom))
      assert.equal(found.notAfterMs, Date.parse(peer.validTo))
      assert.ok(publicKeyOf(found).equals(peer.publicKey))
      assert.ok(peer.subject.includes(`CN=${found.subject.commonName}`))
    }
  })

  for (const { file, as, change: words, valid } of golden.rules) {
    // A certificate without a serial number is not read in the first place.
    if (words === 'no serial number') continue
    it(`${valid ? 'takes' : 'refuses'} ${file} as ${as}: ${words}`, () => {
      const changed = change(read(file), words)
      assert.ok(changed, words)
      const type = valueOrRefusal(() => checkCertificate(changed))
      assert.equal(type === as, valid)
    })
  }

  it('refuses one with a critical extension that it does not know', () => {
    const certificate = read('certs/cp-as.crt')
    const changed = { ...certificate, critical: ['1.2.3.4'] }
    refuses(() => checkCertificate(changed), 'ERR_SCION_UNTRUSTED')
  })

  it('knows whether a moment or a span lies in its validity, both ends included', () => {
    const validity = { notBeforeMs: 10, notAfterMs: 20 }
    assert.deepEqual(
      [9, 10, 15, 20, 21].map((time) => isValidAt(validity, time)),
      [false, true, true, true, false],
    )
    assert.ok(covers(validity, validity))
    assert.ok(covers(validity, { notBeforeMs: 11, notAfterMs: 19 }))
    assert.ok(!covers(validity, { notBeforeMs: 9, notAfterMs: 20 }))
    assert.ok(!covers(validity, { notBeforeMs: 10, notAfterMs: 21 }))
  })

  it('throws nothing but ScionError on a certificate with any byte changed, cut or too long', () => {
    const { raw } = read('certs/cp-as.crt')
    for (let length = 0; length < raw.length; length++) {
      refuses(() => parseCertificate(raw.subarray(0, length)), 'ERR_SCION_MALFORMED')
    }
    refuses(() => parseCertificate(new Uint8Array(CERTIFICATE_BYTES_MAX + 1)))
    const [, ca] = parsePemCertificates(trustText('chain/ISD1-ASff00_0_111.pem'))
    assert.ok(ca)
    fc.assert(
      fc.property(fc.nat(raw.length - 1), fc.nat(255), (at, value) => {
        const changed = raw.slice()
        changed[at] = value
        valueOrRefusal(() => {
          const certificate = parseCertificate(changed)
          checkCertificate(certificate)
          publicKeyOf(certificate)
          isIssuedBy(certificate, ca)
        })
      }),
      { numRuns: 1000 },
    )
  })
})

describe('certificate chain', () => {
  for (const one of golden.chains) {
    it(`is ${one.expected}: ${one.name}`, () => {
      const all = parsePemCertificates(trustText(one.chain))
      const picked = (one.chainCertificates ?? [...all.keys()]).flatMap((at) => all[at] ?? [])
      if (one.intermediateFrom !== undefined) {
        const [file = '', , at] = one.intermediateFrom.split(' ')
        picked.push(...parsePemCertificates(trustText(file)).slice(Number(at)))
      }
      const trcs = one.trcs.map((file) => parseTrc(trustFile(file)).trc)
      const verify = (): unknown => {
        verifyChain(chainOf(picked), trcs, Date.parse(one.time))
        return true
      }
      if (one.expected === 'valid') assert.ok(verify())
      else
        refuses(
          verify,
          /^time |expired/.test(one.name) ? 'ERR_SCION_VALIDITY' : 'ERR_SCION_UNTRUSTED',
        )
    })
  }

  for (const { file, sha256, expected } of golden.fingerprints) {
    it(`${expected === 'error' ? 'refuses' : 'reads all certificates of'} ${file}`, () => {
      if (expected === 'error') {
        refuses(() => parsePemCertificates(trustText(file)), 'ERR_SCION_MALFORMED')
        return
      }
      const hash = createHash('sha256')
      for (const { raw } of parsePemCertificates(trustText(file))) hash.update(raw)
      assert.equal(hash.digest('hex'), sha256)
    })
  }

  it('is refused when the signature of the AS certificate is altered', () => {
    const [as, ca] = parsePemCertificates(trustText('derived/ISD1-ASff00_0_111.pem'))
    assert.ok(as && ca)
    const signature = as.signature.slice()
    signature[signature.length - 1] = (signature.at(-1) ?? 0) ^ 1
    const { trc } = parseTrc(trustFile('derived/ISD1-B1-S1.trc'))
    refuses(() => {
      verifyChain(chainOf([{ ...as, signature }, ca]), [trc], Date.parse('2026-01-01T12:00:00Z'))
    }, 'ERR_SCION_UNTRUSTED')
  })
})
