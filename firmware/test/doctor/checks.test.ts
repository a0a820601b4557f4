import assert from 'node:assert/strict'
import { describe, it } from 'mocha'

import type { Config } from '../../src/config/load.ts'
import {
  attempt,
  checkBoard,
  checkClock,
  checkConsole,
  checkMiniUart,
  checkNode,
  checkState,
} from '../../src/doctor/checks.ts'
import type { Machine } from '../../src/doctor/machine.ts'
import { thisMachine } from '../../src/doctor/machine.ts'

const NOW_MS = Date.UTC(2026, 10, 23)

function machine(change: Partial<Machine> & { files?: Record<string, string> } = {}): Machine {
  const { files = {} } = change
  return {
    nodeVersion: '24.21.0',
    nowMs: NOW_MS,
    read: (path) => files[path],
    list: () => [],
    mayWrite: () => true,
    freeBytes: () => 2 ** 33,
    mode: () => 0o600,
    holders: () => [],
    ...change,
  }
}

const config = { state: { folder: '/var/lib/s3mp' } } as Config
const PI = { '/proc/device-tree/model': 'Raspberry Pi 3 Model B' }

describe('the doctor', () => {
  it('is content with a machine on which all is well', () => {
    const well = machine({ files: PI })
    for (const finding of [
      checkNode(well),
      checkBoard(well),
      checkClock(well),
      checkState(well, config),
      checkConsole(well, '/dev/serial0'),
      checkMiniUart(well, '/dev/ttyAMA0', '7E1'),
    ]) {
      assert.equal(finding.verdict, 'ok', JSON.stringify(finding))
    }
  })

  it('sees an old Node', () => {
    assert.match(checkNode(machine({ nodeVersion: '20.1.0' })).remedy ?? '', /npm ci/)
  })

  it('sees the console on the UART of the head, and only there', () => {
    const files = { '/proc/cmdline': 'console=serial0,115200 console=tty1 root=/dev/mmcblk0p2' }
    assert.equal(checkConsole(machine({ files }), '/dev/ttyAMA0').verdict, 'problem')
    assert.equal(checkConsole(machine({ files }), '/dev/ttyUSB0').verdict, 'skipped')
  })

  it('knows that the mini-UART has no parity', () => {
    assert.equal(checkMiniUart(machine({ files: PI }), '/dev/ttyS0', '7E1').verdict, 'problem')
    assert.equal(checkMiniUart(machine({ files: PI }), '/dev/ttyS0', '8N1').verdict, 'ok')
    assert.equal(checkMiniUart(machine(), '/dev/ttyS0', '7E1').verdict, 'ok')
  })

  it('sees a clock that nobody set, or not yet', () => {
    assert.equal(checkClock(machine({ nowMs: 0 })).verdict, 'problem')
    const waiting = machine({ list: () => ['something'] })
    assert.equal(checkClock(waiting).verdict, 'warning')
    assert.equal(checkClock(machine({ list: () => ['synchronized'] })).verdict, 'ok')
  })

  it('sees a state folder that is not there, not ours or nearly full', () => {
    assert.equal(checkState(machine({ freeBytes: () => undefined }), config).verdict, 'problem')
    assert.equal(checkState(machine({ mayWrite: () => false }), config).verdict, 'problem')
    assert.equal(checkState(machine({ freeBytes: () => 1000 }), config).verdict, 'warning')
  })

  it('takes the sentence of an error for its own', () => {
    const broken = (): string => {
      throw new Error('no key')
    }
    assert.deepEqual(attempt('key', 's3mp keygen', broken), {
      check: 'key',
      verdict: 'problem',
      text: 'no key',
      remedy: 's3mp keygen',
    })
    assert.equal(attempt('key', '', () => 'there').verdict, 'ok')
  })

  it('looks at the real machine without throwing', () => {
    const real = thisMachine(NOW_MS)
    assert.equal(checkNode(real).verdict, 'ok')
    assert.equal(real.read('/nothing/there'), undefined)
    assert.deepEqual(real.list('/nothing/there'), [])
    assert.equal(real.mayWrite('/nothing/there'), false)
    assert.equal(real.freeBytes('/nothing/there'), undefined)
    assert.ok((real.freeBytes('/') ?? 0) > 0)
  })
})
