import { readFileSync } from 'node:fs'

import { parseSettings, systemClock, type SerialPort, type SerialSettings } from '@s3mp/hal'
import { Option, type Command } from 'commander'

import { FirmwareError, fileReasonOf } from '../errors.ts'
import { keepPin } from '../pin/kept.ts'
import { breakLamp, byteLamp, pinLamp, type Lamp } from '../pin/lamp.ts'
import { durationMs, menuFlashes, pinFlashes } from '../pin/plan.ts'
import { unlockMeter, type PinOutcome, type PinStep } from '../pin/unlock.ts'
import type { Progress } from '../progress.ts'
import {
  EXIT,
  EXIT_HELP,
  judged,
  say,
  sayJson,
  terminalProgress,
  wholeNumber,
} from '../terminal.ts'

interface Options {
  readonly settings: string
  readonly pinFile?: string
  readonly lamp: string
  readonly inverted: boolean
  readonly zero: '0' | '10'
  readonly menu?: string
  readonly keep?: string
  readonly plan: boolean
  readonly json: boolean
}

const HELP = `
Many meters show whole kilowatt-hours alone until the PIN that the grid operator sends by letter was
given by a torch. This types it by the head's own LED: one flash wakes the display, one asks for the
PIN, and then each digit is counted up. It is typed once: after some wrong ones the meter takes no more
for a while. End a running meter first (systemctl stop s3mp-meter); it holds the port.

The PIN is asked for, or read from a file; it is never taken from the command line, where every user of
this machine could see it. Some meters have to be told beside it to send everything (InF on): --menu
gives the number of short flashes from the accepted PIN to that entry, as the meter's leaflet shows it.

Examples:
  s3mp pin /dev/ttyUSB0
  s3mp pin /dev/ttyUSB0 --menu 6 --keep /var/lib/s3mp/meter.pin
  s3mp pin /dev/ttyUSB0 --plan              the light it would give, and how long it takes
${EXIT_HELP}`

/** Adds `s3mp pin`: types the meter's PIN by light and looks whether it helped. */
export function addPinCommand(program: Command): void {
  program
    .command('pin')
    .description("type the meter's PIN through the LED of the head")
    .argument('<device>', 'serial port of the head')
    .option('-s, --settings <line>', 'speed and format', '9600 8N1')
    .option('--pin-file <file>', 'the PIN, alone in a file; - for standard input')
    .option(
      '--lamp <kind>',
      'break, bytes, or gpio:LINE (BCM number) for an LED of its own',
      'break',
    )
    .option('--inverted', 'the LED of the head shines on an idle line', false)
    .addOption(
      new Option('--zero <flashes>', 'flashes for a zero').choices(['10', '0']).default('10'),
    )
    .option('--menu <steps>', 'short flashes from the PIN to InF, which is then switched')
    .option('--keep <file>', 'keep a PIN that proved right, to be typed again after a power cut')
    .option('--plan', 'print the light for PIN 1234 and touch nothing', false)
    .option('--json', 'print one JSON object', false)
    .addHelpText('after', HELP)
    .action(async (device: string, options: Options) => {
      process.exitCode = options.plan ? sayPlan(options) : await typeIn(device, options)
    })
}

function planOf({ zero, menu }: Options): { zeroFlashes: 0 | 10; menuSteps?: number } {
  const zeroFlashes = zero === '0' ? 0 : 10
  return { zeroFlashes, ...(menu === undefined ? {} : { menuSteps: wholeNumber('--menu', menu) }) }
}

function sayPlan(options: Options): number {
  const { menuSteps, ...plan } = planOf(options)
  const flashes = [
    ...pinFlashes('1234', plan),
    ...(menuSteps === undefined ? [] : menuFlashes(menuSteps)),
  ]
  if (options.json) sayJson({ flashes, durationMs: durationMs(flashes) })
  else {
    for (const { meaning, litMs, darkMs } of flashes) {
      say(
        `${meaning.padEnd(7)} ${String(litMs).padStart(5)} ms light ${String(darkMs).padStart(5)} ms dark`,
      )
    }
    say(`${String(Math.ceil(durationMs(flashes) / 1000))} s together`)
  }
  return EXIT.ok
}

