import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, it } from 'mocha'
import { need } from '../support/outside.ts'
import { ROOT } from '../support/source.ts'

function s3mp(...words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(`${ROOT}/firmware/bin/s3mp`, words, {
    encoding: 'utf8',
  })
  assert.equal(status, 0, stderr)
  return stdout
}

describe('what the command line prints for other programs', function () {
  this.timeout(30_000)

  for (const shell of ['bash', 'zsh', 'fish']) {
    it(`is understood by ${shell}`, function () {
      need(this, shell)
      // Without executing: `-n` reads the whole script and complains of what it does not understand.
      const script = join(mkdtempSync(join(tmpdir(), 's3mp-shell-')), 's3mp')
      writeFileSync(script, s3mp('completion', shell))
      const { status, stderr } = spawnSync(shell, ['-n', script], { encoding: 'utf8' })
      rmSync(dirname(script), { recursive: true })
      assert.equal(stderr, '')
      assert.equal(status, 0)
    })
  }

  it('is a manual page without a complaint from groff', function () {
    need(this, 'groff')
    const words = ['-man', '-Tutf8', '-P-cbou', '-ww']
    const { stdout, stderr } = spawnSync('groff', words, { input: s3mp('man'), encoding: 'utf8' })
    assert.equal(stderr, '')
    assert.match(stdout, /decode/)
  })
})
