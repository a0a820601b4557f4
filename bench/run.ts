/**
 * Runs the benchmarks of this folder: `npm run bench -- [--json] [NAME…]`.
 *
 * A name picks files (`sml`, `scion`); without one all run. Figures are ratios against a peer of
 * the same run wherever a peer exists: single times say little on a shared machine.
 */
import { readdirSync } from 'node:fs'
import type { Bench, Figure } from './table.ts'
import { printFigures } from './table.ts'

const OWN = ['run.ts', 'table.ts']

async function main(): Promise<void> {
  const words = process.argv.slice(2)
  const json = words.includes('--json')
  const wanted = words.filter((word) => !word.startsWith('--'))
  const names = readdirSync(import.meta.dirname)
    .filter((name) => name.endsWith('.ts') && !OWN.includes(name))
    .filter((name) => wanted.length === 0 || wanted.some((word) => name.startsWith(word)))
    .sort()
  if (names.length === 0) throw new Error(`no benchmark is called ${wanted.join(' or ')}`)
  const all: Record<string, readonly Figure[]> = {}
  for (const name of names) {
    const { run } = (await import(`./${name}`)) as { readonly run?: Bench }
    if (run === undefined) throw new Error(`bench/${name} exports no run()`)
    const figures = await run()
    all[name.replace(/\.ts$/, '')] = figures
    if (!json) {
      console.log(`\n${name}`)
      printFigures(figures)
    }
  }
  if (json) console.log(JSON.stringify(all, undefined, 2))
}

await main()
