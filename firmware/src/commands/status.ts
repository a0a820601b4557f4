import { systemClock } from '@s3mp/hal'
import type { Command } from 'commander'

import { FirmwareError, reasonOf } from '../errors.ts'
import { CONFIG_FILE, readConfig } from '../service/options.ts'
import { statusLines } from '../status/lines.ts'
import { isWell, statusView } from '../status/view.ts'
import { EXIT, EXIT_HELP, judged, say, sayJson } from '../terminal.ts'

interface Options {
  readonly config: string
  readonly socket?: string
  readonly once: boolean
  readonly json: boolean
}

const HELP = `
On a terminal it is drawn anew every second until Ctrl-C; into a pipe, with --once and with --json it is
told once.

Examples:
  s3mp status
  s3mp status --json | jq .spool.objects
${EXIT_HELP}`

/** Time between two drawings, in milliseconds. */
const REDRAW_MS = 1000

/** Adds `s3mp status`: asks a running meter how it is doing. */
export function addStatusCommand(program: Command): void {
  program
    .command('status')
    .description('ask a running meter how it is doing')
    .option('-c, --config <file>', 'configuration that names the control socket', CONFIG_FILE)
    .option('--socket <path>', 'the control socket itself')
    .option('--once', 'tell it once, on a terminal too', false)
    .option('--json', 'print one JSON object', false)
    .addHelpText('after', HELP)
    .action(async ({ config, socket, once, json }: Options) => {
      const path = socket ?? readConfig(config).control.socket
      if (path === 'off') {
        throw new FirmwareError('usage', 'control.socket is "off": this meter answers nobody')
      }
      const { askControl } = await import('../control.ts')
      const ask = (): Promise<unknown> => askControl(path, 'status')
      const isLive = process.stdout.isTTY && !once && !json
      process.exitCode = isLive ? await watch(ask) : tell(await ask(), json)
    })
}

function tell(answer: unknown, isJson: boolean): number {
  const status = statusView(answer)
  if (isJson) sayJson(answer)
  else for (const line of statusLines(status, systemClock.nowMs())) say(line)
  return isWell(status) ? EXIT.ok : EXIT.no
}

/** No line may wrap: what is drawn over must be as many lines as were drawn. */
const WRAP = { off: '\x1b[?7l', on: '\x1b[?7h' } as const

/** Draws over itself every second; a meter that goes away is said so, and waited for. */
async function watch(ask: () => Promise<unknown>): Promise<number> {
  const stop = new AbortController()
  process.once('SIGINT', () => {
    stop.abort()
  })
  let drawn = 0
  let code: number = EXIT.no
  process.stdout.write(WRAP.off)
  while (!stop.signal.aborted) {
    const lines = await ask().then(
      (answer) => {
        const status = statusView(answer)
        code = isWell(status) ? EXIT.ok : EXIT.no
        return statusLines(status, systemClock.nowMs())
      },
      (error: unknown) => {
        code = EXIT.no
        return [judged(false, reasonOf(error))]
      },
    )
    const back = drawn === 0 ? '' : `\x1b[${String(drawn)}F\x1b[J`
    process.stdout.write(`${back}${lines.join('\n')}\n`)
    drawn = lines.length
    await systemClock.sleep(REDRAW_MS, stop.signal).catch(() => undefined)
  }
  process.stdout.write(WRAP.on)
  return code
}
