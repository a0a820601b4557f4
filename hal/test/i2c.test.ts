import { describe, it } from 'mocha'
import assert from 'node:assert/strict'
import { MockI2c } from '@s3mp/hal/mock'
import { describeI2c } from './contract/i2c.ts'
import { rejectsWith } from './contract/serial.ts'

const read = (bytes: number): readonly [{ readonly read: number }] => [{ read: bytes }]

describeI2c('MockI2c', () => {
  const registers = Uint8Array.from({ length: 16 }, (_, index) => 0x10 + index)
  let at = 0
  return {
    backend: new MockI2c().attach(0x68, {
      write: (bytes) => {
        at = bytes[0] ?? 0
        for (const byte of bytes.subarray(1)) registers[at++ % 16] = byte
      },
      read: (length) => Uint8Array.from({ length }, () => registers[at++ % 16] ?? 0),
    }),
  }
})

describe('MockI2c', () => {
  it('plays a script and is satisfied', async () => {
    const mock = new MockI2c().expect([
      { address: 0x68, write: [0x00], read: [0x41, 0x42] },
      { address: 0x68, error: 'no-acknowledge' },
    ])
    const bus = await mock.open(1)
    const [bytes] = await bus.transaction(0x68, [{ write: Uint8Array.of(0) }, { read: 2 }])
    assert.deepEqual(bytes, Uint8Array.of(0x41, 0x42))
    await rejectsWith(bus.transaction(0x68, read(1)), 'no-acknowledge')
    mock.done()
  })

  it('complains of steps that nobody asked for', () => {
    const mock = new MockI2c().expect([{ address: 0x68, read: [1] }])
    assert.throws(() => {
      mock.done()
    }, /1 steps left/)
  })

  it('rejects what differs from the script, and done says it again', async () => {
    for (const [operation, message] of [
      [{ write: Uint8Array.of(9) }, /expected write 00, found write 09/],
      [{ read: 3 }, /expected read 0 bytes, found read 3 bytes/],
    ] as const) {
      const mock = new MockI2c().expect([{ address: 0x68, write: [0x00] }])
      const bus = await mock.open(1)
      await rejectsWith(bus.transaction(0x68, [operation]), 'io')
      assert.throws(() => {
        mock.done()
      }, message)
    }
  })

  it('is an empty bus where the script names nobody', async () => {
    const bus = await new MockI2c().open(1)
    await rejectsWith(bus.transaction(0x60, read(1)), 'no-acknowledge')
    await rejectsWith(new MockI2c().open(2), 'not-found')
  })
})
