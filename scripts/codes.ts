/**
 * Writes docs/codes.md: every code of every closed set, with what its author wrote beside it in the
 * source. A test holds the page to this.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { readCodes } from './codes/read.ts'
import { CODE_SETS, type CodeSet } from './codes/sets.ts'

const ROOT = join(import.meta.dirname, '..')
const PAGE = join(ROOT, 'docs/codes.md')

const HEAD = `# Codes

Every message that a person gets has a code beside it, which stays the same when the words change: search
for it here. The sets are closed; programs may switch over them. This page is written by
\`npm run codes\` from the comments in the sources.

`

/** The page as it should be. */
export async function codesPage(): Promise<string> {
  const text = HEAD + CODE_SETS.map(section).join('\n')
  return format(text, { ...(await resolveConfig(PAGE)), parser: 'markdown' })
}

function section(set: CodeSet): string {
  const codes = readCodes(readFileSync(join(ROOT, set.file), 'utf8'), set.name)
  const rows = codes.map(
    ({ code, meaning }) =>
      `| \`${set.shown?.(code) ?? code}\` | ${meaning.replaceAll('|', '\\|')} |`,
  )
  return `## ${set.title}

Met in: ${set.where}. Source: [\`${set.file}\`](../${set.file}).

| code | meaning |
| --- | --- |
${rows.join('\n')}
`
}

if (import.meta.main) {
  writeFileSync(PAGE, await codesPage())
  console.log(`wrote ${PAGE}`)
}
