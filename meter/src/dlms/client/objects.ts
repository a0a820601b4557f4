import { MeterError } from '../../errors.ts'
import { formatObis, parseObis } from '../../obis.ts'
import type { MeterTime } from '../../reading.ts'
import type { Data } from '../axdr.ts'
import { decodeDateTime } from '../clock.ts'
import type { DlmsClient } from './client.ts'

/** Interface classes of the Blue Book that a reader of meters meets. */
export const COSEM_CLASS = {
  data: 1,
  register: 3,
  extendedRegister: 4,
  demandRegister: 5,
  profile: 7,
  clock: 8,
  association: 15,
} as const

/** One object of a meter, as its association lists it. */
export interface CosemObject {
  readonly classId: number
  readonly version: number
  readonly obis: string
}

/** Objects of one meter; smart meters list a few hundred. */
export const DLMS_OBJECTS_MAX = 2_048

const ASSOCIATION = { classId: COSEM_CLASS.association, obis: '0-0:40.0.0*255' }
const CLOCK = { classId: COSEM_CLASS.clock, obis: '0-0:1.0.0*255' }
const VALUE = 2
const OBIS_BYTES = 6

/**
 * All objects that the meter shows in this association (class 15, attribute 2).
 *
 * @throws {@link MeterError} as {@link DlmsClient.get}; `too-many`.
 */
export async function readObjectList(
  client: DlmsClient,
  signal?: AbortSignal,
): Promise<readonly CosemObject[]> {
  const list = await client.get({ ...ASSOCIATION, attribute: VALUE }, signal)
  if (list.type !== 'list') throw malformed('objects', 'a list', list)
  if (list.items.length > DLMS_OBJECTS_MAX) {
    const found = list.items.length
    throw new MeterError(
      'too-many',
      `objects: expected at most ${DLMS_OBJECTS_MAX}, found ${found}`,
    )
  }
  return list.items.map((item) => {
    const [classId, version, name] = item.type === 'list' ? item.items : []
    if (classId?.type !== 'number' || version?.type !== 'number' || name?.type !== 'octets') {
      throw malformed('objects', 'class, version and name', item)
    }
    return {
      classId: Number(classId.digits),
      version: Number(version.digits),
      obis: formatObis(name.bytes),
    }
  })
}

/**
 * The meter's clock (class 8, attribute 2); undefined where it is not set or says that it is wrong.
 *
 * @throws {@link MeterError} as {@link DlmsClient.get}.
 */
export async function readClock(
  client: DlmsClient,
  signal?: AbortSignal,
): Promise<MeterTime | undefined> {
  const value = await client.get({ ...CLOCK, attribute: VALUE }, signal)
  return value.type === 'octets' ? decodeDateTime(value.bytes) : undefined
}

/**
 * The last invocation counter that the meter has seen under a key: read through the public client,
 * it tells a client that lost its own where to go on (`DlmsSecurity.counterAtLeast`).
 *
 * Nothing protects the answer: who can change it can make a client skip numbers, not repeat them.
 *
 * @throws {@link MeterError} as {@link DlmsClient.get}; `malformed` for what is no counter.
 */
export async function readFrameCounter(
  client: DlmsClient,
  obis = '0-0:43.1.0*255',
  signal?: AbortSignal,
): Promise<number> {
  const value = await client.get({ classId: COSEM_CLASS.data, obis, attribute: VALUE }, signal)
  if (value.type === 'number' && value.digits >= 0n && value.digits <= 0xffff_ffffn) {
    return Number(value.digits)
  }
  throw malformed('counter', 'a number of 32 bits', value)
}

/** A name in six octets; undefined for anything else. */
export function obisIn(data: Data | undefined): string | undefined {
  if (data?.type !== 'octets' || data.bytes.length !== OBIS_BYTES) return undefined
  return formatObis(data.bytes)
}

/** Scaler and unit as attribute 3 of a register has them; undefined where it is something else. */
export function scalerUnitIn(
  data: Data | undefined,
): { readonly scaler: number; readonly unitCode: number } | undefined {
  const [scaler, unit] = data?.type === 'list' ? data.items : []
  if (scaler?.type !== 'number' || unit?.type !== 'number') return undefined
  const exponent = Number(scaler.digits)
  if (Math.abs(exponent) > 128) return undefined
  return { scaler: exponent, unitCode: Number(unit.digits) & 0xff }
}

/** Electricity, or whatever the meter measures: medium 1 to 15, no abstract object. */
export function isMeasured(obis: string): boolean {
  const [medium = 0] = parseObis(obis) ?? []
  return medium > 0 && medium < 16
}

function malformed(field: string, expected: string, found: Data): MeterError {
  return new MeterError('malformed', `${field}: expected ${expected}, found ${found.type}`)
}
