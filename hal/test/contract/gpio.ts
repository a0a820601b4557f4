import { afterEach, beforeEach, describe, it } from 'mocha'
import assert from 'node:assert/strict'
import type { Edge, GpioBackend, PinWatcher } from '@s3mp/hal'
import { GPIO_LINE_MAX, GPIO_WATCHERS_MAX } from '@s3mp/hal'
import { rejectsWith } from './serial.ts'

/** A board whose line 57 does not exist, with hands on its voltages. */
export interface GpioBench {
  readonly backend: GpioBackend
  /** Puts a voltage on an input and waits until it is noticed. */
  drive(line: number, high: boolean): Promise<void>
  /** The voltage on a line. */
  isHigh(line: number): boolean
  release(): Promise<void>
}

class Notes implements PinWatcher {
  readonly levels: boolean[] = []
  readonly times: number[] = []
  edge(edge: Edge): void {
    this.levels.push(edge.active)
    this.times.push(edge.monotonicMs)
  }
  failed(error: Error): void {
    throw error
  }
}

/** The contract of InputPin, OutputPin and GpioBackend; the numbers are its clauses. */
export function describeGpio(name: string, create: () => Promise<GpioBench>): void {
  describe(`GPIO contract: ${name}`, () => {
    let bench: GpioBench

    beforeEach(async () => {
      bench = await create()
    })

    afterEach(async () => {
      await bench.release()
    })

    it('1, 2: reads the level of a BCM line, turned around when it is active-low', async () => {
      const plain = await bench.backend.openInput(17)
      const turned = await bench.backend.openInput(27, { activeLow: true })
      assert.equal(await plain.read(), false)
      assert.equal(await turned.read(), true)
      await bench.drive(17, true)
      await bench.drive(27, true)
      assert.equal(await plain.read(), true)
      assert.equal(await turned.read(), false)
    })

    it('3: tells a watcher every change in order, and not the level it began with', async () => {
      await bench.drive(17, true)
      const pin = await bench.backend.openInput(17)
      const notes = new Notes()
      pin.watch(notes)
      for (const high of [true, false, true, true, false]) await bench.drive(17, high)
      assert.deepEqual(notes.levels, [false, true, false])
      assert.deepEqual(
        notes.times,
        [...notes.times].sort((a, b) => a - b),
      )
    })

    it('3: gives edges in the sense of the pin', async () => {
      const pin = await bench.backend.openInput(17, { activeLow: true })
      const notes = new Notes()
      pin.watch(notes)
      await bench.drive(17, true)
      assert.deepEqual(notes.levels, [false])
    })

    it('4: ends a watch, twice if asked, and bounds their number', async () => {
      const pin = await bench.backend.openInput(17)
      const notes = new Notes()
      const unwatch = pin.watch(notes)
      for (let i = 1; i < GPIO_WATCHERS_MAX; i++) pin.watch(new Notes())
      assert.throws(() => pin.watch(new Notes()), { code: 'busy' })
      unwatch()
      unwatch()
      pin.watch(new Notes())
      await bench.drive(17, true)
      assert.deepEqual(notes.levels, [])
    })

    it('5: is silent once closed, can be closed twice and opened again', async () => {
      const pin = await bench.backend.openInput(17)
      const notes = new Notes()
      pin.watch(notes)
      await pin.close()
      await pin.close()
      await bench.drive(17, true)
      assert.deepEqual(notes.levels, [])
      await rejectsWith(pin.read(), 'closed')
      assert.throws(() => pin.watch(notes), { code: 'closed' })
      const again = await bench.backend.openInput(17)
      assert.equal(await again.read(), true)
    })

    it('6, 7: drives a line from the start and as told', async () => {
      for (const [line, activeLow, initial] of [
        [5, false, false],
        [6, false, true],
        [13, true, false],
        [19, true, true],
      ] as const) {
        const pin = await bench.backend.openOutput(line, initial, { activeLow })
        assert.equal(bench.isHigh(line), initial !== activeLow)
        assert.equal(await pin.read(), initial)
        await pin.write(!initial)
        assert.equal(bench.isHigh(line), initial === activeLow)
        assert.equal(await pin.read(), !initial)
      }
    })

    it('8: refuses to be used once closed', async () => {
      const pin = await bench.backend.openOutput(5, true)
      await pin.close()
      await pin.close()
      await rejectsWith(pin.write(false), 'closed')
      await rejectsWith(pin.read(), 'closed')
      await bench.backend.openInput(5)
    })

    it('9: refuses lines that are not there and lines that are taken', async () => {
      for (const line of [-1, 1.5, NaN, GPIO_LINE_MAX + 1, 57]) {
        await rejectsWith(bench.backend.openInput(line), 'unsupported')
        await rejectsWith(bench.backend.openOutput(line, false), 'unsupported')
      }
      await bench.backend.openInput(17)
      await rejectsWith(bench.backend.openInput(17), 'busy')
      await rejectsWith(bench.backend.openOutput(17, false), 'busy')
    })
  })
}
