import { timingSafeEqual } from 'node:crypto'
import {
  SCOPES,
  type LoginRequest,
  type PasswordChange,
  type Scope,
  type SessionAnswer,
} from '@s3mp/web/api'
import {
  AttemptLimiter,
  checkPassword,
  clientOf,
  cookieName,
  cookieOf,
  endOf,
  foreignWrite,
  isLoopback,
  peerOf,
  RateLimiter,
  refusal,
  SESSION_MS_MAX,
  sessionCookie,
  Sessions,
} from '@s3mp/web/http'
import type { Clock, RandomBytes } from '../clock.ts'
import { HeadendError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { SqliteStore } from '../store/store.ts'
import type { Actor } from './actor.ts'
import { changeUser, readToken, scopesOf, type Desk } from './admin.ts'
import { OpenStreams } from './open-streams.ts'

/** Refused log-ins written into the audit log at once; the rest is only counted and logged. */
export const REFUSALS_AUDITED_MAX = 60
/** Such lines an hour after that: guessing must not fill a disk. */
export const REFUSALS_AUDITED_PER_HOUR_MAX = 60
/** How old the note of a token's last use may be. */
export const TOKEN_TOUCH_MS_MAX = 60_000

/** The cookie's name; a meter's page on the same machine has another. */
const COOKIE = 's3mp-headend'

/** Whether people must log in: `open` is for demonstrations, on this machine only. */
export type AccessMode = 'open' | 'password'

/** What access is decided by. */
export interface AccessOptions {
  readonly mode: AccessMode
  readonly store: SqliteStore
  readonly clock: Clock
  readonly random: RandomBytes
  readonly log: Log
  /** `https://…` where a proxy in front has TLS; cookies then are for TLS only. */
  readonly origin?: string | undefined
}

/** What access counts; every number only rises. */
export interface AccessCounts {
  logins: number
  /** Wrong names or passwords. */
  refused: number
  /** Attempts that had to wait. */
  throttled: number
  /** Requests without, or with too small a permission. */
  denied: number
}

const ANYBODY: Actor = { who: 'anybody', scopes: new Set(SCOPES), key: 'open' }

/** Decides who asks and what that one may do; knows nothing of what is asked. */
export class Access {
  readonly counts: AccessCounts = { logins: 0, refused: 0, throttled: 0, denied: 0 }
  readonly streams = new OpenStreams()
  readonly #options: AccessOptions
  readonly #sessions: Sessions
  readonly #attempts = new AttemptLimiter()
  readonly #audited = new RateLimiter(
    { burst: REFUSALS_AUDITED_MAX, perSecond: REFUSALS_AUDITED_PER_HOUR_MAX / 3600 },
    1,
  )

  constructor(options: AccessOptions) {
    this.#options = options
    const { store, random, clock } = options
    this.#sessions = new Sessions({ store: store.people, random, nowMs: () => clock.nowMs() })
  }

  /** Whether nobody has to log in. */
  get isOpen(): boolean {
    return this.#options.mode === 'open'
  }

  /**
   * Who asks, if that one may do this; otherwise the answer that says why not. `open` asks for nothing
   * but, where a cookie would help, for a page of this origin.
   */
  gate(request: Request, scope: Scope | 'open'): Actor | Response {
    const actor = this.identify(request)
    if (actor instanceof Response) return actor
    if (scope === 'open') return actor ?? { who: 'nobody', scopes: new Set(), key: 'nobody' }
    if (actor === undefined) return this.#deny(notLoggedIn())
    if (actor.scopes.has(scope)) return actor
    return this.#deny(refusal(403, 'not_allowed', `scope: expected ${scope}`))
  }

  /** Who asks: by token, by session, or nobody known; a refusal for a wrong token or a foreign page. */
  identify(request: Request): Actor | Response | undefined {
    if (this.isOpen) return this.#anybody(request)
    const header = request.headers.get('authorization')
    if (header !== null) {
      const actor = this.#byToken(header)
      return actor ?? this.#deny(notLoggedIn())
    }
    const actor = this.#bySession(this.#sessions.find(this.#secretOf(request))?.id)
    const foreign = actor && foreignWrite(request, this.#options.origin)
    return foreign === undefined ? actor : this.#deny(foreign)
  }

  /** Whether somebody who was let in once still is; ends live streams of who is not. */
  recheckStreams(): void {
    this.streams.keepOnly((actor) => this.#still(actor))
  }

  /** Who the server takes this reader for. */
  describe(actor: Actor | undefined): SessionAnswer {
    if (this.isOpen) return { access: 'open', scopes: SCOPES }
    const { user, session } = actor ?? {}
    return {
      access: 'password',
      scopes: SCOPES.filter((scope) => actor?.scopes.has(scope) === true),
      ...(user !== undefined && { user: { name: user.name, role: user.role } }),
      ...(session !== undefined && { expiresMs: session.endMs }),
    }
  }

  /** Logs in; the answer, and the cookie to set. @throws HttpError `ERR_HTTP_BUSY`. */
  async login(
    request: Request,
    login: LoginRequest,
  ): Promise<Response | { readonly answer: SessionAnswer; readonly cookie: string }> {
    const { clock, store, log, origin } = this.#options
    if (this.isOpen) return refusal(409, 'conflict', 'session: nobody has to log in here')
    const foreign = foreignWrite(request, origin)
    if (foreign !== undefined) return this.#deny(foreign)
    const { name, password } = 'name' in login ? login : { name: '', password: '' }
    const address = clientOf(request, origin) ?? 'unknown'
    const waitS = this.#attempts.take(address, name, clock.monotonicMs())
    if (waitS > 0) return this.#throttle(waitS)
    const user = store.people.user(name)
    const known = user === undefined || user.disabled ? undefined : user
    // A disabled user's password is not checked either; the time is the same as a stranger's.
    const isRight = await checkPassword(password, known?.password)
    // The hash took a while: somebody may have closed the door meanwhile.
    const now = store.people.user(name)
    const unchanged = now?.disabled === false && now.password === known?.password
    if (known === undefined || !isRight || !unchanged) {
      this.counts.refused++
      log.warn('session.refused', { address, known: user !== undefined })
      // A name nobody has may be a password in the wrong field: it is not written down.
      this.#auditRefusal(user?.name ?? 'unknown', address)
      return refusal(401, 'wrong_credentials', 'expected a name and its password')
    }
    this.#attempts.succeeded(name)
    this.counts.logins++
    const { secret, session } = this.#sessions.begin(known.name)
    const nowMs = clock.nowMs()
    store.audited(nowMs, 'session.begun', known.name, { who: known.name, address }, () => {
      store.people.touchUser(known.name, nowMs)
    })
    const actor = this.#bySession(session.id)
    return { answer: this.describe(actor), cookie: this.#cookie(secret) }
  }

  /** Ends a session, and what was opened with it; gives the cookie that takes it away. */
  logout(actor: Actor): string {
    if (actor.session !== undefined) {
      this.#sessions.end(actor.session.id)
      this.#options.store.audit(this.#options.clock.nowMs(), 'session.ended', actor.who, {
        who: actor.who,
      })
      this.recheckStreams()
    }
    return this.#cookie('')
  }

  /** Changes one's own password; gives the cookie of the one session that goes on. */
  async changePassword(
    request: Request,
    { user, who }: Actor,
    { current, next }: PasswordChange,
  ): Promise<Response | string> {
    if (user === undefined) {
      throw new HeadendError('ERR_HEADEND_REQUEST', 'password: only people have one')
    }
    const { clock, origin } = this.#options
    const address = clientOf(request, origin) ?? 'unknown'
    const waitS = this.#attempts.take(address, user.name, clock.monotonicMs())
    if (waitS > 0) return this.#throttle(waitS)
    if (!(await checkPassword(current, user.password))) {
      this.counts.refused++
      this.#auditRefusal(user.name, address)
      return refusal(401, 'wrong_credentials', 'current: expected the present password')
    }
    await changeUser(this.desk(who), user.name, { password: next })
    this.recheckStreams()
    return this.#cookie(this.#sessions.begin(user.name).secret)
  }

  /** What administration by somebody needs. */
  desk(who: string): Desk {
    const { store, random, clock } = this.#options
    return { store, random, nowMs: clock.nowMs(), who }
  }

  #anybody(request: Request): Actor | Response {
    const peer = peerOf(request)
    // However it came to listen there: without a log-in nobody else's machine is answered.
    if (peer !== undefined && !isLoopback(peer)) {
      return this.#deny(refusal(403, 'not_allowed', 'this server is open to its own machine only'))
    }
    const { headers } = request
    // A proxy on this machine would let the whole world be this machine.
    if (headers.has('x-forwarded-for') || headers.has('forwarded') || headers.has('via')) {
      return this.#deny(refusal(403, 'not_allowed', 'this server is open to its own machine only'))
    }
    const byBrowser = headers.has('origin') || headers.has('sec-fetch-site')
    const foreign = byBrowser ? foreignWrite(request, this.#options.origin) : undefined
    return foreign === undefined ? ANYBODY : this.#deny(foreign)
  }

  #byToken(header: string): Actor | undefined {
    const { store, clock } = this.#options
    const text = /^Bearer ([\w-]{1,100})$/i.exec(header)?.[1]
    const given = text === undefined ? undefined : readToken(text)
    const token = given && store.people.token(given.id)
    const isRight =
      token !== undefined && given !== undefined && timingSafeEqual(token.hash, given.hash)
    const nowMs = clock.nowMs()
    if (!isRight || nowMs >= token.expiresMs) return undefined
    if (nowMs - (token.usedMs ?? 0) >= TOKEN_TOUCH_MS_MAX) store.people.touchToken(token.id, nowMs)
    return { who: `token:${token.name}`, scopes: new Set(token.scopes), key: `token ${token.id}` }
  }

  #bySession(id: string | undefined): Actor | undefined {
    const session = id === undefined ? undefined : this.#sessions.use(id)
    const user = session && this.#options.store.people.user(session.subject)
    if (session === undefined || user === undefined || user.disabled) return undefined
    return {
      who: user.name,
      scopes: scopesOf(user.role),
      user,
      session: { id: session.id, endMs: endOf(session) },
      key: `session ${session.id}`,
    }
  }

  #still({ key, session }: Actor): boolean {
    if (key === 'open') return true
    // An open stream counts as use: a wall screen is looked at, until its session is old.
    if (session !== undefined) return this.#bySession(session.id) !== undefined
    const token = this.#options.store.people.token(key.replace(/^token /, ''))
    return token !== undefined && this.#options.clock.nowMs() < token.expiresMs
  }

  #secretOf(request: Request): string | undefined {
    return cookieOf(request, cookieName(COOKIE, this.#isSecure))
  }

  #cookie(secret: string): string {
    const maxAgeS = SESSION_MS_MAX / 1000
    return sessionCookie({ name: COOKIE, value: secret, maxAgeS, secure: this.#isSecure })
  }

  get #isSecure(): boolean {
    return this.#options.origin?.startsWith('https:') === true
  }

  #throttle(waitS: number): Response {
    this.counts.throttled++
    const answer = refusal(429, 'too_many_attempts', `expected to wait ${waitS} s`)
    answer.headers.set('retry-after', String(waitS))
    return answer
  }

  #auditRefusal(name: string, address: string): void {
    const { store, clock } = this.#options
    if (!this.#audited.take('all', clock.monotonicMs())) return
    store.audit(clock.nowMs(), 'session.refused', name, { who: 'nobody', address })
  }

  #deny(answer: Response): Response {
    this.counts.denied++
    return answer
  }
}

function notLoggedIn(): Response {
  const answer = refusal(401, 'not_logged_in', 'expected a session or a token')
  answer.headers.set('www-authenticate', 'Bearer')
  return answer
}
