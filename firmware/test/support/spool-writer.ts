/**
 * A process that appends to a spool as fast as it can and tells each record that is safe, until it is
 * killed: `node spool-writer.ts FOLDER`.
 */
import { writeSync } from 'node:fs'

import { Spool } from '../../src/spool/spool.ts'
import { record } from './spool-record.ts'

const folder = process.argv[2] ?? ''
const spool = Spool.open({ folder, bytesMax: 2 ** 30, objectsMax: 1e6, nowMs: 0 })
writeSync(1, `epoch ${String(spool.nextEpoch())}\n`)
for (;;) {
  const stream = Math.trunc(spool.stats().objects % 3) + 1
  const { object, after } = record(spool.stream(stream), { size: 300 })
  spool.append(object, after)
  writeSync(1, `stored ${String(object.stream)} ${String(object.seq)}\n`)
}
