import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { listening } from '@s3mp/firmware'
import type { SourceSpec, TamperInput } from '@s3mp/firmware'
import { parseSettings } from '@s3mp/hal'
import type { Clock, SerialBackend, SerialSettings } from '@s3mp/hal'
import { linuxSerial } from '@s3mp/hal/linux'
import { ReplaySerial } from '@s3mp/hal/mock'
import { createDecoder } from '@s3mp/meter'
import type { DemoSwitch } from '@s3mp/web/api'
import type { DemoPast } from './history.ts'
import { headLever, meterInput } from './meters.ts'
import { UsageError } from './options.ts'
import type { DemoOptions } from './options.ts'

/** Where the telegrams come from. */
export interface DemoInput {
  readonly kind: 'simulated' | 'replay' | 'serial'
  /** The file or the device. */
  readonly name: string
  readonly sources: readonly SourceSpec[]
  /** What it is, for people, where its kind does not say. */
  readonly words?: string
  /** The switch in the meter's case. */
  readonly tamper?: TamperInput
  /** What is known of the time before, where there is a made-up one. */
  readonly past?: DemoPast
  /** What can be switched about it, with its state. */
  readonly switches: ReadonlyMap<DemoSwitch, DemoLever>
  /** Ends what it does by itself. */
  readonly close?: () => void
}

/** Something that is on or off. */
export interface DemoLever {
  on: boolean
  set(on: boolean): void
}

/** A telegram every second, as modern household meters send. */
const PERIOD_MS = 1000

/** Where the simulated head is plugged in. */
const HEAD_PATH = '/dev/optical-head'

/** Largest file of captured telegrams. */
export const REPLAY_FILE_BYTES_MAX = 16 * 1024 * 1024

/** Telegrams of a file that are played, round and round. */
export const REPLAY_TELEGRAMS_MAX = 10_000

/** Opens the input that the options name. @throws UsageError where the file or device is no use. */
export async function openInput(
  options: DemoOptions,
  clock: Clock,
  random: () => number,
): Promise<DemoInput> {
  const settings = parseSettings(options.line)
  if (options.serial !== undefined) {
    const { serial } = options
    return {
      kind: 'serial',
      name: serial,
      sources: [head(linuxSerial(), serial, settings, false)],
      switches: new Map(),
    }
  }
  if (options.replay !== undefined) return replayInput(options.replay, settings, clock, random)
  return meterInput(options.meter, clock, random)
}

/** Without a byte for this long the port is opened again. */
const SILENCE_MS = 5000

function head(
  serial: SerialBackend,
  path: string,
  settings: SerialSettings,
  isSimulated: boolean,
): SourceSpec {
  const listen = { protocol: 'auto', silenceMs: SILENCE_MS } as const
  return listening({ name: 'head', serial, path, settings, isSimulated, ...listen })
}

async function replayInput(
  file: string,
  settings: SerialSettings,
  clock: Clock,
  random: () => number,
): Promise<DemoInput> {
  const telegrams = cutTelegrams(unhex(await readCapture(file)))
  if (telegrams.length === 0) {
    throw new UsageError(`${file}: expected captured telegrams, found none that could be read`)
  }
  const serial = new ReplaySerial({
    clock,
    random,
    path: HEAD_PATH,
    settings,
    periodMs: PERIOD_MS,
    telegrams,
  })
  return {
    kind: 'replay',
    name: basename(file),
    sources: [head(serial, HEAD_PATH, settings, true)],
    switches: new Map([['head', headLever(serial)]]),
  }
}

async function readCapture(file: string): Promise<Uint8Array> {
  try {
    const bytes = new Uint8Array(await readFile(file))
    if (bytes.length <= REPLAY_FILE_BYTES_MAX) return bytes
    throw new UsageError(`${file}: expected at most ${REPLAY_FILE_BYTES_MAX} bytes`)
  } catch (error) {
    if (error instanceof UsageError) throw error
    const reason = (error as NodeJS.ErrnoException).code ?? String(error)
    throw new UsageError(`${file}: cannot be read (${reason})`, { cause: error })
  }
}

/** Hex text becomes the bytes that it names; anything else stays as it is. */
function unhex(bytes: Uint8Array): Uint8Array {
  const text = new TextDecoder('latin1').decode(bytes)
  const digits = text.replaceAll(/\s+/g, '')
  if (digits.length < 2 || digits.length % 2 === 1 || !/^[0-9a-f]+$/i.test(digits)) return bytes
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16))
}

/** Cuts a capture where its telegrams begin, so that each is played at its own moment. */
function cutTelegrams(bytes: Uint8Array): readonly Uint8Array[] {
  const decoder = createDecoder('auto')
  const events = [...decoder.push(bytes), ...decoder.end()]
  return events
    .filter((event) => event.type === 'reading')
    .slice(0, REPLAY_TELEGRAMS_MAX)
    .map((event) => bytes.slice(event.offset, event.offset + event.length))
}
