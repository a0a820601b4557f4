import { createCipheriv, createDecipheriv } from 'node:crypto'
import { Reader } from '../bytes.ts'
import { MeterError } from '../errors.ts'
import { APDU } from './apdu.ts'
import { AXDR, readLength } from './axdr.ts'
import { join, u32 } from './encode.ts'
import type { DlmsKeys, KeyInfo, Parties } from './keys.ts'
import { keyFrom, signatureHolds } from './keys.ts'

/** Bits of the security control byte (IEC 62056-5-3 §5.7.2.4). */
export const SECURITY = {
  suite: 0x0f,
  authenticated: 0x10,
  encrypted: 0x20,
  broadcast: 0x40,
  compressed: 0x80,
} as const

const TITLE_BYTES = 8
const COUNTER_BYTES = 4
const TAG_BYTES = 12

/** An APDU under protection, taken apart; all bytes borrowed. */
export interface ProtectedApdu {
  /** Who protected it: three letters of the maker and five bytes of number. */
  readonly systemTitle: Uint8Array
  readonly control: number
  readonly counter: number
  /** Ciphertext, or plaintext where it is authenticated only. */
  readonly text: Uint8Array
  /** Empty where there is none. */
  readonly tag: Uint8Array
  /** Of general-ciphering alone: where its key comes from, and what else its tag covers. */
  readonly general?: GeneralHeader
}

/** What general-ciphering says in front of what it protects. */
export interface GeneralHeader {
  readonly keyInfo: KeyInfo
  readonly parties: Parties
  /** From the transaction on, up to the key information: authenticated besides. */
  readonly bytes: Uint8Array
}

/** Whether an APDU is protected as a whole. */
export function isProtected(tag: number): boolean {
  return (
    tag === APDU.generalGloCiphering ||
    tag === APDU.generalDedCiphering ||
    tag === APDU.generalCiphering
  )
}

/**
 * Takes general-glo-, general-ded- and general-ciphering apart.
 *
 * @throws {@link MeterError} `short` or `malformed` where lengths do not fit, `unsupported` for a key
 *   that comes in a way which the standard does not have.
 */
export function parseProtected(apdu: Uint8Array): ProtectedApdu {
  const reader = new Reader(apdu)
  const kind = reader.u8('ciphering.tag')
  if (!isProtected(kind)) {
    throw new MeterError('malformed', `ciphering.tag: expected a ciphered APDU, found ${kind}`)
  }
  const general = kind === APDU.generalCiphering ? parseGeneral(reader, apdu) : undefined
  // Some meters put the tag of an octet string before the title's length (`quirks.ts`).
  if (general === undefined && reader.peek() === AXDR.octets) reader.skip(1, 'ciphering.title')
  const systemTitle = general?.parties.originator ?? octets(reader, 'ciphering.systemTitle')
  if (systemTitle.length !== TITLE_BYTES) {
    throw new MeterError(
      'malformed',
      `ciphering.systemTitle: expected ${TITLE_BYTES} bytes, found ${systemTitle.length}`,
    )
  }
  const content = octets(reader, 'ciphering.body')
  if (reader.remaining > 0) {
    throw new MeterError('malformed', `ciphering: ${reader.remaining} bytes too many`)
  }
  return { systemTitle, ...parseSealed(content), ...(general === undefined ? {} : { general }) }
}

/** Transaction, originator, recipient, date, other information, and where the key comes from. */
function parseGeneral(reader: Reader, apdu: Uint8Array): GeneralHeader {
  const start = reader.position
  octets(reader, 'ciphering.transaction')
  const transaction = apdu.subarray(start, reader.position)
  const originator = octets(reader, 'ciphering.systemTitle')
  const recipient = octets(reader, 'ciphering.recipient')
  octets(reader, 'ciphering.dateTime')
  octets(reader, 'ciphering.other')
  const bytes = apdu.subarray(start, reader.position)
  return { keyInfo: parseKeyInfo(reader), parties: { transaction, originator, recipient }, bytes }
}

