import { ScionError } from '../errors.ts'
import type { PathInterface } from '../path/path.ts'
import type { PathHop } from './hop.ts'
import { pathHops } from './hop.ts'
import type { HopPredicate } from './predicate.ts'
import { matchesHop, parseHopPredicate } from './predicate.ts'

/** Longest text of a sequence, in characters. */
export const SEQUENCE_CHARS_MAX = 4_096

/** How deep parentheses may nest in a sequence. */
export const SEQUENCE_DEPTH_MAX = 32

/** A state of the automaton: it consumes a hop, or goes on to other states for free. */
interface State {
  readonly predicate?: HopPredicate
  /** States that follow; behind a predicate, after the hop was consumed. */
  next: number[]
}

/** A piece of the automaton under construction: where it begins and which states are its end. */
interface Piece {
  readonly start: number
  readonly end: number
}

/**
 * A sequence: a regular expression over the hops of a path, which it must match as a whole.
 *
 * ```
 *   sequence    = alternation *( alternation )          ; one after the other
 *   alternation = repeated *( "|" repeated )
 *   repeated    = ( predicate | "(" sequence ")" ) [ "?" | "+" | "*" ]
 * ```
 *
 * Matching runs all alternatives side by side, so its work is the length of the path times the
 * length of the text, whatever the text is.
 */
export class Sequence {
  readonly text: string
  readonly #states: readonly State[]
  readonly #start: number
  readonly #end: number

  private constructor(text: string, states: readonly State[], piece: Piece) {
    this.text = text
    this.#states = states
    this.#start = piece.start
    this.#end = piece.end
  }

  /** Parses a sequence; throws `ERR_SCION_CONFIG` with the place where it went wrong. */
  static parse(text: string): Sequence {
    if (text.length > SEQUENCE_CHARS_MAX) {
      throw new ScionError('ERR_SCION_CONFIG', `sequence: at most ${SEQUENCE_CHARS_MAX} characters`)
    }
    const parser = new Parser(text)
    const piece = parser.parse()
    return new Sequence(text, parser.states, piece)
  }

  /** Whether the hops of a path match from the first to the last. */
  matches(hops: readonly PathHop[]): boolean {
    let current = this.#closure([this.#start])
    for (const hop of hops) {
      const reached: number[] = []
      for (const index of current) {
        const state = this.#states[index]
        if (state?.predicate !== undefined && matchesHop(state.predicate, hop)) {
          reached.push(...state.next)
        }
      }
      if (reached.length === 0) return false
      current = this.#closure(reached)
    }
    return current.has(this.#end)
  }

  /** Why a path with these interfaces is refused, in a few words; undefined where it may pass. */
  refusal(interfaces: readonly PathInterface[]): string | undefined {
    return this.matches(pathHops(interfaces)) ? undefined : `it is not "${this.text}"`
  }

  /** The sequence as a policy document has it. */
  toJSON(): string {
    return this.text
  }

  /** All states that can be reached without consuming a hop. */
  #closure(from: readonly number[]): ReadonlySet<number> {
    const seen = new Set<number>()
    const todo = [...from]
    for (let index = todo.pop(); index !== undefined; index = todo.pop()) {
      if (seen.has(index)) continue
      seen.add(index)
      const state = this.#states[index]
      if (state?.predicate === undefined) todo.push(...(state?.next ?? []))
    }
    return seen
  }
}

const TOKEN = /\s*(?:([0-9][0-9A-Fa-f:#,-]*)|([()|?+*]))/y

/** Recursive descent over the text; builds the automaton as it goes (Thompson's construction). */
class Parser {
  readonly states: State[] = []
  readonly #tokens: readonly string[]
  #at = 0

  constructor(text: string) {
    this.#tokens = tokenize(text)
  }

  parse(): Piece {
    const piece = this.#sequence(0)
    const left = this.#tokens[this.#at]
    if (left !== undefined) throw unexpected(left)
    return piece
  }

  #sequence(depth: number): Piece {
    if (depth > SEQUENCE_DEPTH_MAX) {
      throw new ScionError('ERR_SCION_CONFIG', `sequence: nested deeper than ${SEQUENCE_DEPTH_MAX}`)
    }
    let whole = this.#alternation(depth)
    while (this.#peek() !== undefined && this.#peek() !== ')') {
      const next = this.#alternation(depth)
      this.#connect(whole.end, next.start)
      whole = { start: whole.start, end: next.end }
    }
    return whole
  }

  #alternation(depth: number): Piece {
    const first = this.#repeated(depth)
    if (this.#peek() !== '|') return first
    const [start, end] = [this.#state(), this.#state()]
    const join = (piece: Piece): void => {
      this.#connect(start, piece.start)
      this.#connect(piece.end, end)
    }
    join(first)
    while (this.#take('|')) join(this.#repeated(depth))
    return { start, end }
  }

  #repeated(depth: number): Piece {
    const once = this.#single(depth)
    const operator = this.#peek()
    if (operator !== '?' && operator !== '+' && operator !== '*') return once
    this.#at++
    const [start, end] = [this.#state(), this.#state()]
    this.#connect(start, once.start)
    this.#connect(once.end, end)
    if (operator !== '?') this.#connect(end, once.start)
    if (operator !== '+') this.#connect(start, end)
    return { start, end }
  }

  #single(depth: number): Piece {
    const token = this.#tokens[this.#at]
    this.#at++
    if (token === undefined) throw unexpected('the end')
    if (token === '(') {
      const inner = this.#sequence(depth + 1)
      if (!this.#take(')')) throw unexpected(this.#peek() ?? 'the end')
      return inner
    }
    if (!/^[0-9]/.test(token)) throw unexpected(token)
    const end = this.#state()
    const start = this.#state({ predicate: parseHopPredicate(token), next: [end] })
    return { start, end }
  }

  #state(state: State = { next: [] }): number {
    return this.states.push(state) - 1
  }

  #connect(from: number, to: number): void {
    this.states[from]?.next.push(to)
  }

  #peek(): string | undefined {
    return this.#tokens[this.#at]
  }

  #take(token: string): boolean {
    if (this.#peek() !== token) return false
    this.#at++
    return true
  }
}

function tokenize(text: string): readonly string[] {
  const tokens: string[] = []
  const trimmed = text.trimEnd()
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < trimmed.length) {
    const at = TOKEN.lastIndex
    const match = TOKEN.exec(trimmed)
    if (match === null) throw unexpected(trimmed.slice(at).trimStart().slice(0, 20))
    tokens.push(match[1] ?? match[2] ?? '')
  }
  return tokens
}

function unexpected(token: string): ScionError {
  return new ScionError('ERR_SCION_CONFIG', `sequence: a hop predicate or operator, found ${token}`)
}
