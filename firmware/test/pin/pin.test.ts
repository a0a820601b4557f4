import assert from 'node:assert/strict'

import { parseSettings } from '@s3mp/hal'
import { MockGpio, MockSerial, VirtualClock } from '@s3mp/hal/mock'
import { createDecoder, type Reading } from '@s3mp/meter'
import { encodeSml, Household } from '@s3mp/meter/simulator'
import fc from 'fast-check'
import { describe, it } from 'mocha'

import { FirmwareError } from '../../src/errors.ts'
import { silentLog } from '../../src/log.ts'
import { PIN_REPEATS_MAX, PIN_REPEAT_MS_MIN, PinKeeper } from '../../src/pin/keeper.ts'
import { breakLamp, byteLamp, pinLamp } from '../../src/pin/lamp.ts'
import { durationMs, menuFlashes, pinFlashes } from '../../src/pin/plan.ts'
import { PinRepeat } from '../../src/pin/repeat.ts'
import { unlockMeter, type PinStep, type UnlockResult } from '../../src/pin/unlock.ts'
import { PinMeter, shown, type PinMeterOptions } from '../support/pin-meter.ts'

const LINE = parseSettings('9600 8N1')
const never = new AbortController().signal

async function unlock(
  meterOptions: Partial<PinMeterOptions>,
  typed: { readonly pin: string; readonly menuSteps?: number; readonly zeroFlashes?: 0 | 10 },
): Promise<{ meter: PinMeter; result: UnlockResult; steps: readonly PinStep[] }> {
  const clock = new VirtualClock(Date.UTC(2026, 10, 23))
  const meter = new PinMeter({ clock, random: () => 0.5, pin: '1234', ...meterOptions })
  const port = await meter.serial.open(meter.serial.path, LINE)
  const steps: PinStep[] = []
  const result = await clock.runUntil(
    unlockMeter({
      port,
      lamp: breakLamp(port, clock),
      protocol: 'auto',
      clock,
      signal: never,
      onStep: (step) => steps.push(step),
      ...typed,
    }),
  )
  await port.close()
  return { meter, result, steps }
}

describe('a PIN typed by light', () => {
  it('opens a meter, which then shows power and decimals', async () => {
    const { meter, result } = await unlock({}, { pin: '1234' })
    assert.equal(result.outcome, 'open')
    assert.deepEqual(result.before, { hasPower: false, hasDecimals: false })
    assert.deepEqual(result.after, { hasPower: true, hasDecimals: true })
    assert.equal(meter.flashes, 2 + 1 + 2 + 3 + 4)
  })

  it('opens a meter with any PIN, zeros at every place included', async () => {
    const pin = fc.integer({ min: 0, max: 9999 }).map((value) => String(value).padStart(4, '0'))
    const meters = fc.record({ pin, takesUntouchedZero: fc.constant(false) })
    await fc.assert(
      fc.asyncProperty(meters, async (options) => {
        const { result } = await unlock(options, { pin: options.pin })
        assert.equal(result.outcome, 'open')
      }),
      { numRuns: 20, examples: [[{ pin: '0000', takesUntouchedZero: false }]] },
    )
  })

  it('waits for a zero where the meter takes it so', async () => {
    const options = { pin: '0070', takesUntouchedZero: true }
    const { result, meter } = await unlock(options, { pin: '0070', zeroFlashes: 0 })
    assert.equal(result.outcome, 'open')
    assert.equal(meter.flashes, 2 + 7)
  })

  it('goes through the menu and switches long telegrams on, where the PIN alone does not', async () => {
    const { result } = await unlock({ infStep: 6 }, { pin: '1234', menuSteps: 6 })
    assert.equal(result.outcome, 'open')
    const without = await unlock({ infStep: 6 }, { pin: '1234' })
    assert.equal(without.result.outcome, 'unchanged')
  })

  it('types a wrong PIN once and says that nothing changed', async () => {
    const { meter, result } = await unlock({}, { pin: '1235' })
    assert.equal(result.outcome, 'unchanged')
    assert.equal(meter.wrong, 1)
  })

  it('types nothing into a meter that shows everything', async () => {
    const { meter, result } = await unlock({ isOpen: true }, { pin: '1234' })
    assert.equal(result.outcome, 'was-open')
    assert.equal(meter.flashes, 0)
  })

  it('types nothing where no meter is heard', async () => {
    const clock = new VirtualClock()
    const device = new MockSerial()
    const port = await device.open(device.path, LINE)
    const lamp = breakLamp(port, clock)
    const options = { port, lamp, pin: '1234', protocol: 'auto' as const, clock, signal: never }
    const { outcome } = await clock.runUntil(unlockMeter(options))
    assert.equal(outcome, 'silent')
  })

  it('tells each flash with the time that is left, and never a digit', async () => {
    const { steps } = await unlock({}, { pin: '1234' })
    const flashes = steps.filter((step) => step.type === 'flash')
    assert.equal(flashes[0]?.leftMs, durationMs(pinFlashes('1234')))
    assert.equal(flashes.length, 12)
    assert.ok(!JSON.stringify(flashes).includes('1234'))
  })

  it('ends dark when it is interrupted in a flash', async () => {
    const clock = new VirtualClock()
    const device = new MockSerial()
    const port = await device.open(device.path, LINE)
    const stop = new AbortController()
    const flash = breakLamp(port, clock).flash(1000, stop.signal)
    await clock.advance(500)
    assert.equal(device.isLit, true)
    stop.abort(new Error('enough'))
    await assert.rejects(flash, /enough/)
    assert.equal(device.isLit, false)
  })

  it('refuses what is no PIN without repeating it', () => {
    for (const pin of ['', '123', '12345', '12a4', '１２３４']) {
      assert.throws(
        () => pinFlashes(pin),
        (error) => error instanceof FirmwareError && (pin === '' || !error.message.includes(pin)),
      )
    }
    assert.throws(() => menuFlashes(33), /0 to 32/)
  })
})

