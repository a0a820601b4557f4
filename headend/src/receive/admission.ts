import { looksLikeEpoch, toHex, trafficKid, type ReplayVerdict } from '@s3mp/envelope'
import { RateLimiter } from '@s3mp/web/http'
import type { Arrival } from '../transport/transport.ts'
import type { Refusal } from './refusals.ts'

/** Smallest datagram worth a look: a COSE_Encrypt0 of nothing is larger. */
export const DATAGRAM_BYTES_MIN = 40
/** Largest datagram taken: the largest epoch object, with room; traffic is below an MTU. */
export const DATAGRAM_BYTES_MAX = 2048
/** Sources whose rate is remembered; beyond it the longest silent one is forgotten. */
export const SOURCES_MAX = 65_536
/** Objects of one kid from one source opened at once: what a meter had spooled comes in a heap. */
export const TRAFFIC_BURST_MAX = 4096
/** Objects of one kid opened per second after that. */
export const TRAFFIC_RATE_MAX = 1000
/** New objects of one device taken at once, over all its kids and from wherever they seem to come. */
export const DEVICE_BURST_MAX = 8192
/** The same per second after that: what a device may take of the queue and of the disk. */
export const DEVICE_RATE_MAX = 1000
/** Datagrams without a known kid that one source may send at once: a concentrator's morning. */
export const SOURCE_BURST_MAX = 1024
/** Such datagrams per second that one source may keep up. */
export const SOURCE_RATE_MAX = 100
/** Failures (wrong kid, wrong tag, wrong signature) that one source may make at once. */
export const FAILURE_BURST_MAX = 64
/** Failures per second that one source may keep up before its epochs wait behind those of others. */
export const FAILURE_RATE_MAX = 8

/** Bits per known kid: 16 with 4 probes let 1 unknown kid in 420 through to the exact look-up. */
const BITS_PER_KID = 16
const PROBES = 4
/** Kids that the filter is sized for before it has seen any. */
export const KIDS_MIN = 4096
/** Bytes of a kid: wire format, eight random bytes an epoch. */
export const KID_BYTES = 8

/**
 * Says in a few nanoseconds that a kid is surely unknown: a Bloom filter, so that junk costs no
 * look-up in the store.
 *
 * Kids are random bytes made by enrolled devices, so the probes are cut from the kid itself, without
 * another hash. The filter doubles when it is full; its memory is two bytes a kid.
 */
export class KidFilter {
  #bits: Uint32Array
  #mask: number
  #count = 0
  #capacity: number

