/** How far the device's clock can be trusted. */
export type ClockState = 'unset' | 'synced' | 'holdover' | 'suspect'

/** The clock states by their code in `status`, heartbeat and epoch. */
export const CLOCK_STATES = ['unset', 'synced', 'holdover', 'suspect'] as const

/** The code of a clock state. */
export function clockCode(state: ClockState): number {
  return CLOCK_STATES.indexOf(state)
}

/** Bits of `status` above the clock's two; those not named here are kept for later. */
export const STATUS_FLAGS = {
  /** The meter itself reports an error. */
  'meter-error': 1 << 2,
  /** The values are older than the interval: the meter was silent. */
  stale: 1 << 3,
  /** The meter or the device reports an opened cover or a magnetic field. */
  tamper: 1 << 4,
  /** Power failed since the record before. */
  'power-failure': 1 << 5,
  /** A value left the range that is plausible for it. */
  implausible: 1 << 6,
  /** The first record after a start of the device. */
  restart: 1 << 7,
  /** Readings before this one were lost before they could be sent. */
  gap: 1 << 8,
  /** Read later than the interval's tolerance allows. */
  late: 1 << 9,
  /** Not a real meter's: a simulator made it. */
  simulated: 1 << 10,
  /** Something about the values is in doubt, such as the sign of a power. */
  doubt: 1 << 11,
  /** The telegram was ciphered or came from a ciphering meter, and no tag vouched for it. */
  unauthenticated: 1 << 12,
  /** The meter's own clock contradicts the device's beyond what clocks drift. */
  'time-doubt': 1 << 13,
} as const

/** The name of a status bit. */
export type StatusFlag = keyof typeof STATUS_FLAGS

/** The state that rides in every record. */
export interface Status {
  readonly clock: ClockState
  readonly flags: readonly StatusFlag[]
}

const FLAGS = Object.entries(STATUS_FLAGS) as readonly (readonly [StatusFlag, number])[]

/** Status as the number that a record carries. */
export function encodeStatus(status: Status): number {
  return status.flags.reduce((bits, flag) => bits | STATUS_FLAGS[flag], clockCode(status.clock))
}

/** Status from the number in a record; bits without a name are passed over. */
export function decodeStatus(bits: number): Status {
  return {
    clock: CLOCK_STATES[(bits & 3) as 0 | 1 | 2 | 3],
    flags: FLAGS.filter(([, bit]) => (bits & bit) !== 0).map(([flag]) => flag),
  }
}
