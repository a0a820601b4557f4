import { createHash } from 'node:crypto'
import { toHex } from '../../bytes.ts'
import { MeterError } from '../../errors.ts'
import { Reader } from '../../bytes.ts'
import { APDU } from '../apdu.ts'
import { readLength } from '../axdr.ts'
import type { ProtectedApdu } from '../ciphering.ts'
import { SECURITY, open, parseProtected, parseSealed, seal } from '../ciphering.ts'
import { counted, join } from '../encode.ts'
import { titleText } from '../reading.ts'

/**
 * Invocation counters that outlive the program: a number used twice under one key gives the key
 * away, and a meter refuses a number that it has seen.
 */
export interface CounterStore {
  /** The last number that was ever reserved under this name; undefined for a name never heard. */
  used(name: string): number | undefined
  /** Resolves when it is sure to be remembered that all numbers up to `counter` are used. */
  reserve(name: string, counter: number): Promise<void>
  /** The last number accepted from the meter with this system title. */
  heard(title: string): number | undefined
  /** Remembers it; a restart that forgets the last few can be told old answers only. */
  accepted(title: string, counter: number): void
}

/** What protects a conversation with a meter. */
export interface DlmsSecurity {
  /** 0: AES-128-GCM; 1: with ECDSA on P-256; 2: AES-256-GCM with ECDSA on P-384. */
  readonly suite: 0 | 1 | 2
  /** Eight bytes: who asks. */
  readonly clientTitle: Uint8Array
  readonly encryptionKey: Uint8Array
  readonly authenticationKey: Uint8Array
  readonly counters: CounterStore
  /** A number that the meter has seen already, as its frame counter object tells. */
  readonly counterAtLeast?: number
  /** What every request and answer must have; both unless said otherwise. */
  readonly protection?: 'both' | 'authenticated' | 'encrypted'
  /** Makes a key for this association alone, sent under the other one. */
  readonly dedicated?: boolean
  /** False where a meter wants proof with these keys, but takes and gives all else in plain. */
  readonly ciphered?: boolean
}

/** Numbers reserved at a time: as many are lost at most when the program ends. */
export const DLMS_COUNTERS_RESERVED = 64

/** The greatest invocation counter; a meter that has seen it needs a new key. */
export const DLMS_COUNTER_MAX = 0xffff_ffff

/** Ciphered kinds of the services that a client uses: under the global and the dedicated key. */
const CIPHERED: Readonly<Record<number, readonly [global: number, dedicated: number]>> = {
  0x01: [0x21, 0x21],
  0x08: [0x28, 0x28],
  0x0e: [0x2e, 0x2e],
  0xc0: [0xc8, 0xd0],
  0xc3: [0xcb, 0xd3],
  0xc4: [0xcc, 0xd4],
  0xc7: [0xcf, 0xd7],
}
const GLOBAL = [0x21, 0x28, 0x2e, 0xcc, 0xcf]
const DEDICATED = [0xd4, 0xd7]
const KEY_BYTES: Readonly<Record<number, number>> = { 0: 16, 1: 16, 2: 32 }
const TITLE_BYTES = 8

/** Errors that a meter may say in plain even where all else is ciphered. */
export const PLAIN_ERRORS: readonly number[] = [0x0e, 0xd8]

/** Protects what a client sends and opens what it gets, under the keys of one meter. */
export class Cipher {
  readonly #security: DlmsSecurity
  readonly #control: number
  readonly #name: string
  readonly #dedicatedKey: Uint8Array | undefined
  #next: number
  #reserved: number
  #dedicatedHeard = -1
  #serverTitle: Uint8Array | undefined

