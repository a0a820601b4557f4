import type { Path } from '../path/path.ts'

/** How the selector sees a path now; `refused` is the policy's word. */
export type PathState = 'active' | 'alive' | 'probing' | 'down' | 'expired' | 'refused'

/**
 * Why a path is, or is not, the one in use.
 *
 * - `best`: lowest cost of all; `kept`: not the cheapest, but no other is proven better by enough;
 *   `only`: nothing else can be used.
 * - `outranked`: works, but the policy's order puts another before it.
 * - `slower`: works, but takes longer; `lossy`: works, but loses more; `unproven`: not enough answers yet.
 * - `silent`: packets and probes stay unanswered; `revoked`: a router reported a link of it down;
 *   `unreachable`: the own system could not hand packets to its first router; `faulty`: a router
 *   found the path itself wrong.
 * - `expired`: its hop fields have run out; `refused`: the policy forbids it.
 */
export type PathReason =
  | 'best'
  | 'kept'
  | 'only'
  | 'outranked'
  | 'slower'
  | 'lossy'
  | 'unproven'
  | 'silent'
  | 'revoked'
  | 'unreachable'
  | 'faulty'
  | 'expired'
  | 'refused'

/** Why a path counts as failed. */
export type FailureCause = 'silent' | 'revoked' | 'unreachable' | 'faulty'

/** What the selector knows of one path, for people and for metrics. */
export interface PathReport {
  readonly fingerprint: string
  readonly path: Path
  readonly state: PathState
  readonly reason: PathReason
  /** The reason as a sentence, with the numbers that it rests on. */
  readonly words: string
  /** What the choice goes by, in milliseconds: see `pathCost`. */
  readonly cost: number
  /** Its place in the policy's order, 0 the most wanted; absent where the policy orders nothing. */
  readonly preference?: number
  readonly roundTripMs?: number
  readonly jitterMs?: number
  /** Share of probes and packets without an answer, 0 … 1; absent before the first outcome. */
  readonly loss?: number
  /** Largest packet, after what routers reported. */
  readonly mtu: number
  /** Unix time in milliseconds. */
  readonly expiryMs: number
  /** Wall-clock time until which the failure is remembered. */
  readonly downUntilMs?: number
  /** Which of its links is blamed for the failure, counted from 0; absent where no link is. */
  readonly brokenLink?: number
}

/** Something that happened to the set of paths; stamped with wall-clock time. */
export type PathEvent =
  /** Traffic moves. `from` is absent for the first choice, `to` when nothing can be used. */
  | {
      readonly type: 'switched'
      readonly atMs: number
      readonly from?: string
      readonly to?: string
      readonly cause: PathReason
      readonly words: string
    }
  /** A path failed, alone or because a link of it did. */
  | {
      readonly type: 'failed'
      readonly atMs: number
      readonly fingerprint: string
      readonly cause: FailureCause
      readonly untilMs: number
    }
  /** A failed path answered again. */
  | { readonly type: 'recovered'; readonly atMs: number; readonly fingerprint: string }
  /** A lookup brought a new set. */
  | {
      readonly type: 'offered'
      readonly atMs: number
      readonly known: number
      readonly added: readonly string[]
      readonly dropped: readonly string[]
    }
  /** Something unproven said that a path is broken: it is probed, no traffic moves. */
  | { readonly type: 'hint'; readonly atMs: number; readonly fingerprint: string }
