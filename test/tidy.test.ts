import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { before, describe, it } from 'mocha'
import type { SourceFile } from './support/source.ts'
import {
  ROOT,
  codeLines,
  exportsOf,
  filesBelow,
  functionsOf,
  importsOf,
  sourcesOf,
} from './support/source.ts'

/** Which rooms a room may import: the arrows of docs/architecture.md, all pointing down. */
const ALLOWED: Record<string, readonly string[]> = {
  hal: [],
  meter: [],
  envelope: [],
  scion: [],
  web: ['envelope'],
  firmware: ['hal', 'meter', 'envelope', 'scion', 'web'],
  headend: ['envelope', 'scion', 'web'],
}

/** Packages that only one file may touch, because everyone else must pass its gate. */
const ONLY_IN: Record<string, string> = {
  'cbor-x': 'envelope/src/cbor.ts',
  serialport: 'hal/src/linux/natives.ts',
  '@serialport/parser-readline': 'hal/src/linux/natives.ts',
  onoff: 'hal/src/linux/natives.ts',
  'i2c-bus': 'hal/src/linux/natives.ts',
}

const FILE_LINES_MAX = 500
const FUNCTION_LINES_MAX = 70
const LIMIT_NAME = /(^|_)(MAX|MIN|LIMIT)(_|$)/

const rooms = Object.keys(ALLOWED)

describe('the house is tidy', function () {
  this.timeout(60_000)
  let files: readonly SourceFile[]

  before(() => {
    files = rooms.flatMap((room) => sourcesOf(room))
  })

  it('draws its arrows between rooms downwards only', () => {
    const wrong = files.flatMap((file) =>
      importsOf(file)
        .filter((name) => leavesRoom(file, name))
        .map((name) => `${file.path} imports ${name}`),
    )
    assert.deepEqual(wrong, [])
  })

  it('lets one file only touch a package that needs a gate', () => {
    const wrong = files.flatMap((file) =>
      importsOf(file)
        .map((name) => ({ name, owner: ONLY_IN[packageOf(name)] }))
        .filter(({ owner }) => owner !== undefined && owner !== file.path)
        .map(({ name }) => `${file.path} imports ${name}`),
    )
    assert.deepEqual(wrong, [])
  })

  it('lists in package.json what a room imports, and nothing else', () => {
    const wrong = rooms.flatMap((room) => dependencyDifferences(room, files))
    assert.deepEqual(wrong, [])
  })

  it(`keeps a file within ${FILE_LINES_MAX} lines of code`, () => {
    const wrong = files
      .map((file) => ({ path: file.path, lines: codeLines(file.ast, file) }))
      .filter(({ lines }) => lines > FILE_LINES_MAX)
      .map(({ path, lines }) => `${path}: ${lines} lines`)
    assert.deepEqual(wrong, [])
  })

  it(`keeps a function within ${FUNCTION_LINES_MAX} lines of code`, () => {
    const wrong = files.flatMap((file) =>
      functionsOf(file)
        .map(({ name, node }) => ({ name, lines: codeLines(node, file) }))
        .filter(({ lines }) => lines > FUNCTION_LINES_MAX)
        .map(({ name, lines }) => `${file.path}: ${name} has ${lines} lines`),
    )
    assert.deepEqual(wrong, [])
  })

  it('documents every export', () => {
    const wrong = files.flatMap((file) =>
      exportsOf(file)
        .filter(({ documented }) => !documented)
        .map(({ name, line }) => `${file.path}:${line} ${name}`),
    )
    assert.deepEqual(wrong, [])
  })

  it('gives every limit its line in docs/limits.md, with the value that the code has', () => {
    const rows = limitRows()
    const wrong: string[] = []
    for (const file of files) {
      for (const { name, line, value } of exportsOf(file)) {
        if (!LIMIT_NAME.test(name) || name !== name.toUpperCase()) continue
        const row = rows.find((one) => one.includes(`\`${name}\``) && one.endsWith(` ${file.room}`))
        if (row === undefined) wrong.push(`${file.path}:${line} ${name} has no row`)
        else if (value !== undefined && !numbersIn(row).includes(value)) {
          wrong.push(`${file.path}:${line} ${name} is ${value}, its row says: ${row}`)
        }
      }
    }
    assert.deepEqual(wrong, [])
  })

  it('has no row in docs/limits.md for a limit that is gone', () => {
    const everywhere = [...files, ...filesBelow('scripts')]
    const names = new Set(everywhere.flatMap((file) => exportsOf(file).map(({ name }) => name)))
    const gone = limitRows()
      .map((row) => /^\| *`([A-Z0-9_]+)`/.exec(row)?.[1])
      .filter((name) => name !== undefined && !names.has(name))
    assert.deepEqual(gone, [])
  })

  it('has no file that nothing uses', () => {
    const used = new Set<string>()
    const todo = rooms.flatMap((room) => entriesOf(room))
    for (let path = todo.pop(); path !== undefined; path = todo.pop()) {
      if (used.has(path)) continue
      used.add(path)
      const file = files.find((one) => one.path === path)
      const from = dirname(path)
      for (const name of file === undefined ? [] : importsOf(file)) {
        if (name.startsWith('.')) todo.push(normalize(join(from, name)))
      }
    }
    const dead = files.map((file) => file.path).filter((path) => !used.has(path))
    assert.deepEqual(dead, [])
  })

  it('numbers its decisions once each', () => {
    const numbers = readdirSync(join(ROOT, 'docs/decisions'))
      .filter((name) => name.endsWith('.md'))
      .map((name) => name.slice(0, 4))
    assert.deepEqual(
      numbers.filter((number, index) => numbers.indexOf(number) !== index),
      [],
    )
  })
})

