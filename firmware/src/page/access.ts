import { existsSync, readFileSync, writeFileSync } from 'node:fs'

import type { RandomBytes } from '@s3mp/envelope'
import type { Clock } from '@s3mp/hal'
import { API_ROOT, LOGIN_CHARS_MAX, SCOPES, type SessionAnswer } from '@s3mp/web/api'
import {
  AttemptLimiter,
  checkPassword,
  clientOf,
  cookieOf,
  endOf,
  foreignWrite,
  hashPassword,
  HttpError,
  MemorySessions,
  refusal,
  sessionCookie,
  Sessions,
  SESSION_MS_MAX,
  type KeptSession,
} from '@s3mp/web/http'

import { FirmwareError, reasonOf } from '../errors.ts'

/** Characters of a set-up code, without its dashes: 60 bits. */
export const CODE_CHARS = 12

/** Letters and digits that nobody takes for another. */
const ALPHABET = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789'
const COOKIE = 's3mp'
const OWNER = 'owner'

/** What the gate in front of the page is made with. */
export interface AccessOptions {
  /** True on loopback: whoever is on this machine may see it. */
  readonly isOpen: boolean
  /** Where the code is kept, hashed. */
  readonly file: string
  readonly clock: Clock
  readonly random: RandomBytes
  /** Shows a new code, once. */
  readonly onCode: (code: string) => void
}

/**
 * Who may see the meter's page: everybody on this machine while it listens on loopback alone; and once
 * its owner has opened it, whoever has the code that was shown once. Behind the code there is a session.
 */
export class Access {
  readonly #options: AccessOptions
  readonly #sessions: Sessions
  readonly #attempts = new AttemptLimiter()
  #hash: string | undefined

  private constructor(options: AccessOptions, hash: string | undefined) {
    this.#options = options
    this.#hash = hash
    this.#sessions = new Sessions({
      store: new MemorySessions(),
      random: options.random,
      nowMs: () => options.clock.nowMs(),
    })
  }

  /** Opens the gate; makes and shows a code where one is needed and none was made. */
  static async open(options: AccessOptions): Promise<Access> {
    if (options.isOpen) return new Access(options, undefined)
    const access = new Access(options, readHash(options.file))
    if (access.#hash === undefined) await access.renewCode()
    return access
  }

  /** Makes a new code and shows it; the old one opens nothing any more. @throws FirmwareError */
  async renewCode(): Promise<void> {
    const { file, random, onCode } = this.#options
    const code = await makeCode(file, random)
    this.#hash = readHash(file)
    this.#sessions.endAll(OWNER)
    onCode(code)
  }

  /** The answer to a request that may not pass, or that is about the session; undefined to let it on. */
  async check(request: Request): Promise<Response | undefined> {
    const foreign = foreignWrite(request)
    if (foreign !== undefined) return foreign
    const { pathname } = new URL(request.url)
    if (pathname === `${API_ROOT}/session`) return this.#session(request)
    // The page's own files hold nothing of the meter's; it asks for the code itself.
    if (!pathname.startsWith('/api/')) return undefined
    if (this.#options.isOpen || this.#find(request) !== undefined) return undefined
    return refusal(401, 'not_logged_in', 'session: expected one; enter the code of the meter')
  }

  async #session(request: Request): Promise<Response> {
    switch (request.method) {
      case 'GET':
      case 'HEAD':
        return Response.json(this.#answer(this.#find(request)))
      case 'POST':
        return this.#begin(request)
      case 'DELETE': {
        const session = this.#find(request)
        if (session !== undefined) this.#sessions.end(session.id)
        return this.#withCookie(this.#answer(undefined), '')
      }
      default:
        return refusal(405, 'method_not_allowed', 'expected GET, POST or DELETE')
    }
  }

  async #begin(request: Request): Promise<Response> {
    const { clock, isOpen } = this.#options
    if (isOpen) return Response.json(this.#answer(undefined))
    const waitS = this.#attempts.take(clientOf(request) ?? '', OWNER, clock.monotonicMs())
    if (waitS > 0) {
      const answer = refusal(429, 'too_many_attempts', `wait ${String(waitS)} s`)
      answer.headers.set('retry-after', String(waitS))
      return answer
    }
    const code = codeIn(await request.json().catch(() => undefined))
    if (code === undefined || !(await this.#isRight(code))) {
      return refusal(401, 'wrong_credentials', 'code: expected the one that the meter has shown')
    }
    this.#attempts.succeeded(OWNER)
    const { secret, session } = this.#sessions.begin(OWNER)
    return this.#withCookie(this.#answer(session), secret)
  }

  async #isRight(code: string): Promise<boolean> {
    try {
      // Another code may have been made meanwhile: s3mp page --new-code.
      this.#renewed()
      return await checkPassword(plain(code), this.#hash)
    } catch (error) {
      if (error instanceof HttpError) return false
      throw error
    }
  }

  /** A code that was made by hand ends the sessions of the one before it. */
  #renewed(): void {
    const hash = readHash(this.#options.file)
    if (hash === this.#hash) return
    this.#hash = hash
    this.#sessions.endAll(OWNER)
  }

  #find(request: Request): KeptSession | undefined {
    if (!this.#options.isOpen) this.#renewed()
    return this.#sessions.find(cookieOf(request, COOKIE))
  }

  #answer(session: KeptSession | undefined): SessionAnswer {
    if (this.#options.isOpen) return { access: 'open', scopes: OWNERS_SCOPES }
    if (session === undefined) return { access: 'code', scopes: [] }
    return {
      access: 'code',
      user: { name: OWNER, role: 'operator' },
      scopes: OWNERS_SCOPES,
      expiresMs: endOf(session),
    }
  }

  #withCookie(answer: SessionAnswer, value: string): Response {
    const cookie = { name: COOKIE, value, maxAgeS: SESSION_MS_MAX / 1000, secure: false }
    return Response.json(answer, { headers: { 'set-cookie': sessionCookie(cookie) } })
  }
}

/** What there is to allow on a page of one device. */
const OWNERS_SCOPES = SCOPES.filter((scope) =>
  ['devices:read', 'readings:read', 'tariffs:write'].includes(scope),
)

/**
 * Makes a code to be read from a log and typed on a phone, `K7QM-2XWA-9RTB`, and keeps its hash.
 *
 * @throws FirmwareError `config` where the file cannot be written.
 */
export async function makeCode(file: string, random: RandomBytes): Promise<string> {
  const letters = Array.from(random(CODE_CHARS), (byte) => ALPHABET[byte % ALPHABET.length] ?? '')
  const code = letters.join('').replace(/(.{4})(?=.)/gu, '$1-')
  const hash = await hashPassword(plain(code), random)
  try {
    writeFileSync(file, `${JSON.stringify({ code: hash })}\n`, { mode: 0o600 })
  } catch (error) {
    throw new FirmwareError('config', `${file}: ${reasonOf(error)}`, { cause: error })
  }
  return code
}

/** A code as it is compared: without what people add when they type. */
function plain(code: string): string {
  return code.toUpperCase().replace(/[^A-Z0-9]/gu, '')
}

function codeIn(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !('code' in value)) return undefined
  const { code } = value
  return typeof code === 'string' && code.length <= LOGIN_CHARS_MAX ? code : undefined
}

/** The kept hash; a file that is not to be understood is as good as none. */
function readHash(file: string): string | undefined {
  if (!existsSync(file)) return undefined
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'))
    const isKept = typeof value === 'object' && value !== null && 'code' in value
    return isKept && typeof value.code === 'string' ? value.code : undefined
  } catch {
    return undefined
  }
}
