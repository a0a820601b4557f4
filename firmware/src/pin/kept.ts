import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'

import { FirmwareError, reasonOf } from '../errors.ts'
import type { Detail } from './detail.ts'

/** Bytes of the file that keeps a PIN. */
export const KEPT_PIN_BYTES_MAX = 1024

/** A PIN that was typed and found right, and all that typing it again takes. */
export interface KeptPin {
  readonly pin: string
  readonly zeroFlashes: 0 | 10
  readonly menuSteps?: number
  /** What the meter shows once it is typed. */
  readonly shown: Detail
}

/** Keeps a proven PIN, readable by the owner of the folder only. @throws FirmwareError `identity` */
export function keepPin(file: string, kept: KeptPin): void {
  try {
    writeFileSync(file, `${JSON.stringify(kept)}\n`, { mode: 0o600 })
    chmodSync(file, 0o600)
  } catch (error) {
    throw new FirmwareError('identity', `${file}: ${reasonOf(error)}`, { cause: error })
  }
}

/**
 * The PIN that was kept; undefined where none was.
 *
 * @throws FirmwareError `malformed` where the file holds something else; its content is not repeated.
 */
export function keptPin(file: string): KeptPin | undefined {
  if (!existsSync(file)) return undefined
  let value: unknown
  try {
    value = JSON.parse(readFileSync(file, 'utf8').slice(0, KEPT_PIN_BYTES_MAX))
  } catch {
    throw wrong(file)
  }
  if (typeof value !== 'object' || value === null) throw wrong(file)
  const { pin, zeroFlashes, menuSteps, shown } = value as Readonly<Record<string, unknown>>
  const isPin = typeof pin === 'string' && /^\d{4}$/u.test(pin)
  const isZero = zeroFlashes === 0 || zeroFlashes === 10
  const isMenu = menuSteps === undefined || typeof menuSteps === 'number'
  if (!isPin || !isZero || !isMenu || typeof shown !== 'object' || shown === null) throw wrong(file)
  const { hasPower, hasDecimals } = shown as Readonly<Record<string, unknown>>
  return {
    pin,
    zeroFlashes,
    ...(menuSteps === undefined ? {} : { menuSteps }),
    shown: { hasPower: hasPower === true, hasDecimals: hasDecimals === true },
  }
}

function wrong(file: string): FirmwareError {
  const cure = 'take the file away and type the PIN again: s3mp pin DEVICE --keep FILE'
  return new FirmwareError('malformed', `${file}: expected a kept PIN; ${cure}`)
}
