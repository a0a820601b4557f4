/**
 * Writes what the programs say of their own API into docs/, as they say it: `npm run openapi`. Tests hold
 * the files to the running programs.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createHeadend, Keyring, MemorySecrets, SqliteStore, systemRandom } from '@s3mp/headend'
import { format, resolveConfig } from 'prettier'
import { pageDocument } from '../firmware/src/page/openapi.ts'
import { headendDocument } from '../headend/src/api/openapi.ts'
import { demoDocument } from './demo/addresses.ts'

const ROOT = join(import.meta.dirname, '..')
const DAY_MS = 86_400_000

const store = new SqliteStore(':memory:')
const policy = { validMs: 30 * DAY_MS, rotateBeforeMs: 10 * DAY_MS, graceMs: DAY_MS }
const keyring = Keyring.create(new MemorySecrets(), policy, systemRandom)
const headend = await createHeadend({ access: 'open', store, keyring, transports: [] })
const { version } = headend.describe()

for (const [file, document] of [
  ['docs/openapi.json', headendDocument(version, headend.routes)],
  ['docs/openapi-meter.json', pageDocument(version)],
  ['docs/openapi-demo.json', demoDocument(version, headend.routes)],
] as const) {
  const path = join(ROOT, file)
  const style = { ...(await resolveConfig(path)), parser: 'json' }
  writeFileSync(path, await format(JSON.stringify(document), style))
}

await headend.close()
store.close()
