import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import { need, needRoot } from '../support/outside.ts'
import { ROOT } from '../support/source.ts'

/** The Debian release that brings Node 20 and npm, the oldest that the README promises. */
const RELEASE = 'trixie'

/**
 * Runs a command as an ordinary user in the fresh root, in namespaces of its own: whatever it starts
 * or mounts is gone when it ends. The network is the host's, which `npm ci` needs.
 */
const ENTER = `
set -eu
mount --rbind /dev "$1/dev"
mount -t proc proc "$1/proc"
mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"
root=$1; shift
exec chroot "$root" runuser -u newcomer -- sh -c 'cd /home/newcomer/s3mp && exec "$@"' sh "$@"
`

describe('a bare Debian with Node 20 and npm, without a compiler', function () {
  this.timeout(20 * 60_000)
  let work: string
  let root: string

  before(function () {
    needRoot(this)
    need(this, 'mmdebstrap')
    work = mkdtempSync(join(tmpdir(), 's3mp-bare-'))
    root = join(work, 'root')
    const packages = '--include=ca-certificates,nodejs,npm'
    execFileSync('mmdebstrap', ['--quiet', '--variant=minbase', packages, RELEASE, root])
    for (const file of ['/etc/resolv.conf', '/etc/ssl/certs/ca-certificates.crt']) {
      execFileSync('cp', ['--dereference', file, join(root, file)])
    }
    execFileSync('chroot', [root, 'useradd', '--create-home', 'newcomer'])
    mkdirSync(join(root, 'home/newcomer/s3mp'))
    copyTree(join(root, 'home/newcomer/s3mp'))
    execFileSync('chroot', [root, 'chown', '-R', 'newcomer:newcomer', '/home/newcomer'])
  })

  after(() => {
    rmSync(work, { recursive: true, force: true })
  })

  function inside(...words: readonly string[]): { code: number | null; output: string } {
    const flags = ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', ENTER, 'sh', root]
    const { status, stdout, stderr } = spawnSync('unshare', [...flags, ...words], {
      encoding: 'utf8',
      env: { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', HOME: '/home/newcomer' },
      maxBuffer: 1 << 26,
    })
    return { code: status, output: stdout + stderr }
  }

  it('has no compiler and an older Node than ours', () => {
    assert.notEqual(inside('sh', '-c', 'command -v cc || command -v make').code, 0)
    assert.match(inside('node', '--version').output, /^v20\./m)
  })

  it('installs with npm ci', () => {
    const { code, output } = inside('npm', 'ci')
    assert.equal(code, 0, output)
  })

  it('runs the s3mp command under the pinned Node', () => {
    for (const command of [
      ['npx', 's3mp', '--version'],
      ['firmware/bin/s3mp', '--version'],
    ]) {
      const { code, output } = inside(...command)
      assert.equal(code, 0, output)
      assert.match(output, /\d+\.\d+\.\d+/)
    }
  })

  it('passes npm test', () => {
    const { code, output } = inside('npm', 'test')
    assert.equal(code, 0, output.slice(-4000))
  })

  it('shows the demo with npm start', () => {
    const shown = 'timeout --signal=INT 20 npm start; test $? -eq 124 -o $? -eq 0 -o $? -eq 130'
    const { output } = inside('sh', '-c', shown)
    assert.match(output, /http:\/\/127\.0\.0\.1:\d+/)
  })
})

/** Copies what git knows or would add, so that nothing installed or built comes along. */
function copyTree(to: string): void {
  const names = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], { cwd: ROOT })
  const list = join(to, '../files')
  writeFileSync(list, names)
  const pack = `tar --null --files-from="$1" --ignore-failed-read -cf - | tar -C "$2" -xf -`
  execFileSync('sh', ['-c', pack, 'sh', list, to], { cwd: ROOT, stdio: 'pipe' })
}
