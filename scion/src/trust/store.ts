import { verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { IsdAs } from '../addr/isd-as.ts'
import { asOf, formatIsdAs, isdOf } from '../addr/isd-as.ts'
import type { Clock } from '../clock.ts'
import type { ChainQuery, RawChain } from '../control/trust-messages.ts'
import { ScionError } from '../errors.ts'
import { TokenBucket } from '../token-bucket.ts'
import { expTimeToMs } from '../path/expiry.ts'
import type { SignedEntry, SignedSegment, VerificationKeyId } from '../segment/codec.ts'
import { decodeKeyId } from '../segment/codec.ts'
import type { Validity } from './certificate.ts'
import { covers, isValidAt, parseCertificate, publicKeyOf } from './certificate.ts'
import type { CertificateChain } from './chain.ts'
import { chainOf, verifyChain } from './chain.ts'
import { hexOf } from './der.ts'
import type { SignedTrc, Trc, TrcId } from './trc.ts'
import { TrcStore } from './trc-store.ts'

/** Where missing trust material is fetched: a control service. */
export interface TrustMaterial {
  chains(query: ChainQuery, signal?: AbortSignal): Promise<readonly RawChain[]>
  /** A TRC in DER. */
  trc(id: TrcId, signal?: AbortSignal): Promise<Uint8Array>
}

/** How much is believed from the start. */
export interface TrustOptions {
  readonly clock: Clock
  readonly material: TrustMaterial
  /** TRCs that are trusted because the operator gave them. */
  readonly anchors: readonly SignedTrc[]
  /**
   * Whether the base TRC of an ISD without anchor is believed when it is first seen. The next time
   * it is then known; but the first time anybody on the way can make one up.
   */
  readonly firstUse?: boolean
  /** Hears of every TRC that was accepted after the start, so that it can be kept. */
  readonly onTrc?: (trc: SignedTrc) => void
}

/** Certificate chains that are kept for further segments. */
export const CHAINS_KEPT_MAX = 1024
/** How long the chains of a key are not asked for again, whatever the answer was. */
export const CHAIN_PAUSE_MS = 10_000
/**
 * Keys whose chains are asked for in one minute. A whole ISD needs fewer; segments that name keys of
 * nobody shall not keep the control service busy.
 */
export const CHAIN_QUESTIONS_PER_MINUTE_MAX = 512

interface KnownKey {
  readonly chain: CertificateChain
  readonly key: KeyObject
}

interface KeyRecord {
  /** Names of the TRCs under which the chains were verified. */
  readonly trcs: string
  readonly keys: readonly KnownKey[]
  /** Why there are none. */
  readonly failure?: ScionError
  /** On the monotonic clock: before, nobody is asked again. */
  readonly askAgainMs: number
}

/**
 * Verifies path segments: the signature of every AS, by a certificate that leads to the TRC of its
 * ISD. Certificates and newer TRCs are fetched as they are named; an update of a TRC is believed
 * only when its predecessor's voters signed it.
 */
export class TrustStore {
  readonly #clock: Clock
  readonly #material: TrustMaterial
  readonly #trcs: TrcStore
  readonly #known = new Map<string, KeyRecord>()
  /** Keys without a certificate, apart from the others: they are named by anybody. */
  readonly #unknown = new Map<string, KeyRecord>()
  readonly #questions: TokenBucket
  readonly #underWay = new Map<string, Promise<KeyRecord>>()

  /** Throws `ERR_SCION_UNTRUSTED` when an anchor contradicts itself or another. */
  constructor(options: TrustOptions) {
    this.#clock = options.clock
    this.#material = options.material
    this.#trcs = new TrcStore(options)
    const nowMs = options.clock.monotonicMs()
    this.#questions = new TokenBucket(CHAIN_QUESTIONS_PER_MINUTE_MAX, 60_000, nowMs)
  }

  /** Which TRCs count now: what was verified or refused under others has to be looked at anew. */
  standing(): string {
    return this.#trcs.standing(this.#clock.nowMs())
  }

  /** The newest TRC of every ISD. */
  trcs(): readonly Trc[] {
    return this.#trcs.newest()
  }

  /** Whether an AS is a core AS by the TRC of its ISD; undefined where that is not known. */
  isCore(isdAs: IsdAs): boolean | undefined {
    const trc = this.trcs().find(({ id }) => id.isd === isdOf(isdAs))
    return trc?.coreAses.includes(asOf(isdAs))
  }

  /**
   * Resolves when every AS of the segment signed its entry, and rejects with `ERR_SCION_UNTRUSTED`
   * and the AS when one did not, with `ERR_SCION_VALIDITY` when its TRC or certificate is not valid
   * now, or with the reason why its certificate could not be had. {@link isForgery} tells whether
   * time could change that.
   *
   * The last AS signs what all before it signed: its signature is looked at first, so that a forgery
   * costs one, whatever its length.
   */
  async verifySegment(signed: SignedSegment, signal?: AbortSignal): Promise<void> {
    const last = signed.signed.length - 1
    await this.#verifyEntry(signed, last, signal)
    const others = signed.signed.slice(0, last)
    await Promise.all(others.map((_, index) => this.#verifyEntry(signed, index, signal)))
  }

  async #verifyEntry(
    whole: SignedSegment,
    index: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const entry = whole.segment.entries[index]
    const signed = whole.signed[index]
    if (entry === undefined || signed === undefined) throw forgery('segment', 'a signature')
    const place = `entry of ${formatIsdAs(entry.isdAs)}`
    const keyId = decodeKeyId(signed.keyId)
    if (keyId.isdAs !== entry.isdAs || keyId.subjectKeyId.length === 0) {
      throw forgery(place, `its own key, found one of ${formatIsdAs(keyId.isdAs)}`)
    }
    const message = signedMessage(whole, index)
    if (message.length - signed.headerAndBody.length !== signed.associatedDataLength) {
      throw forgery(place, `${signed.associatedDataLength} bytes of associated data`)
    }
    await this.#trcs.notify(trcIdOf(keyId), signal)
    const notBeforeMs = whole.segment.timestamp * 1000
    const notAfterMs = notBeforeMs + expTimeToMs(entry.hop.expTime)
    const keys = await this.#keysFor(keyId, { notBeforeMs, notAfterMs }, signal)
    for (const { key } of keys) if (await isSigned(key, signed, message)) return
    throw forgery(place, 'a signature by its certificate, found another')
  }

  /** Verified keys whose certificate is valid for all of `validity`. */
  async #keysFor(
    keyId: VerificationKeyId,
    validity: Validity,
    signal: AbortSignal | undefined,
  ): Promise<readonly KnownKey[]> {
    const nowMs = this.#clock.nowMs()
    const trcs = this.#trcs.active(isdOf(keyId.isdAs), nowMs)
    const names = trcs.map((trc) => `${trc.id.base} ${trc.id.serial}`).join(',')
    const name = `${keyId.isdAs.toString()} ${hexOf(keyId.subjectKeyId)}`
    const usable = (record: KeyRecord | undefined): readonly KnownKey[] =>
      (record?.trcs === names ? record.keys : []).filter(
        ({ chain }) => isValidAt(chain.as, nowMs) && covers(chain.as, validity),
      )
    let record = this.#known.get(name) ?? this.#unknown.get(name)
    let keys = usable(record)
    const place = `certificate of ${formatIsdAs(keyId.isdAs)}`
    const isFresh = record?.trcs === names && this.#clock.monotonicMs() < record.askAgainMs
    if (keys.length === 0 && !isFresh) {
      record = await this.#fetch(name, names, keyId, trcs, signal)
      keys = usable(record)
    }
    if (keys.length > 0) return keys
    throw record?.failure ?? untrusted(place, 'one valid as long as the segment')
  }

  async #fetch(
    name: string,
    trcNames: string,
    keyId: VerificationKeyId,
    trcs: readonly Trc[],
    signal: AbortSignal | undefined,
  ): Promise<KeyRecord> {
    const underWay = this.#underWay.get(name)
    if (underWay !== undefined) return await underWay
    if (!this.#questions.take(this.#clock.monotonicMs())) {
      throw new ScionError(
        'ERR_SCION_TOO_LARGE',
        `certificates: at most ${CHAIN_QUESTIONS_PER_MINUTE_MAX} asked for in a minute, found more`,
      )
    }
    const promise = this.#ask(trcNames, keyId, trcs, signal)
    this.#underWay.set(name, promise)
    try {
      const found = await promise
      const before = this.#known.get(name)
      // A service that has nothing better does not make what it gave before any worse.
      const isWorse = found.keys.length === 0 && before?.trcs === trcNames
      const record = isWorse ? { ...found, keys: before.keys } : found
      this.#keep(name, record)
      return record
    } finally {
      this.#underWay.delete(name)
    }
  }

  #keep(name: string, record: KeyRecord): void {
    this.#known.delete(name)
    this.#unknown.delete(name)
    const records = record.keys.length > 0 ? this.#known : this.#unknown
    records.set(name, record)
    if (records.size <= CHAINS_KEPT_MAX) return
    const [oldest] = records.keys()
    if (oldest !== undefined) records.delete(oldest)
  }

  async #ask(
    trcNames: string,
    keyId: VerificationKeyId,
    trcs: readonly Trc[],
    signal: AbortSignal | undefined,
  ): Promise<KeyRecord> {
    const { isdAs, subjectKeyId } = keyId
    const nowMs = this.#clock.nowMs()
    // All that are valid now: which of them covers a segment is seen later, once for all segments.
    const query = { isdAs, subjectKeyId, sinceMs: nowMs, untilMs: nowMs }
    const raw = await this.#material.chains(query, signal)
    const keys: KnownKey[] = []
    const reasons: ScionError[] = []
    for (const one of raw) {
      try {
        const chain = chainOf([parseCertificate(one.as.slice()), parseCertificate(one.ca.slice())])
        checkIsFor(chain, isdAs, subjectKeyId)
        verifyChain(chain, trcs, nowMs)
        keys.push({ chain, key: publicKeyOf(chain.as) })
      } catch (error) {
        if (!(error instanceof ScionError)) throw error
        reasons.push(error)
      }
    }
    const askAgainMs = this.#clock.monotonicMs() + CHAIN_PAUSE_MS
    if (keys.length > 0) return { trcs: trcNames, keys, askAgainMs }
    const found = reasons.map(({ message }) => message).join('; ') || 'none'
    const isUntimely = reasons.length > 0 && reasons.every(({ code }) => code === 'ERR_SCION_VALIDITY') // prettier-ignore
    const failure = new ScionError(
      isUntimely ? 'ERR_SCION_VALIDITY' : 'ERR_SCION_UNTRUSTED',
      `certificate of ${formatIsdAs(isdAs)}: one that leads to the TRC of its ISD, found ${found}`,
    )
    return { trcs: trcNames, keys, failure, askAgainMs }
  }
}

