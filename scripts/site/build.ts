import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { renderMarkdown, type Rendered } from './markdown.ts'
import { OUTLINE, type Entry, type Section } from './outline.ts'
import { layOut } from './template.ts'

const ROOT = join(import.meta.dirname, '../..')
/** Where the pages' own style has its font, seen from the styles. */
const FONT = '../fonts/instrument-sans.woff2'
const FONT_PLACE = 'instrument-sans.woff2'
const OUTSIDE = /^([a-z][a-z+.-]*:|\/\/|#)/

/** The site: path from its root, and content. */
export type Site = ReadonlyMap<string, string | Uint8Array>

/** Decisions are many and short: they come in by themselves, one entry each. */
function decisions(): Section {
  const folder = 'docs/decisions'
  const entries = readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => ({ file: `${folder}/${name}`, name: titleOf(`${folder}/${name}`) }))
  return { title: 'Decisions', entries }
}

function titleOf(file: string): string {
  const heading = /^# (.+)$/m.exec(readFileSync(join(ROOT, file), 'utf8'))?.[1]
  return (heading ?? file).replaceAll('`', '')
}

/** Builds all pages, the files that they link to, and the style. */
export function buildSite(): Site {
  const sections = [...OUTLINE, decisions()]
  const entries = sections.flatMap((section) => section.entries)
  const places = new Map(entries.map((entry) => [entry.file, placeOf(entry.file)]))
  const site = new Map<string, string | Uint8Array>()
  const needed = new Set<string>()
  for (const [index, entry] of entries.entries()) {
    const page = render(entry, places, needed)
    site.set(placeOf(entry.file), layOut({ page, entry, sections, places, around: entries, index }))
  }
  for (const file of needed) site.set(copyPlace(file), copyOf(file))
  const styles = join(ROOT, 'web/src/page/styles')
  const tokens = readFileSync(join(styles, 'tokens.css'), 'utf8')
  const own = readFileSync(join(import.meta.dirname, 'site.css'), 'utf8')
  site.set(FONT_PLACE, readFileSync(join(styles, FONT)))
  // The colours and the type of the project's own pages, and what only this site needs.
  site.set('site.css', `${tokens.replace(FONT, FONT_PLACE)}\n${own}`)
  site.set('icon.svg', readFileSync(join(ROOT, 'web/src/page/icon.svg')))
  return site
}

function render(entry: Entry, places: ReadonlyMap<string, string>, needed: Set<string>): Rendered {
  const text = readFileSync(join(ROOT, entry.file), 'utf8')
  const here = placeOf(entry.file)
  return renderMarkdown(text, (href) => {
    if (OUTSIDE.test(href)) return undefined
    const [path = '', fragment] = href.split('#')
    const file = posix.normalize(posix.join(dirname(entry.file), path)).replace(/\/$/, '')
    const place = places.get(file) ?? neededPlace(file, needed, places)
    const relative = posix.relative(dirname(here), place) || posix.basename(place)
    return fragment === undefined ? relative : `${relative}#${fragment}`
  })
}

/** A linked file that is no page of the site is shown as it is; a folder by its first page. */
function neededPlace(
  file: string,
  needed: Set<string>,
  places: ReadonlyMap<string, string>,
): string {
  const full = join(ROOT, file)
  // What is not there is left to the check of links, which tells them all.
  if (!existsSync(full)) return copyPlace(file)
  if (statSync(full).isDirectory()) {
    const first = [...places].find(([page]) => page.startsWith(`${file}/`))
    return first?.[1] ?? 'index.html'
  }
  needed.add(file)
  return copyPlace(file)
}

/** `docs/a.md` is at `a.html`; pages from elsewhere keep their folder. */
function placeOf(file: string): string {
  return file
    .replace(/^docs\//, '')
    .replace(/README\.md$/, 'index.html')
    .replace(/\.md$/, '.html')
}

const SHOWN_AS_THEY_ARE = /\.(png|svg|gif|webp|avif|jpg|json|txt|webm)$/

function copyPlace(file: string): string {
  const place = file.replace(/^docs\//, '')
  return SHOWN_AS_THEY_ARE.test(file) ? place : `source/${place}.txt`
}

function copyOf(file: string): Uint8Array {
  return readFileSync(join(ROOT, file))
}
