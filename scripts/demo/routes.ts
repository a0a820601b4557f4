import { API_ROOT } from '@s3mp/web/api'
import type { DeedAnswer, DemoAnswer, DemoDeed, DemoSwitch, NetworkAnswer } from '@s3mp/web/api'
import { SECURITY_HEADERS } from '@s3mp/web/http'
import { Hono } from 'hono'
import type { Context } from 'hono'
import type { DemoLever } from './input.ts'
import type { Journeys } from './journeys.ts'

/** Bytes of a body that the demonstration reads; its longest is `{"up":false}`. */
export const DEMO_BODY_BYTES_MAX = 256

/** What the demonstration's own addresses work on. */
export interface DemoRoutesOptions {
  readonly network: () => NetworkAnswer
  readonly journeys: Journeys
  readonly levers: ReadonlyMap<DemoSwitch, DemoLever>
  readonly deeds: ReadonlyMap<DemoDeed, () => Promise<DeedAnswer>>
  readonly describe: () => DemoAnswer
  readonly switchLink: (id: string, up: boolean) => void
  readonly onSwitch: (name: DemoSwitch, on: boolean) => void
}

/** The addresses that only the demonstration has: network, journey, switches. */
export function demoRoutes(options: DemoRoutesOptions): Hono {
  const app = new Hono()
  const api = app.basePath(API_ROOT)
  api.use('*', async (context, next) => {
    await next()
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) context.header(name, value)
  })
  api.get('/network', (context) => context.json(options.network()))
  api.get('/journey', (context) => {
    const { latest } = options.journeys
    return latest === undefined ? refuse(context, 404, 'not_found') : context.json(latest)
  })
  api.get('/demo', (context) => context.json(options.describe()))
  api.post('/network/links/:id', async (context) => {
    const id = context.req.param('id')
    const up = await flag(context, 'up')
    if (up === undefined) return refuse(context, 400, 'bad_request')
    if (!options.network().links.some((link) => link.id === id)) {
      return refuse(context, 404, 'not_found')
    }
    options.switchLink(id, up)
    return context.json(options.network().links.find((link) => link.id === id))
  })
  api.post('/demo/switches/:name', async (context) => {
    const name = context.req.param('name')
    const on = await flag(context, 'on')
    const found = [...options.levers].find(([each]) => each === name)
    if (on === undefined) return refuse(context, 400, 'bad_request')
    if (found === undefined) return refuse(context, 404, 'not_found')
    const [known, lever] = found
    lever.set(on)
    lever.on = on
    options.onSwitch(known, on)
    return context.json(options.describe())
  })
  api.post('/demo/deeds/:name', async (context) => {
    const deed = [...options.deeds].find(([each]) => each === context.req.param('name'))?.[1]
    if (!isOwnJson(context)) return refuse(context, 400, 'bad_request')
    return deed === undefined ? refuse(context, 404, 'not_found') : context.json(await deed())
  })
  return app
}

/**
 * Whether a request comes from our own page. A foreign page can make a browser send a plain form or
 * text here, but not JSON, which it would have to ask leave for (Fetch, CORS preflight).
 */
function isOwnJson(context: Context): boolean {
  const type = context.req.header('content-type') ?? ''
  const site = context.req.header('sec-fetch-site') ?? 'same-origin'
  return /^application\/json\b/.test(type) && (site === 'same-origin' || site === 'none')
}

/** The one boolean that a body is to hold; undefined where it does not. */
async function flag(context: Context, name: string): Promise<boolean | undefined> {
  const length = Number(context.req.header('content-length') ?? Number.NaN)
  if (!isOwnJson(context) || !(length <= DEMO_BODY_BYTES_MAX)) return undefined
  const body: unknown = await context.req.json().catch(() => undefined)
  if (typeof body !== 'object' || body === null) return undefined
  const value = (body as Readonly<Record<string, unknown>>)[name]
  return typeof value === 'boolean' ? value : undefined
}

function refuse(context: Context, status: 400 | 404, code: string): Response {
  const message =
    status === 404 ? 'address: nothing of that name here' : 'body: expected JSON with one boolean'
  return context.json({ error: { code, message } }, status)
}