function packageOf(specifier: string): string {
  const parts = specifier.split('/')
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? '')
}

function leavesRoom(file: SourceFile, specifier: string): boolean {
  if (specifier.startsWith('.')) {
    return !normalize(join(dirname(file.path), specifier)).startsWith(`${file.room}/src/`)
  }
  if (!specifier.startsWith('@s3mp/')) return false
  const room = packageOf(specifier).slice('@s3mp/'.length)
  return !(ALLOWED[file.room] ?? []).includes(room)
}

interface PackageJson {
  readonly exports?: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

function packageJson(room: string): PackageJson {
  return JSON.parse(readFileSync(join(ROOT, room, 'package.json'), 'utf8')) as PackageJson
}

function dependencyDifferences(room: string, files: readonly SourceFile[]): readonly string[] {
  const { dependencies, optionalDependencies } = packageJson(room)
  const listed = Object.keys({ ...dependencies, ...optionalDependencies }).filter(
    (name) => !name.startsWith('node-linux-'),
  )
  const imported = new Set(
    files
      .filter((file) => file.room === room)
      .flatMap((file) => importsOf(file))
      .filter((name) => !name.startsWith('.') && !name.startsWith('node:'))
      .map((name) => packageOf(name)),
  )
  // Native packages are imported by a name in a variable, because they and their types may be absent.
  for (const [name, owner] of Object.entries(ONLY_IN)) {
    const gate = files.find((file) => file.room === room && file.path === owner)
    if (gate?.text.includes(`'${name}'`)) imported.add(name)
  }
  // esbuild bundles the pages when they run from source; a release brings them bundled.
  imported.delete('esbuild')
  for (const name of listed) if (isStyle(room, name)) imported.add(name)
  return [
    ...listed.filter((name) => !imported.has(name)).map((name) => `${room} lists unused ${name}`),
    ...[...imported]
      .filter((name) => !listed.includes(name))
      .map((name) => `${room} imports unlisted ${name}`),
  ]
}

/** Whether a style sheet of the room takes a package in: fonts are no modules. */
function isStyle(room: string, name: string): boolean {
  const base = join(ROOT, room, 'src')
  return readdirSync(base, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.css'))
    .some((path) => readFileSync(join(base, path), 'utf8').includes(name))
}

/** Files that something outside the room's sources starts or imports: exports, programs, pages. */
function entriesOf(room: string): readonly string[] {
  const exported = Object.values(packageJson(room).exports ?? {}).map((one) =>
    normalize(join(room, one['@s3mp/source'] ?? '')),
  )
  const programs = ['main.ts', 'page/main.tsx', 'page/main.ts'].map((name) => `${room}/src/${name}`)
  return [...exported, ...programs.filter((path) => existsSync(join(ROOT, path)))]
}

/** The rows of docs/limits.md, each led by the room under whose heading it stands. */
function limitRows(): readonly string[] {
  let room = ''
  const rows: string[] = []
  for (const line of readFileSync(join(ROOT, 'docs/limits.md'), 'utf8').split('\n')) {
    room = /^## ([a-z]+)$/.exec(line)?.[1] ?? room
    if (line.startsWith('|')) rows.push(`${line} ${room}`)
  }
  return rows
}

function numbersIn(text: string): readonly number[] {
  return [...text.matchAll(/[0-9][0-9,_ ]*(?:\.[0-9]+)?/g)].map(([number]) =>
    Number(number.replace(/[,_ ]/g, '')),
  )
}
