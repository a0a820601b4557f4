import type { Clock, SerialBackend, SerialSettings } from '@s3mp/hal'
import { createDecoder, type DecoderProtocol, type OwnList } from '@s3mp/meter'

import { bytesOf, readCapture } from '../blackbox/capture.ts'
import { FirmwareError } from '../errors.ts'
import type { MeterKeys } from './keys.ts'

/** Bytes of a capture that can be played. */
export const CAPTURE_BYTES_MAX = 16 * 2 ** 20

/** Seed of the simulated household that has none of its own. */
const SEED = 1

/** A pretended head. */
export interface Pretence {
  readonly serial: SerialBackend
  readonly path: string
  readonly settings: SerialSettings
}

/** What pretending needs. */
export interface PretenceOptions {
  /** As configured, with its scheme. */
  readonly device: string
  readonly settings: SerialSettings
  readonly protocol: DecoderProtocol
  /** What the telegrams of a capture are opened with. */
  readonly keys?: MeterKeys
  readonly lists?: readonly OwnList[]
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
}

/**
 * The head that `simulated:household` (with `:SEED` for another house) or `replay:FILE` stands for.
 *
 * @throws FirmwareError `source` when it names something that cannot be.
 */
export function pretend(options: PretenceOptions): Promise<Pretence> {
  const [scheme, ...rest] = options.device.split(':')
  return scheme === 'replay' ? replay(rest.join(':'), options) : simulated(rest, options)
}

async function simulated(
  [what, seed = String(SEED)]: readonly string[],
  { clock, random, device, settings }: PretenceOptions,
): Promise<Pretence> {
  if (what !== 'household' || !/^\d{1,9}$/u.test(seed)) {
    throw new FirmwareError(
      'source',
      `${device}: expected simulated:household or simulated:household:NUMBER`,
    )
  }
  const { ReplaySerial } = await import('@s3mp/hal/mock')
  const { Household, SmlHousehold } = await import('@s3mp/meter/simulator')
  const startMs = startOfDayMs(clock.nowMs())
  const household = new Household({ seed: Number(seed), startMs, ...registersAt(startMs) })
  const meter = new SmlHousehold({ household })
  const serial = new ReplaySerial({
    clock,
    random,
    path: device,
    settings,
    telegrams: (_index, nowMs) => meter.telegram(Math.max(nowMs, startMs)),
  })
  return { serial, path: device, settings }
}

function startOfDayMs(nowMs: number): number {
  return Math.floor(nowMs / 86_400_000) * 86_400_000
}

/**
 * Where the registers of the simulated house stand at the beginning of a day: more than any day
 * uses is added per day, so that a restart on another day never turns them back.
 */
function registersAt(dayMs: number): {
  readonly importMilliWh: bigint
  readonly exportMilliWh: bigint
} {
  const days = BigInt(Math.max(0, Math.floor((dayMs - Date.UTC(2026, 0, 1)) / 86_400_000)))
  return { importMilliWh: days * 60_000_000n, exportMilliWh: days * 60_000_000n }
}

async function replay(
  file: string,
  { clock, random, protocol, device, settings, keys, lists = [] }: PretenceOptions,
): Promise<Pretence> {
  const bytes = bytesOf(readCapture(file))
  if (bytes.length > CAPTURE_BYTES_MAX) {
    const expected = `expected at most ${String(CAPTURE_BYTES_MAX)} bytes`
    throw new FirmwareError('source', `${file}: ${expected}, found ${String(bytes.length)}`)
  }
  const decoder = createDecoder(protocol, { ...keys, lists })
  const telegrams = [...decoder.push(bytes), ...decoder.end()]
    .filter((event) => event.type === 'reading')
    .map(({ offset, length }) => bytes.slice(offset, offset + length))
  if (telegrams.length === 0) {
    throw new FirmwareError(
      'source',
      `${file}: expected telegrams of a meter, found none; see: s3mp decode ${file}`,
    )
  }
  const { ReplaySerial } = await import('@s3mp/hal/mock')
  const serial = new ReplaySerial({ clock, random, path: device, settings, telegrams })
  return { serial, path: device, settings }
}
