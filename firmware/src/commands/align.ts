import { existsSync, realpathSync } from 'node:fs'

import { systemClock, parseSettings } from '@s3mp/hal'
import type { Command } from 'commander'

import { thisMachine } from '../doctor/machine.ts'
import { FirmwareError } from '../errors.ts'
import { AlignmentMeter, alignmentLines, type AlignmentScore } from '../head/alignment.ts'
import { lineErrors } from '../head/line-errors.ts'
import { listen } from '../head/listen.ts'
import { CONFIG_FILE, readConfig } from '../service/options.ts'
import { complain, EXIT, EXIT_HELP, say, sayJson, wholeNumber } from '../terminal.ts'

interface Options {
  readonly config: string
  readonly settings?: string
  readonly seconds?: string
  readonly sound: boolean
  readonly led?: string
  readonly json: boolean
}

const HELP = `
The score is the share of bytes that sound telegrams are made of, over the last eight seconds; bytes that
make none and characters with a wrong parity or stop bit (where the driver counts them) take from it. Move
the head until it stays at the top; the mark shows the best place so far.

Examples:
  s3mp align /dev/ttyUSB0
  s3mp align /dev/ttyUSB0 --sound          a tick a second, the faster the better
  s3mp align /dev/ttyAMA0 --led 17 --json
${EXIT_HELP}`

const SCORES_FOR_EVER = Number.MAX_SAFE_INTEGER

/** Adds `s3mp align`: how well the optical head sits, once a second. */
export function addAlignCommand(program: Command): void {
  program
    .command('align')
    .description('show once a second how well the optical head sits')
    .argument('[device]', 'serial port of the head; the configured one where left out')
    .option('-s, --settings <line>', "speed and format; the configuration's where left out")
    .option('-c, --config <file>', 'configuration', CONFIG_FILE)
    .option('-n, --seconds <count>', 'stop after so many seconds')
    .option('--sound', 'ring the terminal bell, more often the better', false)
    .option('--led <line>', 'light an LED on this GPIO line (BCM number) while it is good')
    .option('--json', 'one JSON line a second', false)
    .addHelpText('after', HELP)
    .action(async (device: string | undefined, options: Options) => {
      process.exitCode = await align(lineOf(device, options), options)
    })
}

/** Which port, and how it is set: what is said here, else what is configured. */
function lineOf(named: string | undefined, { config, settings }: Options): Line {
  const meters = existsSync(config) ? readConfig(config).meters : []
  const ports = meters.filter(({ device }) => device.startsWith('/'))
  const known = named === undefined ? ports[0] : ports.find(({ device }) => device === named)
  const device = named ?? known?.device
  if (device === undefined) {
    throw new FirmwareError('usage', `DEVICE: expected a serial port; ${config} names none`)
  }
  const configured = known && `${String(known.baud)} ${known.frame}`
  return { device, settings: settings ?? configured ?? '9600 8N1' }
}

interface Line {
  readonly device: string
  readonly settings: string
}

async function align({ device, settings }: Line, options: Options): Promise<number> {
  const { linuxGpio, linuxSerial } = await import('@s3mp/hal/linux')
  const stop = new AbortController()
  process.once('SIGINT', () => {
    stop.abort()
  })
  const seconds =
    options.seconds === undefined ? SCORES_FOR_EVER : wholeNumber('--seconds', options.seconds)
  const led =
    options.led === undefined
      ? undefined
      : await linuxGpio().openOutput(wholeNumber('--led', options.led), false)
  const meter = new AlignmentMeter()
  const machine = thisMachine(0)
  const port = existsSync(device) ? realpathSync(device) : device
  let last: AlignmentScore | undefined
  let nextMs = systemClock.monotonicMs() + 1000
  let shown = 0
  try {
    await listen(
      {
        serial: linuxSerial(),
        path: device,
        settings: parseSettings(settings),
        protocol: 'auto',
        clock: systemClock,
        signal: stop.signal,
        listenMs: Number.MAX_SAFE_INTEGER,
      },
      (heard) => {
        meter.hear(heard)
        if (systemClock.monotonicMs() < nextMs) return true
        nextMs += 1000
        meter.count(lineErrors(port, (path) => machine.read(path)))
        last = meter.score()
        show(last, options)
        void led?.write(last.hint === 'good').catch(() => undefined)
        shown += 1
        return shown < seconds
      },
    )
  } catch (error) {
    if (!stop.signal.aborted) throw error
  } finally {
    await led?.close()
  }
  if (process.stdout.isTTY && !options.json) process.stdout.write('\n\n')
  if (last?.hint === 'good') return EXIT.ok
  complain(
    `${device}: the head does not sit well yet; s3mp doctor looks for other reasons (HEAD_BADLY_PLACED)`,
  )
  return EXIT.no
}

/** Ticks a second at the best score. */
const TICKS_MAX = 5

function show(score: AlignmentScore, { json, sound }: Options): void {
  if (json) {
    sayJson(score)
    return
  }
  const [bar, hint] = alignmentLines(score)
  // Two lines, drawn over themselves: neither may wrap, and the cursor goes back to the first.
  const drawn = `\r\x1b[K${bar}\n\x1b[K${hint}\r\x1b[1A`
  if (process.stdout.isTTY) process.stdout.write(`\x1b[?7l${drawn}\x1b[?7h`)
  else say(`${bar}  ${hint}`)
  if (!sound) return
  const ticks = Math.round((score.score * TICKS_MAX) / 100)
  for (let tick = 0; tick < ticks; tick++) {
    setTimeout(() => process.stderr.write('\x07'), (tick * 1000) / ticks).unref()
  }
}
