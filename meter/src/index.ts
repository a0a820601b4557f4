/**
 * Telegrams of electricity meters to readings.
 *
 * @packageDocumentation
 */
export { MeterError } from './errors.ts'
export type { MeterErrorCode } from './errors.ts'
export { decimal } from './reading.ts'
export type { MeterTime, Protocol, Reading, ReadingFlag, Register, TextEntry } from './reading.ts'
export { createDecoder } from './decoder.ts'
export type {
  DecoderEvent,
  DecoderProtocol,
  DiscardedEvent,
  DiscardReason,
  ReadingEvent,
  TelegramDecoder,
} from './decoder.ts'
export { UNIT, UNIT_NONE, unitCode, unitName } from './units.ts'
