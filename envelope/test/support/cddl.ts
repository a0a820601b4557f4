import { decodeCbor, type CborValue } from '@s3mp/envelope'

/*
 * As much of CDDL (RFC 8610) as schema/envelope.cddl uses: rules, choices of types and groups,
 * occurrences, ranges, arrays, maps with literal keys, `.size` and `.cbor`.
 */

type Type =
  | { readonly is: 'literal'; readonly value: bigint | string }
  | { readonly is: 'name'; readonly name: string }
  | { readonly is: 'range'; readonly low: bigint; readonly high: bigint }
  | { readonly is: 'size'; readonly of: Type; readonly size: Type }
  | { readonly is: 'cbor'; readonly content: Type }
  | { readonly is: 'array' | 'map'; readonly group: Group }
  | { readonly is: 'choice'; readonly types: readonly Type[] }

interface Entry {
  readonly min: number
  readonly max: number
  readonly key?: bigint
  readonly body: Type | { readonly is: 'group'; readonly group: Group }
}

/** Alternatives, each a sequence of entries. */
type Group = readonly (readonly Entry[])[]

const TOKEN =
  /\s+|;[^\n]*|\/\/|=>|\.\.|\.(?:size|cbor)\b|-?\d+\*\d*|-?\d+|"[^"]*"|[A-Za-z][\w-]*|[[\](){}=,:/?*+]/gy

function tokenize(text: string): string[] {
  const tokens: string[] = []
  let end = 0
  for (const match of text.matchAll(TOKEN)) {
    if (match.index !== end) break
    end += match[0].length
    if (!/^[\s;]/.test(match[0])) tokens.push(match[0])
  }
  if (end !== text.length) throw new Error(`cddl: cannot read ${text.slice(end, end + 30)}`)
  return tokens
}

