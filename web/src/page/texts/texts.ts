import german from './de.json' with { type: 'json' }
import english from './en.json' with { type: 'json' }

/** The shape that every language has. */
export type Texts = typeof english

/** Every English text of the page. */
export const en: Texts = english

/** Every German one. */
export const de: Texts = german

/** The word for a code that a server sent; undefined for one that the page does not know. */
export function wordFor(words: Readonly<Record<string, string>>, code: string): string | undefined {
  return Object.hasOwn(words, code) ? words[code] : undefined
}
