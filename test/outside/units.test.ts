import { after, before, describe, it } from 'mocha'
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { need } from '../support/outside.ts'
import { ROOT } from '../support/source.ts'

/**
 * How exposed a unit may be by systemd's own reckoning, in tenths: 0 to 20 is "OK" or better. What is
 * left is the network itself (uplink, head-end), the serial ports (meter), and Node, which compiles
 * at run time and needs a helper to speak to the watchdog.
 */
const EXPOSURE_MAX: Readonly<Record<string, number>> = {
  's3mp-meter.service': 6,
  's3mp-uplink.service': 13,
  's3mp-page.service': 13,
  's3mp-headend.service': 13,
}

describe('the units', function () {
  this.timeout(30_000)
  let work: string

  before(function () {
    need(this, 'systemd-analyze', 'systemd')
    work = mkdtempSync(join(tmpdir(), 's3mp-units-'))
  })

  after(() => {
    rmSync(work, { recursive: true, force: true })
  })

  for (const [unit, exposure] of Object.entries(EXPOSURE_MAX)) {
    it(`${unit} is exposed by at most ${exposure / 10} of 10`, () => {
      const path = join(ROOT, 'systemd', unit)
      const words = ['security', '--offline=true', `--threshold=${exposure}`, '--no-pager', path]
      const { status, stdout } = spawnSync('systemd-analyze', words, { encoding: 'utf8' })
      assert.equal(status, 0, stdout.split('\n').slice(-3).join('\n'))
    })

    it(`${unit} is understood to the last line`, () => {
      // The programs are not on this machine; test/outside/install.test.ts checks them in their place.
      const text = readFileSync(join(ROOT, 'systemd', unit), 'utf8')
      writeFileSync(join(work, unit), text.replace(/^ExecStart=.*$/m, 'ExecStart=/bin/true'))
      const words = ['verify', '--man=no', join(work, unit)]
      const { status, stderr } = spawnSync('systemd-analyze', words, {
        encoding: 'utf8',
        env: { ...process.env, SYSTEMD_UNIT_PATH: `${work}:` },
      })
      assert.equal(stderr.trim(), '')
      assert.equal(status, 0)
    })
  }
})

describe('the shell programs', () => {
  it('give shellcheck nothing to say', function () {
    this.timeout(30_000)
    need(this, 'shellcheck')
    const tracked = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], {
      cwd: ROOT,
      encoding: 'utf8',
    }).split('\n')
    const scripts = tracked.filter(
      (name) => name.endsWith('.sh') || /^[a-z]+\/bin\/[a-z-]+$/.test(name) || name === '.ci/run',
    )
    assert.ok(scripts.includes('scripts/install.sh'))
    const { status, stdout } = spawnSync('shellcheck', ['--severity=warning', ...scripts], {
      cwd: ROOT,
      encoding: 'utf8',
    })
    assert.equal(status, 0, stdout)
  })
})
