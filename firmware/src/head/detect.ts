import {
  HalError,
  parseSettings,
  type Clock,
  type HalErrorCode,
  type SerialBackend,
} from '@s3mp/hal'
import { createDecoder, Handshake, type DecoderOptions, type Reading } from '@s3mp/meter'

import { talk } from '../sources/talk.ts'
import { listen } from './listen.ts'

/** How long each combination is listened to, in milliseconds: a telegram of the slowest meters. */
export const DETECT_LISTEN_MS = 12_000

/** Telegrams that settle it at once. */
export const DETECT_TELEGRAMS_MIN = 2

/** Bytes that are enough to know that nothing in them is a telegram: four of a common meter. */
export const DETECT_GARBAGE_BYTES_MAX = 2048

/** How heads talk, the likeliest first: SML; D0 pushed; P1; M-Bus and HDLC customer interfaces. */
export const DETECT_SETTINGS = [
  '9600 8N1',
  '9600 7E1',
  '115200 8N1',
  '2400 8E1',
  '2400 8N1',
  '2400 7E1',
  '115200 7E1',
] as const

/** How a meter is asked that says nothing by itself (IEC 62056-21). */
const SIGN_ON = '300 7E1'

/** What one combination of port and settings gave. */
export interface Trial {
  readonly path: string
  readonly settings: string
  /** The meter was asked by sign-on; otherwise it was listened to. */
  readonly isAsked: boolean
  readonly bytes: number
  readonly telegrams: number
  /** The last telegram understood. */
  readonly reading?: Reading
  /** Telegrams whose checksums hold and of which nothing was read, and why, last. */
  readonly whole?: { readonly telegrams: number; readonly reason: WholeReason }
  /** Why the port could not be listened to. */
  readonly error?: HalError
}

/** Why nothing is read from a telegram that came whole. */
export type WholeReason = 'empty' | 'key-missing' | 'key-wrong' | 'unauthentic'

/** A combination that gave a reading. */
export type Found = Trial & { readonly reading: Reading }

/** What detection needs. */
export interface DetectOptions {
  readonly serial: SerialBackend
  /** Ports to try, in this order. */
  readonly paths: readonly string[]
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly listenMs?: number
  /** Keys and lists of the meter that is configured on a port. */
  readonly decodingOf?: (path: string) => DecoderOptions | undefined
  /** Told of each combination before it is tried, and what it gave. */
  readonly onTry?: (path: string, settings: string) => void
  readonly onTrial?: (trial: Trial) => void
}

/** The heads that were understood, one a port, and everything that was tried. */
export interface Detection {
  readonly found: readonly Found[]
  readonly trials: readonly Trial[]
}

/**
 * Finds out on which ports, at which speed and in which protocol meters speak, by listening, and by
 * asking where nothing is heard.
 *
 * Light that carries data makes bytes at any speed, only wrong ones: a port that is silent at one speed
 * is silent at all. Then the meter may be one that waits to be signed on to.
 */
export async function detectHeads(options: DetectOptions): Promise<Detection> {
  const trials: Trial[] = []
  const found: Found[] = []
  for (const path of options.paths) {
    for (const trial of await tryPort(path, options)) {
      trials.push(trial)
      const { reading } = trial
      if (reading !== undefined) found.push({ ...trial, reading })
    }
    if (options.signal.aborted) break
  }
  return { found, trials }
}

async function tryPort(path: string, options: DetectOptions): Promise<readonly Trial[]> {
  const { signal, onTry, onTrial } = options
  const trials: Trial[] = []
  const tryNext = async (settings: string, attempt: () => Promise<Trial>): Promise<Trial> => {
    onTry?.(path, settings)
    const trial = await attempt()
    trials.push(trial)
    onTrial?.(trial)
    return trial
  }
  for (const settings of DETECT_SETTINGS) {
    if (signal.aborted) return trials
    const trial = await tryNext(settings, () => listenAt(path, settings, options))
    const isSettled = trial.reading !== undefined || trial.whole !== undefined
    if (isSettled || trial.error !== undefined) return trials
    if (trial.bytes > 0) continue
    await tryNext(SIGN_ON, () => askAt(path, options))
    return trials
  }
  return trials
}