class Parser {
  readonly #tokens: readonly string[]
  #at = 0

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens
  }

  rules(): Map<string, Type | Group> {
    const rules = new Map<string, Type | Group>()
    while (this.#at < this.#tokens.length) {
      const name = this.#take()
      this.#expect('=')
      rules.set(name, this.#peek() === '(' ? this.#parenthesised() : this.#type())
    }
    return rules
  }

  #parenthesised(): Group {
    this.#expect('(')
    return this.#group(')')
  }

  #group(close: string): Group {
    const choices: Entry[][] = [[]]
    while (this.#peek() !== close) {
      if (this.#peek() === '//') {
        this.#take()
        choices.push([])
      } else choices.at(-1)?.push(this.#entry())
      if (this.#peek() === ',') this.#take()
    }
    this.#expect(close)
    return choices
  }

  #entry(): Entry {
    const occurrence = this.#occurrence()
    const token = this.#peek()
    const next = this.#peek(1)
    if (next === ':') {
      this.#at += 2
      return { ...occurrence, body: this.#type() }
    }
    if (next === '=>') {
      this.#at += 2
      return { ...occurrence, key: BigInt(token), body: this.#type() }
    }
    if (token === '(') return { ...occurrence, body: { is: 'group', group: this.#parenthesised() } }
    return { ...occurrence, body: this.#type() }
  }

  #occurrence(): { min: number; max: number } {
    const [, min, max] = /^(\d+)\*(\d*)$/.exec(this.#peek()) ?? []
    if (min !== undefined) {
      this.#take()
      return { min: Number(min), max: max === '' ? Infinity : Number(max) }
    }
    if (this.#peek() !== '?') return { min: 1, max: 1 }
    this.#take()
    return { min: 0, max: 1 }
  }

  #type(): Type {
    const types = [this.#controlled()]
    while (this.#peek() === '/') {
      this.#take()
      types.push(this.#controlled())
    }
    const [only] = types
    return only !== undefined && types.length === 1 ? only : { is: 'choice', types }
  }

  #controlled(): Type {
    const type = this.#plain()
    if (this.#peek() === '..') {
      this.#take()
      return { is: 'range', low: number(type), high: number(this.#plain()) }
    }
    if (this.#peek() === '.size') {
      this.#take()
      return { is: 'size', of: type, size: this.#plain() }
    }
    if (this.#peek() === '.cbor') {
      this.#take()
      return { is: 'cbor', content: this.#plain() }
    }
    return type
  }

  #plain(): Type {
    const token = this.#take()
    if (token === '[') return { is: 'array', group: this.#group(']') }
    if (token === '{') return { is: 'map', group: this.#group('}') }
    if (token === '(') {
      const type = this.#type()
      this.#expect(')')
      return type
    }
    if (/^-?\d+$/.test(token)) return { is: 'literal', value: BigInt(token) }
    if (token.startsWith('"')) return { is: 'literal', value: token.slice(1, -1) }
    return { is: 'name', name: token }
  }

  #peek(ahead = 0): string {
    return this.#tokens[this.#at + ahead] ?? ''
  }

  #take(): string {
    return this.#tokens[this.#at++] ?? ''
  }

  #expect(token: string): void {
    const found = this.#take()
    if (found !== token) throw new Error(`cddl: expected ${token}, found ${found}`)
  }
}

function number(type: Type): bigint {
  if (type.is !== 'literal' || typeof type.value === 'string') throw new Error('cddl: not a number')
  return type.value
}

/** A schema, as far as this project's own needs it. */
export class Cddl {
  readonly #rules: ReadonlyMap<string, Type | Group>

  constructor(text: string) {
    this.#rules = new Parser(tokenize(text)).rules()
  }

  /** The names of all rules, in order. */
  get names(): readonly string[] {
    return [...this.#rules.keys()]
  }

  /** Whether the bytes are an item of the rule's type. */
  matches(rule: string, bytes: Uint8Array): boolean {
    return this.#is({ is: 'name', name: rule }, decodeCbor(bytes))
  }

  #is(type: Type, value: CborValue): boolean {
    switch (type.is) {
      case 'literal':
        return typeof value === 'number' ? BigInt(value) === type.value : value === type.value
      case 'name':
        return this.#isNamed(type.name, value)
      case 'range': {
        const integer = typeof value === 'number' ? BigInt(value) : value
        return typeof integer === 'bigint' && integer >= type.low && integer <= type.high
      }
      case 'size':
        return this.#is(type.of, value) && this.#is(type.size, byteLength(value))
      case 'cbor':
        return value instanceof Uint8Array && this.#is(type.content, decodeCbor(value))
      case 'array':
        return (
          Array.isArray(value) && this.#ends(type.group, value as CborValue[], 0).has(value.length)
        )
      case 'map':
        return (
          value instanceof Map && this.#isMap(type.group, value as Map<number | string, CborValue>)
        )
      case 'choice':
        return type.types.some((choice) => this.#is(choice, value))
    }
  }

  #isNamed(name: string, value: CborValue): boolean {
    if (name === 'bstr') return value instanceof Uint8Array
    if (name === 'tstr') return typeof value === 'string'
    if (name === 'null') return value === null
    if (name === 'int') return typeof value === 'number' || typeof value === 'bigint'
    const rule = this.#rules.get(name)
    if (rule === undefined || !('is' in rule)) throw new Error(`cddl: ${name} is no type`)
    return this.#is(rule, value)
  }

  #isMap(group: Group, map: ReadonlyMap<number | string, CborValue>): boolean {
    return group.some(
      (entries) =>
        entries.length === map.size &&
        entries.every(({ key, body }) => {
          const value = map.get(Number(key))
          return value !== undefined && body.is !== 'group' && this.#is(body, value)
        }),
    )
  }

  /** Where a group that starts at `from` may end. */
  #ends(group: Group, items: readonly CborValue[], from: number): Set<number> {
    const ends = new Set<number>()
    for (const entries of group) {
      let reached = new Set([from])
      for (const entry of entries) {
        reached = new Set([...reached].flatMap((at) => [...this.#repeated(entry, items, at)]))
      }
      for (const end of reached) ends.add(end)
    }
    return ends
  }

  #repeated(entry: Entry, items: readonly CborValue[], from: number): Set<number> {
    const ends = new Set(entry.min === 0 ? [from] : [])
    let reached = new Set([from])
    for (let count = 1; count <= entry.max && reached.size > 0; count++) {
      reached = new Set([...reached].flatMap((at) => [...this.#once(entry, items, at)]))
      if (count >= entry.min) for (const end of reached) ends.add(end)
    }
    return ends
  }

  #once({ body }: Entry, items: readonly CborValue[], at: number): Set<number> {
    if (body.is === 'group') return this.#ends(body.group, items, at)
    const rule = body.is === 'name' ? this.#rules.get(body.name) : undefined
    if (rule !== undefined && !('is' in rule)) return this.#ends(rule, items, at)
    const item = items[at]
    return new Set(item !== undefined && this.#is(body, item) ? [at + 1] : [])
  }
}

function byteLength(value: CborValue): number {
  if (value instanceof Uint8Array) return value.length
  return typeof value === 'string' ? new TextEncoder().encode(value).length : -1
}
