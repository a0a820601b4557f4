import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'mocha'
import { OUTLINE } from '../scripts/site/outline.ts'
import { s3mpCommands, shellLines } from './support/documented.ts'
import { ROOT } from './support/source.ts'

const PAGES = OUTLINE.flatMap(({ entries }) => entries.map(({ file }) => file))

/** Which test runs a command that a page shows, and words of that test by which it does. */
interface Proof {
  readonly command: RegExp
  readonly test: string
  readonly says: string
}

const proof = (command: RegExp, test: string, says: string): Proof => ({ command, test, says })

/** Blocks of this page are run line by line on a booted machine. */
const RUN_AS_A_WHOLE = 'docs/deploy.md'

const WALK = 'test/walkthrough.test.ts'
const CI = 'scripts/ci.ts'
const BARE = 'test/outside/bare-machine.test.ts'
const HELP_SHOWN = 'test/commands.test.ts'

const PROOFS: readonly Proof[] = [
  proof(/^npm ci$/, BARE, "inside('npm', 'ci')"),
  proof(/^npm (ci && npm )?test$/, BARE, "inside('npm', 'test')"),
  proof(/^npm ci && npm start$/, BARE, 'npm start'),
  proof(/^npm run check$/, CI, "['npm', 'run', 'check']"),
  proof(/^npm run lint$/, CI, "['npm', 'run', 'lint']"),
  proof(/^npm run cover$/, CI, "'npm test, with coverage'"),
  proof(/^bash \.ci\/run$/, CI, 'const SUITES'),
  proof(/^npm run -s scoreboard$/, 'test/scoreboard.test.ts', 'scripts/scoreboard'),
  proof(/^npm run bench( -- [a-z -]+)?$/, 'test/outside/bench.test.ts', "'bench/run.ts'"),
  proof(/^npm run evaluate -- /, 'test/real/gateway.test.ts', 'scripts/evaluate'),
  proof(/^npm start -- --meter dlms$/, 'test/outside/demo-kinds.test.ts', "'--meter'"),
  proof(/^npm start -- --serial \/dev\/ttyUSB0$/, 'test/outside/demo-pty.test.ts', "'--serial'"),
  proof(/^(npx )?s3mp doctor$/, 'test/outside/doctor-pty.test.ts', "'doctor'"),
  proof(/^(npx )?s3mp align \/dev\/ttyUSB0$/, 'test/outside/doctor-pty.test.ts', "'align'"),
  proof(/^npx s3mp doctor --write meter\.toml$/, 'test/outside/doctor-pty.test.ts', "'--write'"),
  proof(/^npx s3mp (keygen|run|enroll --card .*)$/, WALK, "['npx s3mp keygen']"),
  proof(/^(npx )?s3mp headend( (init|card|enroll)\b.*|)$/, WALK, "['npx s3mp headend init']"),
  proof(/^s3mp (headend export|verify|headend audit) /, WALK, "'docs/audit.md', [['s3mp verify']]"),
  proof(
    /^python3 scripts\/check-export\.py /,
    'test/outside/cose-python.test.ts',
    'check-export.py',
  ),
  proof(/^s3mp headend user add/, 'headend/test/cli.test.ts', "'user', 'add'"),
  proof(/^s3mp decode (--json )?capture\.bin$/, WALK, "['s3mp decode capture.bin']"),
  proof(/^s3mp decode --json - </, WALK, "['s3mp decode --json -']"),
  proof(/^s3mp decode --protocol dlms --key/, WALK, "['s3mp decode --protocol dlms']"),
  proof(
    /^s3mp decode --propose 10 push\.bin$/,
    'firmware/test/commands/propose.test.ts',
    'proposeFromCapture(capture()',
  ),
  proof(
    /^s3mp decode (--propose 10 --write|--list) meter\.toml push\.bin$/,
    'firmware/test/commands/lists.test.ts',
    "'--write', config",
  ),
  proof(/^(npx )?s3mp( [a-z]+)? --help$/, HELP_SHOWN, "'--help'"),
  proof(/^npm install @s3mp\/scion$/, 'test/support/packed.ts', "'npm', 'install'"),
  proof(/^npm run testnet -- diamond$/, 'test/real/testnet.test.ts', 'scripts/testnet/main.ts'),
  proof(/^npx s3mp-scion [a-z]+ .*--config-dir/, 'test/real/examples.test.ts', 'readme'),
  proof(/^export npm_config_nodedir=/, 'scripts/install.sh', 'npm_config_nodedir='),
  proof(/^npm rebuild epoll i2c-bus$/, 'scripts/install.sh', 'rebuild'),
]

