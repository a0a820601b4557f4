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
export type { DlmsKeys, ProtectedApdu } from './dlms/ciphering.ts'
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
export { subMeters } from './dsmr/sub-meters.ts'
export type { SubMeter } from './dsmr/sub-meters.ts'
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
export { explainSml } from './sml/explain.ts'
export type { TelegramField } from './sml/explain.ts'
export { UNIT, UNIT_NONE, unitCode, unitName } from './units.ts'
export { S0_CONSTANT_MAX, S0_POWER_AGE_MS_MAX, S0_PULSE_MS_MIN, S0Counter } from './s0/counter.ts'
export type { PulseEdge, S0Counts, S0Options, S0State } from './s0/counter.ts'
