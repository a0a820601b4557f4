import { existsSync } from 'node:fs'
import { basename } from 'node:path'

import { systemClock } from '@s3mp/hal'
import { decimal, type DecoderOptions } from '@s3mp/meter'
import type { Command } from 'commander'

import { ConfigError, parseConfig, type Config } from '../config/load.ts'
import { configText, replaceConfig } from '../config/replace.ts'
import { starterConfig } from '../config/starter.ts'
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
import { runningFindings } from '../doctor/running.ts'
import {
  checkAccess,
  checkHolders,
  checkMemory,
  checkModemManager,
  checkNetwork,
  checkSecrets,
  checkServices,
} from '../doctor/surroundings.ts'
import { FirmwareError } from '../errors.ts'
import { meterSections, withMeters } from '../head/configure.ts'
import { detectHeads, trialInWords, type Detection, type Found } from '../head/detect.ts'
import { loadIdentity, loadTrust } from '../identity.ts'
import { meterKeys } from '../sources/keys.ts'
import { pushedOf } from '../sources/pushed.ts'
import { CONFIG_FILE, readConfig } from '../service/options.ts'
import {
  bold,
  EXIT,
  EXIT_HELP,
  judged,
  say,
  sayJson,
  terminalProgress,
  wholeNumber,
} from '../terminal.ts'

interface Options {
  readonly config: string
  readonly device: readonly string[]
  readonly listen?: string
  readonly write?: string
  readonly json: boolean
}

type Tell = (finding: Finding) => void

const HELP = `
Looks at what can be wrong on this machine, in the order in which it matters, and says what to do. Every
serial port is listened to at every usual speed, and asked where nothing is heard; that takes up to a
minute a port. A running meter holds its port, and is asked how it hears instead.

With --write the meters that were found go into the configuration; what else is in it stays.

Examples:
  s3mp doctor
  s3mp doctor --device /dev/ttyUSB0
  s3mp doctor --write /etc/s3mp/meter.toml
  s3mp doctor --json
${EXIT_HELP}`

/** Adds `s3mp doctor`: finds the head and whatever else keeps a meter from working. */
export function addDoctorCommand(program: Command): void {
  const collect = (path: string, paths: readonly string[]): readonly string[] => [...paths, path]
  program
    .command('doctor')
    .description('find the meters, and what keeps this one from working')
    .option('-c, --config <file>', 'configuration', CONFIG_FILE)
    .option('-d, --device <path>', 'listen on this port only; may be given again', collect, [])
    .option('--listen <seconds>', 'listen so long at each speed')
    .option('-w, --write <file>', 'write the meters that were found into this configuration')
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
  const general = [checkNode, checkBoard, checkClock, checkMemory, checkNetwork, checkModemManager]
  for (const check of [...general, checkServices]) tell(check(machine))
  const config = existsSync(options.config) ? tryConfig(options.config, tell) : undefined
  if (options.write === undefined && !existsSync(options.config)) {
    tell({
      check: 'configuration',
      verdict: 'warning',
      text: `${options.config} is not there yet`,
      remedy: `s3mp doctor --write ${basename(options.config)} makes one in this folder`,
    })
  }
  if (config !== undefined) examineConfig(config, tell)
  const isHeard = config !== undefined && (await examineRunning(config, tell))
  if (!isHeard) await examineHeads(options, config, tell)
  return findings.some(({ verdict }) => verdict === 'problem') ? EXIT.no : EXIT.ok
}

function tryConfig(file: string, tell: Tell): Config | undefined {
  let config: Config | undefined
  tell(
    attempt('configuration', `correct the file, then: s3mp config check ${file}`, () => {
      config = readConfig(file)
      return `${file}: right`
    }),
  )
  return config
}

