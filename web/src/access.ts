/*
 * Who may ask what: the part of the API that every server has which is not open to everybody.
 *
 * A session is a cookie (HttpOnly, SameSite=Strict) that the page never sees. Whatever changes
 * something takes `content-type: application/json` from its own origin only, which is what keeps
 * foreign pages out. Without a session every other address answers 401 `not_logged_in`; with one
 * whose role is too small, 403 `not_allowed`.
 */

/** What somebody may do; each role may also do what the ones before it may. */
export type Role = 'viewer' | 'operator' | 'administrator'

/** Roles from the smallest to the greatest. */
export const ROLES = ['viewer', 'operator', 'administrator'] as const satisfies readonly Role[]

/** How a server knows who asks: not at all, by name and password, or by the code in its log. */
export type AccessKind = 'open' | 'password' | 'code'

/** `GET /api/v1/session`: who the server takes this reader for; never refused. */
export interface SessionAnswer {
  readonly access: AccessKind
  /** Absent until somebody has logged in; on an open server nobody has to. */
  readonly user?: SessionUser
  /** When the session ends unless it is used. */
  readonly expiresMs?: number
}

/** Somebody who is logged in. */
export interface SessionUser {
  readonly name: string
  readonly role: Role
}

/**
 * `POST /api/v1/session`: logs in and answers a {@link SessionAnswer}. Refused with 401
 * `wrong_credentials`, or with 429 `too_many_attempts` and a `retry-after` header in seconds.
 * `DELETE /api/v1/session` logs out and answers a {@link SessionAnswer} without a user.
 */
export type LoginRequest =
  { readonly name: string; readonly password: string } | { readonly code: string }

/** Longest name, password or code that a server looks at. */
export const LOGIN_CHARS_MAX = 256
