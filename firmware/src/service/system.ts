import { randomFillSync, randomInt } from 'node:crypto'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { RandomBytes } from '@s3mp/envelope'
import { systemClock } from '@s3mp/hal'

import { programHash } from '../identity.ts'
import { createLog, type Log, type LogLevel } from '../log.ts'

/** The system's own randomness. */
export const systemRandomBytes: RandomBytes = (length) => randomFillSync(new Uint8Array(length))

/** A number in [0, 1) from the system's generator, for jitter. */
export function systemRandom(): number {
  return randomInt(2 ** 47) / 2 ** 47
}

/** The log of a program: with priorities under the journal, plain on a terminal. */
export function systemLog(level: LogLevel): Log {
  return createLog({
    level,
    priorities: process.env.JOURNAL_STREAM !== undefined,
    monotonicMs: () => systemClock.monotonicMs(),
    write: (line) => {
      process.stderr.write(`${line}\n`)
    },
  })
}

/** The rooms that make up the program. */
const ROOMS = ['@s3mp/hal', '@s3mp/meter', '@s3mp/envelope', '@s3mp/scion', '@s3mp/web'] as const

/** SHA-256 of the program that is running: this room and those it is made of. */
export function runningProgramHash(): Uint8Array {
  const here = dirname(dirname(fileURLToPath(import.meta.url)))
  const others = ROOMS.map((room) => dirname(fileURLToPath(import.meta.resolve(room))))
  return programHash([here, ...others])
}

/** A signal that aborts when the program is asked to end; a second request ends it at once. */
export function terminationSignal(log: Log): AbortSignal {
  const stop = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(1)
      log.info('program.ending', { signal: name })
      stop.abort()
    })
  }
  return stop.signal
}
