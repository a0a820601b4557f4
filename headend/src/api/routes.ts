import { API_ROOT, type ApiError, type Scope } from '@s3mp/web/api'
import { HttpError, secureHeaders } from '@s3mp/web/http'
import { problemOf, type Address } from '@s3mp/web/openapi'
import { Hono, type Context } from 'hono'
import type { z } from 'zod'
import type { Access } from '../access/access.ts'
import type { Actor } from '../access/actor.ts'
import { HeadendError, type HeadendErrorCode } from '../errors.ts'
import type { Log } from '../log.ts'
import { badRequest } from './requests.ts'

/** One address of the head-end; the OpenAPI document is made of these. */
export interface Route extends Address {
  readonly scope: Scope | 'open'
}

/** Answers a request that was let in. */
export type Handler = (context: Context, actor: Actor) => Response | Promise<Response>

/**
 * The API's addresses. Each is declared with what it takes to ask it; one that is not declared here is
 * not answered, whatever is registered with Hono beside it.
 */
export class Routes {
  readonly app = new Hono()
  readonly list: Route[] = []
  readonly #access: Access
  readonly #gated = new WeakSet<Request>()

  constructor(access: Access, log: Log) {
    this.#access = access
    this.app.use(async (context, next) => {
      await next()
      const { pathname } = new URL(context.req.url)
      const isOurs = pathname === '/metrics' || pathname.startsWith(`${API_ROOT}/`)
      if (isOurs && context.res.ok && !this.#gated.has(context.req.raw)) {
        log.error('api.undeclared', { path: pathname })
        context.res = Response.json(refusalOf('not_allowed', 'nobody may ask this'), {
          status: 403,
        })
      }
      secureHeaders(context.res.headers)
    })
    this.app.onError((error, context) => {
      const [code, status] = statusOf(error)
      if (status === 500) log.error('api.failed', { reason: String(error) })
      const message = status === 500 ? 'a fault of the server' : error.message
      return context.json(refusalOf(code, message), status)
    })
  }

  /** Declares an address. */
  add(route: Route, handler: Handler): void {
    this.list.push(route)
    this.app.on(route.method, route.path, (context) => {
      this.#gated.add(context.req.raw)
      const actor = this.#access.gate(context.req.raw, route.scope)
      return actor instanceof Response ? actor : handler(context, actor)
    })
  }
}

/**
 * The body of a request, checked.
 *
 * @throws HeadendError `ERR_HEADEND_REQUEST` naming the field, what was expected and found.
 */
export async function bodyOf<T>(context: Context, schema: z.ZodType<T>): Promise<T> {
  const type = context.req.header('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/json') throw badRequest('content-type: expected application/json')
  const value: unknown = await context.req.json().catch(() => {
    throw badRequest('body: expected JSON')
  })
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw badRequest(problemOf(parsed.error))
}

/** The body of a refusal. */
export function refusalOf(code: string, message: string): ApiError {
  return { error: { code, message } }
}

function statusOf(error: Error): readonly [string, 400 | 404 | 409 | 500 | 503] {
  if (error instanceof HttpError) {
    if (error.code === 'ERR_HTTP_TARIFF') return ['bad_request', 400]
    return error.code === 'ERR_HTTP_BUSY' ? ['busy', 503] : ['internal', 500]
  }
  const known = error instanceof HeadendError ? STATUSES[error.code] : undefined
  return known ?? ['internal', 500]
}

const STATUSES: Readonly<Partial<Record<HeadendErrorCode, readonly [string, 400 | 404 | 409]>>> = {
  ERR_HEADEND_REQUEST: ['bad_request', 400],
  ERR_HEADEND_ENROL: ['bad_request', 400],
  ERR_HEADEND_PASSWORD: ['bad_password', 400],
  ERR_HEADEND_NOT_FOUND: ['not_found', 404],
  ERR_HEADEND_STATE: ['conflict', 409],
  ERR_HEADEND_LIMIT: ['too_many', 409],
}
