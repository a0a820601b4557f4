import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Context } from 'mocha'

/** Captured telegrams, kept beside the project and not part of it. */
const CORPUS = resolve(import.meta.dirname, '../../../../shared/corpus/open')

/** One captured file. */
export interface Capture {
  /** Folder of the source and file name. */
  readonly name: string
  readonly bytes: Uint8Array
}

/** All captures of a kind (`sml`, `sml-frame-only`, …); skips the test where there are none. */
export function captures(context: Context, kind: string): readonly Capture[] {
  if (!existsSync(CORPUS)) {
    console.log(`      skipped: no captured telegrams in ${CORPUS}`)
    context.skip()
  }
  return readdirSync(CORPUS)
    .map((source) => join(CORPUS, source, kind))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      readdirSync(folder)
        .filter((name) => !name.endsWith('.json'))
        .map((name) => ({
          name: join(folder, name).slice(CORPUS.length + 1),
          bytes: new Uint8Array(readFileSync(join(folder, name))),
        })),
    )
}