/** Takes apart what {@link seal} makes: security control, counter, text, tag. */
export function parseSealed(content: Uint8Array): Omit<ProtectedApdu, 'systemTitle'> {
  const body = new Reader(content)
  const control = body.u8('ciphering.control')
  const counter = body.u32('ciphering.counter')
  const tagBytes = (control & SECURITY.authenticated) !== 0 ? TAG_BYTES : 0
  const text = body.bytes(body.remaining - tagBytes, 'ciphering.text')
  return { control, counter, text, tag: body.bytes(tagBytes, 'ciphering.tag') }
}

/** With what {@link seal} protects. */
export interface Sealing {
  /** Security control: suite in the low nibble, 0x10 with tag, 0x20 encrypted. */
  readonly control: number
  /** Eight bytes of the sender. */
  readonly systemTitle: Uint8Array
  /** Must rise from APDU to APDU under one key. */
  readonly counter: number
  readonly encryptionKey: Uint8Array
  readonly authenticationKey: Uint8Array
}

/** Protects bytes (IEC 62056-5-3 §5.7.2): security control, counter, text, tag. */
export function seal(bytes: Uint8Array, sealing: Sealing): Uint8Array {
  const { control, systemTitle, counter, encryptionKey, authenticationKey } = sealing
  const encrypted = (control & SECURITY.encrypted) !== 0
  const tagged = (control & SECURITY.authenticated) !== 0
  const nonce = nonceOf(systemTitle, counter)
  const options = { authTagLength: TAG_BYTES }
  const cipher = createCipheriv(gcmOf(encryptionKey), encryptionKey, nonce, options)
  const aad = join([control], authenticationKey)
  if (tagged) cipher.setAAD(encrypted ? aad : join(aad, bytes))
  const text = encrypted ? cipher.update(bytes) : bytes
  cipher.final()
  return join([control], u32(counter), text, tagged ? cipher.getAuthTag() : [])
}

/** What general-signing holds. */
export interface SignedApdu {
  /** The APDU that was signed; borrowed. */
  readonly content: Uint8Array
  /** What the signature covers: everything between tag and signature, less the content's length. */
  readonly text: Uint8Array
  readonly signature: Uint8Array
}

/**
 * Takes general-signing apart.
 *
 * @throws {@link MeterError} `short` or `malformed` where lengths do not fit.
 */
export function parseSigned(apdu: Uint8Array): SignedApdu {
  const reader = new Reader(apdu)
  reader.skip(1, 'signing.tag')
  for (const field of ['transaction', 'originator', 'recipient', 'dateTime', 'other']) {
    octets(reader, `signing.${field}`)
  }
  const head = apdu.subarray(1, reader.position)
  const content = octets(reader, 'signing.content')
  const signature = octets(reader, 'signing.signature')
  if (reader.remaining > 0) {
    throw new MeterError('malformed', `signing: ${reader.remaining} bytes too many`)
  }
  return { content, text: join(head, content), signature }
}

/** Whether the signature holds; undefined where no key to check it is given. */
export function isSignedBy(signed: SignedApdu, keys: DlmsKeys): boolean | undefined {
  const { text, signature } = signed
  const key = keys.signatureKey
  return key === undefined ? undefined : signatureHolds(text, signature, key)
}

/** Plaintext, and whether a tag vouches for it. */
export interface Opened {
  readonly plaintext: Uint8Array
  readonly authentic: boolean
}

/**
 * Removes the protection without judging it: the plaintext is only worth something when `authentic`,
 * or when its structure turns out sound.
 *
 * @throws {@link MeterError} `unsupported` for compression, `range` for a key of the wrong length.
 */
export function open(message: ProtectedApdu, keys: DlmsKeys): Opened {
  const { control, text } = message
  if ((control & SECURITY.compressed) !== 0) {
    throw new MeterError('unsupported', 'ciphering.control: expected no compression, found it')
  }
  const key = encryptionKeyFor(message, keys)
  if (key === undefined) return { plaintext: text, authentic: false }
  checkKey(key, control)
  const aads = (control & SECURITY.authenticated) === 0 ? [] : additionalData(message, keys)
  let opened: Opened | undefined
  for (const aad of aads) {
    opened = decipher(message, key, aad)
    if (opened.authentic) return opened
  }
  return opened ?? decipher(message, key, undefined)
}

