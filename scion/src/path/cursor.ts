import { ScionError } from '../errors.ts'
import { byteAt } from '../reader.ts'
import { checkUint, putU16 } from '../writer.ts'
import type { HopField, InfoField } from './fields.ts'
import { HOP_FLAG, readHopField, readInfoField } from './fields.ts'
import type { PathMeta } from './standard.ts'
import { hopOffset, infoOffset, pathMeta, segmentOfHop } from './standard.ts'

/**
 * A SCION path as a router sees it: the packet's own bytes, changed in place as the packet moves.
 * Made for the routers of a test network; a host has no use for it.
 */
export class PathCursor {
  readonly #bytes: Uint8Array
  readonly #meta: PathMeta
  #currInf: number
  #currHf: number

  /** Checks the path meta header as {@link pathMeta} does. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#meta = pathMeta(bytes)
    this.#currInf = this.#meta.currInf
    this.#currHf = this.#meta.currHf
  }

  /** Index of the segment that the packet is on. */
  get currInf(): number {
    return this.#currInf
  }

  /** Index of the hop field in use. */
  get currHf(): number {
    return this.#currHf
  }

  /** Number of segments. */
  get infoCount(): number {
    return this.#meta.infoCount
  }

  /** Number of hop fields. */
  get hopCount(): number {
    return this.#meta.hopCount
  }

  /** Hop fields in each segment; zeros at the end. */
  get segmentLengths(): readonly [number, number, number] {
    return this.#meta.segmentLengths
  }

  /** Whether CurrINF is the segment that holds CurrHF. */
  get isConsistent(): boolean {
    return segmentOfHop(this.#meta, this.#currHf) === this.#currInf
  }

  /** Whether the next hop field belongs to another segment. */
  get isCrossover(): boolean {
    const next = this.#currHf + 1
    return next < this.hopCount && segmentOfHop(this.#meta, next) !== this.#currInf
  }

  /** Whether the hop field before belongs to the segment before. */
  get isAfterCrossover(): boolean {
    return this.#currHf > 0 && segmentOfHop(this.#meta, this.#currHf - 1) === this.#currInf - 1
  }

  /** Whether one more hop field follows. */
  get isPenultimateHop(): boolean {
    return this.#currHf === this.hopCount - 2
  }

  /** Whether no hop field follows. */
  get isLastHop(): boolean {
    return this.#currHf === this.hopCount - 1
  }

  /** The info field of a segment; throws `ERR_SCION_PATH` when there is none. */
  infoField(index = this.#currInf): InfoField {
    return readInfoField(this.#bytes, infoOffset(this.#inRange(index, this.infoCount, 'currInf')))
  }

  /** A hop field; throws `ERR_SCION_PATH` when there is none. The MAC aliases the packet. */
  hopField(index = this.#currHf): HopField {
    const at = hopOffset(this.#meta, this.#inRange(index, this.hopCount, 'currHf'))
    return readHopField(this.#bytes, at)
  }

  /** Sets the SegID of a segment. */
  setSegmentId(segmentId: number, index = this.#currInf): void {
    checkUint(segmentId, 0xffff, 'info.segmentId')
    const at = infoOffset(this.#inRange(index, this.infoCount, 'currInf'))
    putU16(this.#bytes, at + 2, segmentId)
  }

  /** Folds the MAC of the current hop into the SegID: the step from one AS to the next. */
  updateSegmentId(): void {
    const { mac } = this.hopField()
    const { segmentId } = this.infoField()
    this.setSegmentId(segmentId ^ ((byteAt(mac, 0) << 8) | byteAt(mac, 1)))
  }

  /** Sets or clears a router alert flag of the current hop field. */
  setAlert(side: 'ingress' | 'egress', on: boolean): void {
    const at = hopOffset(this.#meta, this.#currHf)
    const flag = side === 'ingress' ? HOP_FLAG.ingressAlert : HOP_FLAG.egressAlert
    const flags = byteAt(this.#bytes, at)
    this.#bytes[at] = on ? flags | flag : flags & ~flag
  }

  /** Moves to the next hop field, and to its segment; throws `ERR_SCION_PATH` at the end. */
  increment(): void {
    if (this.isLastHop) {
      throw new ScionError('ERR_SCION_PATH', `path.currHf: a next hop, found the last one`)
    }
    this.#currHf++
    this.#currInf = segmentOfHop(this.#meta, this.#currHf)
    this.#bytes[0] = (this.#currInf << 6) | this.#currHf
  }

  #inRange(index: number, count: number, field: string): number {
    if (Number.isInteger(index) && index >= 0 && index < count) return index
    throw new ScionError('ERR_SCION_PATH', `path.${field}: below ${count}, found ${index}`)
  }
}
