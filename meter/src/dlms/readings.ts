import type { DiscardReason } from '../events.ts'
import { MeterError } from '../errors.ts'
import type { Reading, ReadingFlag } from '../reading.ts'
import { APDU, decodeNotification, isNotification } from './apdu.ts'
import { openBlocks } from './block-cipher.ts'
import { isProtected, isSignedBy, parseProtected, parseSigned } from './ciphering.ts'
import type { KeyVerdict } from './doctor.ts'
import { diagnoseKeys } from './doctor.ts'
import type { DlmsKeys } from './keys.ts'
import type { PositionalList } from './lists.ts'
import { readNotification, titleText } from './reading.ts'

/** Protections within each other: signed around ciphered around the notification. */
const LAYERS_MAX = 3

/** What a decoder of DLMS needs to know beyond the bytes. */
export interface DlmsOptions extends DlmsKeys {
  /** Reads a telegram in text that came inside the cipher. */
  readonly readText?: ((text: Uint8Array) => Reading | undefined) | undefined
  /** Lists without codes that the owner of the meter has named. */
  readonly lists?: readonly PositionalList[] | undefined
  /** Power of ten of energies without scale, where its owner knows better than its maker. */
  readonly energyScaler?: number | undefined
}

/** Turns APDUs into readings. Keeps nothing: counters are watched where all readings come by. */
export class DlmsReadings {
  readonly #options: DlmsOptions

  constructor(options: DlmsOptions) {
    this.#options = options
  }

  /** What an APDU says, or why it says nothing. */
  read(apdu: Uint8Array, flags: readonly ReadingFlag[]): Reading | DiscardReason {
    const found = this.#tryRead(apdu, flags)
    const key = this.#options.encryptionKey
    if (typeof found !== 'string' || key === undefined) return found
    // Blocks have no mark of their own: one in forty begins like something else.
    const plain = openBlocks(apdu, key)
    return plain === undefined ? found : this.#tryRead(plain, [...flags, 'unauthenticated'])
  }

  #tryRead(apdu: Uint8Array, flags: readonly ReadingFlag[]): Reading | DiscardReason {
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
    if (isNotification(tag)) {
      const notification = decodeNotification(apdu)
      const { lists, energyScaler } = this.#options
      return readNotification(notification, { systemTitle, flags, energyScaler }, lists) ?? 'empty'
    }
    if (layers === 0) return 'malformed'
    if (tag === APDU.generalSigning) {
      const signed = parseSigned(apdu)
      const holds = isSignedBy(signed, this.#options)
      if (holds === false) return 'unauthentic'
      const doubts: readonly ReadingFlag[] = holds === true ? [] : ['signature-unchecked']
      return this.#read(signed.content, [...flags, ...doubts], undefined, layers - 1)
    }
    if (isProtected(tag)) return this.#unprotect(apdu, flags, layers)
    if (tag === APDU.generalBlockTransfer) return 'malformed'
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
    const { verdict, plaintext, message } = diagnoseKeys(apdu, this.#options, undefined, isText)
    if (message === undefined || plaintext === undefined) return REFUSALS[verdict] ?? 'malformed'
    const authentic = verdict === 'sound'
    if (!authentic && verdict !== 'unauthenticated') return REFUSALS[verdict] ?? 'malformed'
    const doubts: readonly ReadingFlag[] = authentic ? flags : [...flags, 'unauthenticated']
    const reading = this.#read(plaintext, doubts, systemTitle, layers - 1)
    if (typeof reading === 'string') return reading
    return { ...reading, security: { systemTitle: title, counter: message.counter, authentic } }
  }
}

/** Why a telegram with this verdict gives no reading. */
const REFUSALS: Readonly<Partial<Record<KeyVerdict, DiscardReason>>> = {
  'encryption-key-missing': 'key-missing',
  'encryption-key-wrong': 'key-wrong',
  'authentication-key-wrong': 'unauthentic',
}
