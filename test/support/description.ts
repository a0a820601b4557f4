import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { SseParser } from '../../web/src/page/logic/sse.ts'
import { ROOT } from './source.ts'

/** The programs that describe themselves, and where the copies of what they say are. */
export const DOCUMENTS = {
  headend: 'docs/openapi.json',
  meter: 'docs/openapi-meter.json',
  demo: 'docs/openapi-demo.json',
} as const

const [JSON_TYPE, EVENTS_TYPE] = ['application/json', 'text/event-stream']
const METHODS: readonly string[] = ['get', 'post', 'put', 'delete']

interface Operation {
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly required: boolean }[] // prettier-ignore
  readonly requestBody?: object
  readonly responses: Readonly<Record<string, { readonly content: Readonly<Record<string, object>> }>> // prettier-ignore
}

/**
 * A served OpenAPI document, to hold questions and answers to. Schemas are checked by Ajv, which had no
 * part in making them.
 */
export class Description {
  readonly document: Readonly<Record<string, unknown>>
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true, coerceTypes: false })
  readonly #coercing = new Ajv2020({ strict: false, coerceTypes: true })
  readonly #checks = new Map<string, ValidateFunction>()

  constructor(document: unknown) {
    this.document = document as Readonly<Record<string, unknown>>
    this.#ajv.addSchema(this.document, 'api')
    this.#coercing.addSchema(this.document, 'api')
  }

  /** The kept copy of what a program says of itself. */
  static kept(of: keyof typeof DOCUMENTS): Description {
    return new Description(JSON.parse(readFileSync(join(ROOT, DOCUMENTS[of]), 'utf8')))
  }

  /** Every address, with `{name}` for parameters. */
  get paths(): readonly string[] {
    return Object.keys(this.#at(['paths']) as object)
  }

  /** Every way to ask, `GET /api/v1/server`. */
  get operations(): readonly string[] {
    return this.paths.flatMap((path) =>
      this.methods(path).map((method) => `${method.toUpperCase()} ${path}`),
    )
  }

  /** How an address is asked, in small letters. */
  methods(path: string): readonly string[] {
    const known = Object.keys(this.#at(['paths', path]) as object)
    return METHODS.filter((method) => known.includes(method))
  }

  /** The address that a real one is an example of; undefined where the document has none. */
  pathOf(address: string): string | undefined {
    const parts = address.split('/')
    return this.paths
      .filter((path) => {
        const pattern = path.split('/')
        const fits = pattern.every((part, index) => part.startsWith('{') || part === parts[index])
        return fits && pattern.length === parts.length
      })
      .sort((left, right) => left.split('{').length - right.split('{').length)[0]
  }

  /** Holds a question to the document: address, method, parameters, and the body that was sent. */
  checkQuestion(method: string, url: URL, body?: unknown): void {
    const path = this.pathOf(url.pathname)
    const said = `${method.toUpperCase()} ${url.pathname}`
    assert.ok(path !== undefined, `${said}: not documented`)
    assert.ok(this.methods(path).includes(method), `${said}: not documented`)
    const { parameters, requestBody } = this.#operation(path, method)
    const given = new Map<string, string>(url.searchParams)
    for (const [index, part] of path.split('/').entries()) {
      const value = url.pathname.split('/')[index] ?? ''
      if (part.startsWith('{')) given.set(part.slice(1, -1), decodeURIComponent(value))
    }
    for (const [name, value] of given) {
      const index = parameters.findIndex((one) => one.name === name && one.in !== 'header')
      assert.ok(index >= 0, `${said}: ${name} is not documented`)
      const at = ['paths', path, method, 'parameters', String(index), 'schema']
      this.#hold(at, { value }, said)
    }
    for (const { name, required } of parameters) {
      assert.ok(!required || given.has(name), `${said}: ${name} is missing`)
    }
    if (requestBody !== undefined) this.checkBody(path, method, body)
  }

  /** Holds an answer's JSON to what the document says of it. */
  check(path: string, status: number, body: unknown, method = 'get'): void {
    this.#hold([...this.#response(path, method, status), JSON_TYPE, 'schema'], body)
  }

  /** Holds a question's body to what the document says of it. */
  checkBody(path: string, method: string, body: unknown): void {
    this.#hold(['paths', path, method, 'requestBody', 'content', JSON_TYPE, 'schema'], body)
  }

  /** Holds a live event to what the document says of the stream. */
  checkEvent(path: string, event: { id: string; event: string; data: string }): void {
    const at = [...this.#response(path, 'get', 200), EVENTS_TYPE, 'itemSchema']
    this.#hold(at, event)
    const { oneOf } = this.#at(at) as {
      oneOf: readonly { properties: { event: { const: string } } }[]
    }
    const index = oneOf.findIndex(({ properties }) => properties.event.const === event.event)
    const content = [...at, 'oneOf', String(index), 'properties', 'data', 'contentSchema']
    this.#hold(content, JSON.parse(event.data))
  }

  /**
   * Holds an answer to the document, and gives it back. Of a live stream every event is held when it is
   * read. What is not documented must be refused, and refused in the API's words.
   */
  async hold(question: string, url: string, answer: Response): Promise<Response> {
    const { pathname } = new URL(url)
    if (!pathname.startsWith('/api/') && pathname !== '/metrics') return answer
    const type = answer.headers.get('content-type')?.split(';')[0] ?? ''
    const method = question === 'HEAD' ? 'get' : question.toLowerCase()
    const path = this.pathOf(pathname)
    if (path === undefined || !this.methods(path).includes(method)) {
      assert.ok(answer.status >= 400, `${question} ${pathname}: answered, but not documented`)
      this.#hold(['components', 'schemas', 'Error'], await answer.clone().json(), pathname)
      return answer
    }
    if (question === 'HEAD') return answer
    const content = this.#at(this.#response(path, method, answer.status)) as object
    assert.ok(type in content, `${question} ${pathname}: ${type || 'nothing'} (${answer.status})`)
    if (type === JSON_TYPE) this.check(path, answer.status, await answer.clone().json(), method)
    if (type !== EVENTS_TYPE || answer.body === null) return answer
    const { status, headers } = answer
    return new Response(answer.body.pipeThrough(this.#events(path)), { status, headers })
  }

  #events(path: string): TransformStream<Uint8Array, Uint8Array> {
    const parser = new SseParser()
    const decoder = new TextDecoder()
    return new TransformStream({
      transform: (bytes, controller) => {
        const events = parser.push(decoder.decode(bytes, { stream: true }))
        for (const { type, data, lastEventId } of events) {
          this.checkEvent(path, { id: lastEventId, event: type, data })
        }
        controller.enqueue(bytes)
      },
    })
  }

  #operation(path: string, method: string): Operation {
    return this.#at(['paths', path, method]) as Operation
  }

  #response(path: string, method: string, status: number): readonly string[] {
    const { responses } = this.#operation(path, method)
    const key = String(status) in responses ? String(status) : 'default'
    return ['paths', path, method, 'responses', key, 'content']
  }

  /** Holds a value; `{ value }` of a question's parameter is text, and may stand for a number. */
  #hold(where: readonly string[], value: unknown, said?: string): void {
    const pointer = where.map((key) => encodeURIComponent(key.replace(/~/g, '~0').replace(/\//g, '~1'))) // prettier-ignore
    const $ref = `api#/${pointer.join('/')}`
    const isParameter = where.at(-3) === 'parameters'
    const schema = isParameter ? { properties: { value: { $ref } } } : { $ref }
    const check = this.#checks.get($ref) ?? (isParameter ? this.#coercing : this.#ajv).compile(schema) // prettier-ignore
    this.#checks.set($ref, check)
    const name = said ?? where.join(' ')
    const shown = JSON.stringify({ value }).slice(0, 500)
    assert.ok(check(value), `${name}: ${JSON.stringify(check.errors?.slice(0, 3))}: ${shown}`)
  }

  #at(keys: readonly string[]): unknown {
    let value: unknown = this.document
    for (const key of keys) value = (value as Record<string, unknown> | undefined)?.[key]
    assert.ok(value !== undefined, `the document lacks ${keys.join('.')}`)
    return value
  }
}
