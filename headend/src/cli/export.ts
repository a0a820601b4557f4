import { closeSync, openSync, writeFileSync } from 'node:fs'
import { exportHeaderLine, exportLine } from '@s3mp/envelope/verify'
import type { Command } from 'commander'
import { streamNumber } from '../api/streams.ts'
import { HeadendError } from '../errors.ts'
import { systemRandom } from '../headend.ts'
import { Keyring } from '../keys/keyring.ts'
import type { SqliteStore } from '../store/store.ts'
import type { DeviceRow } from '../store/types.ts'
import { findDevice } from './devices.ts'
import type { Output } from './output.ts'
import { configOf, openStore, secretsOf } from './place.ts'

/** Records read at a time. */
export const EXPORT_PAGE_MAX = 1000

interface ExportOptions {
  readonly config?: string
  readonly stream?: string
  readonly output?: string
  readonly all?: true
  readonly contradictions?: true
}

/** Adds `export`. */
export function addExportCommand(program: Command, output: Output): void {
  program
    .command('export')
    .description("write a device's records as they were signed, for 's3mp verify'")
    .argument('<id>', "the device's id, or its first digits")
    .option('-c, --config <file>', 'the configuration')
    .option('--stream <name>', 'only this stream: quarter, minute, live, events, health')
    .option('-o, --output <file>', 'a new file; without it the standard output')
    .option('--all', 'also the newest live readings, which no seal covers yet and nothing proves')
    .option('--contradictions', 'only records that contradict one another: what an alarm was about')
    .addHelpText(
      'after',
      '\nExample:\n  s3mp headend export 01a2b3c4 -o records.jsonl && s3mp verify --key meter-card.json records.jsonl',
    )
    .action((id: string, options: ExportOptions) => {
      const config = configOf(options)
      const { ueid } = Keyring.open(secretsOf(config), config.prekeys, systemRandom)
      const store = openStore(config)
      try {
        const device = findDevice(store, id)
        const lines = exportLines(store, device, ueid, options)
        if (options.output === undefined) for (const line of lines) output.line(line)
        else output.note(`${writeLines(options.output, lines)} records in ${options.output}`)
      } finally {
        store.close()
      }
    })
}

/** Which records an export holds. */
export interface Exported {
  /** Only this stream. */
  readonly stream?: string
  /** Also live readings that no seal covers yet. */
  readonly all?: boolean
  /** Only contradicting records, each behind the one whose place it claims. */
  readonly contradictions?: boolean
}

/**
 * The lines of an export file: a header, then the records, stream by stream, in their order. A stream
 * ends with the last record that a signature covers: what follows is no evidence yet.
 */
export function* exportLines(
  store: SqliteStore,
  device: DeviceRow,
  recipientId: Uint8Array,
  { stream: streamName, all = false, contradictions = false }: Exported = {},
): Iterable<string> {
  const { algorithm, publicKey } = device
  yield exportHeaderLine({ key: { algorithm, publicKey }, recipientId })
  const number = streamName === undefined ? undefined : streamNumber(streamName)
  const streams = store.queries
    .streams(device.row)
    .filter((stream) => streamName === undefined || stream.number === number)
  if (streams.length === 0 && streamName !== undefined) {
    const message = `stream ${streamName}: expected one of the device's, found none`
    throw new HeadendError('ERR_HEADEND_NOT_FOUND', message)
  }
  for (const stream of streams) {
    if (contradictions) {
      for (const { kind, bytes } of store.queries.contradictions(stream.row)) {
        yield exportLine({ kind, object: bytes })
      }
      continue
    }
    const end = all ? Number.MAX_SAFE_INTEGER : store.queries.provenUpTo(stream.row)
    for (let from = 0; ;) {
      const page = store.queries
        .recordsFrom(stream.row, from, EXPORT_PAGE_MAX)
        .filter(({ seq }) => seq <= end)
      for (const { kind, bytes } of page) yield exportLine({ kind, object: bytes })
      const last = page.at(-1)
      if (last === undefined) break
      from = last.lastSeq + 1
    }
  }
}

function writeLines(path: string, lines: Iterable<string>): number {
  let file: number
  try {
    file = openSync(path, 'wx', 0o600)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    const message = `${path}: cannot be made (${reason}); an existing file is never overwritten`
    throw new HeadendError('ERR_HEADEND_STATE', message, { cause })
  }
  let count = -1
  try {
    for (const line of lines) {
      writeFileSync(file, `${line}\n`)
      count++
      if (process.stderr.isTTY && count % EXPORT_PAGE_MAX === 0) {
        process.stderr.write(`\r\u001b[K${count} records …`)
      }
    }
  } finally {
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K')
    closeSync(file)
  }
  return count
}
