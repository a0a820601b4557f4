import { dirname, posix } from 'node:path'
import { escapeHtml, type Rendered } from './markdown.ts'
import type { Entry, Section } from './outline.ts'

/** What a page is laid out from. */
export interface Layout {
  readonly page: Rendered
  readonly entry: Entry
  readonly sections: readonly Section[]
  /** Where each page is on the site. */
  readonly places: ReadonlyMap<string, string>
  /** All pages in reading order, and which of them this is. */
  readonly around: readonly Entry[]
  readonly index: number
}

/** A whole page: navigation, text, what is on this page, what comes before and after. */
export function layOut(layout: Layout): string {
  const { page, entry, around, index } = layout
  const here = layout.places.get(entry.file) ?? 'index.html'
  const to = (place: string): string =>
    escapeHtml(posix.relative(dirname(here), place) || posix.basename(place))
  const linkTo = (target: Entry, mark = ''): string =>
    `<a href="${to(layout.places.get(target.file) ?? '')}"${mark}>${escapeHtml(target.name)}</a>`
  const title = here === 'index.html' ? 'S3MP' : `${page.title} – S3MP`
  const before = around[index - 1]
  const after = around[index + 1]
  const icon = `<img src="${to('icon.svg')}" alt="" width="28" height="28">`
  const home = `<a class="home" href="${to('index.html')}">${icon}S3MP</a>`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="${to('icon.svg')}">
<link rel="stylesheet" href="${to('site.css')}">
</head>
<body>
<a class="skip" href="#text">To the text</a>
<header class="top">${home}<a href="#pages">All pages</a></header>
<nav class="site" id="pages" aria-label="All pages">
${home}
${layout.sections.map((section) => navigation(section, entry, linkTo)).join('\n')}
</nav>
<main id="text">
${page.html}
<nav class="turn" aria-label="Before and after">
${before ? `<span>← ${linkTo(before)}</span>` : '<span></span>'}
${after ? `<span>${linkTo(after)} →</span>` : ''}
</nav>
</main>
${contents(page)}
</body>
</html>
`
}

function navigation(
  section: Section,
  current: Entry,
  linkTo: (entry: Entry, mark?: string) => string,
): string {
  const isHere = section.entries.includes(current)
  const items = section.entries
    .map((entry) => `<li>${linkTo(entry, entry === current ? ' aria-current="page"' : '')}</li>`)
    .join('\n')
  const isLong = section.entries.length > 20
  return `<details${isHere || !isLong ? ' open' : ''}><summary>${escapeHtml(section.title)}</summary>
<ul>
${items}
</ul></details>`
}

/** The headings of a page that is long enough to get lost in. */
function contents(page: Rendered): string {
  const headings = page.headings.filter((heading) => heading.depth === 2)
  if (headings.length < 3) return ''
  const items = headings
    .map(({ id, text }) => `<li><a href="#${id}">${escapeHtml(text)}</a></li>`)
    .join('\n')
  return `<nav class="contents" aria-label="On this page"><h2>On this page</h2>\n<ul>\n${items}\n</ul></nav>`
}