function examineConfig(config: Config, tell: Tell): void {
  const machine = thisMachine(systemClock.nowMs())
  const { meters, state, headend } = config
  tell(checkState(machine, config))
  tell(checkSecrets(machine, state.folder))
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

/** Asks a running meter how it hears and is heard; false where none runs. */
async function examineRunning(config: Config, tell: Tell): Promise<boolean> {
  if (config.control.socket === 'off') return false
  const { askControl } = await import('../control.ts')
  const answer = await askControl(config.control.socket, 'status').catch(() => undefined)
  if (answer === undefined) return false
  const { heard, delivered } = runningFindings(answer)
  tell(heard)
  tell(delivered)
  return true
}

async function examineHeads(
  { device: named, json, listen, write }: Options,
  config: Config | undefined,
  tell: Tell,
): Promise<void> {
  const configured = config?.meters.map(({ device }) => device) ?? []
  const ports = configured.filter((device) => device.startsWith('/'))
  if (named.length === 0 && configured.length > 0 && ports.length === 0) {
    tell({ check: 'head', verdict: 'skipped', text: `${configured.join(', ')}: no serial port` })
    return
  }
  const { linuxSerial } = await import('@s3mp/hal/linux')
  const serial = linuxSerial()
  const all = async (): Promise<readonly string[]> => (await serial.list()).map(({ path }) => path)
  // What is to be written is looked for everywhere; what is configured, where it should be.
  const known = named.length > 0 ? named : write === undefined ? ports : []
  const paths = known.length > 0 ? known : await all()
  if (paths.length === 0) {
    tell({
      check: 'head',
      verdict: 'problem',
      text: 'there is no serial port',
      remedy: 'plug the optical head in; dmesg | tail says what the kernel made of it',
    })
    return
  }
  const usable = usablePorts(paths, tell)
  const stop = new AbortController()
  process.once('SIGINT', () => {
    stop.abort()
  })
  const progress = terminalProgress(systemClock)
  const decodings = new Map(usable.map((path) => [path, decodingOf(config, path, tell)]))
  const looked = detectHeads({
    serial,
    paths: usable,
    clock: systemClock,
    signal: stop.signal,
    decodingOf: (path) => decodings.get(path),
    ...(listen === undefined ? {} : { listenMs: wholeNumber('--listen', listen) * 1000 }),
    onTry: (path, settings) => {
      if (!json) progress.show(`listening to ${path} at ${settings} …`)
    },
  })
  const detection = await looked.finally(() => {
    progress.clear()
  })
  for (const finding of findingsOf(detection)) tell(finding)
  const { found } = detection
  if (found.length === 0) return
  if (write !== undefined)
    tell(attempt('written', 'correct the file', () => writeMeters(write, found)))
  else if (!json)
    say(`\n${bold('For the configuration (--write FILE puts it there):')}\n${meterSections(found)}`)
}

/** Keys and lists of the meter that is configured on a port; a key that cannot be read is told. */
function decodingOf(
  config: Config | undefined,
  path: string,
  tell: Tell,
): DecoderOptions | undefined {
  const meter = config?.meters.find(({ device }) => device === path)
  if (config === undefined || meter === undefined) return undefined
  const credentials = process.env.CREDENTIALS_DIRECTORY
  const pushed = pushedOf(meter)
  try {
    return { ...meterKeys(meter, { configFile: config.file, credentials }), ...pushed }
  } catch (error) {
    if (!(error instanceof FirmwareError)) throw error
    tell({ check: 'meter keys', verdict: 'warning', text: error.message })
    return pushed
  }
}

/** Ports that may be listened to; why the others may not is told. */
function usablePorts(paths: readonly string[], tell: Tell): readonly string[] {
  const machine = thisMachine(systemClock.nowMs())
  return paths.filter((path) => {
    const findings = [checkAccess(machine, path), checkHolders(machine, path)]
    for (const finding of findings) if (finding.verdict !== 'ok') tell(finding)
    return findings.every(({ verdict }) => verdict === 'ok')
  })
}

function findingsOf({ found, trials }: Detection): readonly Finding[] {
  if (found.length === 0) {
    if (trials.length === 0) return []
    const text = trials.map((trial) => trialInWords(trial)).join('\n')
    // A head that brings whole telegrams sits well.
    if (trials.some(({ whole }) => whole !== undefined)) {
      return [{ check: 'head', verdict: 'problem', text }]
    }
    const remedy = 's3mp align DEVICE shows while you move the head how well it sits'
    return [{ check: 'head', verdict: 'problem', text, remedy }]
  }
  return found.map(({ path, settings, isAsked, reading }) => {
    const maker = reading.manufacturer === undefined ? '' : `${reading.manufacturer} `
    const how = isAsked ? 'when asked' : `at ${settings}`
    const registers = `${String(reading.registers.length)} registers`
    const name = reading.device === '' ? 'without a number' : reading.device
    return {
      check: 'head',
      verdict: 'ok' as const,
      text: `${path} ${how}: ${maker}meter ${name}, ${reading.protocol}, ${registers}${example(reading)}`,
    }
  })
}

/** One value, so that its owner can compare it with the display. */
function example({ registers }: Found['reading']): string {
  const counter = registers.find(({ obis }) => obis.includes(':1.8.0'))
  return counter === undefined ? '' : `, counter ${decimal(counter)} ${counter.unit}`
}

/** Puts the meters into a configuration, a new one where there is none; the old one stays as `.bak`. */
function writeMeters(file: string, found: readonly Found[]): string {
  const isThere = existsSync(file)
  const before = isThere ? configText(file) : starterConfig(file)
  const text = withMeters(before, found)
  const wrong = faultsOf(text, file).filter(({ key }) => /^meter\b/u.test(key))
  const [first] = wrong
  if (first !== undefined)
    throw new FirmwareError('config', `${file}: ${first.key}: ${first.message}`)
  replaceConfig(file, text)
  return `${file}: ${String(found.length)} ${found.length === 1 ? 'meter' : 'meters'}`
}

function faultsOf(text: string, file: string): ConfigError['faults'] {
  try {
    parseConfig(text, file)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
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
