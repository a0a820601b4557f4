/** A process that counts pulses on a pin of its own, and tells each that it gave, until it is killed. */
import { writeSync } from 'node:fs'

import { systemClock } from '@s3mp/hal'
import { MockGpio } from '@s3mp/hal/mock'

import { openDurableMap, volatileMap } from '../../src/durable-map.ts'
import { silentLog } from '../../src/log.ts'
import { pulses } from '../../src/sources/pulses.ts'

const LINE = 17
const gpio = new MockGpio(systemClock)
const spec = pulses({
  name: 'cellar',
  gpio,
  line: LINE,
  activeLow: false,
  pulsesPerUnit: 1000,
  medium: 'electricity',
  device: 'S0',
  bounceMs: 2,
  isSimulated: true,
})
const source = spec.create({
  clock: systemClock,
  random: Math.random,
  log: silentLog,
  invocations: volatileMap(),
  arrears: volatileMap(),
  isClockSet: () => true,
  stored: () => Promise.resolve(true),
  pulses: openDurableMap(process.argv[2] ?? ''),
  onReading: () => undefined,
  onDiscarded: () => undefined,
  onSilence: () => undefined,
  onTrouble: () => undefined,
  tap: {},
  newestMs: () => undefined,
})
void source.run(new AbortController().signal, () => undefined)
await systemClock.sleep(20)
writeSync(1, 'ready\n')
for (;;) {
  gpio.drive(LINE, true)
  await systemClock.sleep(4)
  gpio.drive(LINE, false)
  await systemClock.sleep(8)
  writeSync(1, 'pulse\n')
}
