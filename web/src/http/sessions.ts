import { createHash } from 'node:crypto'

/** How long a session may rest before it ends. */
export const SESSION_IDLE_MS_MAX = 30 * 60_000
/** How long a session lasts however much it is used. */
export const SESSION_MS_MAX = 12 * 3_600_000
/** Sessions of one subject; a further one ends the oldest. */
export const SESSIONS_PER_SUBJECT_MAX = 16
/** Sessions kept in memory by {@link MemorySessions}; a further one ends the oldest. */
export const SESSIONS_MAX = 1024
/** How old the note of a session's last use may be; saves a write a request. */
export const SESSION_TOUCH_MS_MAX = 60_000

const SECRET_BYTES = 32

/** A session as it is kept: whoever reads the store learns nothing to log in with. */
export interface KeptSession {
  /** SHA-256 of the secret, hex. */
  readonly id: string
  /** Whose it is. */
  readonly subject: string
  readonly createdMs: number
  readonly usedMs: number
}

/** Where sessions are kept; the head-end's is its database, the meter's is memory. */
export interface SessionStore {
  session(id: string): KeptSession | undefined
  /** A subject's sessions, oldest first. */
  sessionsOf(subject: string): readonly KeptSession[]
  putSession(session: KeptSession): void
  touchSession(id: string, usedMs: number): void
  dropSession(id: string): void
  /** Drops what was created, or last used, before these times. */
  dropSessionsBefore(createdMs: number, usedMs: number): void
}

/** What sessions are made with. */
export interface SessionsOptions {
  readonly store: SessionStore
  readonly random: (length: number) => Uint8Array
  readonly nowMs: () => number
}

/** Sessions of people: a random secret in a cookie, its hash in a store, an end by rest and by age. */
export class Sessions {
  readonly #options: SessionsOptions

  constructor(options: SessionsOptions) {
    this.#options = options
  }

  /** Begins a session; the secret is for the cookie and kept nowhere. */
  begin(subject: string): { readonly secret: string; readonly session: KeptSession } {
    const { store, random, nowMs } = this.#options
    const secret = Buffer.from(random(SECRET_BYTES)).toString('base64url')
    const now = nowMs()
    const session = { id: idOf(secret), subject, createdMs: now, usedMs: now }
    store.dropSessionsBefore(now - SESSION_MS_MAX, now - SESSION_IDLE_MS_MAX)
    const others = store.sessionsOf(subject)
    const tooMany = others.length - (SESSIONS_PER_SUBJECT_MAX - 1)
    for (const { id } of others.slice(0, Math.max(0, tooMany))) store.dropSession(id)
    store.putSession(session)
    return { secret, session }
  }

  /** The session of a cookie, if it still lasts; using it keeps it from resting. */
  find(secret: string | undefined): KeptSession | undefined {
    if (secret === undefined || !/^[\w-]{43}$/.test(secret)) return undefined
    return this.use(idOf(secret))
  }

  /** The session of that id, if it still lasts; using it keeps it from resting. */
  use(id: string): KeptSession | undefined {
    const { store, nowMs } = this.#options
    const session = store.session(id)
    if (session === undefined) return undefined
    const now = nowMs()
    if (now >= endOf(session)) {
      store.dropSession(session.id)
      return undefined
    }
    if (now - session.usedMs < SESSION_TOUCH_MS_MAX) return session
    store.touchSession(session.id, now)
    return { ...session, usedMs: now }
  }

  /** Ends one session. */
  end(id: string): void {
    this.#options.store.dropSession(id)
  }

  /** Ends all sessions of a subject but one. */
  endAll(subject: string, but?: string): void {
    const { store } = this.#options
    for (const { id } of store.sessionsOf(subject)) if (id !== but) store.dropSession(id)
  }
}

/** When a session ends unless it is used again. */
export function endOf({ createdMs, usedMs }: KeptSession): number {
  return Math.min(createdMs + SESSION_MS_MAX, usedMs + SESSION_IDLE_MS_MAX)
}

/** Sessions in memory, {@link SESSIONS_MAX} at most; all end with the process. */
export class MemorySessions implements SessionStore {
  readonly #sessions = new Map<string, KeptSession>()

  session(id: string): KeptSession | undefined {
    return this.#sessions.get(id)
  }

  sessionsOf(subject: string): readonly KeptSession[] {
    return [...this.#sessions.values()]
      .filter((session) => session.subject === subject)
      .sort((left, right) => left.createdMs - right.createdMs)
  }

  putSession(session: KeptSession): void {
    const oldest = this.#sessions.keys().next()
    if (this.#sessions.size >= SESSIONS_MAX && oldest.done !== true) {
      this.#sessions.delete(oldest.value)
    }
    this.#sessions.set(session.id, session)
  }

  touchSession(id: string, usedMs: number): void {
    const session = this.#sessions.get(id)
    if (session !== undefined) this.#sessions.set(id, { ...session, usedMs })
  }

  dropSession(id: string): void {
    this.#sessions.delete(id)
  }

  dropSessionsBefore(createdMs: number, usedMs: number): void {
    for (const session of this.#sessions.values()) {
      if (session.createdMs <= createdMs || session.usedMs <= usedMs) {
        this.#sessions.delete(session.id)
      }
    }
  }
}

function idOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}
