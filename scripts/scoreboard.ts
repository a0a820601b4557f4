/**
 * Runs the decoders over a folder of captured telegrams and compares every reading with what is
 * expected: `npm run -s scoreboard -- [--json|--markdown] [DIR]`.
 *
 * Exit status 0 when nothing differs, 1 when something does, 2 for wrong usage.
 */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Capture } from './scoreboard/corpus.ts'
import { modelsOf, readCorpus } from './scoreboard/corpus.ts'
import { DLMS_KINDS, scoreDlms } from './scoreboard/dlms.ts'
import type { Score } from './scoreboard/score.ts'
import { formatRows, markdownTable, tabulate } from './scoreboard/score.ts'
import { SML_KINDS, scoreSml } from './scoreboard/sml.ts'
import { TEXT_KINDS, scoreText } from './scoreboard/text.ts'

/** What compares the captures of a folder name with what is expected of them. */
const SCORERS: ReadonlyMap<string, (capture: Capture) => Score> = new Map([
  ...SML_KINDS.map((kind) => [kind, scoreSml] as const),
  ...DLMS_KINDS.map((kind) => [kind, scoreDlms] as const),
  ...TEXT_KINDS.map((kind) => [kind, scoreText] as const),
])

/** Where captures lie if no folder is named: beside the project. */
export const CORPUS = resolve(import.meta.dirname, '../../shared/corpus/open')

/** Scores every file of a corpus folder whose protocol is known. */
export function scoreCorpus(folder: string): readonly Score[] {
  return readCorpus(folder).flatMap((capture) => {
    const score = SCORERS.get(capture.kind)
    return score === undefined ? [] : [score(capture)]
  })
}

/** Kinds of captures that no decoder here reads yet, with the number of files. */
function unread(folder: string): readonly string[] {
  const others = readCorpus(folder).filter(({ kind }) => !SCORERS.has(kind))
  return [...new Set(others.map(({ kind }) => kind))]
    .sort()
    .map((name) => `${name} (${others.filter(({ kind }) => kind === name).length} files)`)
}

function main(words: readonly string[]): number {
  const json = words.includes('--json')
  const markdown = words.includes('--markdown')
  const [folder = CORPUS, ...more] = words.filter(
    (word) => word !== '--json' && word !== '--markdown',
  )
  if (more.length > 0 || folder.startsWith('-')) {
    console.error('usage: npm run -s scoreboard -- [--json|--markdown] [DIR]')
    return 2
  }
  if (!existsSync(folder)) {
    console.error(`scoreboard: there is no folder ${folder}; name one that holds captures`)
    return 2
  }
  const scores = scoreCorpus(folder)
  const rows = tabulate(scores)
  const left = unread(folder)
  const differences = scores.flatMap((score) => score.differences)
  const exceptions = [...new Set(scores.flatMap((score) => score.exceptions))]
  if (json) {
    console.log(
      JSON.stringify({ rows, differences, exceptions, unread: left, files: scores }, undefined, 2),
    )
  } else if (markdown) console.log(markdownTable(scores, modelsOf(folder)))
  else {
    console.log(formatRows(rows))
    if (left.length > 0) console.log(`not read: ${left.join(', ')}`)
    for (const line of exceptions) console.log(`exception: ${line}`)
    for (const line of differences) console.log(`difference: ${line}`)
  }
  return differences.length > 0 ? 1 : 0
}

if (import.meta.main) process.exitCode = main(process.argv.slice(2))
