import { createHash } from 'node:crypto'
import {
  ROLE_SCOPES,
  SCOPES,
  type NewToken,
  type NewTokenAnswer,
  type Role,
  type Scope,
  type TokenView,
  type UserChange,
  type UserView,
} from '@s3mp/web/api'
import { hashPassword, passwordProblem } from '@s3mp/web/http'
import type { RandomBytes } from '../clock.ts'
import { HeadendError } from '../errors.ts'
import type { TokenRow, UserRow } from '../store/people.ts'
import type { SqliteStore } from '../store/store.ts'

/** Days that a token may be good for. */
export const TOKEN_DAYS_MAX = 366
/** Characters of a token's name. */
export const TOKEN_NAME_CHARS_MAX = 64
/** Characters of a user's name. */
export const USER_NAME_CHARS_MAX = 32

/** Words that the audit log names others by. */
const RESERVED = new Set(['program', 'anybody', 'nobody', 'unknown', 'command-line'])

const DAY_MS = 86_400_000
const TOKEN_ID_BYTES = 8
const TOKEN_SECRET_BYTES = 32

/** What administration needs to be done by somebody. */
export interface Desk {
  readonly store: SqliteStore
  readonly random: RandomBytes
  readonly nowMs: number
  /** Who does it, for the audit log. */
  readonly who: string
}

/** Lets somebody in. @throws HeadendError in a sentence that says what was expected. */
export async function addUser(
  { store, random, nowMs, who }: Desk,
  user: { readonly name: string; readonly role: Role; readonly password: string },
): Promise<UserView> {
  const { name, role } = user
  if (!new RegExp(`^[a-z0-9][a-z0-9._-]{0,${USER_NAME_CHARS_MAX - 1}}$`).test(name)) {
    const form = `1 to ${USER_NAME_CHARS_MAX} small letters, digits, '.', '_' or '-'`
    throw new HeadendError('ERR_HEADEND_REQUEST', `name: expected ${form}`)
  }
  if (RESERVED.has(name)) {
    throw new HeadendError(
      'ERR_HEADEND_REQUEST',
      `name: ${name} means somebody else in the audit log`,
    )
  }
  checkPasswordForm(user.password, name)
  const password = await hashPassword(user.password, random)
  const row = store.audited(nowMs, 'user.added', name, { who, role }, () =>
    store.people.addUser({ name, role, password, createdMs: nowMs }),
  )
  return userView(row)
}

/**
 * Changes somebody's role, password, or whether she may log in, and ends her sessions.
 *
 * @throws HeadendError `ERR_HEADEND_STATE` where nobody would be left to administer.
 */
export async function changeUser(
  { store, random, nowMs, who }: Desk,
  name: string,
  change: UserChange,
): Promise<UserView> {
  needUser(store, name)
  if (change.password !== undefined) checkPasswordForm(change.password, name)
  const password =
    change.password === undefined ? undefined : await hashPassword(change.password, random)
  const details = {
    who,
    ...(change.role !== undefined && { role: change.role }),
    ...(change.disabled !== undefined && { disabled: change.disabled ? 1 : 0 }),
    ...(password !== undefined && { password: 'changed' }),
  }
  const row = store.audited(nowMs, 'user.changed', name, details, () => {
    // Asked again: the hash took a while.
    const before = needUser(store, name)
    const after = {
      ...before,
      role: change.role ?? before.role,
      disabled: change.disabled ?? before.disabled,
      password: password ?? before.password,
    }
    store.people.saveUser(after)
    if (isAdministrator(before) && store.people.administrators() === 0) {
      throw new HeadendError(
        'ERR_HEADEND_STATE',
        `user ${name}: is the last administrator; let another one in first`,
      )
    }
    for (const { id } of store.people.sessionsOf(name)) store.people.dropSession(id)
    return after
  })
  return userView(row)
}

