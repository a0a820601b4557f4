import { ScionError } from '../errors.ts'
import type { DataplanePath } from '../path/dataplane.ts'
import { PATH_TYPE } from '../path/dataplane.ts'
import { HOP_FIELD_BYTES } from '../path/fields.ts'
import { hopOffset, pathMeta } from '../path/standard.ts'

/**
 * Whether a packet that came over `came` was sent back by somebody who had one that went over `went`:
 * the same hop fields, MACs and all, the other way round. Flags differ, for routers lower the alert.
 */
export function isWayBack(came: DataplanePath, went: DataplanePath): boolean {
  if (came.type !== went.type) return false
  if (went.type !== PATH_TYPE.scion) return came.bytes.length === went.bytes.length
  try {
    const [there, back] = [pathMeta(went.bytes), pathMeta(came.bytes)]
    if (there.hopCount !== back.hopCount || there.infoCount !== back.infoCount) return false
    for (let hop = 0; hop < there.hopCount; hop++) {
      const a = hopOffset(there, hop)
      const b = hopOffset(back, back.hopCount - 1 - hop)
      for (let index = 1; index < HOP_FIELD_BYTES; index++) {
        if (went.bytes[a + index] !== came.bytes[b + index]) return false
      }
    }
    return true
  } catch (error) {
    if (error instanceof ScionError) return false
    throw error
  }
}
