import { createStore } from './store.ts'
import { pickLanguage, wordsFor, wordsStore } from './texts/index.ts'
import type { Language } from './texts/index.ts'

/** How the page looks: as the system does, or as the reader chose. */
export type Theme = 'auto' | 'light' | 'dark'

/** The appearance in use. */
export const themeStore = createStore<Theme>('auto')

/** Counts changes of appearance, so that what is painted on a canvas is painted anew. */
export const paintStore = createStore(0)

/** Reads what the reader chose before, and follows the system's appearance. */
export function loadPreferences(): void {
  const theme = recall('theme')
  setTheme(theme === 'light' || theme === 'dark' ? theme : 'auto')
  setLanguage(pickLanguage(recall('language'), navigator.languages), false)
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', repaint)
}

/** Changes the appearance, and remembers it. */
export function setTheme(theme: Theme): void {
  const root = document.documentElement
  if (theme === 'auto') delete root.dataset.theme
  else root.dataset.theme = theme
  remember('theme', theme)
  themeStore.set(theme)
  repaint()
}

/** Changes the language, and remembers it where the reader chose it. */
export function setLanguage(language: Language, chosen = true): void {
  document.documentElement.lang = language
  if (chosen) remember('language', language)
  wordsStore.set(wordsFor(language, navigator.languages))
}

function repaint(): void {
  paintStore.update((count) => count + 1)
}

/** What this browser remembers under `name`; null where it remembers nothing, or may not. */
export function recall(name: string): string | null {
  try {
    return localStorage.getItem(`s3mp.${name}`)
  } catch {
    return null
  }
}

/** Keeps `value` in this browser, where it may keep anything. */
export function remember(name: string, value: string): void {
  try {
    localStorage.setItem(`s3mp.${name}`, value)
  } catch {
    // A private window forgets; the page works all the same.
  }
}
