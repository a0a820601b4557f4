import assert from 'node:assert/strict'

import { describe, it } from 'mocha'

import type { Machine } from '../../src/doctor/machine.ts'
import { thisMachine } from '../../src/doctor/machine.ts'
import { runningFindings } from '../../src/doctor/running.ts'
import {
  checkAccess,
  checkHolders,
  checkMemory,
  checkModemManager,
  checkNetwork,
  checkSecrets,
  checkServices,
} from '../../src/doctor/surroundings.ts'

interface Change extends Partial<Machine> {
  readonly files?: Readonly<Record<string, string>>
  readonly folders?: Readonly<Record<string, readonly string[]>>
}

function machine({ files = {}, folders = {}, ...change }: Change = {}): Machine {
  return {
    nodeVersion: '24.21.0',
    nowMs: Date.UTC(2026, 10, 23),
    read: (path) => files[path],
    list: (path) => folders[path] ?? [],
    mayWrite: () => true,
    freeBytes: () => 2 ** 33,
    mode: () => 0o600,
    holders: () => [],
    ...change,
  }
}

const ROUTES = 'Iface\tDestination\tGateway\neth0\t00000000\t0101A8C0\t0003\n'

describe('the doctor looks around', () => {
  it('and is content where all is well', () => {
    const well = machine({
      files: { '/proc/meminfo': 'MemAvailable:  800000 kB\n', '/proc/net/route': ROUTES },
      folders: { '/sys/fs/cgroup/system.slice': ['s3mp-meter.service', 's3mp-uplink.service'] },
    })
    for (const finding of [
      checkAccess(well, '/dev/ttyUSB0'),
      checkHolders(well, '/dev/ttyUSB0'),
      checkModemManager(well),
      checkMemory(well),
      checkNetwork(well),
      checkSecrets(well, '/var/lib/s3mp'),
      checkServices(well),
    ]) {
      assert.equal(finding.verdict, 'ok', JSON.stringify(finding))
    }
  })

  it('at a port that is not there, not allowed, or taken', () => {
    assert.match(checkAccess(machine({ mode: () => undefined }), '/dev/x').remedy ?? '', /plug/u)
    assert.match(checkAccess(machine({ mayWrite: () => false }), '/dev/x').remedy ?? '', /dialout/u)
    const taken = checkHolders(machine({ holders: () => ['cat (12)'] }), '/dev/x')
    assert.equal(taken.verdict, 'problem')
    assert.match(taken.text, /in use by cat \(12\)/u)
  })

  it('at ModemManager, unless it is told to leave heads alone', () => {
    const files = { '/proc/77/comm': 'ModemManager\n' }
    const folders = { '/proc': ['77', 'self'] }
    assert.equal(checkModemManager(machine({ files, folders })).verdict, 'warning')
    const told = { ...folders, '/etc/udev/rules.d': ['70-s3mp-heads.rules'] }
    assert.equal(checkModemManager(machine({ files, folders: told })).verdict, 'ok')
  })

  it('at memory, ways out, secrets and services', () => {
    const poor = machine({
      files: { '/proc/meminfo': 'MemAvailable:  20000 kB\n' },
      folders: { '/etc/systemd/system': ['s3mp-meter.service'] },
      mode: (path) => (path.endsWith('device.key') ? 0o644 : 0o600),
    })
    assert.equal(checkMemory(poor).verdict, 'warning')
    assert.equal(checkNetwork(poor).verdict, 'warning')
    assert.match(checkSecrets(poor, '/s').remedy ?? '', /chmod 600 \/s\/device\.key/u)
    assert.equal(checkServices(poor).verdict, 'warning')
    assert.equal(checkServices(machine()).verdict, 'skipped')
    assert.equal(checkMemory(machine()).verdict, 'skipped')
    const six = { '/proc/net/ipv6_route': `${'0'.repeat(32)} 00 ${'0'.repeat(32)} 00 fe80 eth0\n` }
    assert.equal(checkNetwork(machine({ files: six })).verdict, 'ok')
  })

  it('at the real machine without falling over', () => {
    const real = thisMachine(0)
    for (const check of [checkModemManager, checkMemory, checkNetwork, checkServices]) {
      assert.ok(check(real).text.length > 0)
    }
    assert.deepEqual(real.holders('/dev/nothing'), [])
    assert.equal(real.mode('/nowhere'), undefined)
  })

  it('at a running meter: how it hears and whether it is heard', () => {
    const source = { name: 'house', link: { telegrams: 5, recent: 0.5 } }
    const { heard, delivered } = runningFindings({ sources: [source], isUplinkThere: true })
    assert.equal(heard.verdict, 'problem')
    assert.match(heard.text, /house: 5 telegrams, recently 50 % whole/u)
    assert.match(delivered.remedy ?? '', /enrolled/u)
    assert.match(runningFindings({}).delivered.remedy ?? '', /s3mp-uplink/u)
    const well = runningFindings({ sources: [{ link: { recent: 1 } }], isEpochConfirmed: true })
    assert.deepEqual([well.heard.verdict, well.delivered.verdict], ['ok', 'ok'])
  })
})
