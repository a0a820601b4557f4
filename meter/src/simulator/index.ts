/**
 * Simulated meters: a household's state, and its telegrams.
 *
 * @packageDocumentation
 */
export { Household } from './household.ts'
export type { HouseholdOptions, HouseholdState, Phases } from './household.ts'
export { SmlHousehold, encodeSml } from './sml.ts'
export type { Fault, SmlStyle } from './sml.ts'
