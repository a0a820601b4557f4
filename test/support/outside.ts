import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { Context } from 'mocha'

/**
 * True where every suite must run: `.ci/run` installs the packages of `test/outside/packages.txt`
 * first and then says so by this variable.
 */
export const mustRun = process.env.S3MP_MUST_RUN === '1'

/**
 * Skips the running test or hook with a printed reason; where everything was to be installed, the
 * missing thing is a failure instead, so that a suite can never pass by not running.
 */
export function skip(context: Context, reason: string): never {
  if (mustRun) throw new Error(`must run here, but: ${reason}`)
  console.log(`      skipped: ${reason}`)
  context.skip()
}

/** The full path of `program`, or a skip that names the Debian package that brings it. */
export function need(context: Context, program: string, debianPackage = program): string {
  const path = which(program)
  return path ?? skip(context, `${program} is not installed (Debian package ${debianPackage})`)
}

/** Skips unless the tests run as root, which namespaces and a fresh Debian root need. */
export function needRoot(context: Context): void {
  if (process.getuid?.() !== 0) skip(context, 'needs root')
}

/** Where `program` is found in PATH, or undefined. */
export function which(program: string): string | undefined {
  if (program.startsWith('/')) return existsSync(program) ? program : undefined
  try {
    return execFileSync('sh', ['-c', 'command -v "$1"', 'sh', program], { encoding: 'utf8' }).trim()
  } catch {
    return undefined
  }
}
