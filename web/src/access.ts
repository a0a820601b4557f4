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
  /** What is allowed; everything on an open server. */
  readonly scopes: readonly Scope[]
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

/** `POST /api/v1/session/password`: a new password of one's own; ends one's other sessions. */
export interface PasswordChange {
  readonly current: string
  /** Refused with 400 `bad_password` and `too-short`, `too-long` or `too-plain` as the reason. */
  readonly next: string
}

/** Somebody who may log in. */
export interface UserView {
  readonly name: string
  readonly role: Role
  readonly disabled: boolean
  readonly createdMs: number
  readonly lastLoginMs?: number
}

/** `GET /api/v1/users` (administrator). `POST` a {@link NewUser} answers the new UserView. */
export interface UsersAnswer {
  readonly users: readonly UserView[]
}

/** Somebody to be let in. */
export interface NewUser {
  readonly name: string
  readonly role: Role
  readonly password: string
}

/**
 * `POST /api/v1/users/{name}` (administrator): changes what is given, ends the user's sessions, answers
 * the UserView. The last administrator who can log in stays one: 409 `conflict`.
 */
export interface UserChange {
  readonly role?: Role
  readonly disabled?: boolean
  readonly password?: string
}

/** What a program's token can be good for; a role holds all that it needs. */
export const SCOPES = [
  /** Devices, their states, health and events. */
  'devices:read',
  /** Readings, curves, counters, costs, downloads and what proves them. */
  'readings:read',
  /** Tariffs of devices. */
  'tariffs:write',
  /** Quarantine and release. */
  'devices:write',
  /** Enrol and revoke. */
  'devices:admin',
  /** The audit log. */
  'audit:read',
  /** Counters for Prometheus. */
  'metrics:read',
  /** Users and tokens; never given to a token. */
  'access:admin',
] as const

/** One of {@link SCOPES}. */
export type Scope = (typeof SCOPES)[number]

/** What each role may do. */
export const ROLE_SCOPES: Readonly<Record<Role, readonly Scope[]>> = {
  viewer: ['devices:read', 'readings:read'],
  operator: [
    'devices:read',
    'readings:read',
    'tariffs:write',
    'devices:write',
    'audit:read',
    'metrics:read',
  ],
  administrator: SCOPES,
}

/** A program's way in, without its secret. */
export interface TokenView {
  readonly id: string
  readonly name: string
  readonly scopes: readonly Scope[]
  readonly createdMs: number
  readonly createdBy: string
  readonly expiresMs: number
  readonly lastUsedMs?: number
}

/** `GET /api/v1/tokens` (administrator); `DELETE /api/v1/tokens/{id}` takes one away at once. */
export interface TokensAnswer {
  readonly tokens: readonly TokenView[]
}

/** `POST /api/v1/tokens` (administrator): answers a {@link NewTokenAnswer}. */
export interface NewToken {
  readonly name: string
  readonly scopes: readonly Scope[]
  /** 1 to 366. */
  readonly days: number
}

/** A new token: `secret` is said once, and sent as `authorization: Bearer …`. */
export interface NewTokenAnswer extends TokenView {
  readonly secret: string
}
