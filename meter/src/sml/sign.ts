import { parseObis } from '../obis.ts'
import type { ReadingFlag } from '../reading.ts'
import { QUIRKS, mayHave } from '../quirks.ts'

/** Which way energy flows, seen from the grid's meter: `import` is consumption. */
export type Direction = 'import' | 'export'

/** The sum of all phases, or one of them. */
export type Phase = 0 | 1 | 2 | 3

/** What kind of power a register is, as far as its sign is concerned. */
export interface PowerRole {
  /** `net` is signed, `amount` is |P|, the others count one direction only. */
  readonly kind: 'net' | 'amount' | 'import' | 'export'
  readonly phase: Phase
}

/** Roles kept ready; the codes themselves are bounded by the OBIS cache of a real meter. */
export const POWER_ROLES_MAX = 1_024

const roles = new Map<string, PowerRole | undefined>()

const KINDS: Readonly<Record<number, PowerRole['kind']>> = {
  1: 'import',
  2: 'export',
  15: 'amount',
  16: 'net',
}

/** The role of a register, undefined for all that is no momentary active power. */
export function powerRole(obis: string): PowerRole | undefined {
  const known = roles.get(obis)
  if (known !== undefined || roles.has(obis)) return known
  const role = roleOf(obis)
  if (roles.size < POWER_ROLES_MAX) roles.set(obis, role)
  return role
}

function roleOf(obis: string): PowerRole | undefined {
  const [a, , c = 0, d, , f] = parseObis(obis) ?? []
  if (a !== 1 || d !== 7 || f !== 255) return undefined
  const phase = Math.floor(c / 20)
  const kind = KINDS[c % 20]
  if (kind === undefined) return undefined
  return phase === 0 || phase === 1 || phase === 2 || phase === 3 ? { kind, phase } : undefined
}

const FNN_LOW_BYTE = 0x04n
const FNN_EXPORT_BIT = 11n
const EDL21_EXPORT_BIT = 5n

/** Whether a status word is the FNN basic meter's (low byte 04), not the older EDL21 one. */
export function isFnnStatus(status: bigint): boolean {
  return (status & 0xffn) === FNN_LOW_BYTE
}

/**
 * The direction that a status word tells: FNN has a bit for the sum and one a phase, EDL21 one for
 * the sum alone.
 */
export function statusDirection(status: bigint, phase: Phase): Direction | undefined {
  const fnn = isFnnStatus(status)
  if (!fnn && phase !== 0) return undefined
  const bit = fnn ? FNN_EXPORT_BIT + BigInt(phase) : EDL21_EXPORT_BIT
  return ((status >> bit) & 1n) === 1n ? 'export' : 'import'
}

/** A net power as it stood on the wire, with what is known beside it. */
export interface WirePower {
  readonly digits: bigint
  /** Bytes of the field. */
  readonly width: number
  readonly signed: boolean
  readonly phase: Phase
  readonly status: bigint | undefined
  readonly maker: string | undefined
  /** Whether the meter counts both directions, so that a sign is to be expected. */
  readonly twoWay: boolean
  /** Energy registers have proven a negative sign of this meter right before. */
  readonly wireSignHolds: boolean
}

/** A net power as it is believed to be. */
export interface SignVerdict {
  readonly digits: bigint
  readonly flag: ReadingFlag | undefined
}

const INT16_BYTES = 2
const INT16_SPAN = 65_536n

/**
 * Brings value and status word together: where they agree nothing happens; where a known quirk
 * explains the difference it is repaired and flagged; else the value stays and the doubt is told.
 */
export function judgeSign(power: WirePower): SignVerdict {
  const { digits, status } = power
  if (digits === 0n) return { digits, flag: undefined }
  const says = status === undefined ? undefined : statusDirection(status, power.phase)
  if (status === undefined || says === undefined) {
    const unknown = !power.signed && power.twoWay
    return { digits, flag: unknown ? 'sign-unknown' : undefined }
  }
  const shows = digits < 0n ? 'export' : 'import'
  if (shows === says) return { digits, flag: undefined }
  if (says === 'import') {
    return wrapped(power, status)
      ? { digits: digits + INT16_SPAN, flag: 'sign-repaired-int16' }
      : { digits, flag: 'sign-doubt' }
  }
  return unsigned(power, status)
    ? { digits: -digits, flag: 'sign-from-status' }
    : { digits, flag: 'sign-doubt' }
}

function wrapped(power: WirePower, status: bigint): boolean {
  return (
    power.signed &&
    power.width === INT16_BYTES &&
    isFnnStatus(status) &&
    mayHave(QUIRKS.int16Power, power.maker) &&
    !power.wireSignHolds
  )
}

function unsigned(power: WirePower, status: bigint): boolean {
  return !power.signed || (!isFnnStatus(status) && mayHave(QUIRKS.unsignedPower, power.maker))
}
