import type { IsdAs } from '../addr/isd-as.ts'
import { ScionError } from '../errors.ts'
import type { TrcId } from '../trust/trc.ts'
import type { ProtoField } from './protobuf.ts'
import { ProtoWriter, fieldsOf } from './protobuf.ts'

/** Which certificate chains are asked for. */
export interface ChainQuery {
  readonly isdAs: IsdAs
  readonly subjectKeyId: Uint8Array
  /** Unix milliseconds: the chain must be valid from here … */
  readonly sinceMs: number
  /** … to here. */
  readonly untilMs: number
}

/** A chain as two certificates in DER. */
export interface RawChain {
  readonly as: Uint8Array
  readonly ca: Uint8Array
}

/** Most chains in one answer. */
export const CHAINS_ANSWERED_MAX = 64

/** Writes a ChainsRequest. */
export function encodeChainsRequest(query: ChainQuery): Uint8Array {
  return new ProtoWriter()
    .varint(1, query.isdAs)
    .optionalBytes(2, query.subjectKeyId)
    .message(3, (time) => writeTimestamp(time, query.untilMs))
    .message(4, (time) => writeTimestamp(time, query.sinceMs))
    .finish()
}

/** Reads a ChainsResponse. */
export function decodeChainsResponse(message: Uint8Array): readonly RawChain[] {
  const chains: RawChain[] = []
  for (const field of fieldsOf(message, 'ChainsResponse')) {
    if (field.number !== 1) continue
    if (chains.length === CHAINS_ANSWERED_MAX) {
      throw new ScionError('ERR_SCION_CONTROL', `ChainsResponse: at most ${CHAINS_ANSWERED_MAX}`)
    }
    let [as, ca] = [message.subarray(0, 0), message.subarray(0, 0)]
    for (const one of field.fields('Chain')) {
      if (one.number === 1) as = one.bytes()
      if (one.number === 2) ca = one.bytes()
    }
    chains.push({ as, ca })
  }
  return chains
}

/** Writes a TRCRequest; base and serial 0 ask for the newest. */
export function encodeTrcRequest({ isd, base, serial }: TrcId): Uint8Array {
  return new ProtoWriter().varint(1, isd).varint(2, base).varint(3, serial).finish()
}

/** Reads a TRCResponse: the TRC in DER. */
export function decodeTrcResponse(message: Uint8Array): Uint8Array {
  for (const field of fieldsOf(message, 'TRCResponse')) {
    if (field.number === 1) return field.bytes()
  }
  throw new ScionError('ERR_SCION_CONTROL', 'TRCResponse.trc: a TRC, found none')
}

/** Writes the fields of a google.protobuf.Timestamp. */
export function writeTimestamp(writer: ProtoWriter, timeMs: number): ProtoWriter {
  const seconds = Math.floor(timeMs / 1000)
  return writer.varint(1, BigInt(seconds)).varint(2, Math.round((timeMs - seconds * 1000) * 1e6))
}

/** Reads a google.protobuf.Timestamp or Duration as milliseconds. */
export function readTimestamp(field: ProtoField): number {
  let seconds = 0n
  let nanos = 0
  for (const one of field.fields('Timestamp')) {
    if (one.number === 1) seconds = one.i64()
    if (one.number === 2) nanos = one.i32()
  }
  const timeMs = Number(seconds) * 1000 + nanos / 1e6
  if (!Number.isSafeInteger(Math.round(timeMs))) {
    throw new ScionError('ERR_SCION_CONTROL', `Timestamp: a time, found ${seconds.toString()} s`)
  }
  return timeMs
}
