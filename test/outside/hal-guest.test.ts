import { after, before, describe, it } from 'mocha'
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Guest, buildAddOns } from '../support/guest.ts'
import { need, skip } from '../support/outside.ts'
import { ROOT } from '../support/source.ts'

const GUEST_TIMEOUT_MS = 180_000

describe('pins and I2C on a real kernel, with the packages that drive them', function () {
  this.timeout(2 * GUEST_TIMEOUT_MS)
  let work: string
  let guest: Guest
  let addOns: string

  before(function () {
    if (process.arch !== 'x64') skip(this, 'the guest is a PC')
    need(this, 'qemu-system-x86_64', 'qemu-system-x86')
    need(this, '/bin/busybox', 'busybox-static')
    for (const program of ['make', 'gcc', 'g++', 'python3', 'cpio']) need(this, program)
    const sources = existsSync('/usr/src') ? readdirSync('/usr/src').join(' ') : ''
    if (!/linux-headers-\S*-amd64/.test(sources)) skip(this, 'linux-headers-amd64 is not installed')
    if (!/linux-source-\S*xz/.test(sources)) skip(this, 'linux-source is not installed')
    work = mkdtempSync(join(tmpdir(), 's3mp-guest-'))
    addOns = buildAddOns(work, ROOT, ['onoff', 'i2c-bus'])
    guest = new Guest(work)
  })

  after(() => {
    rmSync(work, { recursive: true, force: true })
  })

  it('keep the contract', () => {
    const mocha = 'node_modules/mocha/bin/mocha.js --no-config --exit --timeout 60000 --no-color'
    const { status, output } = guest.run(
      `cd ${ROOT} && S3MP_NATIVES=${addOns} node_modules/.bin/node --conditions=@s3mp/source \\
        ${mocha} hal/test/guest/pins-and-bus.ts\n`,
      GUEST_TIMEOUT_MS,
    )
    console.log(output.replace(/^[^]*?(?=\n {2}\w)/, '').replace(/guest exit status[^]*$/, ''))
    assert.equal(status, 0, output)
    assert.match(output, /\d+ passing/)
  })
})