/** The key under which an APDU is protected; undefined where what it takes is not given. */
export function encryptionKeyFor(message: ProtectedApdu, keys: DlmsKeys): Uint8Array | undefined {
  const { general, control } = message
  if (general === undefined) return keys.encryptionKey
  return keyFrom(general.keyInfo, control & SECURITY.suite, general.parties, keys)
}

/** Nonce of GCM: system title and invocation counter. */
export function nonceOf(systemTitle: Uint8Array, counter: number): Uint8Array {
  const nonce = new Uint8Array(TITLE_BYTES + COUNTER_BYTES)
  nonce.set(systemTitle)
  new DataView(nonce.buffer).setUint32(TITLE_BYTES, counter)
  return nonce
}

/** AES in GCM for a key's length; meters that say suite 1 still have 16 bytes (`quirks.ts`). */
export function gcmOf(key: Uint8Array): 'aes-128-gcm' | 'aes-256-gcm' {
  return key.length === 32 ? 'aes-256-gcm' : 'aes-128-gcm'
}

function checkKey(key: Uint8Array, control: number): void {
  const wanted = (control & SECURITY.suite) === 2 ? 32 : 16
  if (key.length !== wanted) {
    throw new MeterError('range', `key: expected ${wanted} bytes, found ${key.length}`)
  }
}

/**
 * Deciphers with GCM, whose plaintext does not hang on its tag. Without additional data there is no
 * tag to be checked.
 */
function decipher(message: ProtectedApdu, key: Uint8Array, aad: Uint8Array | undefined): Opened {
  const { control, text } = message
  const encrypted = (control & SECURITY.encrypted) !== 0
  if (!encrypted && aad === undefined) return { plaintext: text, authentic: false }
  const nonce = nonceOf(message.systemTitle, message.counter)
  const cipher = createDecipheriv(gcmOf(key), key, nonce, { authTagLength: TAG_BYTES })
  if (aad !== undefined) cipher.setAuthTag(message.tag).setAAD(encrypted ? aad : join(aad, text))
  const plaintext = encrypted ? new Uint8Array(cipher.update(text)) : text
  if (aad === undefined) return { plaintext, authentic: false }
  try {
    cipher.final()
    return { plaintext, authentic: true }
  } catch {
    // The one way in which node:crypto says that a tag does not hold.
    return { plaintext, authentic: false }
  }
}

/**
 * What a tag may cover besides: control byte and authentication key; where no such key is configured,
 * meters without one are tried: control byte alone, or nothing. In general-ciphering the header
 * belongs to it, which some leave out.
 */
function additionalData(message: ProtectedApdu, keys: DlmsKeys): readonly Uint8Array[] {
  const control = Uint8Array.of(message.control)
  const known = keys.authenticationKey
  const plain = known === undefined ? [control, new Uint8Array(0)] : [join(control, known)]
  const header = message.general?.bytes
  return header === undefined ? plain : [...plain.map((aad) => join(aad, header)), ...plain]
}

/** Key information: absent, the number of a key that is known, or a key that comes along. */
function parseKeyInfo(reader: Reader): KeyInfo {
  if (reader.u8('ciphering.keyInfo') === 0) return { kind: 'known', id: 0 }
  const choice = reader.u8('ciphering.keyInfo.choice')
  if (choice === 0) return { kind: 'known', id: reader.u8('ciphering.keyInfo.id') }
  if (choice === 1) {
    reader.skip(1, 'ciphering.keyInfo.master')
    return { kind: 'wrapped', data: octets(reader, 'ciphering.keyInfo.data') }
  }
  const parameters = octets(reader, 'ciphering.keyInfo.parameters')
  const data = octets(reader, 'ciphering.keyInfo.data')
  const scheme = choice === 2 && parameters.length === 1 ? parameters[0] : undefined
  if (scheme === 1) return { kind: 'one-pass', data }
  if (scheme === 2) return { kind: 'static' }
  throw new MeterError('unsupported', `ciphering.keyInfo: expected a known way, found ${choice}`)
}

function octets(reader: Reader, field: string): Uint8Array {
  return reader.bytes(readLength(reader, field), field)
}
