import { ScionError } from '../errors.ts'

/** Longest policy document, in characters. */
export const POLICY_DOCUMENT_CHARS_MAX = 262_144

/** A JSON object as parsed, its values not yet looked at. */
export type JsonObject = Readonly<Record<string, unknown>>

/** Parses a document whose top is an object; throws `ERR_SCION_CONFIG` otherwise. */
export function parseDocument(text: string): JsonObject {
  if (text.length > POLICY_DOCUMENT_CHARS_MAX) {
    throw new ScionError(
      'ERR_SCION_CONFIG',
      `policy document: at most ${POLICY_DOCUMENT_CHARS_MAX} characters, found ${text.length}`,
    )
  }
  try {
    return asObject(JSON.parse(text), 'policy document')
  } catch (cause) {
    if (cause instanceof ScionError) throw cause
    throw new ScionError('ERR_SCION_CONFIG', `policy document: JSON, found ${String(cause)}`)
  }
}

/** The value as an object; throws `ERR_SCION_CONFIG` naming the field. */
export function asObject(value: unknown, field: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as JsonObject
  }
  throw expected(field, 'an object', value)
}

/** The value as a list of texts. */
export function asTexts(value: unknown, field: string): readonly string[] {
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value
  throw expected(field, 'a list of texts', value)
}

/** The value as a text. */
export function asText(value: unknown, field: string): string {
  if (typeof value === 'string') return value
  throw expected(field, 'a text', value)
}

/** The value as a whole number that is not negative. */
export function asCount(value: unknown, field: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw expected(field, 'a whole number, 0 or more', value)
}

/** Refuses keys that the format does not have, so that a typing error is no silent hole. */
export function refuseUnknown(object: JsonObject, known: readonly string[], field: string): void {
  const stray = Object.keys(object).find((key) => !known.includes(key))
  if (stray !== undefined) {
    throw new ScionError(
      'ERR_SCION_CONFIG',
      `${field}: one of ${known.join(', ')}, found ${stray.slice(0, 40)}`,
    )
  }
}

function expected(field: string, what: string, value: unknown): ScionError {
  const found = value === undefined ? 'nothing' : (JSON.stringify(value) as string | undefined)
  return new ScionError(
    'ERR_SCION_CONFIG',
    `${field}: ${what}, found ${(found ?? '').slice(0, 60)}`,
  )
}

/**
 * The keys of the object that stands under `name` in the document's top object, in the order of the
 * text. `JSON.parse` moves keys that look like array indices (`"0"`, `"1"`) to the front, but the
 * order of destinations decides which of them wins.
 *
 * @param text a document that `JSON.parse` accepts
 */
export function keysInTextOrder(text: string, name: string): readonly string[] {
  const keys: string[] = []
  const path: (string | undefined)[] = []
  let key: string | undefined
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:,]/g)) {
    if (token === '{' || token === '[') path.push(key)
    else if (token === '}' || token === ']') path.pop()
    else if (token.startsWith('"')) key = JSON.parse(token) as string
    else if (token === ':' && path.length === 2 && path[1] === name && key !== undefined) {
      keys.push(key)
    }
  }
  return [...new Set(keys)]
}
