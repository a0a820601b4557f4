import { styleText } from 'node:util'

import type { Clock } from '@s3mp/hal'

import { FirmwareError } from './errors.ts'
import { Progress } from './progress.ts'

/** Exit statuses of every command: done; the thing asked for is not so, or failed; wrong usage. */
export const EXIT = { ok: 0, no: 1, usage: 2 } as const

/** The sentence at the end of every help text. */
export const EXIT_HELP = `
Exit status:
  0  it is so, or was done
  1  it is not so, or failed; the reason is on standard error with its code
  2  wrong usage`

/** Writes a line to standard output. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** Writes a value as one line of JSON; bytes become hex, big integers text. */
export function sayJson(value: unknown): void {
  const plain = (_key: string, item: unknown): unknown => {
    if (item instanceof Uint8Array) return Buffer.from(item).toString('hex')
    return typeof item === 'bigint' ? item.toString() : item
  }
  say(JSON.stringify(value, plain))
}

/** Writes a line to standard error. */
export function complain(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** Text in bold where a person reads it. */
export function bold(text: string): string {
  return styleText('bold', text, { stream: process.stdout })
}

/** Text in green or red where a person reads it. */
export function judged(isGood: boolean, text: string): string {
  return styleText(isGood ? 'green' : 'red', text, { stream: process.stdout })
}

/** A line of progress on standard error, where a person sits before it. */
export function terminalProgress(clock: Clock): Progress {
  return new Progress({
    isTerminal: process.stderr.isTTY,
    write: (text) => {
      process.stderr.write(text)
    },
    monotonicMs: () => clock.monotonicMs(),
  })
}

/** A whole number given as a word of the command line. @throws FirmwareError `usage` */
export function wholeNumber(flag: string, text: string): number {
  if (/^\d{1,9}$/u.test(text)) return Number(text)
  throw new FirmwareError('usage', `${flag}: expected a whole number, found ${text.slice(0, 40)}`)
}
