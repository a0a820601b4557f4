import { ENVELOPE_REASONS, type EnvelopeReason } from '@s3mp/envelope'

const OWN_REASONS = [
  /** Shorter than any object of the protocol. */
  'too-small',
  /** Its source sends, or fails, more than it may. */
  'rate-limited',
  /** Its packet authenticator is wrong, stale or repeated, or the key for it is not here yet. */
  'wrong-authenticator',
  /** Nothing proves its source, which is required here. */
  'no-authenticator',
  /** The queues are full and it is of the kind that goes first. */
  'shed',
  /** Its device is revoked. */
  'revoked',
  /** The store could not write; nothing was acknowledged, the meter sends it again. */
  'store-failed',
] as const

/** Every reason for which a datagram leads to nothing; closed, counted, never told to the sender. */
export const REFUSALS = [...ENVELOPE_REASONS, ...OWN_REASONS] as const

/** One of {@link REFUSALS}. */
export type Refusal = EnvelopeReason | (typeof OWN_REASONS)[number]

/** What the receiver counts; every number only rises. */
export interface Counts {
  /** Datagrams that arrived. */
  received: number
  /** Objects decrypted. */
  opened: number
  /** Records now on disk that were not before. */
  stored: number
  /** Records that were on disk before: repeated or replayed. */
  known: number
  /** Records that contradict a stored one. */
  conflicts: number
  /** Epochs accepted, late ones too. */
  epochs: number
  /** Acknowledgements sent. */
  acks: number
  /** Prekeys sent to meters that used an unknown or ended one. */
  prekeys: number
  /** Commits. */
  commits: number
  readonly refused: Record<Refusal, number>
}

/** All zero. */
export function newCounts(): Counts {
  const refused = Object.fromEntries(REFUSALS.map((reason) => [reason, 0])) as Record<
    Refusal,
    number
  >
  return {
    received: 0,
    opened: 0,
    stored: 0,
    known: 0,
    conflicts: 0,
    epochs: 0,
    acks: 0,
    prekeys: 0,
    commits: 0,
    refused,
  }
}
