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
