import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'

const FOLDER = resolve(import.meta.dirname, '../peers')

/**
 * Loads a package that the benchmarks stand beside, from `bench/peers`; the first call installs
 * them there. Answers a reason in words where that is not possible.
 */
export function loadPeer(name: string): { readonly loaded: unknown } | { readonly absent: string } {
  try {
    if (!existsSync(resolve(FOLDER, 'node_modules', name))) install()
    return { loaded: createRequire(resolve(FOLDER, 'package.json'))(name) as unknown }
  } catch (error) {
    const [reason = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
    return { absent: `${name} is not there: ${reason}` }
  }
}

function install(): void {
  const words = ['install', '--no-audit', '--no-fund', '--no-package-lock', '--ignore-scripts']
  execFileSync('npm', words, { cwd: FOLDER, stdio: ['ignore', 'ignore', 'pipe'], timeout: 120_000 })
}
