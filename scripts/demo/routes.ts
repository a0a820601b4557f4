import { ScionError } from '@s3mp/scion'
import { API_ROOT } from '@s3mp/web/api'
import type { DeedAnswer, DemoAnswer, DemoDeed, DemoSwitch, NetworkAnswer } from '@s3mp/web/api'
import { refusal, secureHeaders } from '@s3mp/web/http'
import { linkChange, nothing, policyChoice, problemOf, switchChange } from '@s3mp/web/openapi'
import type { Address } from '@s3mp/web/openapi'
import { Hono } from 'hono'
import type { Context } from 'hono'
import type { z } from 'zod'
import { DEMO_ADDRESSES } from './addresses.ts'
import type { DemoLever } from './input.ts'
import type { Journeys } from './journeys.ts'
import type { PolicyDesk } from './policy.ts'

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
  /** The description of all addresses, the head-end's among them. */
  readonly document: () => object
}

type Handler = (context: Context) => Response | Promise<Response>

/** The addresses that only the demonstration has: network and policy, journey, switches. */
export function demoRoutes(options: DemoRoutesOptions): Hono {
  const app = new Hono()
  app.use(`${API_ROOT}/*`, async (context, next) => {
    await next()
    secureHeaders(context.res.headers)
  })
  const add = ({ method, path }: Address, handler: Handler): void => {
    app.on(method, path, handler)
  }
  const { network, policy, journey, demo } = DEMO_ADDRESSES
  app.get(`${API_ROOT}/openapi.json`, (context) => context.json(options.document()))
  add(network, (context) => context.json(options.network()))
  add(policy, (context) => context.json(options.policy.answer()))
  add(journey, (context) => {
    const { latest } = options.journeys
    return latest === undefined ? notFound() : context.json(latest)
  })
  add(demo, (context) => context.json(options.describe()))
  addChanges(add, options)
  return app
}

/** What changes something: from our own page only, and as its schema says. */
function addChanges(
  add: (address: Address, handler: Handler) => void,
  options: DemoRoutesOptions,
): void {
  const { choosePolicy, switchLink, switchDemo, deed } = DEMO_ADDRESSES
  add(choosePolicy, async (context) => {
    const choice = await bodyOf(context, policyChoice, DEMO_POLICY_BYTES_MAX)
    if (choice instanceof Response) return choice
    try {
      return context.json(options.policy.choose(choice))
    } catch (error) {
      if (!(error instanceof ScionError)) throw error
      return refusal(400, 'bad_policy', error.message)
    }
  })
  add(switchLink, async (context) => {
    const id = context.req.param('id')
    const change = await bodyOf(context, linkChange)
    if (change instanceof Response) return change
    if (id === undefined || !options.network().links.some((link) => link.id === id)) {
      return notFound()
    }
    options.switchLink(id, change.up)
    return context.json(options.network().links.find((link) => link.id === id))
  })
  add(switchDemo, async (context) => {
    const change = await bodyOf(context, switchChange)
    if (change instanceof Response) return change
    const found = [...options.levers].find(([each]) => each === context.req.param('name'))
    if (found === undefined) return notFound()
    const [known, lever] = found
    lever.set(change.on)
    lever.on = change.on
    options.onSwitch(known, change.on)
    return context.json(options.describe())
  })
  add(deed, async (context) => {
    const asked = await bodyOf(context, nothing)
    if (asked instanceof Response) return asked
    const found = [...options.deeds].find(([each]) => each === context.req.param('name'))?.[1]
    return found === undefined ? notFound() : context.json(await found())
  })
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

/** The checked body of a change from our own page, or the refusal of what is none. */
async function bodyOf<T>(
  context: Context,
  schema: z.ZodType<T>,
  bytesMax = DEMO_BODY_BYTES_MAX,
): Promise<T | Response> {
  if (!isOwnJson(context)) {
    return refusal(400, 'bad_request', 'content-type: expected application/json of this page')
  }
  const length = Number(context.req.header('content-length') ?? Number.NaN)
  if (!(length <= bytesMax)) {
    return refusal(400, 'bad_request', `body: expected at most ${String(bytesMax)} bytes`)
  }
  const value: unknown = await context.req.json().catch(() => undefined)
  const parsed = schema.safeParse(value)
  return parsed.success ? parsed.data : refusal(400, 'bad_request', problemOf(parsed.error))
}

function notFound(): Response {
  return refusal(404, 'not_found', 'address: nothing of that name here')
}
