import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, equalBytes, utf8 } from './bytes.ts'
import { encodeCbor } from './cbor.ts'
import type { EnvelopeReason } from './errors.ts'
import { PROTOCOL_ID } from './kinds.ts'
import { CHAIN_HISTORY_MAX } from './limits.ts'
import { recordHash, recordSpan, type DeviceRecord } from './record.ts'

/** Bytes of the previous record's hash that a record carries. */
export const PREV_HASH_BYTES = 16
/** The sequence number a stream begins with; 0 in an ack means "nothing yet". */
export const SEQ_FIRST = 1

/** Where a stream stands; what a device keeps on flash for each stream. */
export interface ChainState {
  readonly stream: number
  /** The sequence number of the next reading. */
  readonly nextSeq: number
  /** Full hash of the newest record, or the genesis hash. */
  readonly head: Uint8Array
}

/** A stream before its first record: its head is bound to the device and the stream number. */
export function genesis(ueid: Uint8Array, stream: number): ChainState {
  const head = sha256(concatBytes(utf8(`${PROTOCOL_ID} genesis`), encodeCbor([ueid, stream])))
  return { stream, nextSeq: SEQ_FIRST, head }
}

/** The header fields that the next record of a stream must carry. */
export function nextLink(state: ChainState): {
  readonly stream: number
  readonly seq: number
  readonly prevHash16: Uint8Array
} {
  const { stream, nextSeq, head } = state
  return { stream, seq: nextSeq, prevHash16: head.slice(0, PREV_HASH_BYTES) }
}

/** A stream whose past is lost: its next record says so by an all-zero `prevHash16`. */
export function restart(stream: number, nextSeq: number): ChainState {
  return { stream, nextSeq, head: new Uint8Array(32) }
}

/** The state after a record, given its payload bytes and the sequence numbers it takes. */
export function advance(state: ChainState, payload: Uint8Array, span = 1): ChainState {
  return { stream: state.stream, nextSeq: state.nextSeq + span, head: recordHash(payload) }
}

/** How a record stands to those before it in its stream. */
export type ChainVerdict =
  /** It follows the newest record, and carries its hash. */
  | { readonly link: 'linked' }
  /** It is the first one seen of a stream that began earlier: nothing to compare with. */
  | { readonly link: 'first' }
  /** The same record once more. */
  | { readonly link: 'repeated' }
  /**
   * The device lost its chain (an all-zero `prevHash16`) and began anew at this number; what was lost
   * before is not known, `from` to `to` is certainly missing.
   */
  | {
      readonly link: 'restarted'
      readonly code: EnvelopeReason
      readonly from: number
      readonly to: number
    }
  /** Records are missing before it. `from` and `to` are the missing sequence numbers. */
  | {
      readonly link: 'gap'
      readonly code: EnvelopeReason
      readonly from: number
      readonly to: number
    }
  /** It belongs before the newest record, into a gap or before what is remembered. */
  | { readonly link: 'reordered'; readonly code: EnvelopeReason }
  /** It contradicts a record seen before: another content in the same place, or another history. */
  | { readonly link: 'rewritten'; readonly code: EnvelopeReason; readonly seq: number }

interface Held {
  readonly hash: Uint8Array
  readonly prevHash16: Uint8Array
  readonly span: number
}

/**
 * Judges the records of one stream in the order they arrive. It remembers the last
 * {@link CHAIN_HISTORY_MAX} records, so that a late or repeated one is told from a rewritten one.
 */
export class ChainVerifier {
  readonly #ueid: Uint8Array
  readonly #stream: number
  readonly #held = new Map<number, Held>()
  #state: ChainState | undefined

  /** Without `state` the first record pushed is the start, whatever its number. */
  constructor(ueid: Uint8Array, stream: number, state?: ChainState) {
    this.#ueid = ueid
    this.#stream = stream
    this.#state = state
  }

  /** Where the stream stands; undefined before the first record. */
  get state(): ChainState | undefined {
    return this.#state
  }

  /** Takes a record and its payload bytes; the caller has verified who made them. */
  push(record: DeviceRecord, payload: Uint8Array): ChainVerdict {
    const { seq, prevHash16 } = record
    const held = { hash: recordHash(payload), prevHash16, span: recordSpan(record) }
    const state = this.#state ?? (seq === SEQ_FIRST ? genesis(this.#ueid, this.#stream) : undefined)
    if (state === undefined) {
      this.#advance(seq, held)
      return { link: 'first' }
    }
    if (seq < state.nextSeq) return this.#judgePast(seq, held)
    this.#advance(seq, held)
    if (isRestart(prevHash16)) {
      return { link: 'restarted', code: 'chain-gap', from: state.nextSeq, to: seq - 1 }
    }
    if (seq > state.nextSeq) {
      return { link: 'gap', code: 'chain-gap', from: state.nextSeq, to: seq - 1 }
    }
    return carries(prevHash16, state.head) ? { link: 'linked' } : rewritten(seq)
  }

  #judgePast(seq: number, late: Held): ChainVerdict {
    const known = this.#held.get(seq)
    if (known !== undefined) {
      return equalBytes(known.hash, late.hash) ? { link: 'repeated' } : rewritten(seq)
    }
    for (const [otherSeq, other] of this.#held) {
      const overlaps = otherSeq < seq + late.span && seq < otherSeq + other.span
      const follows = otherSeq + other.span === seq && !carries(late.prevHash16, other.hash)
      const precedes = seq + late.span === otherSeq && !carries(other.prevHash16, late.hash)
      if (overlaps || follows || precedes) return rewritten(seq)
    }
    this.#remember(seq, late)
    return { link: 'reordered', code: 'chain-reordered' }
  }

  #advance(seq: number, held: Held): void {
    this.#state = { stream: this.#stream, nextSeq: seq + held.span, head: held.hash }
    this.#remember(seq, held)
  }

  #remember(seq: number, held: Held): void {
    this.#held.set(seq, held)
    if (this.#held.size > CHAIN_HISTORY_MAX) {
      const [oldest] = this.#held.keys()
      if (oldest !== undefined) this.#held.delete(oldest)
    }
  }
}

/** Whether a record says that its device no longer knew the record before it. */
export function isRestart(prevHash16: Uint8Array): boolean {
  return prevHash16.every((byte) => byte === 0)
}

function carries(prevHash16: Uint8Array, hash: Uint8Array): boolean {
  return equalBytes(prevHash16, hash.subarray(0, PREV_HASH_BYTES))
}

function rewritten(seq: number): ChainVerdict {
  return { link: 'rewritten', code: 'chain-rewritten', seq }
}
