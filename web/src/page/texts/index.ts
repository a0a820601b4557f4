import { createStore } from '../store.ts'
import { createFormats } from '../logic/format.ts'
import type { Formats } from '../logic/format.ts'
import { de, en } from './texts.ts'
import type { Texts } from './texts.ts'

/** A language of the page. */
export type Language = 'en' | 'de'

/** Texts and formats of the language in use. */
export interface Words {
  readonly language: Language
  readonly t: Texts
  readonly f: Formats
}

/** Every language, by its tag. */
export const LANGUAGES: Readonly<Record<Language, Texts>> = { en, de }

/** The words in use; views are drawn anew when the reader chooses another language. */
export const wordsStore = createStore<Words>(wordsFor('en'))

/** Texts of `language`, and formats of the browser's own region where it speaks that language. */
export function wordsFor(language: Language, preferred: readonly string[] = []): Words {
  const region = preferred.find((tag) => tag.split('-')[0] === language)
  return { language, t: LANGUAGES[language], f: createFormats(region ?? language) }
}

/** The first language of the reader's that we have. */
export function pickLanguage(chosen: string | null, preferred: readonly string[]): Language {
  const wanted = [chosen ?? '', ...preferred].map((tag) => tag.split('-')[0] ?? '')
  return wanted.find((tag): tag is Language => Object.hasOwn(LANGUAGES, tag)) ?? 'en'
}
