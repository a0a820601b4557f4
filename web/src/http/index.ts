/**
 * What the two servers of the project share below their own answers: the way from node's HTTP server to
 * `fetch`, security headers, sessions, passwords, limits on guessing, downloads, curves and exact costs. Runs in
 * Node only; the pages never import it.
 *
 * @packageDocumentation
 */
export { listenerFor, peerOf, refusal, REQUEST_BODY_BYTES_MAX, withPeer } from './adapter.ts'
export type { Fetcher } from './adapter.ts'
export { AttemptLimiter, networkOf } from './attempts.ts'
export { cookieName, cookieOf, sessionCookie } from './cookies.ts'
export type { SessionCookie } from './cookies.ts'
export { costSpans, readEdges } from './costs.ts'
export type { CountersAt } from './costs.ts'
export { csvLine } from './csv.ts'
export type { CsvCell, CsvStyle } from './csv.ts'
export {
  bucketWidthMs,
  drawCurve,
  newestOfBuckets,
  suitingCandidate,
  usualDistanceMs,
} from './curve.ts'
export type { CurveCandidate, CurvePoint, CurveQuestion } from './curve.ts'
export { HttpError } from './errors.ts'
export type { HttpErrorCode } from './errors.ts'
export { foreignWrite } from './foreign.ts'
export { secureHeaders, SECURITY_HEADERS } from './headers.ts'
export { mediumOf } from './media.ts'
export {
  checkPassword,
  hashPassword,
  PASSWORD_CHARS_MAX,
  PASSWORD_CHARS_MIN,
  passwordProblem,
  sameText,
} from './passwords.ts'
export { RateLimiter } from './rate.ts'
export type { Allowance } from './rate.ts'
export { clientOf, isLoopback, serveHttp } from './serve.ts'
export type { HttpOptions, HttpServer } from './serve.ts'
export {
  endOf,
  MemorySessions,
  SESSION_IDLE_MS_MAX,
  SESSION_MS_MAX,
  Sessions,
  SESSIONS_PER_SUBJECT_MAX,
} from './sessions.ts'
export type { KeptSession, SessionsOptions, SessionStore } from './sessions.ts'
export { readTariff } from './tariff.ts'
