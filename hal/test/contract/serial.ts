import { afterEach, beforeEach, describe, it } from 'mocha'
import assert from 'node:assert/strict'
import type { HalErrorCode, SerialBackend, SerialPort, SerialSettings } from '@s3mp/hal'
import { HalError, SERIAL_RECEIVE_BYTES_MAX, SERIAL_WRITE_BYTES_MAX, isTransient } from '@s3mp/hal'

/** A backend with one device at `path`, and the device's own end of the line. */
export interface SerialBench {
  readonly backend: SerialBackend
  readonly path: string
  /** The line knows no break, as a pseudo-terminal: clause 14 is then that it says so. */
  readonly lacksBreak?: boolean
  /** The device sends; resolves once the near end has received. */
  say(bytes: Uint8Array): Promise<void>
  /** Everything the device has received so far. */
  heard(): Promise<Uint8Array>
  unplug(): Promise<void>
  plug(): Promise<void>
  /** Lets work finish that takes line time; virtual clocks advance here. */
  finish<T>(work: Promise<T>): Promise<T>
  release(): Promise<void>
}

/** 9600 8N1, the line of an SML meter. */
export const SML_LINE: SerialSettings = {
  baudRate: 9600,
  dataBits: 8,
  parity: 'none',
  stopBits: 1,
}

/** Asserts that a promise rejects with a HalError of one code. */
export async function rejectsWith(
  promise: Promise<unknown>,
  code: HalErrorCode,
): Promise<HalError> {
  let caught: HalError | undefined
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof HalError, String(error))
    assert.equal(error.code, code, error.message)
    caught = error
    return true
  })
  assert.ok(caught)
  return caught
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

/** Reads until `length` bytes are there. */
export async function readExactly(port: SerialPort, length: number): Promise<Uint8Array> {
  const all = new Uint8Array(length)
  for (let at = 0; at < length;) {
    const part = await port.read()
    assert.ok(part.length >= 1)
    all.set(part, at)
    at += part.length
  }
  return all
}

