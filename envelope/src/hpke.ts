import {
  AEAD_ChaCha20Poly1305,
  CipherSuite,
  KDF_HKDF_SHA256,
  KEM_DHKEM_X25519_HKDF_SHA256,
  KEM_MLKEM768_X25519,
  type KEMFactory,
} from 'hpke'
import { EnvelopeError } from './errors.ts'
import type { RandomBytes } from './signer.ts'

/** Number of a suite in prekeys and epochs; a higher one is stronger. */
export type SuiteId = 1 | 2

/** What a suite is made of; all use HKDF-SHA256 and ChaCha20-Poly1305. */
export interface Suite {
  readonly id: SuiteId
  readonly name: string
  /** The COSE algorithm; private numbers, until draft-ietf-cose-hpke is an RFC. */
  readonly coseAlgorithm: number
  readonly publicKeyBytes: number
  readonly privateKeyBytes: number
  readonly encapsulationBytes: number
}

/** The suites of this version. */
export const SUITES: Readonly<Record<SuiteId, Suite>> = {
  1: {
    id: 1,
    name: 'X25519',
    coseAlgorithm: -65_537,
    publicKeyBytes: 32,
    privateKeyBytes: 32,
    encapsulationBytes: 32,
  },
  2: {
    id: 2,
    name: 'X-Wing (ML-KEM-768 with X25519)',
    coseAlgorithm: -65_538,
    publicKeyBytes: 1216,
    privateKeyBytes: 32,
    encapsulationBytes: 1120,
  },
}

/** A key pair in the serialisation of RFC 9180 §7.1.1 (for X-Wing the seed and the public key). */
export interface HpkeKeyPair {
  readonly publicKey: Uint8Array
  readonly privateKey: Uint8Array
}

/** One side of an HPKE context in base mode: one message, and the secret both sides share. */
export interface HpkeContext {
  /** The 32-byte secret exported for `context`. */
  exportSecret(context: Uint8Array): Promise<Uint8Array>
}

/** The suite with this number; throws `unknown-suite`. */
export function suiteOf(id: number): Suite {
  if (id === 1 || id === 2) return SUITES[id]
  throw new EnvelopeError('unknown-suite', `suite: ${id} is not known`)
}

/** The suite with this COSE algorithm; throws `unknown-suite`. */
export function suiteOfAlgorithm(algorithm: number): Suite {
  for (const suite of Object.values(SUITES)) {
    if (suite.coseAlgorithm === algorithm) return suite
  }
  throw new EnvelopeError('unknown-suite', `epoch.alg: ${algorithm} is not known`)
}

/** A new recipient key pair from 32 random bytes. */
export async function generateHpkeKeyPair(
  suiteId: SuiteId,
  random: RandomBytes,
): Promise<HpkeKeyPair> {
  const suite = cipherSuite(suiteId)
  const pair = await suite.DeriveKeyPair(plain(random(32)), true)
  return {
    publicKey: await suite.SerializePublicKey(pair.publicKey),
    privateKey: await suite.SerializePrivateKey(pair.privateKey),
  }
}

/**
 * Sets up a sender. With suite 1 the ephemeral key comes from `random`; X-Wing takes the platform's
 * own randomness for its encapsulation.
 */
export async function hpkeSender(
  suiteId: SuiteId,
  publicKey: Uint8Array,
  info: Uint8Array,
  random: RandomBytes,
): Promise<
  HpkeContext & {
    readonly encapsulation: Uint8Array
    seal(plaintext: Uint8Array, aad: Uint8Array): Promise<Uint8Array>
  }
> {
  const suite = cipherSuite(suiteId, random)
  const key = await guarded(
    'bad-key',
    'hpke.publicKey',
    suite.DeserializePublicKey(plain(publicKey)),
  )
  const { encapsulatedSecret, ctx } = await guarded(
    'bad-key',
    'hpke.encapsulate',
    suite.SetupSender(key, { info: plain(info) }),
  )
  return {
    encapsulation: encapsulatedSecret,
    seal: (plaintext, aad) => ctx.Seal(plain(plaintext), plain(aad)),
    exportSecret: (context) => ctx.Export(plain(context), 32),
  }
}

/** Sets up a recipient; throws `bad-key` for a private key, `not-authentic` for an encapsulation. */
export async function hpkeRecipient(
  suiteId: SuiteId,
  privateKey: Uint8Array,
  encapsulation: Uint8Array,
  info: Uint8Array,
): Promise<HpkeContext & { open(ciphertext: Uint8Array, aad: Uint8Array): Promise<Uint8Array> }> {
  const suite = cipherSuite(suiteId)
  const key = await guarded(
    'bad-key',
    'hpke.privateKey',
    suite.DeserializePrivateKey(plain(privateKey), false),
  )
  const ctx = await guarded(
    'not-authentic',
    'hpke.encapsulation',
    suite.SetupRecipient(key, plain(encapsulation), { info: plain(info) }),
  )
  return {
    open: (ciphertext, aad) =>
      guarded('not-authentic', 'hpke.ciphertext', ctx.Open(plain(ciphertext), plain(aad))),
    exportSecret: (context) => ctx.Export(plain(context), 32),
  }
}

function cipherSuite(id: SuiteId, random?: RandomBytes): CipherSuite {
  const kem = id === 1 ? KEM_DHKEM_X25519_HKDF_SHA256 : KEM_MLKEM768_X25519
  return new CipherSuite(
    random === undefined || id === 2 ? kem : withRandom(kem, random),
    KDF_HKDF_SHA256,
    AEAD_ChaCha20Poly1305,
  )
}

/** The same KEM with its ephemeral key pairs derived from given randomness (RFC 9180 §4.1). */
function withRandom(kem: KEMFactory, random: RandomBytes): KEMFactory {
  return () => {
    const base = kem()
    return {
      ...base,
      GenerateKeyPair: (extractable) => base.DeriveKeyPair(plain(random(base.Nsk)), extractable),
    }
  }
}

// WebCrypto takes views of plain buffers only; a Buffer's pool is one, but its type does not say so.
function plain(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(bytes)
}

async function guarded<T>(
  code: 'bad-key' | 'not-authentic',
  field: string,
  operation: Promise<T>,
): Promise<T> {
  try {
    return await operation
  } catch (cause) {
    throw new EnvelopeError(code, `${field}: refused`, { cause })
  }
}
