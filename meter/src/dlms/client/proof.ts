import type { KeyObject } from 'node:crypto'
import { createHash, sign, timingSafeEqual, verify } from 'node:crypto'
import { unsignedAt } from '../../bytes.ts'
import { MeterError } from '../../errors.ts'
import { SECURITY, seal } from '../ciphering.ts'
import { join } from '../encode.ts'
import type { DlmsSecurity } from './cipher.ts'

/** How a client proves who it is, and has the meter prove the same. */
export type DlmsAuthentication =
  | { readonly kind: 'none' }
  /** A password, which everybody on the line can hear. */
  | { readonly kind: 'low'; readonly password: Uint8Array }
  /** A secret that both know, mixed with challenges. */
  | { readonly kind: 'md5' | 'sha1' | 'sha256'; readonly secret: Uint8Array }
  /** The keys of the security setup. */
  | { readonly kind: 'gmac' }
  /** Signatures: P-256 in suite 1, P-384 in suite 2. */
  | { readonly kind: 'ecdsa'; readonly privateKey: KeyObject; readonly meterKey: KeyObject }

/** Bytes of the challenge that a client sends. */
export const DLMS_CHALLENGE_BYTES = 32

/** Shortest challenge that a meter may send (IEC 62056-5-3 §5.2.2.2). */
export const DLMS_CHALLENGE_BYTES_MIN = 8

/** Longest challenge that a meter may send. */
export const DLMS_CHALLENGE_BYTES_MAX = 64

/** Both challenges of an association, and what the proofs are made with. */
export interface Exchange {
  readonly authentication: Exclude<DlmsAuthentication, { kind: 'none' | 'low' }>
  readonly clientTitle: Uint8Array
  readonly serverTitle: Uint8Array
  readonly clientChallenge: Uint8Array
  readonly serverChallenge: Uint8Array
  readonly security: ProofKeys | undefined
}

/** What of a security setup goes into a proof. */
export type ProofKeys = Pick<DlmsSecurity, 'suite' | 'encryptionKey' | 'authenticationKey'>

const COUNTER_BYTES = 4

/**
 * Refuses a meter's challenge that would let it prove nothing: too short, too long, or our own sent
 * back.
 */
export function checkChallenge(challenge: Uint8Array | undefined, own: Uint8Array): Uint8Array {
  if (
    challenge === undefined ||
    challenge.length < DLMS_CHALLENGE_BYTES_MIN ||
    challenge.length > DLMS_CHALLENGE_BYTES_MAX
  ) {
    const range = `${DLMS_CHALLENGE_BYTES_MIN} to ${DLMS_CHALLENGE_BYTES_MAX}`
    throw new MeterError(
      'unauthentic',
      `challenge: expected ${range} bytes, found ${challenge?.length ?? 0}`,
    )
  }
  if (same(challenge, own)) {
    throw new MeterError('unauthentic', "challenge: expected the meter's, found our own")
  }
  return challenge.slice()
}

/**
 * What the client answers to the meter's challenge; `counter` is a number never used before, which
 * GMAC takes and the others do not look at.
 */
export function ownProof(exchange: Exchange, counter: number): Uint8Array {
  const { authentication, clientTitle, serverTitle, clientChallenge, serverChallenge } = exchange
  switch (authentication.kind) {
    case 'gmac': {
      const { security } = exchange
      if (security === undefined) throw withoutSecurity()
      return gmac(serverChallenge, security, clientTitle, counter)
    }
    case 'ecdsa': {
      const text = join(clientTitle, serverTitle, serverChallenge, clientChallenge)
      const key = { key: authentication.privateKey, dsaEncoding: 'ieee-p1363' } as const
      return new Uint8Array(sign(hashOf(exchange), text, key))
    }
    case 'sha256': {
      const { secret } = authentication
      return hash('sha256', secret, clientTitle, serverTitle, serverChallenge, clientChallenge)
    }
    case 'md5':
    case 'sha1':
      return hash(authentication.kind, serverChallenge, authentication.secret)
  }
}

/** @throws {@link MeterError} `unauthentic` when the meter's answer to our challenge is wrong. */
export function checkProof(exchange: Exchange, proof: Uint8Array): void {
  if (isProven(exchange, proof)) return
  throw new MeterError('unauthentic', 'proof: expected the answer to our challenge, found another')
}

function isProven(exchange: Exchange, proof: Uint8Array): boolean {
  const { authentication, clientTitle, serverTitle, clientChallenge, serverChallenge } = exchange
  switch (authentication.kind) {
    case 'gmac': {
      const { security } = exchange
      if (security === undefined) throw withoutSecurity()
      if (proof.length < 1 + COUNTER_BYTES) return false
      // The challenge is fresh, so the counter in it need not be watched.
      const counter = unsignedAt(proof, 1, COUNTER_BYTES)
      return same(proof, gmac(clientChallenge, security, serverTitle, counter))
    }
    case 'ecdsa': {
      const text = join(serverTitle, clientTitle, clientChallenge, serverChallenge)
      const key = { key: authentication.meterKey, dsaEncoding: 'ieee-p1363' } as const
      return verify(hashOf(exchange), text, key, proof)
    }
    case 'sha256': {
      const { secret } = authentication
      const titles = join(serverTitle, clientTitle)
      return same(proof, hash('sha256', secret, titles, clientChallenge, serverChallenge))
    }
    case 'md5':
    case 'sha1':
      return same(proof, hash(authentication.kind, clientChallenge, authentication.secret))
  }
}

/** Security control, counter and the tag over the challenge alone (IEC 62056-5-3 §5.7.7). */
function gmac(
  challenge: Uint8Array,
  security: ProofKeys,
  systemTitle: Uint8Array,
  counter: number,
): Uint8Array {
  const { suite, encryptionKey, authenticationKey } = security
  const control = suite | SECURITY.authenticated
  const keys = { encryptionKey, authenticationKey }
  const sealed = seal(challenge, { control, systemTitle, counter, ...keys })
  // What was authenticated is known to the other side and not sent.
  const head = 1 + COUNTER_BYTES
  return join(sealed.subarray(0, head), sealed.subarray(head + challenge.length))
}

function hashOf({ security }: Exchange): 'sha256' | 'sha384' {
  return security?.suite === 2 ? 'sha384' : 'sha256'
}

function hash(name: 'md5' | 'sha1' | 'sha256', ...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(
    createHash(name)
      .update(join(...parts))
      .digest(),
  )
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(one, other)
}

function withoutSecurity(): MeterError {
  return new MeterError(
    'state',
    'authentication: expected the keys of a security setup, found none',
  )
}