  /** @throws {@link MeterError} `range` for keys and titles of a wrong length. */
  constructor(security: DlmsSecurity, random: (bytes: number) => Uint8Array) {
    const { suite, clientTitle, encryptionKey, authenticationKey, protection = 'both' } = security
    const keyBytes = KEY_BYTES[suite] ?? 16
    exactly('clientTitle', clientTitle, TITLE_BYTES)
    exactly('encryptionKey', encryptionKey, keyBytes)
    exactly('authenticationKey', authenticationKey, keyBytes)
    this.#security = security
    const authenticated = protection === 'encrypted' ? 0 : SECURITY.authenticated
    this.#control =
      suite | authenticated | (protection === 'authenticated' ? 0 : SECURITY.encrypted)
    this.#dedicatedKey = security.dedicated === true ? random(keyBytes).slice() : undefined
    this.#name = counterNameOf(clientTitle, encryptionKey)
    const used = security.counters.used(this.#name) ?? -1
    this.#next = Math.max(used, security.counterAtLeast ?? -1) + 1
    this.#reserved = used
  }

  get dedicatedKey(): Uint8Array | undefined {
    return this.#dedicatedKey
  }

  get serverTitle(): Uint8Array | undefined {
    return this.#serverTitle
  }

  /** Who answers: from now on only what this meter protects is opened. */
  meet(serverTitle: Uint8Array): void {
    exactly('serverTitle', serverTitle, TITLE_BYTES)
    this.#serverTitle = serverTitle.slice()
  }

  /**
   * A number never used before under the global key.
   *
   * @throws {@link MeterError} `range` when there is none left.
   */
  async counter(): Promise<number> {
    if (this.#next > DLMS_COUNTER_MAX) {
      throw new MeterError('range', 'counter: expected one below 2^32, found none left')
    }
    if (this.#next > this.#reserved) {
      const upTo = Math.min(this.#next + DLMS_COUNTERS_RESERVED - 1, DLMS_COUNTER_MAX)
      await this.#security.counters.reserve(this.#name, upTo)
      this.#reserved = upTo
    }
    const counter = this.#next
    this.#next++
    return counter
  }

  /** A service under protection: with the dedicated key where there is one and it may be used. */
  async protect(apdu: Uint8Array, key: 'global' | 'dedicated'): Promise<Uint8Array> {
    const [global, dedicated] = CIPHERED[apdu[0] ?? 0] ?? []
    if (global === undefined || dedicated === undefined) {
      throw new MeterError('unsupported', `service: expected one to cipher, found ${apdu[0] ?? 0}`)
    }
    const own = key === 'dedicated' ? this.#dedicatedKey : undefined
    // One count for both keys: meters watch one, and a number skipped does no harm.
    const counter = await this.counter()
    const content = seal(apdu, {
      control: this.#control,
      systemTitle: this.#security.clientTitle,
      counter,
      encryptionKey: own ?? this.#security.encryptionKey,
      authenticationKey: this.#security.authenticationKey,
    })
    return join([own === undefined ? global : dedicated], counted(content))
  }

  /**
   * The service within an answer.
   *
   * @throws {@link MeterError} `unauthentic` for less protection than agreed on or a wrong tag,
   *   `replay` for a counter that does not rise, `malformed`.
   */
  unprotect(apdu: Uint8Array): Uint8Array {
    const tag = apdu[0] ?? 0
    const dedicated = DEDICATED.includes(tag) || tag === APDU.generalDedCiphering
    const message = this.#parse(apdu, tag)
    if (message.control !== this.#control) {
      const found = `0x${message.control.toString(16)}`
      throw new MeterError(
        'unauthentic',
        `answer.control: expected 0x${this.#control.toString(16)}, found ${found}`,
      )
    }
    const key = dedicated ? this.#dedicatedKey : this.#security.encryptionKey
    if (key === undefined) {
      throw new MeterError('key-wrong', 'answer: expected the global key, found a dedicated one')
    }
    const authenticationKey = this.#security.authenticationKey
    const { plaintext, authentic } = open(message, { encryptionKey: key, authenticationKey })
    const tagged = (this.#control & SECURITY.authenticated) !== 0
    if (tagged && !authentic) {
      throw new MeterError('unauthentic', 'answer.tag: expected one under our keys, found another')
    }
    const service = CIPHERED[plaintext[0] ?? 0]
    const general = tag === APDU.generalGloCiphering || tag === APDU.generalDedCiphering
    if (service === undefined || (!general && !service.includes(tag))) {
      // Without a tag this is the only sign of a wrong key.
      const code = tagged ? 'malformed' : 'key-wrong'
      throw new MeterError(code, `answer.service: expected that of ${tag}, found another`)
    }
    this.#accept(message.counter, dedicated)
    return plaintext
  }

  #parse(apdu: Uint8Array, tag: number): ProtectedApdu {
    const server = this.#serverTitle
    if (server === undefined) {
      throw new MeterError('state', 'answer: expected the system title of the meter first')
    }
    if (tag === APDU.generalGloCiphering || tag === APDU.generalDedCiphering) {
      const message = parseProtected(apdu)
      if (toHex(message.systemTitle) === toHex(server)) return message
      throw new MeterError(
        'unauthentic',
        `answer.title: expected ${titleText(server)}, found ${titleText(message.systemTitle)}`,
      )
    }
    if (!GLOBAL.includes(tag) && !DEDICATED.includes(tag)) {
      throw new MeterError('unauthentic', `answer: expected a ciphered service, found ${tag}`)
    }
    const reader = new Reader(apdu, 1)
    const content = reader.bytes(readLength(reader, 'answer.length'), 'answer.content')
    if (reader.remaining > 0) {
      throw new MeterError('malformed', `answer: ${reader.remaining} bytes too many`)
    }
    return { systemTitle: server, ...parseSealed(content) }
  }

  #accept(counter: number, dedicated: boolean): void {
    const title = titleText(this.#serverTitle ?? new Uint8Array())
    const { counters } = this.#security
    const last = dedicated ? this.#dedicatedHeard : (counters.heard(title) ?? -1)
    if (counter <= last) {
      throw new MeterError('replay', `answer.counter: expected more than ${last}, found ${counter}`)
    }
    if (dedicated) this.#dedicatedHeard = counter
    else counters.accepted(title, counter)
  }
}

/**
 * Under which name a {@link CounterStore} keeps a client's own counter: its system title and the
 * fingerprint of the key, because a new key begins a new count.
 */
export function counterNameOf(clientTitle: Uint8Array, encryptionKey: Uint8Array): string {
  const print = createHash('sha256').update('dlms counter').update(encryptionKey).digest('hex')
  return `${titleText(clientTitle)}/${print.slice(0, 16)}`
}

/** A {@link CounterStore} that forgets everything: for tests and for trying things out. */
export function counterMemory(): CounterStore {
  const used = new Map<string, number>()
  const heard = new Map<string, number>()
  return {
    used: (name) => used.get(name),
    async reserve(name, counter) {
      used.set(name, counter)
      await Promise.resolve()
    },
    heard: (title) => heard.get(title),
    accepted(title, counter) {
      heard.set(title, counter)
    },
  }
}

function exactly(field: string, bytes: Uint8Array, length: number): void {
  if (bytes.length === length) return
  throw new MeterError('range', `${field}: expected ${length} bytes, found ${bytes.length}`)
}