function trcIdOf(keyId: VerificationKeyId): TrcId {
  const { trcBase, trcSerial } = keyId
  const ceiling = BigInt(Number.MAX_SAFE_INTEGER)
  if (trcBase > ceiling || trcSerial > ceiling) throw forgery('key', 'a TRC that can exist')
  return { isd: isdOf(keyId.isdAs), base: Number(trcBase), serial: Number(trcSerial) }
}

function checkIsFor(chain: CertificateChain, isdAs: IsdAs, subjectKeyId: Uint8Array): void {
  const found = chain.as.subjectKeyId ?? new Uint8Array(0)
  if (chain.isdAs !== isdAs || hexOf(found) !== hexOf(subjectKeyId)) {
    throw untrusted('chain', `the one asked for, found one of ${formatIsdAs(chain.isdAs)}`)
  }
}

/** What an entry signs: itself, the segment's information, and all entries and signatures before. */
function signedMessage({ segmentInfo, signed }: SignedSegment, index: number): Uint8Array {
  const own = signed[index]?.headerAndBody ?? segmentInfo.subarray(0, 0)
  const before = signed.slice(0, index)
  const parts = [
    own,
    segmentInfo,
    ...before.flatMap(({ headerAndBody, signature }) => [headerAndBody, signature]),
  ]
  const message = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    message.set(part, at)
    at += part.length
  }
  return message
}

/** Verified on the thread pool: the signatures of a lookup are checked side by side. */
function isSigned(key: KeyObject, signed: SignedEntry, message: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    const options = { key, dsaEncoding: 'der' } as const
    verify(signed.hash, message, options, signed.signature, (error, isRight) => {
      resolve(error === null && isRight)
    })
  })
}

function untrusted(place: string, expected: string): ScionError {
  return new ScionError('ERR_SCION_UNTRUSTED', `${place}: ${expected}`)
}

const forgeries = new WeakSet<ScionError>()

/** Whether a segment was refused for what it is: no certificate to come and no moment cures it. */
export function isForgery(error: ScionError): boolean {
  return forgeries.has(error)
}

function forgery(place: string, expected: string): ScionError {
  const error = untrusted(place, expected)
  forgeries.add(error)
  return error
}