async function listenAt(path: string, settings: string, options: DetectOptions): Promise<Trial> {
  const { serial, clock, signal, listenMs = DETECT_LISTEN_MS, decodingOf } = options
  const decoding = decodingOf?.(path) ?? {}
  const line = parseSettings(settings)
  let [bytes, telegrams] = [0, 0]
  let reading: Reading | undefined
  let whole: Trial['whole']
  const trial = (): Trial => ({
    path,
    settings,
    isAsked: false,
    bytes,
    telegrams,
    ...(reading === undefined ? {} : { reading }),
    // Some meters send what can be read and what cannot by turns.
    ...(whole === undefined || reading !== undefined ? {} : { whole }),
  })
  try {
    await listen(
      { serial, path, settings: line, protocol: 'auto', decoding, clock, signal, listenMs },
      (heard) => {
        bytes += heard.bytes
        for (const event of heard.events) {
          if (event.type !== 'reading') {
            const reason = WHOLE.find((one) => one === event.reason)
            if (reason !== undefined) whole = { telegrams: (whole?.telegrams ?? 0) + 1, reason }
            continue
          }
          telegrams += 1
          reading = event.reading
        }
        const isGarbage = telegrams === 0 && whole === undefined && bytes > DETECT_GARBAGE_BYTES_MAX
        return telegrams < DETECT_TELEGRAMS_MIN && !isGarbage
      },
    )
  } catch (error) {
    if (!(error instanceof HalError)) throw error
    return { ...trial(), error }
  }
  return trial()
}

const WHOLE: readonly WholeReason[] = ['empty', 'key-missing', 'key-wrong', 'unauthentic']

/** Signs on to a meter that may be waiting for it. */
async function askAt(path: string, { serial, clock, signal }: DetectOptions): Promise<Trial> {
  let [bytes, telegrams] = [0, 0]
  let reading: Reading | undefined
  const trial = (): Trial => ({ path, settings: SIGN_ON, isAsked: true, bytes, telegrams, ...(reading === undefined ? {} : { reading }) }) // prettier-ignore
  try {
    const port = await serial.open(path, parseSettings(SIGN_ON))
    try {
      await talk(new Handshake({}), {
        port,
        clock,
        signal,
        canSwitch: true,
        decoder: () => createDecoder('d0'),
        onBytes: (heard) => {
          bytes += heard.length
        },
        onReading: (read) => {
          telegrams += 1
          reading = read
        },
        onDiscarded: () => undefined,
        onRefused: () => undefined,
        progress: () => undefined,
      })
    } finally {
      await port.close()
    }
  } catch (error) {
    if (error instanceof HalError) return { ...trial(), error }
    if (!signal.aborted) throw error
  }
  return trial()
}

/** What a trial gave, as one sentence that says what to do. */
export function trialInWords(trial: Trial): string {
  const { path, settings, isAsked, bytes, telegrams, whole, error } = trial
  const where = `${path} at ${settings}`
  if (error !== undefined) return `${path}: ${remedy(error)}`
  if (telegrams > 0) return `${where}: ${String(telegrams)} telegrams understood`
  if (whole !== undefined) {
    return `${where}: ${String(whole.telegrams)} whole telegrams, nothing read: ${WHOLE_WORDS[whole.reason]}`
  }
  if (isAsked) {
    return bytes === 0
      ? `${path}: no answer to a sign-on either`
      : `${where}: ${String(bytes)} bytes in answer to a sign-on, and no readout; the head may sit badly`
  }
  if (bytes === 0) {
    return `${path}: silence; is the head on the meter's diode, its cable downwards, and the meter sending?`
  }
  return `${where}: ${String(bytes)} bytes, none of them a telegram; another speed, or the head sits badly`
}

const WHOLE_WORDS: Readonly<Record<WholeReason, string>> = {
  empty: 'a list without codes; s3mp record it, then s3mp decode --propose names its places',
  'key-missing': 'they are ciphered; ask the grid operator for the key, and write keys.encryption',
  'key-wrong': 'keys.encryption does not open them',
  unauthentic: 'keys.encryption is right, keys.authentication is not',
}

const REMEDIES: Readonly<Partial<Record<HalErrorCode, string>>> = {
  permission: 'no permission; add your user to the group dialout and log in again',
  'not-found': 'is not there; plug the head in and look under /dev/serial/by-id',
  busy: 'is in use by another program; end it (fuser -v shows which)',
}

function remedy({ code, message }: HalError): string {
  return REMEDIES[code] ?? `${message} (${code})`
}
