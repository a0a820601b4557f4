/**
 * Every answer, body and live event of the API as a schema, and the OpenAPI documents made of them. The
 * programs that serve the pages import it; the pages never do.
 *
 * @packageDocumentation
 */
export { ERROR_CODES } from './answers.ts'
export type { HealthAnswer } from './answers.ts'
export * as bodies from './bodies.ts'
export { linkChange, policyChoice } from './network.ts'
export { DEMO_DEEDS, DEMO_SWITCHES, nothing, switchChange } from './demo.ts'
export { openApiDocument } from './document.ts'
export type { Address, DocumentAbout, Parameter } from './document.ts'
export { LAST_EVENT_ID, limit, path, query, sharedParameters } from './parameters.ts'
export { problemOf } from './problem.ts'
export { EVENT_SCHEMAS, SCHEMAS } from './schemas.ts'
export type { SchemaName } from './schemas.ts'
