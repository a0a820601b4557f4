import {
  HalError,
  parseSettings,
  type Clock,
  type HalErrorCode,
  type SerialBackend,
} from '@s3mp/hal'
import type { Reading } from '@s3mp/meter'

import { listen } from './listen.ts'

/** How long each combination is listened to, in milliseconds: three telegrams of a slow meter. */
export const DETECT_LISTEN_MS = 12_000

/** Telegrams that settle it at once. */
export const DETECT_TELEGRAMS_MIN = 2

/** How heads talk, the likeliest first: SML; D0 pushed; P1; M-Bus and HDLC customer interfaces. */
export const DETECT_SETTINGS = [
  '9600 8N1',
  '9600 7E1',
  '115200 8N1',
  '2400 8N1',
  '2400 7E1',
  '115200 7E1',
] as const

/** What one combination of port and settings gave. */
export interface Trial {
  readonly path: string
  readonly settings: string
  readonly bytes: number
  readonly telegrams: number
  /** The last telegram understood. */
  readonly reading?: Reading
  /** Why the port could not be listened to. */
  readonly error?: HalError
}

/** What detection needs. */
export interface DetectOptions {
  readonly serial: SerialBackend
  /** Ports to try, in this order. */
  readonly paths: readonly string[]
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly listenMs?: number
  /** Told of each combination before it is tried, and what it gave. */
  readonly onTry?: (path: string, settings: string) => void
  readonly onTrial?: (trial: Trial) => void
}

/** A head that was understood, or everything that was heard instead. */
export interface Detection {
  readonly found?: Trial & { readonly reading: Reading }
  readonly trials: readonly Trial[]
}

/**
 * Finds out on which port, at which speed and in which protocol a meter speaks, by listening.
 *
 * Light that carries data makes bytes at any speed, only wrong ones: a port that is silent at one
 * speed is silent at all, and the others are not tried.
 */
export async function detectHead(options: DetectOptions): Promise<Detection> {
  const { paths, signal, onTry, onTrial } = options
  const trials: Trial[] = []
  for (const path of paths) {
    for (const settings of DETECT_SETTINGS) {
      if (signal.aborted) return { trials }
      onTry?.(path, settings)
      const trial = await tryOne(path, settings, options)
      trials.push(trial)
      onTrial?.(trial)
      const { reading } = trial
      if (reading !== undefined) return { found: { ...trial, reading }, trials }
      if (trial.error !== undefined || trial.bytes === 0) break
    }
  }
  return { trials }
}

async function tryOne(path: string, settings: string, options: DetectOptions): Promise<Trial> {
  const { serial, clock, signal, listenMs = DETECT_LISTEN_MS } = options
  let [bytes, telegrams] = [0, 0]
  let reading: Reading | undefined
  try {
    await listen(
      {
        serial,
        path,
        settings: parseSettings(settings),
        protocol: 'auto',
        clock,
        signal,
        listenMs,
      },
      (heard) => {
        bytes += heard.bytes
        for (const event of heard.events) {
          if (event.type !== 'reading') continue
          telegrams += 1
          reading = event.reading
        }
        return telegrams < DETECT_TELEGRAMS_MIN
      },
    )
  } catch (error) {
    if (!(error instanceof HalError)) throw error
    return { path, settings, bytes, telegrams, error }
  }
  return { path, settings, bytes, telegrams, ...(reading === undefined ? {} : { reading }) }
}

/** What a trial gave, as one sentence that says what to do. */
export function trialInWords(trial: Trial): string {
  const { path, settings, bytes, telegrams, error } = trial
  const where = `${path} at ${settings}`
  if (error !== undefined) return `${path}: ${remedy(error)}`
  if (telegrams > 0) return `${where}: ${String(telegrams)} telegrams understood`
  if (bytes === 0) {
    return `${path}: silence; is the head on the meter's diode, its cable downwards, and the meter sending?`
  }
  return `${where}: ${String(bytes)} bytes, none of them a telegram; another speed, or the head sits badly`
}

const REMEDIES: Readonly<Partial<Record<HalErrorCode, string>>> = {
  permission: 'no permission; add your user to the group dialout and log in again',
  'not-found': 'is not there; plug the head in and look under /dev/serial/by-id',
  busy: 'is in use by another program; end it (fuser -v shows which)',
}

function remedy({ code, message }: HalError): string {
  return REMEDIES[code] ?? `${message} (${code})`
}
