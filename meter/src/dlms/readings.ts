import type { DiscardReason } from '../decoder.ts'
import { MeterError } from '../errors.ts'
import type { Reading, ReadingFlag } from '../reading.ts'
import { APDU, decodeNotification } from './apdu.ts'
import type { DlmsKeys } from './ciphering.ts'
import { isProtected, parseProtected, signedContent } from './ciphering.ts'
import type { KeyVerdict } from './doctor.ts'
import { diagnoseKeys } from './doctor.ts'
import { readNotification, titleText } from './reading.ts'

/** Meters whose counters a decoder remembers; the one unheard for longest makes room. */
export const DLMS_COUNTERS_MAX = 64

/** Protections within each other: signed around ciphered around the notification. */
const LAYERS_MAX = 3

/** What a decoder of DLMS needs to know beyond the bytes. */
export interface DlmsOptions extends DlmsKeys {
  /**
   * Last invocation counter accepted by system title, as {@link Reading.security} named them: the
   * state to keep over restarts. A telegram must have a greater one.
   */
  readonly counters?: ReadonlyMap<string, number> | undefined
  /** Reads a telegram in text that came inside the cipher. */
  readonly readText?: ((text: Uint8Array) => Reading | undefined) | undefined
}

/** Turns APDUs into readings; keeps the counters of the meters heard. */
export class DlmsReadings {
  readonly #options: DlmsOptions
  /** Counters vouched for by a tag, and those of telegrams without: the latter bind no others. */
  readonly #authentic: Map<string, number>
  readonly #plain = new Map<string, number>()

  constructor(options: DlmsOptions) {
    this.#options = options
    this.#authentic = new Map(options.counters)
  }

  /** What an APDU says, or why it says nothing. */
  read(apdu: Uint8Array, flags: readonly ReadingFlag[]): Reading | DiscardReason {
    try {
      return this.#read(apdu, flags, undefined, LAYERS_MAX)
    } catch (error) {
      if (error instanceof MeterError) return 'malformed'
      throw error
    }
  }

  #read(
    apdu: Uint8Array,
    flags: readonly ReadingFlag[],
    systemTitle: Uint8Array | undefined,
    layers: number,
  ): Reading | DiscardReason {
    const tag = apdu[0] ?? 0
    if (tag === APDU.dataNotification) {
      return readNotification(decodeNotification(apdu), { systemTitle, flags }) ?? 'empty'
    }
    if (layers === 0) return 'malformed'
    if (tag === APDU.generalSigning) {
      return this.#read(
        signedContent(apdu),
        [...flags, 'signature-unchecked'],
        undefined,
        layers - 1,
      )
    }
    if (isProtected(tag)) return this.#unprotect(apdu, flags, layers)
    const text = systemTitle === undefined ? undefined : this.#options.readText?.(apdu)
    if (text === undefined) return systemTitle === undefined ? 'empty' : 'malformed'
    return { ...text, flags: [...new Set([...text.flags, ...flags])] }
  }

  #unprotect(
    apdu: Uint8Array,
    flags: readonly ReadingFlag[],
    layers: number,
  ): Reading | DiscardReason {
    const { systemTitle } = parseProtected(apdu)
    const title = titleText(systemTitle)
    const isText = (text: Uint8Array): boolean => this.#options.readText?.(text) !== undefined
    const last = this.#authentic.get(title)
    const { verdict, plaintext, message } = diagnoseKeys(apdu, this.#options, last, isText)
    if (message === undefined || plaintext === undefined) return REFUSALS[verdict] ?? 'malformed'
    const authentic = verdict === 'sound'
    if (!authentic && verdict !== 'unauthenticated') return REFUSALS[verdict] ?? 'malformed'
    const { counter } = message
    const counters = authentic ? this.#authentic : this.#plain
    if (counter <= (counters.get(title) ?? -1)) return 'replay'
    const doubts: readonly ReadingFlag[] = authentic ? flags : [...flags, 'unauthenticated']
    const reading = this.#read(plaintext, doubts, systemTitle, layers - 1)
    if (typeof reading === 'string') return reading
    remember(counters, title, counter)
    return { ...reading, security: { systemTitle: title, counter, authentic } }
  }
}

/** Why a telegram with this verdict gives no reading. */
const REFUSALS: Readonly<Partial<Record<KeyVerdict, DiscardReason>>> = {
  'encryption-key-missing': 'key-missing',
  'encryption-key-wrong': 'key-wrong',
  'authentication-key-wrong': 'unauthentic',
  replay: 'replay',
}

function remember(counters: Map<string, number>, title: string, counter: number): void {
  counters.delete(title)
  if (counters.size >= DLMS_COUNTERS_MAX) {
    for (const oldest of counters.keys()) {
      counters.delete(oldest)
      break
    }
  }
  counters.set(title, counter)
}
