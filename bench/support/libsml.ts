import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Nanoseconds a telegram, as libsml is used and for its parser alone; or why there are none. */
export type LibsmlTimes =
  | { readonly telegrams: number; readonly readNs: number; readonly parseNs: number }
  | { readonly absent: string }

/** Compiles the harness beside this file against Debian's libsml and times it on so many telegrams. */
export function timeLibsml(bytes: Uint8Array, count: number, seconds: number): LibsmlTimes {
  if (!existsSync('/usr/include/sml/sml_file.h')) {
    return { absent: 'libsml is not there (Debian package libsml-dev)' }
  }
  const folder = mkdtempSync(join(tmpdir(), 's3mp-libsml-'))
  try {
    const program = join(folder, 'libsml')
    const source = join(import.meta.dirname, 'libsml.c')
    execFileSync('cc', ['-O2', '-o', program, source, '-lsml'], { stdio: 'pipe' })
    const telegrams = join(folder, 'telegrams.bin')
    writeFileSync(telegrams, bytes)
    const output = execFileSync(program, [telegrams, String(count), String(seconds)], {
      encoding: 'utf8',
      timeout: 30_000,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const [read = 0, readNs = NaN, parseNs = NaN] = output.trim().split(' ').map(Number)
    return { telegrams: read, readNs, parseNs }
  } catch (error) {
    const [reason = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
    return { absent: `libsml does not run: ${reason}` }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
