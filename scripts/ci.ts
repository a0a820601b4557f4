/**
 * Runs every suite and sums them up; `.ci/run` starts it after `npm ci`.
 *
 * A suite of mocha counts its tests; any other suite counts as one. What a suite needs beyond npm
 * is installed here by name, from Debian, where this machine is a Debian that we may change;
 * elsewhere the suite runs with what there is and says what it skips.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Version } from './testnet/programs.ts'
import { VERSIONS, programs, whyNoPrograms } from './testnet/programs.ts'

const ROOT = resolve(import.meta.dirname, '..')
const PYTHON = join(ROOT, 'run/python')
const PACKAGES = join(ROOT, 'test/outside/packages.txt')

interface Tally {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

interface Suite {
  readonly name: string
  readonly command: readonly string[]
  /** Whether its output ends in mocha's counts. */
  readonly mocha?: boolean
  readonly env?: Readonly<Record<string, string>>
  /** Installs what it needs; returns why the suite cannot be required to run here, if so. */
  readonly prepare?: () => string | undefined
}

const COVER = ['c8', '--all', '--include', '*/src/**', '--exclude', 'web/src/page/**']

const SUITES: readonly Suite[] = [
  {
    name: 'npm test, with coverage',
    command: [
      ...COVER,
      '--reporter',
      'text-summary',
      '--check-coverage',
      '--lines',
      '85',
      'npm',
      'test',
    ],
    mocha: true,
  },
  { name: 'types', command: ['npm', 'run', 'check'] },
  { name: 'lint and format', command: ['npm', 'run', 'lint'] },
  { name: 'build', command: ['npm', 'run', 'build'] },
  {
    name: 'outside: programs nobody here wrote',
    command: [
      'mocha',
      '--timeout',
      '120000',
      ...testsIn('test/outside'),
      ...testsIn('test/browser'),
    ],
    mocha: true,
    prepare: installDebianPackages,
  },
  ...VERSIONS.map((version) => ({
    name: `real: the reference implementation ${version}`,
    command: ['mocha', ...testsIn('test/real')],
    mocha: true,
    env: { S3MP_REFERENCE: version },
    prepare: () => buildReference(version),
  })),
]

function testsIn(folder: string): readonly string[] {
  const full = join(ROOT, folder)
  if (!existsSync(full)) return []
  return readdirSync(full)
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => `${folder}/${name}`)
}

function installDebianPackages(): string | undefined {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    return 'not root on a Debian: nothing is installed, tests that lack a program say so'
  }
  const names = readFileSync(PACKAGES, 'utf8')
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((name) => name !== '')
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const steps = [
    ['apt-get', 'update', '-qq'],
    ['apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...names],
  ]
  for (const [program = '', ...words] of steps) {
    const { status } = spawnSync(program, words, { stdio: ['ignore', 'ignore', 'inherit'], env })
    if (status !== 0) throw new Error(`${program} ${words[0] ?? ''} ended with ${String(status)}`)
  }
  installPythonTools()
  return undefined
}

/** What no Debian package brings: a validator of CDDL, into an environment of its own. */
function installPythonTools(): void {
  const steps = [
    ['python3', '-m', 'venv', PYTHON],
    [join(PYTHON, 'bin/pip'), 'install', '--quiet', 'zcbor==0.9.1', 'cbor2<6'],
  ]
  for (const [program = '', ...words] of steps) {
    const { status } = spawnSync(program, words, { stdio: ['ignore', 'ignore', 'inherit'] })
    if (status !== 0) throw new Error(`${program} ended with ${String(status)}`)
  }
  process.env.PATH = `${process.env.PATH ?? ''}:${join(PYTHON, 'bin')}`
}

function buildReference(version: Version): string | undefined {
  const excuse = whyNoPrograms(version)
  if (excuse === undefined) programs(version)
  return excuse
}

async function run(suite: Suite): Promise<Tally> {
  const excuse = suite.prepare?.()
  if (excuse !== undefined) console.log(`${suite.name}: ${excuse}`)
  const mustRun = suite.prepare !== undefined && excuse === undefined
  const [program = '', ...words] = suite.command
  const env = { ...process.env, ...suite.env, ...(mustRun ? { S3MP_MUST_RUN: '1' } : {}) }
  const { code, output } = await passThrough(program, words, env)
  if (suite.mocha !== true)
    return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 }
  const tally = countMocha(output)
  // Something went wrong outside of any test: coverage below its floor, a crash, no test at all.
  const unexplained = code !== 0 && tally.failed === 0
  const ranNothing = tally.passed + tally.failed === 0
  return unexplained || ranNothing ? { ...tally, failed: tally.failed + 1 } : tally
}

function passThrough(
  program: string,
  words: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ code: number; output: string }> {
  return new Promise((settle, reject) => {
    const child = spawn(program, words, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      process.stdout.write(text)
      output = (output + text).slice(-OUTPUT_TAIL)
    })
    child.on('error', reject)
    child.on('close', (code) => {
      settle({ code: code ?? 1, output })
    })
  })
}

/** How much of a suite's output is kept to read its counts from; they stand near the end. */
const OUTPUT_TAIL = 1_000_000

function countMocha(output: string): Tally {
  const count = (word: string): number =>
    [...output.matchAll(new RegExp(`^ {2}(\\d+) ${word}`, 'gm'))]
      .map((match) => Number(match[1]))
      .reduce((sum, one) => sum + one, 0)
  return { passed: count('passing'), failed: count('failing'), skipped: count('pending') }
}

async function main(): Promise<void> {
  const wanted = process.argv.slice(2)
  const total = { passed: 0, failed: 0, skipped: 0 }
  const lines: string[] = []
  for (const suite of SUITES) {
    if (wanted.length > 0 && !wanted.some((word) => suite.name.includes(word))) continue
    console.log(`\n=== ${suite.name}`)
    const started = process.hrtime.bigint()
    const tally = await run(suite)
    const seconds = Number((process.hrtime.bigint() - started) / 1_000_000_000n)
    total.passed += tally.passed
    total.failed += tally.failed
    total.skipped += tally.skipped
    lines.push(`${suite.name}: ${describe(tally)} (${seconds} s)`)
  }
  console.log(`\n${lines.join('\n')}\n${describe(total)}`)
  process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1
}

function describe({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`
}

await main()