async function typeIn(device: string, options: Options): Promise<number> {
  const plan = planOf(options)
  const pin = await readPin(options.pinFile)
  pinFlashes(pin, plan)
  const settings = parseSettings(options.settings)
  const { linuxSerial } = await import('@s3mp/hal/linux')
  const stop = new AbortController()
  process.once('SIGINT', () => {
    stop.abort(new FirmwareError('usage', 'interrupted; the meter forgets half a PIN by itself'))
  })
  const progress = terminalProgress(systemClock)
  const port = await linuxSerial().open(device, settings)
  try {
    const lamp = await lampOf(port, settings, options)
    const common = { port, lamp, pin, protocol: 'auto' as const, clock: systemClock }
    const { outcome, after, before } = await unlockMeter({
      ...common,
      ...plan,
      signal: stop.signal,
      onStep: (step) => {
        showStep(progress, step)
      },
    })
    progress.clear()
    const isRight = outcome === 'open'
    if (isRight && options.keep !== undefined) keepPin(options.keep, { pin, ...plan, shown: after })
    if (options.json) sayJson({ outcome, before, after, ...(isRight && { kept: options.keep }) })
    else say(judged(isRight || outcome === 'was-open', OUTCOMES[outcome]))
    return isRight || outcome === 'was-open' ? EXIT.ok : EXIT.no
  } finally {
    progress.clear()
    await port.close()
  }
}

const OUTCOMES: Readonly<Record<PinOutcome, string>> = {
  open: 'The meter shows more now: the PIN was right.',
  'was-open': 'The meter shows power and decimals already; nothing was typed.',
  unchanged:
    'Typed, and the meter shows no more than before. Watch its display while it is typed again: does it wake (else the head does not shine: --lamp bytes, --inverted), does it ask for the PIN, are the digits right? It may need InF on beside it (--menu). After a few wrong PINs it waits before it takes another. (PIN_UNCHANGED)',
  silent:
    'No telegram came, so nothing was typed: s3mp doctor finds the port, s3mp align the place. (PIN_SILENT)',
}

function showStep(progress: Progress, step: PinStep): void {
  if (step.type === 'look')
    progress.show(`looking at the meter ${step.when === 'before' ? 'first' : 'again'} …`)
  if (step.type !== 'flash') return
  const { flash, leftMs } = step
  const what = flash.place === undefined ? flash.meaning : `digit ${String(flash.place + 1)} of 4`
  progress.show(
    `${flash.litMs > 0 ? '●' : '○'} ${what}, ${String(Math.ceil(leftMs / 1000))} s left`,
  )
}

async function lampOf(port: SerialPort, settings: SerialSettings, options: Options): Promise<Lamp> {
  const { lamp, inverted } = options
  if (lamp === 'break') return breakLamp(port, systemClock, inverted)
  if (lamp === 'bytes') return byteLamp(port, settings)
  const line = /^gpio:(\d{1,3})$/u.exec(lamp)?.[1]
  if (line === undefined) {
    throw new FirmwareError('usage', `--lamp: expected break, bytes or gpio:LINE, found ${lamp}`)
  }
  const { linuxGpio } = await import('@s3mp/hal/linux')
  const pin = await linuxGpio().openOutput(Number(line), false)
  const shining = pinLamp(pin, systemClock)
  return {
    flash: (ms, signal) => shining.flash(ms, signal),
    release: async () => {
      await shining.release()
      await pin.close()
    },
  }
}

/** The PIN from a file or from whoever sits there, unseen. */
async function readPin(file: string | undefined): Promise<string> {
  try {
    if (file !== undefined) return readFileSync(file === '-' ? 0 : file, 'utf8').trim()
  } catch (error) {
    throw new FirmwareError('usage', `--pin-file: ${fileReasonOf(error)}`, { cause: error })
  }
  if (!process.stdin.isTTY) {
    throw new FirmwareError('usage', 'PIN: expected a terminal to ask on, or --pin-file')
  }
  process.stderr.write('PIN of the meter (unseen): ')
  process.stdin.setRawMode(true)
  try {
    return await new Promise<string>((resolve, reject) => {
      let typed = ''
      process.stdin.on('data', (chunk: Uint8Array) => {
        for (const letter of Buffer.from(chunk).toString('latin1')) {
          if (letter === '\r' || letter === '\n') resolve(typed)
          else if (letter === '\x03') reject(new FirmwareError('usage', 'interrupted'))
          else if (letter === '\x7f') typed = typed.slice(0, -1)
          else if (typed.length < PIN_CHARS_MAX) typed += letter
        }
      })
    })
  } finally {
    process.stdin.setRawMode(false)
    process.stdin.pause()
    process.stderr.write('\n')
  }
}

const PIN_CHARS_MAX = 16
