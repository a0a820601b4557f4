import { parseArgs } from 'node:util'
import { HISTORY_DAYS_MAX } from './history.ts'
import { DEMO_METERS } from './kinds.ts'
import type { DemoMeter } from './kinds.ts'

/** What the demonstration is asked to do. */
export interface DemoOptions {
  /** First port tried for the page; a used one is stepped over. */
  readonly port: number
  /** Whether the page is shown in the browser at the start. */
  readonly open: boolean
  /** How the simulated household's meter speaks. */
  readonly meter: DemoMeter
  /** A file of captured telegrams, instead of the simulated household. */
  readonly replay?: string
  /** A serial port with a real head, instead of the simulated household. */
  readonly serial?: string
  /** Days that a simulated household looks back on. */
  readonly historyDays: number
  /** The line that the head speaks, "9600 8N1". */
  readonly line: string
}

/** The page's usual port. */
const PORT = 8480

/** What `--help` says. */
export const HELP = `S3MP demonstration: a meter, a SCION network and a head-end on this machine, and a page to watch.

  npm start                            a simulated household, its meter speaking SML
  npm start -- --meter KIND            another meter: ${DEMO_METERS.join(', ')}
  npm start -- --replay FILE           captured telegrams, played at line speed
  npm start -- --serial DEVICE         a real optical head, such as /dev/ttyUSB0

Options
  --port NUMBER    where the page is; a port in use is stepped over (default ${PORT})
  --line TEXT      speed and framing of the head (default "9600 8N1")
  --history DAYS   what a simulated household looks back on (default ${HISTORY_DAYS_MAX})
  --no-open        do not show the page in the browser
  --help           this text

Nothing is kept: Ctrl-C ends everything and leaves no file, process or socket behind.
`

/** A mistake in the command line, said in words. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Reads the command line; undefined asks for help. @throws UsageError */
export function parseOptions(args: readonly string[]): DemoOptions | undefined {
  const { values } = parse(args)
  if (values.help === true) return undefined
  const port = values.port === undefined ? PORT : Number(values.port)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new UsageError(`--port: expected a number from 0 to 65535, found ${values.port ?? ''}`)
  }
  const historyDays = Number(values.history ?? HISTORY_DAYS_MAX)
  if (!Number.isInteger(historyDays) || historyDays < 0 || historyDays > HISTORY_DAYS_MAX) {
    throw new UsageError(
      `--history: expected a number from 0 to ${HISTORY_DAYS_MAX}, found ${values.history ?? ''}`,
    )
  }
  const meter = DEMO_METERS.find((kind) => kind === (values.meter ?? 'sml'))
  if (meter === undefined) {
    const found = values.meter ?? ''
    throw new UsageError(`--meter: expected one of ${DEMO_METERS.join(', ')}, found ${found}`)
  }
  if (values.replay !== undefined && values.serial !== undefined) {
    throw new UsageError('--replay and --serial: expected one of them, found both')
  }
  return {
    port,
    open: values['no-open'] !== true,
    historyDays,
    line: values.line ?? '9600 8N1',
    meter,
    ...(values.replay !== undefined && { replay: values.replay }),
    ...(values.serial !== undefined && { serial: values.serial }),
  }
}

function parse(args: readonly string[]): {
  values: {
    port?: string
    line?: string
    meter?: string
    history?: string
    replay?: string
    serial?: string
    'no-open'?: boolean
    help?: boolean
  }
} {
  try {
    return parseArgs({
      args: [...args],
      options: {
        port: { type: 'string' },
        line: { type: 'string' },
        meter: { type: 'string' },
        history: { type: 'string' },
        replay: { type: 'string' },
        serial: { type: 'string' },
        'no-open': { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error })
  }
}
