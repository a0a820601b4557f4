/**
 * Builds the front end into web/dist/page, which a release ships; `npm run build` calls it. Says how
 * large the page is, and fails when it outgrows its budget.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { bundlePage } from '../web/src/bundle.ts'

/** What the whole page may weigh on the wire, gzipped: about a second on a slow phone line. */
const PAGE_GZIPPED_BYTES_BUDGET = 150_000

const folder = join(import.meta.dirname, '../web/dist/page')
const assets = await bundlePage()
await rm(folder, { recursive: true, force: true })
let total = 0
for (const asset of assets) {
  const file = join(folder, asset.path === '/' ? 'index.html' : asset.path)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, asset.bytes)
  const onWire = (asset.gzipped ?? asset.bytes).length
  total += onWire
  console.log(`${String(onWire).padStart(7)} bytes gzipped  ${asset.path}`)
}
console.log(`${String(total).padStart(7)} bytes in all`)
if (total > PAGE_GZIPPED_BYTES_BUDGET) {
  console.error(`the page may weigh ${PAGE_GZIPPED_BYTES_BUDGET} bytes gzipped`)
  process.exitCode = 1
}
