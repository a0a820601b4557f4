/**
 * `npm run site` builds the docs as pages that any web server, or none, can show: `dist/site`, or the
 * folder named by `--out`. It fails on a link that leads nowhere.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { buildSite } from './site/build.ts'
import { brokenLinks } from './site/check.ts'

const { values } = parseArgs({ options: { out: { type: 'string' } } })
const folder = resolve(values.out ?? join(import.meta.dirname, '../dist/site'))
const site = buildSite()
rmSync(folder, { recursive: true, force: true })
for (const [place, content] of site) {
  const file = join(folder, place)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, content)
}
console.log(`${site.size} files: ${join(folder, 'index.html')}`)
const broken = brokenLinks(site)
for (const link of broken) console.error(`leads nowhere: ${link}`)
if (broken.length > 0) process.exitCode = 1
