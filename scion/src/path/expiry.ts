import { ScionError } from '../errors.ts'
import { byteAt, u32At } from '../reader.ts'
import { PATH_TYPE } from './dataplane.ts'
import type { DataplanePath } from './dataplane.ts'
import { EPIC_PREFIX_BYTES } from './epic.ts'
import { HOP_FIELD_BYTES } from './fields.ts'
import { hopOffset, infoOffset, pathMeta } from './standard.ts'

/** What one step of ExpTime is worth: a 256th of a day. */
export const EXP_TIME_UNIT_MS = 337_500

/** How long a hop field with this ExpTime is valid after the timestamp of its segment. */
export function expTimeToMs(expTime: number): number {
  return (expTime + 1) * EXP_TIME_UNIT_MS
}

/**
 * The largest ExpTime that is valid for no longer than `durationMs`; throws `ERR_SCION_TOO_LARGE`
 * below one unit (5 min 37.5 s) and above a day.
 */
export function msToExpTime(durationMs: number): number {
  const units = Math.floor(durationMs / EXP_TIME_UNIT_MS)
  if (!(units >= 1 && durationMs <= 256 * EXP_TIME_UNIT_MS)) {
    throw new ScionError(
      'ERR_SCION_TOO_LARGE',
      `expTime: ${EXP_TIME_UNIT_MS} … ${256 * EXP_TIME_UNIT_MS} ms, found ${durationMs}`,
    )
  }
  return units - 1
}

/**
 * Unix time in milliseconds at which the first hop field of a path expires. Infinity for the empty
 * path; throws `ERR_SCION_UNSUPPORTED` for other types than SCION and EPIC.
 */
export function pathExpiryMs(path: DataplanePath): number {
  if (path.type === PATH_TYPE.empty) return Infinity
  if (path.type === PATH_TYPE.scion) return standardExpiryMs(path.bytes)
  if (path.type === PATH_TYPE.epic) return standardExpiryMs(path.bytes.subarray(EPIC_PREFIX_BYTES))
  throw new ScionError('ERR_SCION_UNSUPPORTED', `path.type: a type with expiry, found ${path.type}`)
}

function standardExpiryMs(bytes: Uint8Array): number {
  const meta = pathMeta(bytes)
  let expiryMs = Infinity
  let at = hopOffset(meta, 0)
  for (const [index, length] of meta.segmentLengths.entries()) {
    const createdMs = length === 0 ? 0 : u32At(bytes, infoOffset(index) + 4) * 1000
    for (let hop = 0; hop < length; hop++, at += HOP_FIELD_BYTES) {
      expiryMs = Math.min(expiryMs, createdMs + expTimeToMs(byteAt(bytes, at + 1)))
    }
  }
  return expiryMs
}
