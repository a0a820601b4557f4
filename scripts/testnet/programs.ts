import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** Versions of the reference implementation that a module here pins, newest first. */
export const VERSIONS = ['v0.15.1', 'v0.14.0'] as const

/** One of `VERSIONS`. */
export type Version = (typeof VERSIONS)[number]

const PROGRAMS = ['control', 'daemon', 'dispatcher', 'gateway', 'router', 'scion-pki', 'scion']

/** v0.14.0 needs no C compiler; v0.15.1 stores through cgo's SQLite and stops at start without it. */
const CGO: Readonly<Record<Version, string>> = { 'v0.15.1': '1', 'v0.14.0': '0' }

/** Why the programs cannot be built on this machine, or undefined where they can. */
export function whyNoPrograms(version: Version): string | undefined {
  if (PROGRAMS.every((name) => existsSync(join(folder(version), name)))) return undefined
  const go = spawnSync('go', ['version'], { encoding: 'utf8' })
  if (go.status !== 0) return 'Go is not installed (https://go.dev, 1.26 or newer)'
  if (CGO[version] === '1' && spawnSync('cc', ['--version']).status !== 0) {
    return `the reference implementation ${version} needs a C compiler (Debian package gcc)`
  }
  return undefined
}

/**
 * The folder of the reference programs of `version`, built on first use by `go install tool` from
 * the module of that name beside this file. About two minutes with an empty build cache.
 */
export function programs(version: Version): string {
  const bin = folder(version)
  if (PROGRAMS.every((name) => existsSync(join(bin, name)))) return bin
  mkdirSync(bin, { recursive: true })
  execFileSync('go', ['install', 'tool'], {
    cwd: join(import.meta.dirname, version),
    env: { ...process.env, GOBIN: bin, CGO_ENABLED: CGO[version] },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  return bin
}

function folder(version: Version): string {
  const base = process.env.S3MP_TESTNET_BIN ?? resolve(import.meta.dirname, '../../run/testnet-bin')
  return join(base, version)
}
