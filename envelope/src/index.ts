/**
 * Sealed meter objects: records in hash chains, signed, encrypted in epochs, acknowledged.
 *
 * @packageDocumentation
 */
export { acceptEpoch, restoreEpoch } from './accept.ts'
export type { AcceptEpochOptions, EnrolledDevice, EpochHistory, EpochStanding } from './accept.ts'
export { ackBitmap, acknowledges, decodeAck, encodeAck } from './ack.ts'
export type { Ack, StreamAck } from './ack.ts'
export { equalBytes, fromHex, toHex } from './bytes.ts'
export { decodeHeadendCard, encodeHeadendCard } from './card.ts'
export type { HeadendAddresses, HeadendCard } from './card.ts'
export { decodeCbor, decodeCborPrefix, encodeCbor } from './cbor.ts'
export type { CborValue } from './cbor.ts'
export { scanCbor } from './cbor-scan.ts'
export type { CborRules } from './cbor-scan.ts'
export {
  advance,
  ChainVerifier,
  genesis,
  isRestart,
  nextLink,
  restart,
  PREV_HASH_BYTES,
  SEQ_FIRST,
} from './chain.ts'
export type { ChainState, ChainVerdict } from './chain.ts'
export type { EpochClaims } from './epoch.ts'
export { ENVELOPE_REASONS, EnvelopeError } from './errors.ts'
export type { EnvelopeReason } from './errors.ts'
export { SUITES } from './hpke.ts'
export type { Suite, SuiteId } from './hpke.ts'
export {
  decodePublicKeyFile,
  encodePublicKeyFile,
  fingerprintOf,
  publicKeyFromPem,
  publicKeyToPem,
  SoftwareSigner,
  verifyPlatform,
} from './keys.ts'
export type { PublicKeyFile } from './keys.ts'
export { isRecordKind, kindRule, KINDS, PROTOCOL_ID } from './kinds.ts'
export type { Direction, Kind, KindRule, RecordKind } from './kinds.ts'
export * from './limits.ts'
export {
  EpochIndex,
  openDatagram,
  ReceiverEpoch,
  sealAck,
  unsealDatagram,
  verifyUnsealed,
} from './open.ts'
export type { EpochFacts, LookupByKid, OpenedObject, UnsealedObject } from './open.ts'
export { EVENT_CODES, eventName, SEVERITIES } from './payload/event.ts'
export type { EventName, EventRecord, Severity } from './payload/event.ts'
export type { RecordHeader } from './payload/header.ts'
export type { HeartbeatRecord, PathStatistics, StreamRange } from './payload/heartbeat.ts'
export type { ReadingRecord, Sample } from './payload/reading.ts'
export { schemaIdOf } from './payload/schema.ts'
export type { Schema, SchemaRecord, SchemaRegister } from './payload/schema.ts'
export { SEAL_RECORDS_MAX } from './payload/seal.ts'
export type { SealRecord } from './payload/seal.ts'
export { CLOCK_STATES, decodeStatus, encodeStatus, STATUS_FLAGS } from './payload/status.ts'
export type { ClockState, Status, StatusFlag } from './payload/status.ts'
export { decimalText, unitText } from './payload/units.ts'
export {
  createPrekey,
  currentPrekey,
  decodePrekeyFile,
  encodePrekeyFile,
  prekeySpent,
  verifyPrekey,
} from './prekey.ts'
export type { Prekey, PrekeyOptions, PrekeyPair, PrekeyPolicy } from './prekey.ts'
export { decodeRecord, encodeRecord, recordHash, recordSpan } from './record.ts'
export type { DeviceRecord } from './record.ts'
export { ReplayGuard, ReplayWindow } from './replay.ts'
export type { ReplayVerdict } from './replay.ts'
export { DeviceEpoch, openEpoch, signRecord } from './seal.ts'
export type { DeviceEpochFacts, OpenEpochOptions, OpenedAck } from './seal.ts'
export { readSignedObject } from './sign1.ts'
export type { SignedObject } from './sign1.ts'
export { checkPublicKey, coseKeyOf, thumbprintOf, ueidOf, verifyPortable } from './signature.ts'
export type { PublicKey, SignatureAlgorithm, VerifySignature } from './signature.ts'
export type { RandomBytes, Signer } from './signer.ts'
export { classify, looksLikeEpoch, trafficKid } from './traffic.ts'
export type { Content, DatagramType } from './traffic.ts'
export { verifyExport, verifyRecords, verifyWebCrypto } from './verify.ts'
export type { Problem, VerifyAnyhow, VerifyOptions, VerifyReport } from './verify.ts'
export { exportHeaderLine, exportLine, parseExportHeader, parseExportLine } from './export.ts'
export type { ExportEntry, ExportHeader } from './export.ts'
export type { EvidenceProblem, Finding, StreamReport } from './verify-stream.ts'
export type { StepCode, VerifyStep } from './verify-words.ts'
