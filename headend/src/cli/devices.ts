import { readFileSync, statSync } from 'node:fs'
import { fingerprintOf, fromHex, KEY_FILE_CHARS_MAX, toHex } from '@s3mp/envelope'
import type { Command } from 'commander'
import { systemClock } from '../clock.ts'
import { HeadendError } from '../errors.ts'
import { enrollDevice } from '../headend.ts'
import type { SqliteStore } from '../store/store.ts'
import type { DeviceRow, DeviceState } from '../store/types.ts'
import { harmless, paintState, type Output } from './output.ts'
import { commandLine, configOf, openStore } from './place.ts'

/** Devices listed at a time. */
export const LISTED_MAX = 500
/** Digits of an id that a person must give to mean a device. */
export const ID_DIGITS_MIN = 8

interface Common {
  readonly config?: string
  readonly json?: true
}

/** Adds `enroll`, `devices`, `quarantine`, `release`, `revoke` and `audit`. */
export function addDeviceCommands(program: Command, output: Output): void {
  addEnroll(program, output)
  program
    .command('devices')
    .description('list the devices')
    .option('-c, --config <file>', 'the configuration')
    .option('--json', 'one JSON object a line')
    .action((options: Common) => {
      withStore(options, (store) => {
        for (const device of allDevices(store)) output.line(describe(device, options, output))
      })
    })
  addStateCommand(
    program,
    output,
    'quarantine',
    'quarantined',
    'store what a device sends, but mark it',
  )
  addStateCommand(program, output, 'release', 'active', 'trust a quarantined device again')
  addStateCommand(program, output, 'revoke', 'revoked', 'never hear a device again; this is final')
  program
    .command('audit')
    .description('print the log of who did what, and whether it is whole')
    .option('-c, --config <file>', 'the configuration')
    .option('--verify', 'only check it; print how long it is and the hash of its last line')
    .option('--json', 'one JSON object a line')
    .action((options: Common & { verify?: true }) => {
      withStore(options, (store) => {
        printAudit(store, options, output)
      })
    })
}

function addEnroll(program: Command, output: Output): void {
  program
    .command('enroll')
    .description("take meters on by their cards (the files that 's3mp keygen' writes)")
    .argument('<file...>', 'public key files, JSON or PEM')
    .option('-c, --config <file>', 'the configuration')
    .option('--name <text>', 'what people call it; for one file only')
    .option('--serial <text>', 'its serial number, which binds it to this key; for one file only')
    .option('--json', 'one JSON object a line')
    .addHelpText(
      'after',
      '\nExample:\n  s3mp headend enroll meter-card.json --name "12 Main Street"',
    )
    .action((files: readonly string[], options: Common & { name?: string; serial?: string }) => {
      if (files.length > 1 && (options.name ?? options.serial) !== undefined) {
        program.error('error: --name and --serial are for one file only')
      }
      const { name, serial } = options
      withStore(options, (store) => {
        for (const file of files) {
          const row = enrollDevice(
            store,
            readCard(file),
            { name, serial, deed: { who: commandLine() } },
            systemClock.nowMs(),
          )
          output.line(describe(row, options, output))
          if (!options.json) output.line(`  fingerprint ${fingerprintOf(row)}`)
        }
      })
    })
}

function addStateCommand(
  program: Command,
  output: Output,
  name: string,
  state: DeviceState,
  description: string,
): void {
  program
    .command(name)
    .description(description)
    .argument('<id>', `the device's id, or its first ${ID_DIGITS_MIN} digits or more`)
    .option('-c, --config <file>', 'the configuration')
    .option('--reason <text>', 'why, for the log', 'not said')
    .option('--json', 'print JSON')
    .action((id: string, options: Common & { reason: string }) => {
      withStore(options, (store) => {
        const { ueid } = findDevice(store, id)
        const row = store.registry.setState(
          ueid,
          state,
          { who: commandLine(), reason: options.reason },
          systemClock.nowMs(),
        )
        output.line(describe(row, options, output))
      })
    })
}

