import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { removeFolders } from '../../firmware/test/support/folder.ts'
import { World } from '../../firmware/test/support/world.ts'
import { needRoot } from '../support/outside.ts'

const DISK_BYTES = 8 * 1024 * 1024

describe('a meter on a disk that others have filled', function () {
  this.timeout(60_000)
  let disk: string
  let world: World | undefined

  beforeEach(function () {
    needRoot(this)
    disk = mkdtempSync(join(tmpdir(), 's3mp-disk-'))
    const words = ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', disk]
    try {
      execFileSync('mount', words, { stdio: 'pipe' })
    } catch (error) {
      rmSync(disk, { recursive: true })
      throw error
    }
  })

  afterEach(async () => {
    await world?.stop()
    execFileSync('umount', [disk])
    rmSync(disk, { recursive: true })
    removeFolders()
  })

  const free = (): number => {
    const { bavail, bsize } = statfsSync(disk)
    return bavail * bsize
  }
  /** Takes whatever is free, to the last byte. */
  const fillDisk = (name: string): void => {
    if (free() > 0) writeFileSync(join(disk, name), new Uint8Array(free()))
  }

  /** Time for meter and head-end; its keys are derived in other threads, in real time. */
  async function pass(world: World, ms: number): Promise<void> {
    for (let passedMs = 0; passedMs < ms; passedMs += 500) {
      await world.pass(500)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }

  it('keeps running, says that it is full, delivers what it has, and starts again', async () => {
    world = await World.open({ seed: 'full disk' })
    const { headEnd, road } = world
    mkdirSync(join(disk, 'state'))
    Object.assign(world, { folder: join(disk, 'state') })
    await world.startAndMeet()
    await pass(world, 20_000)
    road.isCut = true
    await pass(world, 120_000)
    fillDisk('others')
    await pass(world, 960_000)
    const full = world.meter.status()
    assert.ok(full.spool.objects > 20, String(full.spool.objects))
    const log = world.log.join('\n')
    assert.match(log, /records\.dropped stream=3 /u, 'live readings gave way, and it is said')
    assert.doesNotMatch(log, /records\.dropped stream=1 /u)
    // Power fails meanwhile, and nobody has made room.
    await world.stop()
    world.start()
    road.isCut = false
    const { meter } = world
    await world.until(() => meter.status().isEpochConfirmed)
    await pass(world, 60_000)
    const { spool, delivery, boot } = world.meter.status()
    assert.equal(boot, 2)
    assert.ok(spool.objects < 10, `${spool.objects} of ${full.spool.objects} still wait`)
    assert.ok(delivery.acknowledged > 20)
    const billing = headEnd.seqs(1)
    rmSync(join(disk, 'others'))
    await pass(world, 960_000)
    assert.ok(headEnd.seqs(1).length > billing.length, 'billing goes on')
  })
})
