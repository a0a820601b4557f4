import { EnvelopeError } from '@s3mp/envelope'
import { HttpError } from '@s3mp/web/http'
import { CommanderError } from 'commander'
import { HeadendError } from '../errors.ts'

/** What a program of this kind ends with. */
export const EXIT = { ok: 0, failed: 1, usage: 2 } as const

/** Where a command writes to; a test collects instead. */
export interface Output {
  /** One line for the user, or one JSON value a line. */
  line(text: string): void
  /** One line about what went wrong or is worth knowing, beside the output proper. */
  note(text: string): void
  /** Whether lines may be coloured: a terminal, and no NO_COLOR. */
  readonly colour: boolean
}

/** The output of a process. */
export const processOutput: Output = {
  line: (text) => process.stdout.write(`${text}\n`),
  note: (text) => process.stderr.write(`${text}\n`),
  colour: process.stdout.isTTY && process.env.NO_COLOR === undefined,
}

const STATE_COLOURS: Readonly<Record<string, string>> = {
  active: '\u001b[32m',
  quarantined: '\u001b[33m',
  revoked: '\u001b[31m',
}

/** A device's state, coloured where that is wanted. */
export function paintState(state: string, output: Output): string {
  return output.colour ? `${STATE_COLOURS[state] ?? ''}${state}\u001b[0m` : state
}

/** Text that comes from elsewhere, made harmless for a terminal: no control characters. */
export function harmless(text: string): string {
  return text.replace(/\p{C}/gu, '\u{fffd}')
}

/** One clear sentence about an error, and the exit code it means. */
export function explainError(error: unknown, output: Output): number {
  if (error instanceof CommanderError) {
    // Commander has written its sentence already; help and version are no errors.
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage
  }
  if (
    error instanceof HeadendError ||
    error instanceof EnvelopeError ||
    error instanceof HttpError
  ) {
    output.note(`s3mp-headend: ${harmless(error.message)} (${error.code})`)
    return error.code === 'ERR_HEADEND_USAGE' ? EXIT.usage : EXIT.failed
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  output.note(`s3mp-headend: a fault of this program; please report it: ${text}`)
  return EXIT.failed
}
