import { ScionError } from '../errors.ts'
import { byteAt } from '../reader.ts'
import { putU32 } from '../writer.ts'
import type { DataplanePath } from './dataplane.ts'
import { EMPTY_PATH, PATH_TYPE } from './dataplane.ts'
import { EPIC_PREFIX_BYTES } from './epic.ts'
import { HOP_FIELD_BYTES, INFO_FIELD_BYTES, INFO_FLAG } from './fields.ts'
import { oneHopToStandard } from './one-hop.ts'
import { hopOffset, infoOffset, pathMeta } from './standard.ts'

/**
 * The same way back, in a new array: segments, info fields and hop fields in reverse order and the
 * construction direction flag of each segment flipped. SegIDs stay: a packet that arrived carries
 * those that the way back needs. CurrINF and CurrHF are mirrored, so that a router on the way can
 * reverse as well; at the destination they become 0.
 */
export function reverseStandardPath(bytes: Uint8Array): Uint8Array {
  const meta = pathMeta(bytes)
  const reversed = new Uint8Array(bytes.length)
  const [a, b, c] = meta.segmentLengths
  const lengths = meta.infoCount === 3 ? [c, b, a] : meta.infoCount === 2 ? [b, a, 0] : [a, 0, 0]
  const [x = 0, y = 0, z = 0] = lengths
  const currInf = meta.infoCount - 1 - meta.currInf
  const currHf = meta.hopCount - 1 - meta.currHf
  putU32(reversed, 0, (currInf << 30) | (currHf << 24) | (x << 12) | (y << 6) | z)
  for (let index = 0; index < meta.infoCount; index++) {
    const from = infoOffset(meta.infoCount - 1 - index)
    const to = infoOffset(index)
    reversed.set(bytes.subarray(from, from + INFO_FIELD_BYTES), to)
    reversed[to] = byteAt(bytes, from) ^ INFO_FLAG.consDir
  }
  for (let index = 0; index < meta.hopCount; index++) {
    const from = hopOffset(meta, meta.hopCount - 1 - index)
    reversed.set(bytes.subarray(from, from + HOP_FIELD_BYTES), hopOffset(meta, index))
  }
  return reversed
}

/**
 * The path on which a host answers a packet that it received: reversed, starting at its first hop.
 * An EPIC packet is answered on its inner SCION path. Throws `ERR_SCION_PATH` for a path that does
 * not end here (CurrHF is not at its last hop) and `ERR_SCION_UNSUPPORTED` for an unknown type.
 */
export function replyPath(received: DataplanePath): DataplanePath {
  switch (received.type) {
    case PATH_TYPE.empty:
      if (received.bytes.length !== 0) {
        throw new ScionError('ERR_SCION_MALFORMED', 'path.length: 0 for the empty path')
      }
      return EMPTY_PATH
    case PATH_TYPE.scion:
      return replyStandard(received.bytes)
    case PATH_TYPE.epic:
      return replyStandard(received.bytes.subarray(EPIC_PREFIX_BYTES))
    case PATH_TYPE.oneHop:
      return replyStandard(oneHopToStandard(received.bytes))
    default:
      throw new ScionError('ERR_SCION_UNSUPPORTED', `path.type: 0 … 3, found ${received.type}`)
  }
}

function replyStandard(bytes: Uint8Array): DataplanePath {
  const meta = pathMeta(bytes)
  if (meta.currHf !== meta.hopCount - 1 || meta.currInf !== meta.infoCount - 1) {
    throw new ScionError(
      'ERR_SCION_PATH',
      `path.currHf: last hop ${meta.hopCount - 1} of a received packet, found ${meta.currHf}`,
    )
  }
  return { type: PATH_TYPE.scion, bytes: reverseStandardPath(bytes) }
}
