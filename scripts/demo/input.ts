import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { listening } from '@s3mp/firmware'
import type { SourceSpec } from '@s3mp/firmware'
import { parseSettings } from '@s3mp/hal'
import type { Clock, SerialBackend, SerialSettings } from '@s3mp/hal'
import { linuxSerial } from '@s3mp/hal/linux'
import { ReplaySerial } from '@s3mp/hal/mock'
import { createDecoder } from '@s3mp/meter'
import { Household, SmlHousehold } from '@s3mp/meter/simulator'
import type { DemoSwitch } from '@s3mp/web/api'
import { UsageError } from './options.ts'
import type { DemoOptions } from './options.ts'

/** Where the telegrams come from. */
export interface DemoInput {
  readonly kind: 'simulated' | 'replay' | 'serial'
  /** The file or the device. */
  readonly name: string
  readonly sources: readonly SourceSpec[]
  /** What is known of the time before, where there is a made-up one. */
  readonly past?: DemoPast
  /** What can be switched about it, with its state. */
  readonly switches: ReadonlyMap<DemoSwitch, DemoLever>
}

/** Where the registers of a simulated meter stand when the demonstration begins. */
export interface DemoPast {
  readonly meterId: string
  readonly importMilliWh: bigint
  readonly exportMilliWh: bigint
}

/** Something that is on or off. */
export interface DemoLever {
  on: boolean
  set(on: boolean): void
}

/** A telegram every second, as modern household meters send. */
const PERIOD_MS = 1000

/** The share of the sun that the demonstration's clouds take away. */
const CLOUDS = 0.85

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
  return householdInput(settings, clock, random)
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

/** Enough on the registers for a year and more. */
const PAST: DemoPast = {
  meterId: '1SIM0010203040',
  importMilliWh: 4_821_337_250n,
  exportMilliWh: 6_904_512_800n,
}

/** The household lives at noon in June: the sun shines, and lunch is being cooked. */
const NOON_MS = Date.UTC(2025, 5, 21, 11, 42)

function householdInput(settings: SerialSettings, clock: Clock, random: () => number): DemoInput {
  const household = new Household({
    seed: 26,
    startMs: NOON_MS,
    solarPeakW: 5200,
    importMilliWh: PAST.importMilliWh,
    exportMilliWh: PAST.exportMilliWh,
  })
  const meter = new SmlHousehold({ household })
  const startMs = clock.nowMs()
  const serial = new ReplaySerial({
    clock,
    random,
    path: HEAD_PATH,
    settings,
    periodMs: PERIOD_MS,
    telegrams: (_index, nowMs) => meter.telegram(NOON_MS + nowMs - startMs),
  })
  const noise: DemoLever = {
    on: false,
    set: (on) => {
      if (on) meter.faults.add('garble')
      else meter.faults.delete('garble')
    },
  }
  const clouds: DemoLever = {
    on: false,
    set: (on) => {
      household.setClouds(on ? CLOUDS : undefined, NOON_MS + clock.nowMs() - startMs)
    },
  }
  return {
    kind: 'simulated',
    name: 'simulated household',
    past: PAST,
    sources: [head(serial, HEAD_PATH, settings, true)],
    switches: new Map<DemoSwitch, DemoLever>([
      ['clouds', clouds],
      ['noise', noise],
      ['head', headLever(serial)],
    ]),
  }
}

function headLever(serial: ReplaySerial): DemoLever {
  return {
    on: true,
    set: (on) => {
      if (on) serial.plug()
      else serial.unplug()
    },
  }
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