/** Gives a program a way in; the secret is in the answer and nowhere else. @throws HeadendError */
export function addToken(
  { store, random, nowMs, who }: Desk,
  { name, scopes, days }: NewToken,
  allowed: ReadonlySet<Scope> = new Set(SCOPES),
): NewTokenAnswer {
  if (name.length < 1 || name.length > TOKEN_NAME_CHARS_MAX || /\p{C}/u.test(name)) {
    const form = `1 to ${TOKEN_NAME_CHARS_MAX} printable characters`
    throw new HeadendError('ERR_HEADEND_REQUEST', `name: expected ${form}`)
  }
  if (!Number.isInteger(days) || days < 1 || days > TOKEN_DAYS_MAX) {
    throw new HeadendError('ERR_HEADEND_REQUEST', `days: expected 1 to ${TOKEN_DAYS_MAX}`)
  }
  const wanted = SCOPES.filter((scope) => scopes.includes(scope))
  // A program never administers who may ask, and nobody gives away what she has not.
  if (
    wanted.length === 0 ||
    wanted.includes('access:admin') ||
    !wanted.every((one) => allowed.has(one))
  ) {
    const known = SCOPES.filter((scope) => scope !== 'access:admin' && allowed.has(scope))
    throw new HeadendError('ERR_HEADEND_REQUEST', `scopes: expected some of ${known.join(', ')}`)
  }
  const id = Buffer.from(random(TOKEN_ID_BYTES)).toString('hex')
  const secret = Buffer.from(random(TOKEN_SECRET_BYTES)).toString('base64url')
  const token: TokenRow = {
    id,
    hash: tokenHash(secret),
    name,
    scopes: wanted,
    createdMs: nowMs,
    createdBy: who,
    expiresMs: nowMs + days * DAY_MS,
    usedMs: undefined,
  }
  store.audited(nowMs, 'token.added', name, { who, scopes: wanted.join(' '), days }, () => {
    store.people.addToken(token)
  })
  return { ...tokenView(token), secret: `s3mp_${id}_${secret}` }
}

/** Takes a token away; it counts at once. @throws HeadendError `ERR_HEADEND_NOT_FOUND`. */
export function dropToken({ store, nowMs, who }: Desk, id: string): void {
  const token = store.people.token(id)
  if (token === undefined) {
    throw new HeadendError('ERR_HEADEND_NOT_FOUND', 'token: expected one that exists, found none')
  }
  store.audited(nowMs, 'token.removed', token.name, { who }, () => {
    store.people.dropToken(id)
  })
}

/** The id and the hash of the secret in a bearer token; undefined for what is none. */
export function readToken(
  text: string,
): { readonly id: string; readonly hash: Uint8Array } | undefined {
  const [, id, secret] = /^s3mp_([0-9a-f]{16})_([\w-]{43})$/.exec(text) ?? []
  return id === undefined || secret === undefined ? undefined : { id, hash: tokenHash(secret) }
}

/** A user as others see her. */
export function userView({ name, role, disabled, createdMs, loginMs }: UserRow): UserView {
  return { name, role, disabled, createdMs, ...(loginMs !== undefined && { lastLoginMs: loginMs }) }
}

/** A token as others see it. */
export function tokenView(token: TokenRow): TokenView {
  const { id, name, scopes, createdMs, createdBy, expiresMs, usedMs } = token
  const used = usedMs !== undefined && { lastUsedMs: usedMs }
  return { id, name, scopes, createdMs, createdBy, expiresMs, ...used }
}

/** What a role may do. */
export function scopesOf(role: Role): ReadonlySet<Scope> {
  return new Set(ROLE_SCOPES[role])
}

/** @throws HeadendError `ERR_HEADEND_PASSWORD` where a password will not do. */
export function checkPasswordForm(password: string, name: string): void {
  const problem = passwordProblem(password, name)
  if (problem !== undefined) {
    throw new HeadendError('ERR_HEADEND_PASSWORD', `password: ${problem}: ${REMEDIES[problem]}`)
  }
}

const REMEDIES = {
  'too-short': 'expected at least 12 characters',
  'too-long': 'expected at most 256 characters',
  'too-plain': 'expected five different characters or more, and not the user’s name',
} as const

function needUser(store: SqliteStore, name: string): UserRow {
  const user = store.people.user(name)
  if (user !== undefined) return user
  throw new HeadendError('ERR_HEADEND_NOT_FOUND', `user: expected one that exists, found none`)
}

function isAdministrator({ role, disabled }: UserRow): boolean {
  return role === 'administrator' && !disabled
}

function tokenHash(secret: string): Uint8Array {
  return createHash('sha256').update(secret).digest()
}
