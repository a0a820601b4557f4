import type { VNode } from 'preact'
import { setLanguage, setTheme, themeStore } from '../prefs.ts'
import type { Theme } from '../prefs.ts'
import { useStore } from '../store.ts'
import { LANGUAGES, wordsStore } from '../texts/index.ts'
import type { Language } from '../texts/index.ts'
import { Icon } from './icons.tsx'

/** The mark: the disc of an old meter seen from its edge, with its red tick. */
export function Brand(): VNode {
  return (
    <a class="brand" href="#/" aria-label="S3MP">
      <svg width="30" height="30" viewBox="0 0 32 32" aria-hidden="true">
        <rect class="brand-case" x="2" y="2" width="28" height="28" rx="8" />
        <rect class="brand-disc" x="5" y="14" width="22" height="4" rx="2" />
        <rect class="brand-tick" x="18" y="13" width="5" height="6" rx="1" />
      </svg>
      <span>S3MP</span>
    </a>
  )
}

const NEXT_THEME: Readonly<Record<Theme, Theme>> = { auto: 'light', light: 'dark', dark: 'auto' }
const THEME_ICON = { auto: 'half', light: 'sun', dark: 'moon' } as const

/** Language and appearance. */
export function Preferences(): VNode {
  const { t, language } = useStore(wordsStore, (words) => words)
  const theme = useStore(themeStore, (value) => value)
  const other: Language = language === 'en' ? 'de' : 'en'
  return (
    <div class="preferences">
      <button
        type="button"
        class="quiet"
        lang={other}
        title={`${t.chooseLanguage}: ${LANGUAGES[other].language}`}
        aria-label={`${other.toUpperCase()}, ${LANGUAGES[other].language}`}
        onClick={() => {
          setLanguage(other)
        }}
      >
        {other.toUpperCase()}
      </button>
      <button
        type="button"
        class="quiet"
        title={`${t.theme.label}: ${t.theme[theme]}`}
        aria-label={`${t.theme.label}: ${t.theme[theme]}`}
        onClick={() => {
          setTheme(NEXT_THEME[theme])
        }}
      >
        <Icon name={THEME_ICON[theme]} />
      </button>
    </div>
  )
}
