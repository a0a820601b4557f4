import type { Role, Scope } from '@s3mp/web/api'
import { ROLES, SCOPES } from '@s3mp/web/api'
import type { KeptSession, SessionStore } from '@s3mp/web/http'
import { HeadendError } from '../errors.ts'
import { bytes, integer, maybeInteger, text, type Database, type Row } from './database.ts'

/** Users of one head-end. */
export const USERS_MAX = 1000
/** Tokens of one head-end. */
export const TOKENS_MAX = 1000

/** Somebody who may log in. */
export interface UserRow {
  readonly name: string
  readonly role: Role
  /** Argon2id, as a PHC string. */
  readonly password: string
  readonly disabled: boolean
  readonly createdMs: number
  readonly loginMs: number | undefined
}

/** A program's way in. */
export interface TokenRow {
  readonly id: string
  /** SHA-256 of the secret. */
  readonly hash: Uint8Array
  readonly name: string
  readonly scopes: readonly Scope[]
  readonly createdMs: number
  readonly createdBy: string
  readonly expiresMs: number
  readonly usedMs: number | undefined
}

/**
 * Users, their sessions, and tokens. Every method is one statement; whoever needs several to hold
 * together, such as the last administrator's, puts them into a transaction of the store.
 */
export class People implements SessionStore {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** The user of that name, whatever its state. */
  user(name: string): UserRow | undefined {
    const row = this.#database.get('SELECT * FROM users WHERE name = ?', name)
    return row && readUser(row)
  }

  /** All users by name; {@link USERS_MAX} at most. */
  users(): readonly UserRow[] {
    return this.#database.all('SELECT * FROM users ORDER BY name').map(readUser)
  }

  /** Adds somebody. @throws HeadendError `ERR_HEADEND_STATE` or `ERR_HEADEND_LIMIT`. */
  addUser(user: Pick<UserRow, 'name' | 'role' | 'password' | 'createdMs'>): UserRow {
    if (this.user(user.name) !== undefined) {
      throw new HeadendError('ERR_HEADEND_STATE', `user ${user.name}: there is one of that name`)
    }
    this.#checkCount('users', USERS_MAX)
    this.#database.run(
      'INSERT INTO users (name, role, password, disabled, created_ms) VALUES (?, ?, ?, 0, ?)',
      user.name,
      user.role,
      user.password,
      user.createdMs,
    )
    return { ...user, disabled: false, loginMs: undefined }
  }

  /** Writes what an administrator may change of a user. */
  saveUser({ name, role, password, disabled }: UserRow): void {
    this.#database.run(
      'UPDATE users SET role = ?, password = ?, disabled = ? WHERE name = ?',
      role,
      password,
      disabled ? 1 : 0,
      name,
    )
  }

  /** Notes when a user logged in. */
  touchUser(name: string, loginMs: number): void {
    this.#database.run('UPDATE users SET login_ms = ? WHERE name = ?', loginMs, name)
  }

  /** How many administrators can log in. */
  administrators(): number {
    const row = this.#database.get(
      "SELECT count(*) AS count FROM users WHERE role = 'administrator' AND disabled = 0",
    )
    return Number(row?.count)
  }

  session(id: string): KeptSession | undefined {
    const row = this.#database.get('SELECT * FROM sessions WHERE id = ?', id)
    return row && readSession(row)
  }

  sessionsOf(subject: string): readonly KeptSession[] {
    return this.#database
      .all('SELECT * FROM sessions WHERE subject = ? ORDER BY created_ms', subject)
      .map(readSession)
  }

  putSession({ id, subject, createdMs, usedMs }: KeptSession): void {
    this.#database.run(
      'INSERT INTO sessions (id, subject, created_ms, used_ms) VALUES (?, ?, ?, ?)',
      id,
      subject,
      createdMs,
      usedMs,
    )
  }

  touchSession(id: string, usedMs: number): void {
    this.#note('UPDATE sessions SET used_ms = ? WHERE id = ?', usedMs, id)
  }

  dropSession(id: string): void {
    this.#database.run('DELETE FROM sessions WHERE id = ?', id)
  }

  dropSessionsBefore(createdMs: number, usedMs: number): void {
    this.#database.run(
      'DELETE FROM sessions WHERE created_ms <= ? OR used_ms <= ?',
      createdMs,
      usedMs,
    )
  }

  /** The token of that id. */
  token(id: string): TokenRow | undefined {
    const row = this.#database.get('SELECT * FROM tokens WHERE id = ?', id)
    return row && readToken(row)
  }

  /** All tokens by name; {@link TOKENS_MAX} at most. */
  tokens(): readonly TokenRow[] {
    return this.#database.all('SELECT * FROM tokens ORDER BY name').map(readToken)
  }

  /** Adds a token. @throws HeadendError `ERR_HEADEND_STATE` or `ERR_HEADEND_LIMIT`. */
  addToken(token: Omit<TokenRow, 'usedMs'>): void {
    if (this.#database.get('SELECT 1 FROM tokens WHERE name = ?', token.name) !== undefined) {
      throw new HeadendError('ERR_HEADEND_STATE', `token ${token.name}: there is one of that name`)
    }
    this.#checkCount('tokens', TOKENS_MAX)
    this.#database.run(
      `INSERT INTO tokens (id, hash, name, scopes, created_ms, created_by, expires_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      token.id,
      token.hash,
      token.name,
      token.scopes.join(' '),
      token.createdMs,
      token.createdBy,
      token.expiresMs,
    )
  }

  /** Notes that a token was used. */
  touchToken(id: string, usedMs: number): void {
    this.#note('UPDATE tokens SET used_ms = ? WHERE id = ?', usedMs, id)
  }

  /** Notes a use if it can: when the disk is full is when people need to look. */
  #note(sql: string, usedMs: number, id: string): void {
    try {
      this.#database.run(sql, usedMs, id)
    } catch {
      // Without the note a session ends by rest a little sooner, and a token looks less used.
    }
  }

  /** Takes a token away. */
  dropToken(id: string): void {
    this.#database.run('DELETE FROM tokens WHERE id = ?', id)
  }

  #checkCount(table: 'users' | 'tokens', max: number): void {
    const count = Number(this.#database.get(`SELECT count(*) AS count FROM ${table}`)?.count)
    if (count < max) return
    throw new HeadendError('ERR_HEADEND_LIMIT', `${table}: expected at most ${max}`)
  }
}

function readUser(row: Row): UserRow {
  return {
    name: text(row, 'name'),
    // An unknown role, written by a later version, must not open a door.
    role: ROLES.find((role) => role === row.role) ?? 'viewer',
    password: text(row, 'password'),
    disabled: integer(row, 'disabled') !== 0,
    createdMs: integer(row, 'created_ms'),
    loginMs: maybeInteger(row, 'login_ms'),
  }
}

function readSession(row: Row): KeptSession {
  return {
    id: text(row, 'id'),
    subject: text(row, 'subject'),
    createdMs: integer(row, 'created_ms'),
    usedMs: integer(row, 'used_ms'),
  }
}

function readToken(row: Row): TokenRow {
  const named = new Set(text(row, 'scopes').split(' '))
  return {
    id: text(row, 'id'),
    hash: bytes(row, 'hash'),
    name: text(row, 'name'),
    scopes: SCOPES.filter((scope) => named.has(scope)),
    createdMs: integer(row, 'created_ms'),
    createdBy: text(row, 'created_by'),
    expiresMs: integer(row, 'expires_ms'),
    usedMs: maybeInteger(row, 'used_ms'),
  }
}
