/**
 * Makes a release: one archive that a bare machine can install without a network, a compiler or npm.
 *
 *     node --conditions=@s3mp/source scripts/package-release.ts [--machine x64|arm64] [--out DIR]
 *                                                               [--no-build] [--thin]
 *
 * The archive holds the built rooms, the packages they need without the development ones, the pinned
 * Node, the units and the installer. `--machine` may differ from this machine; then the native add-ons
 * for pins and I2C are left for the target to build. `--thin` leaves all packages out; the target then
 * needs npm and a network. The same sources and lock file make the same names, owners and times.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { z } from 'zod'

const ROOT = resolve(import.meta.dirname, '..')

/** Add-ons that are compiled, and whose absence costs pins and I2C only. */
const NATIVE_ADD_ONS = ['epoll', 'i2c-bus'] as const

/** Files of a build that only developers need. */
const DEVELOPERS_ONLY = /\.d\.ts(\.map)?$|\.js\.map$|\.tsbuildinfo$/

const { values: options } = parseArgs({
  options: {
    machine: { type: 'string', default: process.arch },
    out: { type: 'string', default: join(ROOT, 'dist') },
    'no-build': { type: 'boolean', default: false },
    thin: { type: 'boolean', default: false },
  },
})
if (!['x64', 'arm64'].includes(options.machine)) {
  console.error(`--machine: expected x64 or arm64, found ${options.machine}`)
  process.exit(2)
}

const manifest = z.looseObject({
  version: z.string(),
  workspaces: z.array(z.string()),
  allowScripts: z.record(z.string(), z.boolean()),
})

const run = (folder: string, words: readonly string[], env: Record<string, string> = {}): string =>
  execFileSync(words[0] ?? '', words.slice(1), {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1 << 26,
  })

/** Regular files by their names from `folder`; links are neither named nor followed. */
function filesBelow(folder: string): readonly string[] {
  const names: string[] = []
  const visit = (below: string): void => {
    for (const entry of readdirSync(below, { withFileTypes: true })) {
      if (entry.isDirectory()) visit(join(below, entry.name))
      else if (entry.isFile()) names.push(relative(folder, join(below, entry.name)))
    }
  }
  visit(folder)
  return names.sort()
}

/** Copies what was built and what a machine reads; sources stay behind. */
function stageRooms(stage: string, rooms: readonly string[]): void {
  for (const room of rooms) {
    const from = join(ROOT, room)
    if (!existsSync(join(from, 'dist'))) throw new Error(`${room}/dist: not built`)
    for (const part of ['package.json', 'dist', 'bin']) {
      if (!existsSync(join(from, part))) continue
      cpSync(join(from, part), join(stage, room, part), {
        recursive: true,
        filter: (path) => !DEVELOPERS_ONLY.test(path),
      })
    }
  }
  for (const part of ['systemd', 'docs', 'LICENSE', 'package-lock.json', '.npmrc']) {
    cpSync(join(ROOT, part), join(stage, part), {
      recursive: true,
      filter: (path) => !path.startsWith(join(ROOT, 'docs/pictures')),
    })
  }
  cpSync(join(ROOT, 'scripts/install.sh'), join(stage, 'install.sh'))
}

/** The root's manifest, in which the add-ons that run on a meter may be built. */
function stageManifest(stage: string): { version: string; rooms: readonly string[] } {
  const source = manifest.parse(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')))
  const allowScripts = { ...source.allowScripts }
  for (const name of NATIVE_ADD_ONS) allowScripts[name] = true
  const target = { ...source, scripts: undefined, allowScripts }
  writeFileSync(join(stage, 'package.json'), `${JSON.stringify(target, null, 2)}\n`)
  return { version: source.version, rooms: source.workspaces }
}

/** Brings the packages along, and builds the add-ons when target and machine are alike. */
function stagePackages(stage: string, machine: string): void {
  const flags = ['--omit=dev', '--ignore-scripts', '--os=linux', `--cpu=${machine}`, '--libc=glibc']
  run(stage, ['npm', 'ci', '--no-audit', '--no-fund', ...flags])
  const node = join(stage, `node_modules/node-linux-${machine}`)
  if (machine === process.arch) {
    try {
      run(stage, ['npm', 'rebuild', ...NATIVE_ADD_ONS], { npm_config_nodedir: node })
    } catch {
      console.log('the add-ons for pins and I2C do not build here; the target may build them')
    }
  }
  const isBuilt = NATIVE_ADD_ONS.every((name) => {
    const folder = join(stage, 'node_modules', name, 'build')
    const add = existsSync(folder)
      ? filesBelow(folder).filter((file) => file.endsWith('.node'))
      : []
    for (const file of existsSync(folder) ? filesBelow(folder) : []) {
      if (!add.includes(file) || file.includes('obj.target')) rmSync(join(folder, file))
    }
    return add.length > 0
  })
  console.log(isBuilt ? 'add-ons for pins and I2C: built' : 'add-ons for pins and I2C: not built')
  // Headers are for building add-ons only, and are most of Node's size after Node.
  if (isBuilt) rmSync(join(node, 'include'), { recursive: true })
  rmSync(join(node, 'share'), { recursive: true, force: true })
}

/** One line a file: digest, two spaces, name; what `sha256sum --check` reads. Links have no digest. */
function writeSums(stage: string): void {
  const lines = filesBelow(stage).map((file) => {
    const digest = createHash('sha256')
      .update(readFileSync(join(stage, file)))
      .digest('hex')
    return `${digest}  ${file}\n`
  })
  writeFileSync(join(stage, 'MANIFEST'), lines.join(''))
}

function pack(stage: string, name: string, out: string): string {
  const file = join(out, `${name}.tar.gz`)
  const seconds = run(ROOT, ['git', 'log', '-1', '--format=%ct']).trim()
  const same = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', `--mtime=@${seconds}`]
  mkdirSync(out, { recursive: true })
  run(stage, [
    'tar',
    ...same,
    '--mode=u=rwX,go=rX',
    `--transform=flags=rSh;s,^\\.,${name},`,
    '--use-compress-program=gzip -n9',
    '-cf',
    file,
    '.',
  ])
  return file
}

if (!options['no-build']) execFileSync('npm', ['run', 'build'], { cwd: ROOT, stdio: 'inherit' })
const stage = mkdtempSync(join(tmpdir(), 's3mp-release-'))
try {
  const { version, rooms } = stageManifest(stage)
  const machine = options.thin ? 'any' : options.machine
  stageRooms(stage, rooms)
  if (!options.thin) stagePackages(stage, options.machine)
  writeFileSync(join(stage, 'RELEASE'), `version=${version}\nmachine=${machine}\n`)
  writeSums(stage)
  const file = pack(stage, `s3mp-${version}-linux-${machine}`, options.out)
  const digest = createHash('sha256').update(readFileSync(file)).digest('hex')
  console.log(`${digest}  ${file}  ${(statSync(file).size / 1e6).toFixed(1)} MB`)
} finally {
  rmSync(stage, { recursive: true, force: true })
}
