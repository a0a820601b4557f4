import { beforeEach, describe, it } from 'mocha'
import assert from 'node:assert/strict'
import type { I2cBackend, I2cBus } from '@s3mp/hal'
import { I2C_OPERATIONS_MAX, I2C_OPERATION_BYTES_MAX, I2C_QUEUE_MAX } from '@s3mp/hal'
import { rejectsWith } from './serial.ts'

/**
 * A board with bus 1, on which a device answers at 0x68 alone.
 *
 * The device has 16 registers that count upwards from 0x10: register n holds 0x10 + n. A first
 * written byte sets the register from which reading goes on; bytes after it are stored there.
 */
export interface I2cBench {
  readonly backend: I2cBackend
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

/** The contract of I2cBus and I2cBackend; the numbers are its clauses. */
export function describeI2c(name: string, create: () => I2cBench): void {
  describe(`I2C contract: ${name}`, () => {
    let bench: I2cBench
    let bus: I2cBus

    beforeEach(async () => {
      bench = create()
      bus = await bench.backend.open(1)
    })

    it('1, 4: takes 7-bit addresses and sane lengths only', async () => {
      for (const address of [-1, 0x80, 0xd0, 1.5]) {
        await rejectsWith(bus.transaction(address, [{ read: 1 }]), 'unsupported')
      }
      for (const read of [0, -1, 1.5, I2C_OPERATION_BYTES_MAX + 1]) {
        await rejectsWith(bus.transaction(0x68, [{ read }]), 'unsupported')
      }
      await rejectsWith(bus.transaction(0x68, []), 'unsupported')
      await rejectsWith(bus.transaction(0x68, [{ write: bytes() }]), 'unsupported')
      const many = Array.from({ length: I2C_OPERATIONS_MAX + 1 }, () => ({ read: 1 }))
      await rejectsWith(bus.transaction(0x68, many), 'unsupported')
    })

    it('2: writes a register number and reads what is there', async () => {
      const [read, ...none] = await bus.transaction(0x68, [{ write: bytes(2) }, { read: 3 }])
      assert.deepEqual(read, bytes(0x12, 0x13, 0x14))
      assert.deepEqual(none, [])
    })

    it('2: gives the bytes of several reads in order', async () => {
      const reads = await bus.transaction(0x68, [
        { write: bytes(0) },
        { read: 1 },
        { write: bytes(4, 0xaa, 0xbb) },
        { write: bytes(4) },
        { read: 2 },
        { read: 1 },
      ])
      assert.deepEqual(reads, [bytes(0x10), bytes(0xaa, 0xbb), bytes(0x16)])
    })

    it('2: lets no other transaction get in between', async () => {
      const results = await Promise.all(
        [3, 7].map((register) =>
          bus.transaction(0x68, [{ write: bytes(register) }, { read: 1 }, { read: 1 }]),
        ),
      )
      assert.deepEqual(results, [
        [bytes(0x13), bytes(0x14)],
        [bytes(0x17), bytes(0x18)],
      ])
    })

    it('3: says that nobody answered, and stays usable', async () => {
      await rejectsWith(bus.transaction(0x60, [{ write: bytes(0) }, { read: 4 }]), 'no-acknowledge')
      await rejectsWith(bus.transaction(0x60, [{ read: 4 }]), 'no-acknowledge')
      const [read] = await bus.transaction(0x68, [{ write: bytes(1) }, { read: 1 }])
      assert.deepEqual(read, bytes(0x11))
    })

    it('4: bounds the transactions that wait', async () => {
      const waiting = Array.from({ length: I2C_QUEUE_MAX }, () =>
        bus.transaction(0x68, [{ write: bytes(0) }]),
      )
      await rejectsWith(bus.transaction(0x68, [{ read: 1 }]), 'busy')
      await Promise.all(waiting)
    })

    it('5: ends the transaction under way, then refuses', async () => {
      const running = bus.transaction(0x68, [{ write: bytes(5) }, { read: 1 }])
      await Promise.resolve()
      const closing = bus.close()
      assert.deepEqual(await running, [bytes(0x15)])
      await closing
      await bus.close()
      await rejectsWith(bus.transaction(0x68, [{ read: 1 }]), 'closed')
    })

    it('refuses a bus that is not there', async () => {
      await rejectsWith(bench.backend.open(7), 'not-found')
    })
  })
}
