/**
 * Telegrams of electricity meters to readings.
 *
 * @packageDocumentation
 */
export { MeterError } from './errors.ts'
export type { MeterErrorCode } from './errors.ts'
export { CaptureBytes } from './capture.ts'
export { decimal } from './reading.ts'
export type {
  MeterTime,
  Protocol,
  Reading,
  ReadingFlag,
  ReadingSecurity,
  Register,
  TextEntry,
} from './reading.ts'
export { diagnoseKeys } from './dlms/doctor.ts'
export type { KeyDiagnosis, KeyVerdict } from './dlms/doctor.ts'
export { explainDlms } from './dlms/explain.ts'
export { counterName } from './dlms/replay-guard.ts'
export { diagnoseTelegram, unnamedList } from './dlms/telegram.ts'
export type { UnnamedList } from './dlms/telegram.ts'
export { OWN_LISTS_MAX, OWN_LIST_PLACES_MAX, ownLists } from './dlms/own-list.ts'
export type { OwnList } from './dlms/own-list.ts'
export type { ProtectedApdu } from './dlms/ciphering.ts'
export type { DlmsKeys } from './dlms/keys.ts'
export type { Data } from './dlms/axdr.ts'
export { DlmsClient } from './dlms/client/client.ts'
export type { DlmsAssociation, DlmsClientOptions } from './dlms/client/client.ts'
export { counterMemory, counterNameOf } from './dlms/client/cipher.ts'
export type { CounterStore, DlmsSecurity } from './dlms/client/cipher.ts'
export type { DlmsAuthentication } from './dlms/client/proof.ts'
export type { HdlcOptions } from './dlms/client/hdlc-link.ts'
export type { WrapperOptions } from './dlms/client/wrapper-link.ts'
export type { MeterClock, MeterPort } from './dlms/client/port.ts'
export type { AttributeRef, GetResult, Selection } from './dlms/client/services.ts'
export { COSEM_CLASS, readClock, readFrameCounter, readObjectList } from './dlms/client/objects.ts'
export type { CosemObject } from './dlms/client/objects.ts'
export { ScaleMemory, planOf, readMeter } from './dlms/client/read-meter.ts'
export type { MeterPlan, PlannedRegister } from './dlms/client/read-meter.ts'
export { readProfile } from './dlms/client/read-profile.ts'
export type { ProfileRequest } from './dlms/client/read-profile.ts'
export { PROTOCOLS, createDecoder } from './decoder.ts'
export type { DecoderOptions, DecoderProtocol } from './decoder.ts'
export type {
  DecoderEvent,
  DiscardedEvent,
  DiscardReason,
  ReadingEvent,
  TelegramDecoder,
} from './events.ts'
export { formatObis, obisName, parseObis } from './obis.ts'
export { printable, toHex } from './bytes.ts'
export { QUIRKS } from './quirks.ts'
export type { Quirk } from './quirks.ts'
export { MEDIA_CHANNEL_MAX, splitMedia } from './media.ts'
export type { Medium, MediumReading } from './media.ts'
export { PROFILE_ROWS_MAX, profileReadings } from './iec62056-21/profile.ts'
export type { Conversation, ConversationFailure, Framing, MeterAction } from './conversation.ts'
export { ECHO_BYTES_MAX, EchoCanceller } from './echo.ts'
export {
  HANDSHAKE_ADDRESS_LETTERS_MAX,
  HANDSHAKE_ATTEMPTS_MAX,
  HANDSHAKE_TIMES_MS,
  Handshake,
} from './iec62056-21/handshake.ts'
export type { HandshakeOptions, HandshakePurpose } from './iec62056-21/handshake.ts'
export { parseIdentification } from './iec62056-21/identification.ts'
export type { Identification, ReadoutMode } from './iec62056-21/identification.ts'
export { checkParity, withEvenParity } from './iec62056-21/seven-bit.ts'
export { RegisterSession, profileSpan } from './iec62056-21/register-session.ts'
export type { RegisterRequest, RegisterSessionOptions } from './iec62056-21/register-session.ts'
export { explainTelegram } from './explain.ts'
export { explainSml } from './sml/explain.ts'
export type { TelegramField } from './sml/explain.ts'
export { UNIT, UNIT_NONE, unitCode, unitName } from './units.ts'
export { S0_CONSTANT_MAX, S0_POWER_AGE_MS_MAX, S0_PULSE_MS_MIN, S0Counter } from './s0/counter.ts'
export type { PulseEdge, S0Counts, S0Options, S0State } from './s0/counter.ts'
export { ANONYMISE_ATTEMPTS_MAX, anonymise } from './anonymous/anonymise.ts'
export type { Anonymous, AnonymousNote } from './anonymous/anonymise.ts'
export type { ModbusEntry, ModbusType, RegisterMap } from './modbus/map.ts'
export { parseRegisterMap } from './modbus/map.ts'
export { MODBUS_MAPS } from './modbus/maps.ts'
export type { ModbusAnswer, ModbusBlock } from './modbus/plan.ts'
export { planBlocks } from './modbus/plan.ts'
export { decodeBlocks } from './modbus/value.ts'
export type { ModbusTransport } from './modbus/frame.ts'
export { ModbusPoll } from './modbus/poll.ts'
export type { ModbusPollOptions } from './modbus/poll.ts'
export { createTruth } from './truth/truth.ts'
export type { Truth, TruthVerdict } from './truth/truth.ts'
export type { TruthFinding } from './truth/finding.ts'
export { TRUTH_LIMITS } from './truth/limits.ts'
export type { TruthLimits } from './truth/limits.ts'
export type { TruthMoment, TruthTime } from './truth/time.ts'
export { ADAPTER_LINE_BYTES_MAX, AdapterStream } from './adapter/stream.ts'
export type { AdapterEvent, AdapterOptions } from './adapter/stream.ts'
export type { AdapterNote } from './adapter/line.ts'
export { decodeWmbus } from './wmbus/decode.ts'
export type { WmbusKeys, WmbusOutcome, WmbusRefusal } from './wmbus/decode.ts'
export { proposeMapping } from './mapping/propose.ts'
export type { MappingProposal } from './mapping/propose.ts'
export type { MappingSample } from './mapping/columns.ts'
export { draftList } from './mapping/draft.ts'
export type { ListDraft } from './mapping/draft.ts'
