/** A process that counts in a durable map and tells each count, until it is killed. */
import { writeSync } from 'node:fs'

import { openDurableMap } from '../../src/durable-map.ts'

const map = openDurableMap(process.argv[2] ?? '')
for (let count = Number(map.get('count') ?? 0) + 1; ; count += 1) {
  map.set('count', String(count), false)
  writeSync(1, `${String(count)}\n`)
}
