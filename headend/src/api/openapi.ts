import { z } from 'zod'
import * as bodies from './bodies.ts'
import type { Route } from './routes.ts'
import * as access from './schemas-access.ts'
import * as household from './schemas-household.ts'
import * as schemas from './schemas.ts'

type JsonObject = Readonly<Record<string, unknown>>

const COMPONENTS: Readonly<Record<string, z.ZodType>> = {
  ServerInfo: schemas.serverInfo,
  Health: schemas.healthAnswer,
  OpenApi: schemas.openApi,
  Device: schemas.device,
  Devices: schemas.devicesAnswer,
  Reading: schemas.readingView,
  Series: schemas.seriesAnswer,
  Counters: schemas.countersAnswer,
  Evidence: schemas.evidenceAnswer,
  Event: schemas.eventView,
  Events: schemas.eventsAnswer,
  Error: schemas.apiError,
  Session: access.sessionAnswer,
  User: access.userView,
  Users: access.usersAnswer,
  Tokens: access.tokensAnswer,
  NewToken: access.newTokenAnswer,
  Audit: access.auditAnswer,
  Confirmation: access.confirmation,
  Tariff: household.tariff,
  Costs: household.costsAnswer,
  Login: bodies.loginRequest,
  PasswordChange: bodies.passwordChange,
  NewUser: bodies.newUser,
  UserChange: bodies.userChange,
  NewTokenRequest: bodies.newToken,
  ConfirmationRequest: bodies.confirmationRequest,
  EnrolmentPreview: bodies.enrolmentPreview,
  Enrolment: bodies.enrolment,
  StateChange: bodies.stateChange,
}

const REFUSALS: Readonly<Record<number, string>> = {
  400: 'The question is not well formed',
  401: 'Nobody is logged in, or the credentials are wrong',
  403: 'Not allowed to this one',
  404: 'There is no such thing',
  409: 'Things are not as the question supposes',
  415: 'The body is not JSON',
  429: 'Too many attempts; Retry-After says when',
  503: 'Too busy; ask again',
}

/** The description of the API, OpenAPI 3.1, made of the very routes that answer. */
export function openApiDocument(version: string, routes: readonly Route[]): JsonObject {
  return {
    openapi: '3.1.0',
    info: {
      title: 'S3MP head-end',
      version,
      description:
        'Times are milliseconds since 1970 UTC, bytes are lower-case hex, register values and money are exact decimal strings.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths: pathsOf(routes),
    components: {
      schemas: components(),
      securitySchemes: {
        session: { type: 'apiKey', in: 'cookie', name: 's3mp-headend' },
        token: { type: 'http', scheme: 'bearer' },
      },
    },
  }
}

function pathsOf(routes: readonly Route[]): JsonObject {
  const paths: Record<string, Record<string, JsonObject>> = {}
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) }
  }
  return paths
}

function operation(route: Route): JsonObject {
  const { summary, scope, parameters = [], refusals = [], body } = route
  const statuses = new Set([...refusals, ...(scope === 'open' ? [] : [401, 403])])
  const security = scope === 'open' ? [] : [{ session: [] }, { token: [scope] }]
  return {
    summary,
    security,
    parameters,
    ...(body !== undefined && {
      requestBody: { required: true, content: { 'application/json': { schema: ref(body) } } },
    }),
    responses: {
      200: { description: 'The answer', content: contentOf(route.answer) },
      ...Object.fromEntries(
        [...statuses].sort().map((status) => [status, errorAnswer(REFUSALS[status])]),
      ),
      default: errorAnswer('Any other refusal'),
    },
  }
}

function contentOf(answer: string): JsonObject {
  return answer.includes('/')
    ? { [answer]: { schema: { type: 'string' } } }
    : { 'application/json': { schema: ref(answer) } }
}

function errorAnswer(description = 'Why not'): JsonObject {
  return { description, content: { 'application/json': { schema: ref('Error') } } }
}

function ref(name: string): JsonObject {
  return { $ref: `#/components/schemas/${name}` }
}

function components(): JsonObject {
  const registry = z.registry<{ id: string }>()
  for (const [id, schema] of Object.entries(COMPONENTS)) registry.add(schema, { id })
  const { schemas: made } = z.toJSONSchema(registry, { uri: (id) => `#/components/schemas/${id}` })
  return Object.fromEntries(
    Object.entries(made).map(([name, schema]) => [name, withoutMeta(schema)]),
  )
}

/** A schema's own name and dialect are said once, by the document around it. */
function withoutMeta(schema: object): JsonObject {
  return Object.fromEntries(
    Object.entries(schema).filter(([key]) => key !== '$id' && key !== '$schema'),
  )
}
