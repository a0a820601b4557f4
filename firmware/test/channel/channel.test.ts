import assert from 'node:assert/strict'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'

import { systemClock } from '@s3mp/hal'
import { after, describe, it } from 'mocha'

import { CHANNEL_QUEUE_MAX } from '../../src/channel/channel.ts'
import { frame } from '../../src/channel/frame.ts'
import { memoryChannel } from '../../src/channel/memory.ts'
import { encodeMessage } from '../../src/channel/message.ts'
import { connectToUplink, listenForMeter } from '../../src/channel/socket.ts'
import { FirmwareError } from '../../src/errors.ts'
import { describeChannel, until } from '../contract/channel.ts'
import { freshFolder, removeFolders } from '../support/folder.ts'

describe('the channel in memory', () => {
  describeChannel({ open: () => Promise.resolve(memoryChannel()) })

  it('refuses beyond its queue and takes again when it was emptied', async () => {
    const { meter, uplink } = memoryChannel()
    const message = { type: 'settled', token: 0, ids: [] } as const
    for (let i = 0; i < CHANNEL_QUEUE_MAX; i += 1) assert.ok(meter.post(message))
    assert.equal(meter.post(message), false)
    let heard = 0
    uplink.onMessage(() => (heard += 1))
    await until(() => heard === CHANNEL_QUEUE_MAX)
    assert.ok(meter.post(message))
  })
})

describe('the channel over a Unix socket', () => {
  after(removeFolders)
  let path = ''

  describeChannel({
    open: async () => {
      path = join(freshFolder(), 'uplink.sock')
      const uplink = await listenForMeter(path)
      const meter = connectToUplink({ path, clock: systemClock, random: () => 0 })
      await until(() => meter.isLinked && uplink.isLinked)
      return { meter, uplink }
    },
    reopenUplink: () => listenForMeter(path),
  })

  it('6 · hangs up on what is no message, counts it, and serves the next', async () => {
    path = join(freshFolder(), 'uplink.sock')
    const uplink = await listenForMeter(path)
    const garbage = [
      new Uint8Array([255, 255, 255, 255, 0]),
      frame(new Uint8Array([1, 2, 3])),
      frame(encodeMessage({ type: 'received', token: 1, bytes: new Uint8Array(1) })),
    ]
    for (const [index, bytes] of garbage.entries()) {
      const socket = connect(path)
      const closed = new Promise((resolve) => socket.once('close', resolve))
      socket.write(bytes)
      await closed
      assert.equal(uplink.refused, index + 1)
    }
    const meter = connectToUplink({ path, clock: systemClock, random: () => 0 })
    await until(() => meter.isLinked && uplink.isLinked)
    await Promise.all([meter.close(), uplink.close()])
  })

  it('lets a newer meter take over from one that was killed', async () => {
    path = join(freshFolder(), 'uplink.sock')
    const uplink = await listenForMeter(path)
    const stale = connect(path)
    await until(() => uplink.isLinked)
    const closed = new Promise((resolve) => stale.once('close', resolve))
    const meter = connectToUplink({ path, clock: systemClock, random: () => 0 })
    await closed
    await until(() => meter.isLinked)
    assert.ok(uplink.post({ type: 'status', paths: [] }))
    await Promise.all([meter.close(), uplink.close()])
  })

  it('is open to owner and group only, and takes the place of a socket left behind', async () => {
    const folder = freshFolder()
    path = join(folder, 'uplink.sock')
    writeFileSync(path, '')
    await assert.rejects(listenForMeter(join(folder, 'no', 'folder.sock')), isChannelError)
    const first = await listenForMeter(join(folder, 'a.sock'))
    assert.equal(statSync(join(folder, 'a.sock')).mode & 0o777, 0o660)
    await assert.rejects(listenForMeter(join(folder, 'a.sock')), isChannelError)
    await first.close()
    const second = await listenForMeter(path)
    assert.ok(existsSync(path))
    await second.close()
  })
})

function isChannelError(error: unknown): boolean {
  return error instanceof FirmwareError && error.code === 'channel'
}
