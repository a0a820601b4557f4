import assert from 'node:assert/strict'
import { z } from 'zod'

/** The schemas of answers and questions, out of the served document alone. */
export class Description {
  readonly #document: Record<string, unknown>
  readonly #schemas = new Map<string, z.ZodType>()

  constructor(document: unknown) {
    this.#document = document as Record<string, unknown>
  }

  /** Every address, with `{name}` for parameters. */
  get paths(): readonly string[] {
    return Object.keys(this.#at(['paths']) as object)
  }

  /** How an address is asked, in small letters. */
  methods(path: string): readonly string[] {
    return Object.keys(this.#at(['paths', path]) as object)
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

  /** Holds an answer's JSON to what the document says of it. */
  check(path: string, status: number, body: unknown, method = 'get'): void {
    const responses = this.#at(['paths', path, method, 'responses']) as Record<string, unknown>
    const key = String(status) in responses ? String(status) : 'default'
    const where = ['paths', path, method, 'responses', key, 'content', 'application/json', 'schema']
    this.#hold(where, body)
  }

  /** Holds a question's body to what the document says of it. */
  checkBody(path: string, method: string, body: unknown): void {
    const where = ['paths', path, method, 'requestBody', 'content', 'application/json', 'schema']
    this.#hold(where, body)
  }

  #hold(where: readonly string[], body: unknown): void {
    const name = where.join(' ')
    const schema =
      this.#schemas.get(name) ??
      z.fromJSONSchema(this.#resolve(this.#at(where)) as Parameters<typeof z.fromJSONSchema>[0])
    this.#schemas.set(name, schema)
    const checked = schema.safeParse(body)
    assert.ok(checked.success, `${name}: ${String(checked.error)}: ${JSON.stringify(body)}`)
  }

  #at(keys: readonly string[]): unknown {
    let value: unknown = this.#document
    for (const key of keys) value = (value as Record<string, unknown> | undefined)?.[key]
    assert.ok(value !== undefined, `the document lacks ${keys.join('.')}`)
    return value
  }

  #resolve(schema: unknown): unknown {
    if (Array.isArray(schema)) return schema.map((one) => this.#resolve(one))
    if (typeof schema !== 'object' || schema === null) return schema
    const { $ref } = schema as { readonly $ref?: string }
    if ($ref !== undefined) return this.#resolve(this.#at($ref.replace('#/', '').split('/')))
    return Object.fromEntries(
      Object.entries(schema).map(([key, value]) => [key, this.#resolve(value)]),
    )
  }
}
