import { z } from 'zod'
import type { LiveEvent } from '../api.ts'
import { EVENT_SCHEMAS, SCHEMAS, type SchemaName } from './schemas.ts'

type JsonObject = Readonly<Record<string, unknown>>

/** A parameter of an address. */
export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly description: string
  readonly required: boolean
  readonly schema: Readonly<Record<string, unknown>>
}

/** One address: how it is asked and what it answers. Documents are made of these. */
export interface Address {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** With `:name` for parameters. */
  readonly path: string
  readonly summary: string
  /** What the asker must be allowed; `open` lets everybody ask. */
  readonly scope: string
  /** The answer's schema; a media type where it is not JSON. */
  readonly answer: SchemaName | `${string}/${string}`
  /** The body's schema, where there is a body. */
  readonly body?: SchemaName
  readonly parameters?: readonly Parameter[]
  /** Statuses of refusals beyond those that every address has. */
  readonly refusals?: readonly number[]
  /** What a live stream tells of. */
  readonly events?: readonly LiveEvent['type'][]
}

/** Whom a document is about. */
export interface DocumentAbout {
  readonly title: string
  readonly version: string
  readonly description?: string
  /** Ways to show who one is, by name. */
  readonly securitySchemes: Readonly<Record<string, JsonObject>>
  /** Which of them, in OpenAPI's own terms, are asked for at an address of that scope. */
  readonly security: (scope: string) => readonly JsonObject[]
}

const REFUSALS: Readonly<Record<number, string>> = {
  400: 'The question is not well formed',
  401: 'Nobody is logged in, or the credentials are wrong',
  403: 'Not allowed to this one',
  404: 'There is no such thing',
  409: 'Things are not as the question supposes',
  413: 'The body is too large',
  415: 'The body is not JSON',
  429: 'Too many attempts; Retry-After says when',
  503: 'Too busy; ask again',
}

const CONVENTIONS =
  'Times are milliseconds since 1970 UTC, bytes are lower-case hex, register values and money are exact decimal strings.'

/**
 * The description of an API in OpenAPI 3.2, made of the very addresses that answer and of the schemas that
 * they name. Live events are described one by one (`itemSchema`, OpenAPI 3.2 §4.14).
 */
export function openApiDocument(about: DocumentAbout, addresses: readonly Address[]): JsonObject {
  const { title, version, description, securitySchemes } = about
  const isGuarded = Object.keys(securitySchemes).length > 0
  return {
    openapi: '3.2.0',
    info: {
      title,
      version,
      description: description === undefined ? CONVENTIONS : `${description} ${CONVENTIONS}`,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths: pathsOf(about, addresses),
    components: {
      schemas: components(addresses),
      ...(isGuarded && { securitySchemes }),
    },
  }
}

function pathsOf(about: DocumentAbout, addresses: readonly Address[]): JsonObject {
  const paths: Record<string, Record<string, JsonObject>> = {}
  for (const address of addresses) {
    const path = address.path.replace(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [address.method.toLowerCase()]: operation(about, address) }
  }
  return paths
}

function operation({ security }: DocumentAbout, address: Address): JsonObject {
  const { summary, scope, parameters = [], refusals = [], body } = address
  const asked = security(scope)
  const isOpen = asked.every((way) => Object.keys(way).length === 0)
  const statuses = new Set([...refusals, ...(isOpen ? [] : [401, 403])])
  return {
    summary,
    security: asked,
    parameters,
    ...(body !== undefined && {
      requestBody: { required: true, content: { 'application/json': { schema: ref(body) } } },
    }),
    responses: {
      200: { description: 'The answer', content: contentOf(address) },
      ...Object.fromEntries(
        [...statuses].sort().map((status) => [status, errorAnswer(REFUSALS[status])]),
      ),
      default: errorAnswer('Any other refusal'),
    },
  }
}

function contentOf({ answer, events = [] }: Address): JsonObject {
  if (isSchema(answer)) return { 'application/json': { schema: ref(answer) } }
  if (events.length === 0) return { [answer]: { schema: { type: 'string' } } }
  return { [answer]: { itemSchema: { oneOf: events.map(eventSchema) } } }
}

/** One server-sent event (WHATWG HTML §9.2.6): its data is JSON. */
function eventSchema(type: LiveEvent['type']): JsonObject {
  return {
    type: 'object',
    required: ['id', 'event', 'data'],
    properties: {
      id: { type: 'string', pattern: '^[0-9a-f]+-[0-9]+$' },
      event: { const: type },
      data: {
        type: 'string',
        contentMediaType: 'application/json',
        contentSchema: ref(EVENT_SCHEMAS[type]),
      },
      retry: { type: 'integer' },
    },
  }
}

function errorAnswer(description = 'Why not'): JsonObject {
  return { description, content: { 'application/json': { schema: ref('Error') } } }
}

function isSchema(answer: string): answer is SchemaName {
  return answer in SCHEMAS
}

function ref(name: SchemaName): JsonObject {
  return { $ref: `#/components/schemas/${name}` }
}

/** The schemas that these addresses name, and those that these refer to. */
function components(addresses: readonly Address[]): JsonObject {
  const registry = z.registry<{ id: string }>()
  for (const [id, schema] of Object.entries(SCHEMAS)) registry.add(schema, { id })
  const { schemas: made } = z.toJSONSchema(registry, { uri: (id) => `#/components/schemas/${id}` })
  const needed = new Set<string>()
  const need = (name: string): void => {
    if (needed.has(name) || !(name in made)) return
    needed.add(name)
    const named = JSON.stringify(made[name]).matchAll(/"#\/components\/schemas\/(\w+)"/g)
    for (const [, other = ''] of named) need(other)
  }
  need('Error')
  for (const { answer, body, events = [] } of addresses) {
    for (const name of [answer, body ?? '', ...events.map((type) => EVENT_SCHEMAS[type])])
      need(name)
  }
  return Object.fromEntries(
    Object.entries(made)
      .filter(([name]) => needed.has(name))
      .map(([name, schema]) => [name, withoutMeta(schema)]),
  )
}

/** A schema's own name and dialect are said once, by the document around it. */
function withoutMeta(schema: object): JsonObject {
  return Object.fromEntries(
    Object.entries(schema).filter(([key]) => key !== '$id' && key !== '$schema'),
  )
}
