/**
 * Simulated meters: a household's state, and its telegrams.
 *
 * @packageDocumentation
 */
export { Household } from './household.ts'
export type { HouseholdOptions, HouseholdState, Phases } from './household.ts'
export { SML_STYLES, encodeSml, encodeSmlBody } from './sml.ts'
export type { SmlStyle } from './sml.ts'
export { SmlWriter } from './sml-writer.ts'
export { SmlHousehold } from './sml-household.ts'
export type { Fault, SmlHouseholdOptions } from './sml-household.ts'
export { D0_STYLES, encodeD0 } from './d0.ts'
export type { D0Style } from './d0.ts'
export { DSMR_STYLES, encodeDsmr, gasLitresAt } from './dsmr.ts'
export type { DsmrStyle } from './dsmr.ts'
export { TextHousehold } from './text-household.ts'
export type { TextHouseholdOptions } from './text-household.ts'
export { withEvenParity } from '../iec62056-21/seven-bit.ts'
export { D0Meter } from './d0-meter.ts'
export type { D0MeterOptions } from './d0-meter.ts'
export type { LineMoment, LineReply, LinePeer } from './line-peer.ts'
export {
  DLMS_STYLES,
  DLMS_UNNAMED,
  encodeDlms,
  encodeNotification,
  frameApdu,
  protect,
} from './dlms.ts'
export type { DlmsProtection, DlmsStyle } from './dlms.ts'
export type { DlmsLayout } from './dlms-body.ts'
export { DlmsMeter } from './dlms-meter.ts'
export type { DlmsMeterOptions } from './dlms-meter.ts'
export type { SimulatedClient } from './dlms-application.ts'
export { DlmsHousehold } from './dlms-household.ts'
export type { DlmsHouseholdOptions } from './dlms-household.ts'
export { ModbusSlave } from './modbus-slave.ts'
export type { ModbusSlaveOptions } from './modbus-slave.ts'
export { s0Edges } from './s0-edges.ts'
export type { S0EdgesOptions } from './s0-edges.ts'
