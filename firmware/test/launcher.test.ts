import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { after, describe, it } from 'mocha'

import { freshFolder, removeFolders } from './support/folder.ts'

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const S3MP = join(ROOT, 'firmware/bin/s3mp')
const LINK = join(ROOT, 'node_modules/.bin/s3mp')

/** A PATH with nothing of this project in it, and a Node that is far too old. */
function foreignPath(node: string): string {
  const folder = freshFolder()
  writeFileSync(join(folder, 'node'), `#!/bin/sh\n${node}\n`)
  chmodSync(join(folder, 'node'), 0o755)
  return `${folder}:/usr/bin:/bin`
}

function run(file: string, words: readonly string[], path: string): ReturnType<typeof spawnSync> {
  return spawnSync(file, words, { env: { PATH: path }, encoding: 'utf8' })
}

const OLD = 'echo v20.20.2'

describe('the s3mp launcher', function () {
  this.timeout(30_000)
  after(removeFolders)

  it('runs under the pinned Node whatever Node the machine has', () => {
    const { status, stdout } = run(S3MP, ['--version'], foreignPath(OLD))
    assert.equal(status, 0)
    assert.equal(String(stdout).trim(), '0.1.0')
  })

  it('runs through the link that npm makes', function () {
    // npm makes the link; a tree that was copied without it has nothing to try.
    assert.ok(existsSync(LINK), 'npm ci links node_modules/.bin/s3mp')
    assert.equal(run(LINK, ['--version'], foreignPath(OLD)).status, 0)
  })

  it('runs by its name alone, from a folder with spaces, through a link to a link', () => {
    const folder = join(freshFolder(), 'a folder with spaces')
    mkdirSync(folder)
    symlinkSync(S3MP, join(folder, 's3mp'))
    symlinkSync('s3mp', join(folder, 'meter'))
    const path = `${folder}:${foreignPath(OLD)}`
    const output = execFileSync('/bin/sh', ['-c', 's3mp --version && meter --version'], {
      env: { PATH: path },
      encoding: 'utf8',
    })
    assert.equal(output, '0.1.0\n0.1.0\n')
  })

  /** A tree in which only the launcher is real. */
  function lonely(): string {
    const root = join(freshFolder(), 'some where')
    mkdirSync(join(root, 'firmware/bin'), { recursive: true })
    mkdirSync(join(root, 'firmware/src'), { recursive: true })
    cpSync(S3MP, join(root, 'firmware/bin/s3mp'))
    writeFileSync(join(root, 'firmware/src/main.ts'), 'console.log(process.argv.slice(2).join())')
    return root
  }

  it('says what is missing, and what to do, when there is no Node that will do', () => {
    const file = join(lonely(), 'firmware/bin/s3mp')
    const old = run(file, ['run'], foreignPath(OLD))
    assert.equal(old.status, 1)
    assert.match(
      String(old.stderr),
      /^s3mp: Node 24 or newer is needed, .*node is v20\.20\.2; run 'npm ci' in .*some where, which brings the right one along \(ERR_S3MP_NODE\)\n$/u,
    )
    const odd = run(file, ['run'], foreignPath('echo what'))
    assert.match(String(odd.stderr), /Node 24 or newer is needed/u)
    const none = spawnSync('/bin/sh', [file, 'run'], {
      env: { PATH: join(lonely(), 'x') },
      encoding: 'utf8',
    })
    assert.notEqual(none.status, 0)
  })

  it('takes a Node of 24 or newer from the PATH when there is no pinned one', () => {
    const file = join(lonely(), 'firmware/bin/s3mp')
    const node = `exec '${process.execPath}' "$@"`
    const { status, stdout } = run(file, ['a b', '*'], foreignPath(node))
    assert.equal(status, 0)
    assert.equal(stdout, 'a b,*\n')
  })

  it('runs the program s3mp-NAME of a room next door, or beside it, for a name of its own', () => {
    const root = lonely()
    mkdirSync(join(root, 'headend/bin'), { recursive: true })
    for (const file of ['headend/bin/s3mp-headend', 'firmware/bin/s3mp-other']) {
      writeFileSync(join(root, file), `#!/bin/sh\necho "${file}: $*"\n`)
      chmodSync(join(root, file), 0o755)
    }
    const file = join(root, 'firmware/bin/s3mp')
    assert.equal(
      run(file, ['headend', '--x', 'a b'], '/usr/bin:/bin').stdout,
      'headend/bin/s3mp-headend: --x a b\n',
    )
    assert.equal(run(file, ['other'], '/usr/bin:/bin').stdout, 'firmware/bin/s3mp-other: \n')
  })

  it('lets no program take the place of a command of its own', () => {
    const root = lonely()
    mkdirSync(join(root, 'firmware/src/commands'))
    writeFileSync(join(root, 'firmware/src/commands/run.ts'), '')
    writeFileSync(join(root, 'firmware/bin/s3mp-run'), '#!/bin/sh\necho hijacked\n')
    chmodSync(join(root, 'firmware/bin/s3mp-run'), 0o755)
    const node = `exec '${process.execPath}' "$@"`
    const { stdout } = run(join(root, 'firmware/bin/s3mp'), ['run'], foreignPath(node))
    assert.equal(stdout, 'run\n')
  })
})