describe('lamps', () => {
  it('shine with bytes where a line cannot be held, and put its speed back', async () => {
    let written = 0
    const clock = new VirtualClock()
    const device = new MockSerial('/dev/mock', (bytes) => {
      assert.ok(bytes.every((byte) => byte === 0))
      written += bytes.length
    })
    const port = await device.open(device.path, LINE)
    const lamp = byteLamp(port, LINE)
    await clock.runUntil(lamp.flash(500, never))
    assert.equal(port.settings.baudRate, 300)
    // 15 bytes of 33.3 ms.
    assert.equal(written, 15)
    await lamp.release()
    assert.equal(port.settings.baudRate, 9600)
  })

  it('shine with a pin, and inverted', async () => {
    const clock = new VirtualClock()
    const gpio = new MockGpio(clock)
    const pin = await gpio.openOutput(17, false)
    const lamp = pinLamp(pin, clock)
    const flash = lamp.flash(500, never)
    await clock.advance(100)
    assert.equal(await pin.read(), true)
    await clock.runUntil(flash)
    assert.equal(await pin.read(), false)
    const device = new MockSerial()
    const port = await device.open(device.path, LINE)
    const inverted = breakLamp(port, clock, true)
    await clock.runUntil(inverted.flash(500, never))
    assert.equal(device.isLit, true)
    await inverted.release()
    assert.equal(device.isLit, false)
  })
})

describe('PinKeeper', () => {
  const startMs = Date.UTC(2026, 10, 23)
  const household = new Household({ seed: 3, startMs })
  const reading = (detailed: boolean): Reading => {
    const events = createDecoder('sml').push(
      encodeSml(household.at(startMs + 5_000_000), shown(detailed)),
    )
    const [event] = events
    assert.ok(event?.type === 'reading')
    return event.reading
  }
  const full = { hasPower: true, hasDecimals: true }

  it('types again after a power cut, once the meter has shown less for a few telegrams', () => {
    const keeper = new PinKeeper(full)
    assert.equal(keeper.look(reading(true), 0), false)
    const asked = [1, 2, 3, 4, 5].map((at) => keeper.look(reading(false), at * 2000))
    assert.deepEqual(asked, [false, false, false, true, true])
  })

  it('gives up after attempts in vain, and begins again once the meter opened', () => {
    const keeper = new PinKeeper(full)
    let nowMs = 0
    let typed = 0
    for (let telegram = 0; telegram < 1000; telegram++) {
      nowMs += 2000
      if (!keeper.look(reading(false), nowMs)) continue
      typed += 1
      keeper.typed(nowMs)
    }
    assert.equal(typed, PIN_REPEATS_MAX)
    assert.equal(keeper.isGivenUp, true)
    keeper.look(reading(true), nowMs)
    assert.equal(keeper.isGivenUp, false)
  })

  it('types no more often than a meter forgets', () => {
    const keeper = new PinKeeper(full)
    const typedMs: number[] = []
    for (let nowMs = 0; nowMs < 1_000_000; nowMs += 2000) {
      // Opens after each typing and falls back two minutes later, as an EMH ED300L does.
      const isOpen = nowMs - (typedMs.at(-1) ?? -Infinity) < 120_000
      if (!keeper.look(reading(isOpen), nowMs)) continue
      typedMs.push(nowMs)
      keeper.typed(nowMs)
    }
    assert.ok(typedMs.length >= 5)
    for (const [index, atMs] of typedMs.entries()) {
      if (index > 0) assert.ok(atMs - (typedMs[index - 1] ?? 0) >= PIN_REPEAT_MS_MIN)
    }
  })

  it('asks for nothing where the meter never showed more', () => {
    const keeper = new PinKeeper({ hasPower: false, hasDecimals: false })
    for (let at = 0; at < 100; at++) assert.equal(keeper.look(reading(false), at * 2000), false)
  })
})

describe('PinRepeat', () => {
  it('opens a meter again after a power cut while its head goes on listening', async () => {
    const clock = new VirtualClock(Date.UTC(2026, 10, 23))
    const meter = new PinMeter({ clock, random: () => 0.5, pin: '4711', isOpen: true })
    const port = await meter.serial.open(meter.serial.path, LINE)
    const shownFully = { hasPower: true, hasDecimals: true }
    const kept = { pin: '4711', zeroFlashes: 10 as const, shown: shownFully }
    const { tap } = new PinRepeat({ source: 'house', kept, clock, log: silentLog })
    tap.port?.(port)
    const stop = new AbortController()
    const decoder = createDecoder('auto')
    const listening = (async () => {
      while (!stop.signal.aborted) {
        for (const event of decoder.push(await port.read(stop.signal))) tap.event?.(event)
      }
    })().catch(() => undefined)
    await clock.advance(20_000)
    assert.equal(meter.flashes, 0)
    meter.cutPower()
    await clock.advance(60_000)
    assert.equal(meter.isOpen, true)
    const { flashes } = meter
    await clock.advance(600_000)
    assert.equal(meter.flashes, flashes)
    stop.abort()
    await listening
    await port.close()
  })
})
