import type { SignatureAlgorithm } from '@s3mp/envelope'
import type { EventSeverity } from './events.ts'

/**
 * What becomes of a device's records: stored and answered; stored, answered and marked for good, since
 * something is odd; refused, for good.
 */
export type DeviceState = 'active' | 'quarantined' | 'revoked'

/** An enrolled meter, as the registry has it. */
export interface DeviceRow {
  /** The store's own number of the device. */
  readonly row: number
  /** Hash of the public key: the identity. */
  readonly ueid: Uint8Array
  readonly algorithm: SignatureAlgorithm
  readonly publicKey: Uint8Array
  readonly name: string
  readonly serial: string | undefined
  readonly state: DeviceState
  readonly enrolledMs: number
  /** When the state last changed. */
  readonly changedMs: number
  /** Highest epoch number accepted; 0 before the first. */
  readonly newestEpoch: number
  readonly lastSeenMs: number | undefined
  /** Row of the newest heartbeat record. */
  readonly heartbeat: number | undefined
}

/** What is needed to take a device on. */
export interface NewDevice {
  readonly ueid: Uint8Array
  readonly algorithm: DeviceRow['algorithm']
  readonly publicKey: Uint8Array
  readonly name: string
  readonly serial?: string | undefined
  /** The card exactly as it was given. */
  readonly card: Uint8Array
}

/** An accepted epoch: what its keys are derived from again after a restart. */
export interface EpochRow {
  readonly device: number
  readonly number: number
  readonly bootCounter: number
  /** Id of the prekey it was opened to. */
  readonly prekey: Uint8Array
  readonly storedMs: number
  /** The epoch datagram exactly as received. */
  readonly bytes: Uint8Array
  /** SHA-256 of the datagram: the epoch's name. */
  readonly transcript: Uint8Array
}

/** An epoch about to be stored; its name follows from its bytes. */
export type NewEpoch = Omit<EpochRow, 'transcript'>

/** What became of an epoch that was offered to the store. */
export type EpochOutcome =
  /** It is the device's newest now. */
  | 'newest'
  /** Older than the newest, unseen until now: it opens, but is never answered under. */
  | 'late'
  /** The very same bytes are known. */
  | 'known'
  /** The number is taken by another epoch object: equivocation. */
  | 'conflict'
  /** Too far behind the newest. */
  | 'stale'

/** An event as stored: a device's own, or what the head-end noticed. */
export interface EventRow {
  readonly row: number
  readonly device: number | undefined
  readonly atMs: number
  readonly severity: EventSeverity
  readonly code: string
  readonly reason: string | undefined
  readonly details: Readonly<Record<string, string | number>>
}

/** An event about to be stored. */
export type NewEvent = Omit<EventRow, 'row'> & { readonly record?: number | undefined }