  constructor(expected = 0) {
    this.#capacity = KIDS_MIN
    while (this.#capacity < expected) this.#capacity *= 2
    this.#bits = new Uint32Array((this.#capacity * BITS_PER_KID) / 32)
    this.#mask = this.#capacity * BITS_PER_KID - 1
  }

  /** Kids that were added. */
  get count(): number {
    return this.#count
  }

  /** True when the filter should be built anew, larger, from the store's kids. */
  get full(): boolean {
    return this.#count >= this.#capacity
  }

  /** Remembers a kid for good. */
  add(kid: Uint8Array): void {
    for (let probe = 0; probe < PROBES; probe++) {
      const bit = this.#bit(kid, probe)
      const word = bit >>> 5
      this.#bits[word] = (this.#bits[word] ?? 0) | (1 << (bit & 31))
    }
    this.#count++
  }

  /** False: surely never added. True: probably known, look it up. */
  has(kid: Uint8Array): boolean {
    if (kid.length !== KID_BYTES) return false
    for (let probe = 0; probe < PROBES; probe++) {
      const bit = this.#bit(kid, probe)
      if (((this.#bits[bit >>> 5] ?? 0) & (1 << (bit & 31))) === 0) return false
    }
    return true
  }

  /**
   * Double hashing over the kid's two halves; the step is odd so that the probes differ. Multiplying
   * spreads every bit over the upper ones: who varies a known kid gains nothing by it.
   */
  #bit(kid: Uint8Array, probe: number): number {
    const view = new DataView(kid.buffer, kid.byteOffset, kid.byteLength)
    const [upper, lower] = [view.getUint32(0), view.getUint32(4)]
    const start = Math.imul(upper ^ (lower >>> 15), 0x9e3779b1)
    const step = Math.imul(lower ^ (upper >>> 13), 0x85ebca6b) | 1
    const mixed = (start + Math.imul(probe, step)) | 0
    return (mixed ^ (mixed >>> 15)) & this.#mask
  }
}

/** What can be said of a datagram without any key. */
export type AdmissionVerdict =
  /** An object inside an epoch: its kid decides what comes next. */
  | { readonly type: 'traffic'; readonly kid: Uint8Array }
  /** Something else of the protocol, perhaps an epoch. */
  | { readonly type: 'other' }
  /** What may open an epoch, of a source that sends or fails too much, or is made to look as if. */
  | { readonly type: 'suspect' }
  | { readonly type: 'refused'; readonly reason: 'too-small' | 'too-large' | 'rate-limited' }

/** Reasons that a stranger's datagrams are refused for; who collects them is soon not heard at all. */
const BLAMED: ReadonlySet<Refusal> = new Set<Refusal>([
  'too-small',
  'too-large',
  'truncated',
  'extended',
  'malformed',
  'not-canonical',
  'forbidden',
  'too-deep',
  'bad-field',
  'unknown-kind',
  'unknown-suite',
  'unknown-device',
  'wrong-direction',
  'wrong-recipient',
  'not-authentic',
  'bad-signature',
])

/**
 * The first look at a datagram: size, shape, rate. Costs about a microsecond and touches neither keys
 * nor the store.
 *
 * A source address can be forged by anyone, so traffic is not limited by it: a forger could silence a
 * meter in its name. Traffic is limited by kid and source together, which only those can use up who
 * see the meter's own datagrams and forge its address; not even they, where the packet proves its
 * source. What has no kid yet, and costs a key exchange, is limited by source; of a source that keeps
 * failing it is done when there is nothing better to do, and never refused outright: else a few forged
 * datagrams a second in a meter's name would keep it from ever opening an epoch.
 */
export class Admission {
  readonly #kids = new RateLimiter(
    { burst: TRAFFIC_BURST_MAX, perSecond: TRAFFIC_RATE_MAX },
    SOURCES_MAX,
  )
  readonly #devices = new RateLimiter(
    { burst: DEVICE_BURST_MAX, perSecond: DEVICE_RATE_MAX },
    SOURCES_MAX,
  )
  readonly #sources = new RateLimiter(
    { burst: SOURCE_BURST_MAX, perSecond: SOURCE_RATE_MAX },
    SOURCES_MAX,
  )
  readonly #failures = new RateLimiter(
    { burst: FAILURE_BURST_MAX, perSecond: FAILURE_RATE_MAX },
    SOURCES_MAX,
  )

  /** Judges one datagram by itself. */
  judge(arrival: Arrival, monotonicMs: number): AdmissionVerdict {
    const { bytes } = arrival
    const source = allowanceOf(arrival)
    if (bytes.length < DATAGRAM_BYTES_MIN) return { type: 'refused', reason: 'too-small' }
    if (bytes.length > DATAGRAM_BYTES_MAX) return { type: 'refused', reason: 'too-large' }
    const kid = trafficKid(bytes)
    if (kid !== undefined) return { type: 'traffic', kid }
    const allowed =
      this.#failures.allows(source, monotonicMs) && this.#sources.take(source, monotonicMs)
    if (allowed) return { type: 'other' }
    return looksLikeEpoch(bytes) ? { type: 'suspect' } : { type: 'refused', reason: 'rate-limited' }
  }

  /** Whether another object of a known kid, from this source, may be opened. */
  allowsKid(kid: Uint8Array, arrival: Arrival, monotonicMs: number): boolean {
    return this.#kids.take(`${toHex(kid)} ${allowanceOf(arrival)}`, monotonicMs)
  }

  /**
   * Whether another object of a device may be verified and stored. What was opened is the device's own,
   * but may be repeated by anybody: what the replay window does not reach is counted by itself.
   */
  allowsDevice(device: number, verdict: ReplayVerdict, monotonicMs: number): boolean {
    return this.#devices.take(`${device} ${verdict}`, monotonicMs)
  }

  /** Notes a failure of a source. */
  blame(reason: Refusal, arrival: Arrival, monotonicMs: number): void {
    if (BLAMED.has(reason)) this.#failures.take(allowanceOf(arrival), monotonicMs)
  }
}

/** A source that proves itself has an allowance of its own: nobody can use it up in its name. */
function allowanceOf({ source, isAuthentic }: Arrival): string {
  return isAuthentic === true ? `proven ${source}` : source
}
