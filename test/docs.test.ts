import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, it } from 'mocha'
import { codesPage } from '../scripts/codes.ts'
import { readCodes } from '../scripts/codes/read.ts'
import { CODE_SETS } from '../scripts/codes/sets.ts'
import { docsPages } from './support/documented.ts'
import { parseConfig } from '../firmware/src/config/load.ts'
import { ROOT } from './support/source.ts'

const pages = docsPages()

/** The inline links and pictures of a page, without code blocks. */
function linksOf(page: string): readonly string[] {
  const text = readFileSync(join(ROOT, page), 'utf8').replace(/^```[^]*?^```/gm, '')
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '')
}

describe('the docs', () => {
  it('link to nothing that is not there', () => {
    const broken = pages.flatMap((page) =>
      linksOf(page)
        .filter((link) => !/^(https?:|mailto:|#)/.test(link))
        .map((link) => join(ROOT, dirname(page), link.replace(/#.*/, '')))
        .filter((path) => !existsSync(path))
        .map((path) => `${page} → ${relative(ROOT, path)}`),
    )
    assert.deepEqual(broken, [])
  })

  it('name only npm scripts that exist', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>
    }
    const unknown = pages.flatMap((page) =>
      [...readFileSync(join(ROOT, page), 'utf8').matchAll(/npm run (?:-s )?([a-z][a-z:-]*)/g)]
        .map((match) => match[1] ?? '')
        .filter((name) => scripts[name] === undefined)
        .map((name) => `${page}: npm run ${name}`),
    )
    assert.deepEqual(unknown, [])
  })

  it('explain every code, in the words of the source (npm run codes)', async () => {
    const silent = CODE_SETS.flatMap(({ file, name }) =>
      readCodes(readFileSync(join(ROOT, file), 'utf8'), name)
        .filter(({ meaning }) => meaning === '')
        .map(({ code }) => `${file}: ${code}`),
    )
    assert.deepEqual(silent, [])
    assert.equal(readFileSync(join(ROOT, 'docs/codes.md'), 'utf8'), await codesPage())
  })

  it('show settings of meters that the firmware takes', () => {
    const uplink = '[uplink]\ntransport = "udp"\n\n[uplink.udp]\nremote = "192.0.2.10:7400"\n'
    const shown = pages
      .filter((page) => page.startsWith('docs/meters/'))
      .flatMap((page) => {
        const text = readFileSync(join(ROOT, page), 'utf8')
        return [...text.matchAll(/^```toml\n([^]*?)^```/gm)].map((match) => [page, match[1] ?? ''])
      })
    assert.ok(shown.length >= 8)
    for (const [page = '', toml = ''] of shown) parseConfig(`${toml}\n${uplink}`, page)
  })

  it('name a test for every threat', () => {
    const wrong: string[] = []
    for (const row of threatRows()) {
      const cells = row.split('|').map((cell) => cell.trim())
      const references = [...(cells[4] ?? '').matchAll(/`([^`]+\.test\.ts)`: ([^;]+)/g)]
      if (references.length === 0) wrong.push(`${cells[1] ?? row}: names no test`)
      for (const [, path = '', title = ''] of references) {
        const full = join(ROOT, path)
        if (!existsSync(full)) wrong.push(`${cells[1] ?? ''}: ${path} is not there`)
        else if (!readFileSync(full, 'utf8').includes(title.trim())) {
          wrong.push(`${cells[1] ?? ''}: ${path} has no test "${title.trim()}"`)
        }
      }
    }
    assert.deepEqual(wrong, [])
  })
})

/** Rows of the threat model's tables: `| id | threat | what stands against it | tests |`. */
function threatRows(): readonly string[] {
  const rows = readFileSync(join(ROOT, 'docs/threat-model.md'), 'utf8')
    .split('\n')
    .filter((line) => /^\| *[NAP][0-9]+ *\|/.test(line))
  assert.ok(rows.length >= 20, 'the threat model has lost its rows')
  return rows
}
