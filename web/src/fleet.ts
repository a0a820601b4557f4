import type { DeviceState } from './api.ts'

/* What an operator asks of a fleet, and does to it. */

/** What devices can be ordered by. `alarms`: most alarms first, then what was silent longest. */
export const DEVICE_SORTS = [
  'alarms',
  'name',
  'state',
  'last',
  'completeness',
  'clock',
  'spool',
] as const

/** One of {@link DEVICE_SORTS}. */
export type DeviceSort = (typeof DEVICE_SORTS)[number]

/**
 * Parameters of `GET /api/v1/devices`. `offset` counts from the first in the order asked for, so that
 * a list of ten thousand can be looked into anywhere; `total` in the answer counts what fits.
 */
export interface DevicesQuestion {
  /** Part of name, meter's number or identity, whatever the case. */
  readonly query?: string
  readonly state?: DeviceState
  readonly sort?: DeviceSort
  readonly order?: 'up' | 'down'
  readonly offset?: number
  readonly limit?: number
}

/** Characters of the reason that goes into the audit log with each action. */
export const REASON_CHARS_MAX = 500

/**
 * `POST /api/v1/devices/{device}/state` (operator; `revoked`: administrator, and for good): answers
 * the Device. The audit log keeps who did it and why.
 */
export interface StateChange {
  readonly state: DeviceState
  readonly reason: string
}

/** `POST /api/v1/devices` (administrator): enrols a meter, answers its Device. */
export interface Enrolment {
  readonly name: string
  /** The public key file that `s3mp keygen` wrote, as text. */
  readonly publicKey: string
  readonly reason: string
}

/** One line of the audit log. */
export interface AuditLine {
  readonly id: string
  readonly atMs: number
  /** Name of the user, or `token:` and the token's name, or `command-line`. */
  readonly who: string
  /** 'device.enrolled', 'device.quarantined', 'session.refused', 'tariff.changed', … */
  readonly action: string
  readonly device?: string
  readonly reason?: string
}

/** `GET /api/v1/audit?device=&before=ID&limit=N` (operator): newest first. */
export interface AuditAnswer {
  readonly lines: readonly AuditLine[]
  readonly next?: string
}
