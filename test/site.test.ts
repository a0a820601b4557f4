import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { buildSite, type Site } from '../scripts/site/build.ts'
import { brokenLinks } from '../scripts/site/check.ts'
import { renderMarkdown } from '../scripts/site/markdown.ts'
import { OUTLINE } from '../scripts/site/outline.ts'
import { docsPages } from './support/documented.ts'

const site = (pages: Readonly<Record<string, string>>): Site => new Map(Object.entries(pages))

describe('the site', () => {
  it('has every page of the docs, and no link that leads nowhere', () => {
    const outlined = new Set(OUTLINE.flatMap(({ entries }) => entries.map(({ file }) => file)))
    const missing = docsPages().filter(
      (page) => !outlined.has(page) && !page.startsWith('docs/decisions/') && page !== 'README.md',
    )
    assert.deepEqual(missing, [])
    const built = buildSite()
    assert.ok(built.has('index.html') && built.has('site.css'))
    assert.deepEqual(brokenLinks(built), [])
  })

  it('runs nothing: no script, no style inside, nothing from elsewhere', () => {
    for (const [place, content] of buildSite()) {
      if (typeof content !== 'string' || !place.endsWith('.html')) continue
      assert.doesNotMatch(content, /<script|<style| on[a-z]+=| style="|src="https?:/, place)
    }
  })

  it('finds a page, a picture and a heading that are not there', () => {
    const broken = brokenLinks(
      site({
        'a.html': '<h2 id="here">x</h2><a href="b.html"><a href="c.html#no"><img src="d.png">',
        'c.html': '<a href="a.html#here"><a href="#gone"><a href="https://example.org/">',
      }),
    )
    assert.deepEqual(broken, [
      'a.html → b.html',
      'a.html → c.html#no',
      'a.html → d.png',
      'c.html → #gone',
    ])
  })

  it('names headings as code hosts do', () => {
    const { headings } = renderMarkdown('# A `b`, c\n## X\n## X\n### 4.1 Päth & more\n', String)
    assert.deepEqual(
      headings.map(({ id }) => id),
      ['a-b-c', 'x', 'x-1', '41-päth--more'],
    )
  })
})