/** The device that a person means. @throws HeadendError `ERR_HEADEND_NOT_FOUND`. */
export function findDevice(store: SqliteStore, id: string): DeviceRow {
  const digits = id.toLowerCase()
  if (!/^[0-9a-f]+$/.test(digits) || digits.length < ID_DIGITS_MIN) {
    const message = `id: expected ${ID_DIGITS_MIN} hex digits or more, found '${harmless(id)}'`
    throw new HeadendError('ERR_HEADEND_NOT_FOUND', `${message}; see 's3mp headend devices'`)
  }
  if (digits.length === 66) {
    const device = store.registry.device(fromHex(digits))
    if (device !== undefined) return device
  }
  const matching = store.registry
    .devices({ query: digits, limit: LISTED_MAX })
    .filter(({ ueid }) => toHex(ueid).startsWith(digits) || toHex(ueid).slice(2).startsWith(digits))
  const [device] = matching
  if (matching.length === 1 && device !== undefined) return device
  const found = matching.length === 0 ? 'none' : `${matching.length}; give more digits`
  throw new HeadendError(
    'ERR_HEADEND_NOT_FOUND',
    `id ${digits}: expected one device, found ${found}`,
  )
}

function* allDevices(store: SqliteStore): Iterable<DeviceRow> {
  for (let after: Uint8Array | undefined; ;) {
    const page = store.registry.devices({ after, limit: LISTED_MAX })
    yield* page
    if (page.length < LISTED_MAX) return
    after = page.at(-1)?.ueid
  }
}

function describe(device: DeviceRow, options: Common, output: Output): string {
  const { name, serial, state, algorithm, enrolledMs, lastSeenMs } = device
  const id = toHex(device.ueid)
  if (options.json) {
    return JSON.stringify({ id, name, serial, state, algorithm, enrolledMs, lastSeenMs })
  }
  const seen = lastSeenMs === undefined ? 'never' : new Date(lastSeenMs).toISOString()
  return `${id}  ${paintState(state, output)}  last seen ${seen}  ${harmless(name)}`
}

function printAudit(
  store: SqliteStore,
  options: Common & { readonly verify?: true },
  output: Output,
): void {
  let whole = true
  let count = 0
  for (const { atMs, who, deed, subject, details, intact } of store.auditLog()) {
    whole &&= intact
    count++
    if (options.verify) continue
    const at = new Date(atMs).toISOString()
    output.line(
      options.json
        ? JSON.stringify({ at, who, deed, subject, details, intact })
        : `${at}  ${harmless(who)}  ${deed}  ${harmless(subject)}  ${harmless(JSON.stringify(details))}`,
    )
  }
  if (!whole) {
    const message = 'audit: a row was changed or taken out after it was written'
    throw new HeadendError('ERR_HEADEND_STATE', message)
  }
  if (options.verify) {
    const { hash } = store.auditHead() ?? {}
    output.line(
      options.json
        ? JSON.stringify({ lines: count, hash })
        : `whole: ${count} lines, the last has the hash ${hash ?? 'none'}`,
    )
  }
}

function readCard(file: string): string {
  try {
    if (statSync(file).size > KEY_FILE_CHARS_MAX) {
      const message = `${file}: expected a card of at most ${KEY_FILE_CHARS_MAX} bytes`
      throw new HeadendError('ERR_HEADEND_ENROL', message)
    }
    return readFileSync(file, 'utf8')
  } catch (cause) {
    if (cause instanceof HeadendError) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new HeadendError('ERR_HEADEND_ENROL', `${file}: cannot be read (${reason})`, { cause })
  }
}

function withStore(options: Common, work: (store: SqliteStore) => void): void {
  const store = openStore(configOf(options))
  try {
    work(store)
  } finally {
    store.close()
  }
}
