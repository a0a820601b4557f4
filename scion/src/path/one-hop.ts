import { ScionError } from '../errors.ts'
import type { HopField, InfoField } from './fields.ts'
import {
  HOP_FIELD_BYTES,
  INFO_FIELD_BYTES,
  readHopField,
  readInfoField,
  writeHopField,
  writeInfoField,
} from './fields.ts'
import { PATH_META_BYTES } from './standard.ts'
import { byteAt } from '../reader.ts'
import { putU32 } from '../writer.ts'

/** A path to the neighbour: the second hop field is zero until the neighbour's router fills it. */
export interface OneHopPath {
  readonly info: InfoField
  readonly first: HopField
  readonly second: HopField
}

/** Length of a one-hop path: info field and two hop fields. */
export const ONE_HOP_PATH_BYTES = INFO_FIELD_BYTES + 2 * HOP_FIELD_BYTES

/** Takes a one-hop path apart; MACs alias the input. */
export function decodeOneHopPath(bytes: Uint8Array): OneHopPath {
  checkLength(bytes)
  return {
    info: readInfoField(bytes, 0),
    first: readHopField(bytes, INFO_FIELD_BYTES),
    second: readHopField(bytes, INFO_FIELD_BYTES + HOP_FIELD_BYTES),
  }
}

/** Puts a one-hop path together. */
export function encodeOneHopPath(path: OneHopPath): Uint8Array {
  const bytes = new Uint8Array(ONE_HOP_PATH_BYTES)
  writeInfoField(bytes, 0, path.info)
  writeHopField(bytes, INFO_FIELD_BYTES, path.first)
  writeHopField(bytes, INFO_FIELD_BYTES + HOP_FIELD_BYTES, path.second)
  return bytes
}

/**
 * A completed one-hop path as an ordinary path of one segment with two hops, standing at its last
 * hop, so that it can be reversed. Throws `ERR_SCION_PATH` while the second hop is unset.
 */
export function oneHopToStandard(bytes: Uint8Array): Uint8Array {
  checkLength(bytes)
  const second = INFO_FIELD_BYTES + HOP_FIELD_BYTES
  if (byteAt(bytes, second + 2) === 0 && byteAt(bytes, second + 3) === 0) {
    throw new ScionError('ERR_SCION_PATH', 'oneHop.second: filled in by the far router, found none')
  }
  const standard = new Uint8Array(PATH_META_BYTES + ONE_HOP_PATH_BYTES)
  putU32(standard, 0, (1 << 24) | (2 << 12))
  standard.set(bytes, PATH_META_BYTES)
  return standard
}

function checkLength(bytes: Uint8Array): void {
  if (bytes.length !== ONE_HOP_PATH_BYTES) {
    throw new ScionError(
      bytes.length < ONE_HOP_PATH_BYTES ? 'ERR_SCION_TRUNCATED' : 'ERR_SCION_MALFORMED',
      `oneHop.length: ${ONE_HOP_PATH_BYTES} bytes, found ${bytes.length}`,
    )
  }
}