/** Test files that a line names are run by the whole run, which has every file of theirs. */
function namesTests(line: string): boolean {
  const words = /^(?:npm test --|npx mocha) (.+)$/.exec(line)?.[1]?.split(' ') ?? []
  const globs = words.map((word) => word.replaceAll("'", ''))
  return globs.length > 0 && globs.every((glob) => globSync(glob, { cwd: ROOT }).length > 0)
}

interface Help {
  readonly commands: ReadonlySet<string>
  readonly flags: ReadonlySet<string>
}

/** `s3mp NAME` runs the program `s3mp-NAME`. */
const PROGRAMS_BESIDE = ['headend', 'scion']

const helps = new Map<string, Help>()

/** What a command, asked for its help, says that it knows. */
function helpOf(...words: readonly string[]): Help {
  const known = helps.get(words.join(' '))
  if (known !== undefined) return known
  const text = execFileSync('sh', ['firmware/bin/s3mp', ...words, '--help'], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  const help = {
    commands: new Set([
      ...[...text.matchAll(/^ {2}([a-z][a-z-]*)(?= |$)/gm)].map((match) => match[1] ?? ''),
      ...(words.length === 0 ? PROGRAMS_BESIDE : []),
    ]),
    flags: new Set([...text.matchAll(/(?<=^|[\s,])--?[a-zA-Z][\w-]*/gm)].map(([flag]) => flag)),
  }
  helps.set(words.join(' '), help)
  return help
}

/** What is wrong with a documented command: a name or a flag that the program does not know. */
function complaintAbout(words: readonly string[]): string | undefined {
  const path: string[] = []
  let help = helpOf()
  for (const word of words) {
    if (/^("\$)?[<>|&;([…]/.test(word)) break
    if (word.startsWith('-') && word.length > 1) {
      const [flag = ''] = word.split('=')
      if (!help.flags.has(flag) && flag !== '--help') return `does not know ${flag}`
    } else if (/^[a-z][a-z-]*$/.test(word) && help.commands.has(word)) {
      path.push(word)
      help = helpOf(...path)
    } else if (path.length === 0 && /^[a-z]/.test(word)) {
      return 'is no command'
    }
  }
  return undefined
}

describe('what the pages tell people to type', function () {
  this.timeout(120_000)

  it('names commands and flags that exist', () => {
    const wrong = PAGES.filter((page) => existsSync(join(ROOT, page))).flatMap((page) =>
      s3mpCommands(page).flatMap((words) => {
        const complaint = complaintAbout(words)
        return complaint === undefined ? [] : [`${page}: s3mp ${words.join(' ')}: ${complaint}`]
      }),
    )
    assert.deepEqual(wrong, [])
  })

  it('is run by a test, line for line', () => {
    const unproven = PAGES.filter(
      (page) => page !== RUN_AS_A_WHOLE && existsSync(join(ROOT, page)),
    ).flatMap((page) =>
      shellLines(page)
        .filter(
          ({ line }) => !namesTests(line) && !PROOFS.some(({ command }) => command.test(line)),
        )
        .map(({ line }) => `${page}: ${line}`),
    )
    assert.deepEqual(unproven, [])
  })

  it('names tests that are there', () => {
    const gone = PROOFS.filter(({ test, says }) => {
      const file = join(ROOT, test)
      return !existsSync(file) || !readFileSync(file, 'utf8').includes(says)
    }).map(({ command, test, says }) => `${String(command)}: ${test} does not say ${says}`)
    assert.deepEqual(gone, [])
  })
})
