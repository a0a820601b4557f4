import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { guruxClassPath } from '../../test/support/gurux.ts'
import { which } from '../../test/support/outside.ts'

/** Nanoseconds a telegram of Gurux's library for Java, warm; or why there are none. */
export type GuruxTime = { readonly ns: number } | { readonly absent: string }

const PATIENCE_MS = 60_000
const LENGTH_BYTES = 2

/** Times Gurux's DLMS library on telegrams that come in chunks; `keys` in hex, '-' for none. */
export function timeGurux(
  telegrams: readonly Uint8Array[],
  chunk: number,
  keys: string,
  rounds: number,
): GuruxTime {
  const [java, maven] = [which('java'), which('mvn')]
  if (java === undefined || maven === undefined) {
    return { absent: 'Gurux does not run: Debian packages default-jdk-headless and maven' }
  }
  const folder = mkdtempSync(join(tmpdir(), 's3mp-gurux-'))
  try {
    const file = join(folder, 'telegrams.bin')
    const size = telegrams.reduce((sum, { length }) => sum + LENGTH_BYTES + length, 0)
    const bytes = new Uint8Array(size)
    let at = 0
    for (const telegram of telegrams) {
      bytes.set([telegram.length >> 8, telegram.length & 0xff], at)
      bytes.set(telegram, at + LENGTH_BYTES)
      at += LENGTH_BYTES + telegram.length
    }
    writeFileSync(file, bytes)
    const program = join(import.meta.dirname, 'GuruxDecode.java')
    const words = ['-cp', guruxClassPath(maven), program, file, `${chunk}`, keys, `${rounds}`]
    const output = execFileSync(java, words, {
      encoding: 'utf8',
      timeout: PATIENCE_MS,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const [ns = NaN, understood = 0] = output.trim().split(' ').map(Number)
    if (understood !== telegrams.length) {
      return { absent: `Gurux read ${understood} telegrams of ${telegrams.length}` }
    }
    return { ns }
  } catch (error) {
    const [reason = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
    return { absent: `Gurux does not run: ${reason}` }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
