import { describe, it } from 'mocha'
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { ReopeningEvent, SerialBackend } from '@s3mp/hal'
import {
  HalError,
  REOPEN_DELAY_MS_MAX,
  REOPEN_DELAY_MS_MIN,
  ReopeningSerial,
  parseSettings,
  reopenDelayMs,
} from '@s3mp/hal'
import { MockSerial, VirtualClock } from '@s3mp/hal/mock'
import { SML_LINE, rejectsWith } from './contract/serial.ts'

interface Setup {
  readonly clock: VirtualClock
  readonly device: MockSerial
  readonly port: ReopeningSerial
  readonly events: string[]
}

function setup(backend?: SerialBackend): Setup {
  const clock = new VirtualClock()
  const device = new MockSerial()
  const events: string[] = []
  const onEvent = (event: ReopeningEvent): void => {
    events.push(event.type === 'opened' ? event.type : `${event.type} ${event.error.code}`)
  }
  const options = { path: '/dev/mock', settings: SML_LINE, clock, random: () => 0, onEvent }
  return {
    clock,
    device,
    events,
    port: new ReopeningSerial({ backend: backend ?? device, ...options }),
  }
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

describe('reopenDelayMs', () => {
  it('doubles up to its limit and stays within it', () => {
    fc.assert(
      fc.property(
        fc.nat(2000),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (failures, random) => {
          const delay = reopenDelayMs(failures, random)
          assert.ok(delay >= REOPEN_DELAY_MS_MIN && delay <= REOPEN_DELAY_MS_MAX)
        },
      ),
    )
    assert.equal(reopenDelayMs(0, 0), REOPEN_DELAY_MS_MIN)
    assert.equal(reopenDelayMs(1, 0), 2 * REOPEN_DELAY_MS_MIN)
    assert.equal(reopenDelayMs(100, 0), REOPEN_DELAY_MS_MAX)
  })
})

describe('ReopeningSerial', () => {
  it('goes on reading across an unplug and a replug', async () => {
    const { clock, device, events, port } = setup()
    const first = port.read()
    await clock.advance(0)
    device.say(bytes(1))
    assert.deepEqual(await first, bytes(1))
    const second = port.read()
    await clock.advance(0)
    device.unplug()
    await clock.advance(60_000)
    device.plug()
    await clock.advance(REOPEN_DELAY_MS_MAX)
    device.say(bytes(2))
    assert.deepEqual(await second, bytes(2))
    assert.equal(events[0], 'opened')
    assert.equal(events[1], 'lost io')
    assert.ok(events.includes('waiting not-found'))
    assert.equal(events.at(-1), 'opened')
  })

  it('waits for a device that is not there yet', async () => {
    const { clock, device, port } = setup()
    device.unplug()
    const pending = port.read()
    await clock.advance(3_600_000)
    device.plug()
    await clock.advance(REOPEN_DELAY_MS_MAX)
    device.say(bytes(3))
    assert.deepEqual(await pending, bytes(3))
  })

  it('does not try a port that breaks at once in a tight loop', async () => {
    let opened = 0
    const device = new MockSerial()
    const { clock, port } = setup({
      list: () => device.list(),
      open: async (path, settings) => {
        opened += 1
        const one = await device.open(path, settings)
        device.unplug()
        device.plug()
        return one
      },
    })
    const pending = port.read()
    pending.catch(() => undefined)
    await clock.advance(60_000)
    assert.ok(opened > 5 && opened < 15, String(opened))
    await port.close()
    await rejectsWith(pending, 'closed')
  })

  it('opens again with the settings it was switched to, also while it was away', async () => {
    const settings: string[] = []
    const device = new MockSerial()
    const { clock, port } = setup({
      list: () => device.list(),
      open: (path, given) => {
        settings.push(`${given.baudRate}`)
        return device.open(path, given)
      },
    })
    const pending = port.read()
    await clock.advance(0)
    await port.reconfigure(parseSettings('300 7E1'))
    device.unplug()
    await clock.advance(0)
    await port.reconfigure(parseSettings('2400 8E1'))
    device.plug()
    await clock.advance(REOPEN_DELAY_MS_MAX)
    assert.deepEqual(settings, ['9600', '2400'])
    device.say(bytes(1))
    await pending
  })

  it('never sends a request late: a write while the port is away rejects', async () => {
    const heard: number[] = []
    const clock = new VirtualClock()
    const device = new MockSerial('/dev/mock', (written) => heard.push(...written))
    const port = new ReopeningSerial({
      backend: device,
      path: '/dev/mock',
      settings: SML_LINE,
      clock,
      random: () => 0,
    })
    device.unplug()
    await rejectsWith(port.write(bytes(1)), 'not-found')
    await rejectsWith(port.drain(), 'io')
    device.plug()
    await clock.advance(60_000)
    assert.deepEqual(heard, [])
    await port.write(bytes(2))
    await port.drain()
    assert.deepEqual(heard, [2])
  })

  it('gives up on what waiting cannot heal', async () => {
    for (const code of ['unavailable', 'unsupported'] as const) {
      const { port } = setup({
        list: () => Promise.resolve([]),
        open: () => Promise.reject(new HalError(code, 'no')),
      })
      await rejectsWith(port.read(), code)
    }
    assert.throws(
      () =>
        new ReopeningSerial({
          backend: new MockSerial(),
          path: '/dev/mock',
          settings: { ...SML_LINE, baudRate: 1 },
          clock: new VirtualClock(),
          random: () => 0,
        }),
      { code: 'unsupported' },
    )
  })

  it('ends a read that waits when it is closed or its signal aborts', async () => {
    const { clock, device, port } = setup()
    device.unplug()
    const stop = new AbortController()
    const aborted = port.read(stop.signal)
    await clock.advance(100)
    stop.abort(new Error('enough'))
    await assert.rejects(aborted, /enough/)
    const pending = rejectsWith(port.read(), 'closed')
    await clock.advance(100)
    await port.close()
    await pending
    await rejectsWith(port.write(bytes(1)), 'closed')
    assert.equal(clock.sleeping, 0)
  })

  it('leaves no port open when it is closed while it opens', async () => {
    const { device, port } = setup()
    const pending = rejectsWith(port.read(), 'closed')
    await port.close()
    await pending
    await (await device.open('/dev/mock', SML_LINE)).close()
  })
})
