import { Marked, type Tokens } from 'marked'

/** A heading of a page. */
export interface Heading {
  readonly depth: number
  readonly id: string
  /** Plain, not yet escaped. */
  readonly text: string
}

/** A page as HTML. */
export interface Rendered {
  readonly title: string
  readonly html: string
  readonly headings: readonly Heading[]
}

/** Where a link of the page leads on the site; `undefined` leaves it as it is. */
export type LinkMap = (href: string) => string | undefined

/** Turns a page of ours into HTML: headings get the ids that code hosts give them. */
export function renderMarkdown(text: string, link: LinkMap): Rendered {
  const headings: Heading[] = []
  const taken = new Map<string, number>()
  const marked = new Marked({ gfm: true })
  marked.use({
    renderer: {
      heading({ tokens, depth }: Tokens.Heading): string {
        const inner = this.parser.parseInline(tokens)
        const plain = unescape(inner.replace(/<[^>]*>/g, ''))
        const id = uniqueId(plain, taken)
        headings.push({ depth, id, text: plain })
        const anchor = `<a class="anchor" href="#${id}" aria-label="Link to ${escapeHtml(plain)}">#</a>`
        return `<h${depth} id="${id}">${inner}${depth > 1 ? anchor : ''}</h${depth}>\n`
      },
      link({ href, tokens }: Tokens.Link): string {
        const target = link(href) ?? href
        return `<a href="${escapeHtml(target)}">${this.parser.parseInline(tokens)}</a>`
      },
      image({ href, text: alt }: Tokens.Image): string {
        const source = escapeHtml(link(href) ?? href)
        return `<img src="${source}" alt="${escapeHtml(alt)}" loading="lazy">`
      },
      // What our pages hold of HTML are comments for those who edit them.
      html(): string {
        return ''
      },
    },
  })
  const html = marked.parse(text, { async: false })
  // A wide table scrolls by itself, reachable by the keyboard, not the page.
  const tables = html
    .replaceAll('<table>', '<div class="table" tabindex="0"><table>')
    .replaceAll('</table>', '</table></div>')
    .replaceAll('<pre>', '<pre tabindex="0">')
  return { title: headings[0]?.text ?? '', html: tables, headings }
}

/** Text inside HTML. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

function unescape(html: string): string {
  return html
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')
}

/** The id of a heading as code hosts make it, numbered where two headings are alike. */
function uniqueId(text: string, taken: Map<string, number>): string {
  const id = text
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-')
  const times = taken.get(id) ?? 0
  taken.set(id, times + 1)
  return times === 0 ? id : `${id}-${times}`
}
