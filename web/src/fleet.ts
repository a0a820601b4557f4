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
  'firmware',
] as const

/** One of {@link DEVICE_SORTS}. */
export type DeviceSort = (typeof DEVICE_SORTS)[number]

/**
 * What a list can be narrowed to: devices with an alarm in the last 24 hours; active ones unheard for
 * an hour; with missing slots today; whose clock is not synchronised; whose spool is half full.
 */
export const DEVICE_TROUBLES = ['alarms', 'silent', 'gaps', 'clock', 'spool'] as const

/** One of {@link DEVICE_TROUBLES}. */
export type DeviceTrouble = (typeof DEVICE_TROUBLES)[number]

/** How many devices there are of each kind, in the whole fleet. */
export interface FleetCounts {
  readonly all: number
  readonly active: number
  readonly quarantined: number
  readonly revoked: number
  /** With an alarm in the last 24 hours. */
  readonly alarms: number
  /** Active, and unheard for an hour. */
  readonly silent: number
}

/**
 * Parameters of `GET /api/v1/devices`. `offset` counts from the first in the order asked for, so that
 * a list of ten thousand can be looked into anywhere; `total` in the answer counts what fits.
 */
export interface DevicesQuestion {
  /** Part of name, meter's number or identity, whatever the case. */
  readonly query?: string
  readonly state?: DeviceState
  readonly trouble?: DeviceTrouble
  readonly sort?: DeviceSort
  readonly order?: 'up' | 'down'
  readonly offset?: number
  readonly limit?: number
}

/** Characters of the reason that goes into the audit log with each action. */
export const REASON_CHARS_MAX = 500

/**
 * `POST /api/v1/devices/{device}/confirmation` with a {@link ConfirmationRequest}, and
 * `POST /api/v1/devices/confirmation` with an {@link EnrolmentPreview}: what is about to be done, to be
 * shown, and the token without which it is not done. It holds for two minutes, for who asked, and as
 * long as the device's state is what it was.
 */
export interface Confirmation {
  readonly confirm: string
  readonly expiresMs: number
  readonly device: string
  /** Of the device's key, in groups of four: compare it with the label before enrolling. */
  readonly fingerprint: string
  /** What the device is called now; absent where it is not enrolled yet. */
  readonly name?: string
  /** Its state now. */
  readonly state?: DeviceState
}

/** What is to become of a device. */
export interface ConfirmationRequest {
  readonly state: DeviceState
}

/** Whose enrolment is to be confirmed. */
export interface EnrolmentPreview {
  readonly publicKey: string
}

/**
 * `POST /api/v1/devices/{device}/state` (operator; `revoked`: administrator, and for good): answers
 * the Device. The audit log keeps who did it and why. 409 `conflict` where `confirm` does not, or no
 * longer, fit.
 */
export interface StateChange {
  readonly state: DeviceState
  readonly reason: string
  readonly confirm: string
}

/** `POST /api/v1/devices` (administrator): enrols a meter, answers its Device. */
export interface Enrolment {
  readonly name: string
  /** Binds the serial number to this key. */
  readonly serial?: string
  /** The public key file that `s3mp keygen` wrote, as text. */
  readonly publicKey: string
  readonly reason: string
  readonly confirm: string
}

/** One line of the audit log. */
export interface AuditLine {
  readonly id: string
  readonly atMs: number
  /** Name of the user, or `token:` and the token's name, or `command-line`. */
  readonly who: string
  /** 'device.enrolled', 'device.quarantined', 'session.refused', 'tariff.changed', … */
  readonly action: string
  /** To what: a device's id, a user's or a token's name. */
  readonly subject: string
  /** The same, where it is a device's. */
  readonly device?: string
  readonly reason?: string
}

/** `GET /api/v1/audit?device=&before=ID&limit=N` (operator): newest first. */
export interface AuditAnswer {
  /** Whether the chain of the lines shown is whole: none was changed or taken out. */
  readonly intact: boolean
  readonly lines: readonly AuditLine[]
  readonly next?: string
}