/** The contract of SerialPort and SerialBackend; the numbers are its clauses. */
export function describeSerial(name: string, create: () => Promise<SerialBench>): void {
  describe(`SerialPort contract: ${name}`, () => {
    let bench: SerialBench
    let port: SerialPort

    beforeEach(async () => {
      bench = await create()
      port = await bench.backend.open(bench.path, SML_LINE)
    })

    afterEach(async () => {
      await bench.finish(port.close())
      await bench.release()
    })

    it('1: reads bytes in the order of arrival, and never writes to them again', async () => {
      await bench.say(bytes(1, 2, 3))
      const first = await port.read()
      const copy = Array.from(first)
      await bench.say(bytes(4, 5))
      await bench.say(bytes(6))
      const rest = await readExactly(port, 6 - first.length)
      assert.deepEqual([...first, ...rest], [1, 2, 3, 4, 5, 6])
      assert.deepEqual(Array.from(first), copy)
    })

    it('1: carries every byte value', async () => {
      const all = Uint8Array.from({ length: 256 }, (_, value) => value)
      await bench.say(all)
      assert.deepEqual(await readExactly(port, 256), all)
    })

    it('2: waits for a byte, and loses none when the wait is aborted', async () => {
      const stop = new AbortController()
      const pending = port.read(stop.signal)
      stop.abort(new Error('changed my mind'))
      await assert.rejects(pending, /changed my mind/)
      const next = port.read()
      await bench.say(bytes(7))
      assert.deepEqual(await next, bytes(7))
      await assert.rejects(port.read(AbortSignal.abort(new Error('already'))), /already/)
    })

    it('3: rejects the second of two overlapping reads and serves the first', async () => {
      const first = port.read()
      await rejectsWith(port.read(), 'busy')
      await bench.say(bytes(9))
      assert.deepEqual(await first, bytes(9))
    })

    it('4: holds so much, then reports exactly how many bytes are lost', async () => {
      const tooMuch = Uint8Array.from({ length: SERIAL_RECEIVE_BYTES_MAX + 1000 }, (_, i) => i)
      for (let at = 0; at < tooMuch.length; at += 1000) {
        await bench.say(tooMuch.subarray(at, at + 1000))
      }
      const held = await readExactly(port, SERIAL_RECEIVE_BYTES_MAX)
      assert.deepEqual(held, tooMuch.subarray(0, SERIAL_RECEIVE_BYTES_MAX))
      const error = await rejectsWith(port.read(), 'overrun')
      assert.match(error.message, /1000 bytes lost/)
      await bench.say(bytes(1, 2))
      assert.deepEqual(await readExactly(port, 2), bytes(1, 2))
    })

    it('5: writes in the order of the calls, and leaves the array to the caller', async () => {
      const first = bytes(0x2f, 0x3f)
      const writes = [port.write(first), port.write(bytes(0x21)), port.write(bytes(0x0d, 0x0a))]
      await bench.finish(Promise.all(writes))
      first.fill(0)
      await bench.finish(port.drain())
      assert.deepEqual(await bench.heard(), bytes(0x2f, 0x3f, 0x21, 0x0d, 0x0a))
    })

    it('5: refuses more than may wait to be sent', async () => {
      await rejectsWith(port.write(new Uint8Array(SERIAL_WRITE_BYTES_MAX + 1)), 'busy')
    })

    it('6: drains with nothing written, too', async () => {
      await bench.finish(port.drain())
    })

    it('7: switches speed and format, keeping what was received before', async () => {
      await bench.say(bytes(1, 2))
      for (const settings of [
        { ...SML_LINE, baudRate: 300 },
        { baudRate: 9600, dataBits: 7, parity: 'even', stopBits: 1 },
        SML_LINE,
      ] as const) {
        await bench.finish(port.reconfigure(settings))
      }
      assert.deepEqual(await readExactly(port, 2), bytes(1, 2))
      await bench.say(bytes(3))
      assert.deepEqual(await port.read(), bytes(3))
    })

    it('7: refuses impossible settings and stays as it was', async () => {
      await rejectsWith(port.reconfigure({ ...SML_LINE, baudRate: 12_345 }), 'unsupported')
      await bench.say(bytes(5))
      assert.deepEqual(await port.read(), bytes(5))
    })

    it('14: holds the line and lets it go, and not after it is closed', async () => {
      if (bench.lacksBreak === true) {
        await bench.finish(rejectsWith(port.setBreak(true), 'unsupported'))
      } else {
        await bench.finish(port.setBreak(true))
        await bench.finish(port.setBreak(false))
      }
      await port.close()
      await rejectsWith(port.setBreak(true), 'closed')
    })

    it('8: ends a pending read when it is closed, and can be closed twice', async () => {
      const pending = rejectsWith(port.read(), 'closed')
      await bench.finish(Promise.all([port.close(), port.close()]))
      await pending
      await rejectsWith(port.read(), 'closed')
      await rejectsWith(port.write(bytes(1)), 'closed')
      await rejectsWith(port.drain(), 'closed')
      await rejectsWith(port.reconfigure(SML_LINE), 'closed')
      port = await bench.backend.open(bench.path, SML_LINE)
      await bench.say(bytes(8))
      assert.deepEqual(await port.read(), bytes(8))
    })

    it('9: gives what had arrived before the device went away, then fails', async () => {
      await bench.say(bytes(1, 2, 3))
      await bench.unplug()
      assert.deepEqual(await readExactly(port, 3), bytes(1, 2, 3))
      const error = await rejectsWith(port.read(), 'io')
      assert.ok(isTransient(error))
      await rejectsWith(port.write(bytes(1)), 'io')
      await rejectsWith(port.drain(), 'io')
      await bench.finish(port.close())
      await rejectsWith(port.read(), 'closed')
    })

    it('9: ends a pending read when the device goes away', async () => {
      const pending = rejectsWith(port.read(), 'io')
      await bench.unplug()
      await pending
    })

    it('11: tells apart what is not there, what is taken and what is impossible', async () => {
      await rejectsWith(bench.backend.open('/dev/no-such-port', SML_LINE), 'not-found')
      await rejectsWith(bench.backend.open(bench.path, SML_LINE), 'busy')
      const odd = { ...SML_LINE, baudRate: 0 }
      await rejectsWith(bench.backend.open(bench.path, odd), 'unsupported')
    })

    it('12: opens again once the device is back', async () => {
      await bench.unplug()
      await rejectsWith(port.read(), 'io')
      await bench.finish(port.close())
      await rejectsWith(bench.backend.open(bench.path, SML_LINE), 'not-found')
      await bench.plug()
      port = await bench.backend.open(bench.path, SML_LINE)
      await bench.say(bytes(4))
      assert.deepEqual(await port.read(), bytes(4))
    })
  })
}
