import { ScionError } from '@s3mp/scion'
import { API_ROOT } from '@s3mp/web/api'
import type { DeedAnswer, DemoAnswer, DemoDeed, DemoSwitch, NetworkAnswer } from '@s3mp/web/api'
import { SECURITY_HEADERS } from '@s3mp/web/http'
import { Hono } from 'hono'
import type { Context } from 'hono'
import type { DemoLever } from './input.ts'
import type { Journeys } from './journeys.ts'
import type { PolicyDesk } from './policy.ts'
import { readChoice } from './policy.ts'

/** Bytes of a body that switches something; its longest is `{"up":false}`. */
export const DEMO_BODY_BYTES_MAX = 256
/** Bytes of a body that holds a policy: its characters may be escaped in JSON. */
export const DEMO_POLICY_BYTES_MAX = 32_768

/** What the demonstration's own addresses work on. */
export interface DemoRoutesOptions {
  readonly network: () => NetworkAnswer
  readonly journeys: Journeys
  readonly levers: ReadonlyMap<DemoSwitch, DemoLever>
  readonly deeds: ReadonlyMap<DemoDeed, () => Promise<DeedAnswer>>
  readonly describe: () => DemoAnswer
  readonly switchLink: (id: string, up: boolean) => void
  readonly policy: PolicyDesk
  readonly onSwitch: (name: DemoSwitch, on: boolean) => void
}

/** The addresses that only the demonstration has: network and policy, journey, switches. */
export function demoRoutes(options: DemoRoutesOptions): Hono {
  const app = new Hono()
  const api = app.basePath(API_ROOT)
  api.use('*', async (context, next) => {
    await next()
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) context.header(name, value)
  })
  api.get('/network', (context) => context.json(options.network()))
  api.get('/network/policy', (context) => context.json(options.policy.answer()))
  api.post('/network/policy', async (context) => {
    const choice = readChoice(await bodyOf(context, DEMO_POLICY_BYTES_MAX))
    if (choice === undefined) return refuse(context, 400, 'bad_request')
    try {
      return context.json(options.policy.choose(choice))
    } catch (error) {
      if (!(error instanceof ScionError)) throw error
      return context.json({ error: { code: 'bad_policy', message: error.message } }, 400)
    }
  })
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
  const found = await bodyOf(context, DEMO_BODY_BYTES_MAX)
  if (typeof found !== 'object' || found === null) return undefined
  const value = (found as Readonly<Record<string, unknown>>)[name]
  return typeof value === 'boolean' ? value : undefined
}

/** The JSON of a body from our own page; undefined where there is none or it is too long. */
async function bodyOf(context: Context, bytesMax: number): Promise<unknown> {
  const length = Number(context.req.header('content-length') ?? Number.NaN)
  if (!isOwnJson(context) || !(length <= bytesMax)) return undefined
  return (await context.req.json().catch(() => undefined)) as unknown
}

function refuse(context: Context, status: 400 | 404, code: string): Response {
  const message =
    status === 404
      ? 'address: nothing of that name here'
      : 'body: expected JSON of the form that this address takes'
  return context.json({ error: { code, message } }, status)
}
