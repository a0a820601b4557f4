import type { CborValue } from '../cbor.ts'
import { badField, FieldReader } from '../field.ts'
import {
  COUNTER_MAX,
  HEARTBEAT_PATHS_MAX,
  HEARTBEAT_STREAMS_MAX,
  SEQ_MAX,
  STREAM_MAX,
} from '../limits.ts'
import { checkRange, HEADER_FIELDS, headerItems, readHeader, type RecordHeader } from './header.ts'

/** What the device saw on one path since the heartbeat before. */
export interface PathStatistics {
  /** First eight bytes of the path's fingerprint. */
  readonly fingerprint8: Uint8Array
  readonly sent: number
  readonly acknowledged: number
  /** Smoothed round trip, milliseconds; 0 if never measured. */
  readonly roundTripMs: number
}

/** What the device still holds of one stream. */
export interface StreamRange {
  readonly stream: number
  /** Nothing below this will come any more, stored or lost: an ack may pass over it. */
  readonly floorSeq: number
  /** The sequence number of the next reading. */
  readonly nextSeq: number
}

/** The state of the device itself. */
export interface HeartbeatRecord extends RecordHeader {
  readonly kind: 'heartbeat'
  /** SHA-256 of the running program. */
  readonly firmwareHash: Uint8Array
  readonly bootCounter: number
  /** Seconds since the program started. */
  readonly uptimeS: number
  /** Estimated error of the clock, milliseconds; its state is in `status`. */
  readonly clockUncertaintyMs: number
  readonly spool: {
    readonly records: number
    readonly bytes: number
    readonly bytesMax: number
  }
  readonly paths: readonly PathStatistics[]
  readonly streams: readonly StreamRange[]
}

/** The payload items of a heartbeat. */
export function encodeHeartbeat(record: HeartbeatRecord): CborValue[] {
  if (record.firmwareHash.length !== 32) {
    throw badField('heartbeat.firmwareHash', '32 bytes', record.firmwareHash)
  }
  checkRange('heartbeat.paths', record.paths.length, 0, HEARTBEAT_PATHS_MAX)
  checkRange('heartbeat.streams', record.streams.length, 0, HEARTBEAT_STREAMS_MAX)
  const { records, bytes, bytesMax } = record.spool
  const counters = { bootCounter: record.bootCounter, uptimeS: record.uptimeS }
  for (const [field, value] of Object.entries({
    ...counters,
    clockUncertaintyMs: record.clockUncertaintyMs,
    ...record.spool,
  })) {
    checkRange(`heartbeat.${field}`, value, 0, COUNTER_MAX)
  }
  return [
    ...headerItems(record),
    record.firmwareHash,
    record.bootCounter,
    record.uptimeS,
    record.clockUncertaintyMs,
    [records, bytes, bytesMax],
    record.paths.map(pathItems),
    record.streams.map(streamItems),
  ]
}

/** Reads the payload of a heartbeat. */
export function decodeHeartbeat(value: CborValue): HeartbeatRecord {
  const reader = new FieldReader(value, 'heartbeat', HEADER_FIELDS + 7)
  const header = readHeader(reader)
  const firmwareHash = reader.bytes('firmwareHash', 32)
  const bootCounter = reader.uint('bootCounter', COUNTER_MAX)
  const uptimeS = reader.uint('uptimeS', COUNTER_MAX)
  const clockUncertaintyMs = reader.uint('clockUncertaintyMs', COUNTER_MAX)
  const spoolReader = new FieldReader(reader.any(), 'heartbeat.spool', 3)
  const spool = {
    records: spoolReader.uint('records', COUNTER_MAX),
    bytes: spoolReader.uint('bytes', COUNTER_MAX),
    bytesMax: spoolReader.uint('bytesMax', COUNTER_MAX),
  }
  const paths = reader.array('paths', 0, HEARTBEAT_PATHS_MAX).map(readPath)
  const streams = reader.array('streams', 0, HEARTBEAT_STREAMS_MAX).map(readRange)
  return {
    kind: 'heartbeat',
    ...header,
    firmwareHash,
    bootCounter,
    uptimeS,
    clockUncertaintyMs,
    spool,
    paths,
    streams,
  }
}

function pathItems(path: PathStatistics): CborValue[] {
  const { fingerprint8, sent, acknowledged, roundTripMs } = path
  if (fingerprint8.length !== 8) {
    throw badField('heartbeat.path.fingerprint8', '8 bytes', fingerprint8)
  }
  for (const value of [sent, acknowledged, roundTripMs]) {
    checkRange('heartbeat.path', value, 0, COUNTER_MAX)
  }
  return [fingerprint8, sent, acknowledged, roundTripMs]
}

function readPath(value: CborValue): PathStatistics {
  const reader = new FieldReader(value, 'heartbeat.path', 4)
  return {
    fingerprint8: reader.bytes('fingerprint8', 8),
    sent: reader.uint('sent', COUNTER_MAX),
    acknowledged: reader.uint('acknowledged', COUNTER_MAX),
    roundTripMs: reader.uint('roundTripMs', COUNTER_MAX),
  }
}

function streamItems({ stream, floorSeq, nextSeq }: StreamRange): CborValue[] {
  checkRange('heartbeat.stream.stream', stream, 0, STREAM_MAX)
  checkRange('heartbeat.stream.floorSeq', floorSeq, 1, SEQ_MAX)
  checkRange('heartbeat.stream.nextSeq', nextSeq, floorSeq, SEQ_MAX)
  return [stream, floorSeq, nextSeq]
}

function readRange(value: CborValue): StreamRange {
  const reader = new FieldReader(value, 'heartbeat.stream', 3)
  const stream = reader.uint('stream', STREAM_MAX)
  const floorSeq = reader.uint('floorSeq', SEQ_MAX)
  const nextSeq = reader.uint('nextSeq', SEQ_MAX)
  streamItems({ stream, floorSeq, nextSeq })
  return { stream, floorSeq, nextSeq }
}
