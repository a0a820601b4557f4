import { existsSync } from 'node:fs'

import { systemClock } from '@s3mp/hal'
import type { Command } from 'commander'

import type { Config } from '../config/load.ts'
import {
  attempt,
  checkBoard,
  checkClock,
  checkConsole,
  checkMiniUart,
  checkNode,
  checkState,
  type Finding,
  type Verdict,
} from '../doctor/checks.ts'
import { thisMachine } from '../doctor/machine.ts'
import { detectHead, trialInWords, type Detection } from '../head/detect.ts'
import { loadIdentity, loadTrust } from '../identity.ts'
import { CONFIG_FILE, readConfig } from '../service/options.ts'
import { bold, complain, EXIT, EXIT_HELP, judged, say, sayJson } from '../terminal.ts'

interface Options {
  readonly config: string
  readonly device?: string
  readonly json: boolean
}

const HELP = `
Looks at what can be wrong on this machine, in the order in which it matters, and says what to do. The
head is listened to at every usual speed; that takes up to a minute. A running meter holds the port:
end it first (systemctl stop s3mp-meter).

Examples:
  s3mp doctor
  s3mp doctor --device /dev/ttyUSB0
  s3mp doctor --json
${EXIT_HELP}`

/** Adds `s3mp doctor`: finds the head and whatever else keeps a meter from working. */
export function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('find the head, and what keeps this meter from working')
    .option('-c, --config <file>', 'configuration', CONFIG_FILE)
    .option('-d, --device <path>', 'listen on this port only')
    .option('--json', 'one JSON line a finding', false)
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      process.exitCode = await examine(options)
    })
}

async function examine(options: Options): Promise<number> {
  const findings: Finding[] = []
  const tell = (finding: Finding): void => {
    findings.push(finding)
    if (options.json) sayJson(finding)
    else sayFinding(finding)
  }
  const machine = thisMachine(systemClock.nowMs())
  for (const finding of [checkNode(machine), checkBoard(machine), checkClock(machine)])
    tell(finding)
  const config = existsSync(options.config) ? tryConfig(options.config, tell) : undefined
  if (config === undefined && !existsSync(options.config)) {
    tell({
      check: 'configuration',
      verdict: 'warning',
      text: `${options.config} is not there yet`,
      remedy: `s3mp config --print-default > ${options.config}`,
    })
  }
  if (config !== undefined) examineConfig(config, tell)
  await examineHead(options, config, tell)
  return findings.some(({ verdict }) => verdict === 'problem') ? EXIT.no : EXIT.ok
}

function tryConfig(file: string, tell: (finding: Finding) => void): Config | undefined {
  let config: Config | undefined
  tell(
    attempt('configuration', `correct the file, then: s3mp config check ${file}`, () => {
      config = readConfig(file)
      return `${file}: right`
    }),
  )
  return config
}

function examineConfig(config: Config, tell: (finding: Finding) => void): void {
  const machine = thisMachine(systemClock.nowMs())
  const { meters, state, headend } = config
  tell(checkState(machine, config))
  tell(attempt('key', 's3mp keygen', () => `device ${loadIdentity(state.folder).fingerprint}`))
  tell(
    attempt(
      'headend',
      's3mp enroll --card CARD (the head-end prints it: s3mp headend card)',
      () => {
        loadTrust(headend.card, state.folder)
        return `card ${headend.card}`
      },
    ),
  )
  for (const { device, frame } of meters) {
    tell(checkConsole(machine, device))
    tell(checkMiniUart(machine, device, frame))
  }
}

async function examineHead(
  { device, json }: Options,
  config: Config | undefined,
  tell: (finding: Finding) => void,
): Promise<void> {
  const configured = config?.meters[0]?.device
  if (
    device === undefined &&
    configured !== undefined &&
    /^(simulated|replay):/u.test(configured)
  ) {
    tell({ check: 'head', verdict: 'skipped', text: `${configured} is no real head` })
    return
  }
  const { linuxSerial } = await import('@s3mp/hal/linux')
  const serial = linuxSerial()
  const only = device ?? configured
  const paths = only === undefined ? (await serial.list()).map(({ path }) => path) : [only]
  if (paths.length === 0) {
    tell({
      check: 'head',
      verdict: 'problem',
      text: 'there is no serial port',
      remedy: 'plug the optical head in; dmesg | tail says what the kernel made of it',
    })
    return
  }
  const stop = new AbortController()
  process.once('SIGINT', () => {
    stop.abort()
  })
  const detection = await detectHead({
    serial,
    paths,
    clock: systemClock,
    signal: stop.signal,
    onTry: (path, settings) => {
      if (!json) complain(`listening to ${path} at ${settings} …`)
    },
  })
  tell(findingOf(detection))
  if (detection.found !== undefined && !json) sayConfiguration(detection.found)
}

function findingOf({ found, trials }: Detection): Finding {
  if (found === undefined) {
    return {
      check: 'head',
      verdict: 'problem',
      text: trials.map((trial) => trialInWords(trial)).join('\n'),
      remedy: 's3mp align DEVICE shows while you move the head how well it sits',
    }
  }
  const { path, settings, reading } = found
  const maker = reading.manufacturer === undefined ? '' : `${reading.manufacturer} `
  return {
    check: 'head',
    verdict: 'ok',
    text: `${path} at ${settings}: ${maker}meter ${reading.device}, ${reading.protocol}, ${String(reading.registers.length)} registers`,
  }
}

/** The lines for the configuration file that the head found asks for. */
function sayConfiguration({ path, settings, reading }: NonNullable<Detection['found']>): void {
  const [baud = '', frame = ''] = settings.split(' ')
  say(`\n${bold('For the configuration:')}\n[meter]`)
  say(`device = ${JSON.stringify(path)}`)
  say(
    `protocol = ${JSON.stringify(reading.protocol)}\nbaud = ${baud}\nframe = ${JSON.stringify(frame)}`,
  )
}

const MARKS: Readonly<Record<Verdict, string>> = {
  ok: '✓',
  warning: '!',
  problem: '✗',
  skipped: '-',
}

function sayFinding({ check, verdict, text, remedy }: Finding): void {
  const mark = MARKS[verdict]
  const shown = verdict === 'ok' || verdict === 'problem' ? judged(verdict === 'ok', mark) : mark
  const [first = '', ...more] = text.split('\n')
  say(`${shown} ${check.padEnd(14)} ${first}`)
  for (const line of more) say(`${' '.repeat(17)}${line}`)
  if (remedy !== undefined) say(`${' '.repeat(17)}→ ${remedy}`)
}
