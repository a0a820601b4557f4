import { ScionError } from '../errors.ts'
import { u32At } from '../reader.ts'
import { checkUint, putU32 } from '../writer.ts'
import type { HopField, InfoField } from './fields.ts'
import {
  HOP_FIELD_BYTES,
  INFO_FIELD_BYTES,
  readHopField,
  readInfoField,
  writeHopField,
  writeInfoField,
} from './fields.ts'

/**
 * The head of a SCION path, 4 bytes; then the info fields, then the hop fields of all segments:
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +---+-----------+-----------+-----------+-----------+-----------+
 *   0 | C |  CurrHF   |    RSV    |  Seg0Len  |  Seg1Len  |  Seg2Len  |   C: CurrINF
 *     +---+-----------+-----------+-----------+-----------+-----------+
 */
export interface PathMeta {
  /** Index of the info field of the segment that the packet is on. */
  readonly currInf: number
  /** Index of the hop field that the next router uses, over all segments. */
  readonly currHf: number
  /** Hop fields in each segment; zeros at the end. */
  readonly segmentLengths: readonly [number, number, number]
  /** Number of segments and info fields, 1 … 3. */
  readonly infoCount: number
  /** Number of hop fields, 1 … 64. */
  readonly hopCount: number
}

/** A SCION path taken apart. */
export interface StandardPath {
  readonly currInf: number
  readonly currHf: number
  /** One to three segments in travel order. */
  readonly segments: readonly PathSegmentFields[]
}

/** The fields of one segment on a path, in travel order. */
export interface PathSegmentFields {
  readonly info: InfoField
  /** One to 63 hop fields. */
  readonly hops: readonly HopField[]
}

/** Length of the path meta header. */
export const PATH_META_BYTES = 4
/** Most segments on a path: up, core, down. */
export const SEGMENTS_MAX = 3
/** Most hop fields on a path, from the width of CurrHF. */
export const HOP_FIELDS_MAX = 64
const SEGMENT_HOPS_MAX = 63

/**
 * Reads and checks the path meta header, and that `bytes` hold exactly the fields that it announces.
 * CurrINF and CurrHF are only checked to be in range; whether they agree is for routers to say.
 */
export function pathMeta(bytes: Uint8Array): PathMeta {
  if (bytes.length < PATH_META_BYTES) {
    throw new ScionError('ERR_SCION_TRUNCATED', `path.meta: 4 bytes, found ${bytes.length}`)
  }
  const meta = unpackMeta(u32At(bytes, 0))
  const length = pathLength(meta.infoCount, meta.hopCount)
  if (length !== bytes.length) {
    throw new ScionError(
      length > bytes.length ? 'ERR_SCION_TRUNCATED' : 'ERR_SCION_MALFORMED',
      `path.length: ${length} bytes announced, found ${bytes.length}`,
    )
  }
  return meta
}

/** Checks a path meta header given as a number; the fields after it are not looked at. */
export function unpackMeta(word: number): PathMeta {
  const a = (word >>> 12) & 0x3f
  const b = (word >>> 6) & 0x3f
  const c = word & 0x3f
  if (a === 0 || (b === 0 && c !== 0)) {
    throw new ScionError(
      'ERR_SCION_MALFORMED',
      `path.segmentLengths: no zero before a non-zero one and not all zero, found ${a},${b},${c}`,
    )
  }
  const infoCount = c !== 0 ? 3 : b !== 0 ? 2 : 1
  const hopCount = a + b + c
  if (hopCount > HOP_FIELDS_MAX) {
    throw new ScionError(
      'ERR_SCION_TOO_LARGE',
      `path.hopCount: at most ${HOP_FIELDS_MAX}, found ${hopCount}`,
    )
  }
  const currInf = word >>> 30
  const currHf = (word >>> 24) & 0x3f
  if (currInf >= infoCount || currHf >= hopCount) {
    throw new ScionError(
      'ERR_SCION_MALFORMED',
      `path.currInf, path.currHf: below ${infoCount}, ${hopCount}, found ${currInf}, ${currHf}`,
    )
  }
  return { currInf, currHf, segmentLengths: [a, b, c], infoCount, hopCount }
}

/** Length in bytes of a path with this many fields. */
export function pathLength(infoCount: number, hopCount: number): number {
  return PATH_META_BYTES + INFO_FIELD_BYTES * infoCount + HOP_FIELD_BYTES * hopCount
}

/** Where an info field stands within the path. */
export function infoOffset(index: number): number {
  return PATH_META_BYTES + INFO_FIELD_BYTES * index
}

/** Where a hop field stands within the path. */
export function hopOffset(meta: PathMeta, index: number): number {
  return PATH_META_BYTES + INFO_FIELD_BYTES * meta.infoCount + HOP_FIELD_BYTES * index
}

/** Index of the segment that holds a hop field. */
export function segmentOfHop(meta: PathMeta, hop: number): number {
  const [a, b] = meta.segmentLengths
  return hop < a ? 0 : hop < a + b ? 1 : 2
}

/** Takes a SCION path apart; MACs alias the input. */
export function decodeStandardPath(bytes: Uint8Array): StandardPath {
  const meta = pathMeta(bytes)
  const segments: PathSegmentFields[] = []
  let at = hopOffset(meta, 0)
  for (let index = 0; index < meta.infoCount; index++) {
    const hops: HopField[] = []
    for (let hop = meta.segmentLengths[index] ?? 0; hop > 0; hop--, at += HOP_FIELD_BYTES) {
      hops.push(readHopField(bytes, at))
    }
    segments.push({ info: readInfoField(bytes, infoOffset(index)), hops })
  }
  return { currInf: meta.currInf, currHf: meta.currHf, segments }
}

/** Puts a SCION path together; throws `ScionError` for one that no router would take. */
export function encodeStandardPath(path: StandardPath): Uint8Array {
  const { segments } = path
  if (segments.length === 0 || segments.length > SEGMENTS_MAX) {
    throw new ScionError(
      'ERR_SCION_MALFORMED',
      `path.segments: 1 … ${SEGMENTS_MAX}, found ${segments.length}`,
    )
  }
  checkUint(path.currInf, SEGMENTS_MAX - 1, 'path.currInf')
  checkUint(path.currHf, HOP_FIELDS_MAX - 1, 'path.currHf')
  let word = (path.currInf << 30) | (path.currHf << 24)
  for (const [index, { hops }] of segments.entries()) {
    checkUint(hops.length, SEGMENT_HOPS_MAX, 'path.segmentLength')
    word |= hops.length << (12 - 6 * index)
  }
  const meta = unpackMeta(word >>> 0)
  const bytes = new Uint8Array(pathLength(meta.infoCount, meta.hopCount))
  putU32(bytes, 0, word)
  let at = hopOffset(meta, 0)
  for (const [index, { info, hops }] of segments.entries()) {
    writeInfoField(bytes, infoOffset(index), info)
    for (const hop of hops) {
      writeHopField(bytes, at, hop)
      at += HOP_FIELD_BYTES
    }
  }
  return bytes
}
