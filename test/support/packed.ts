import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './source.ts'

/** Where the packed package was put, and where a stranger has installed it. */
export interface Packed {
  /** The package as it is packed. */
  readonly staged: string
  /** A fresh folder with nothing but the package in it. */
  readonly home: string
  readonly tarball: string
}

/** Builds `@s3mp/scion`, packs it, and installs the tarball in a fresh folder below `work`. */
export function packScion(work: string): Packed {
  const run = (cwd: string, program: string, ...words: string[]): string =>
    execFileSync(program, words, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  const [staged, home] = [join(work, 'scion'), join(work, 'home')]
  mkdirSync(home)
  for (const part of ['package.json', 'README.md', 'bin', 'examples', 'src']) {
    cpSync(join(ROOT, 'scion', part), join(staged, part), { recursive: true })
  }
  const project = ['-p', join(ROOT, 'scion/tsconfig.build.json')]
  const out = ['--outDir', join(staged, 'dist'), '--tsBuildInfoFile', join(work, 'buildinfo')]
  run(ROOT, join(ROOT, 'node_modules/.bin/tsc'), ...project, ...out)
  run(staged, 'npm', 'pack', '--pack-destination', work)
  const tarball = readdirSync(work).find((name) => name.endsWith('.tgz'))
  if (tarball === undefined) throw new Error('npm pack wrote no tarball')
  writeFileSync(join(home, 'package.json'), '{ "type": "module", "private": true }')
  run(home, 'npm', 'install', '--offline', '--no-audit', '--no-fund', join(work, tarball))
  return { staged, home, tarball: join(work, tarball) }
}
