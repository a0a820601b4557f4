import {
  createECDH,
  createPrivateKey,
  createPublicKey,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto'
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'

import { z } from 'zod'

import { FirmwareError, reasonOf } from '../errors.ts'

/** Bytes of a file that holds a key. */
export const SECRET_FILE_BYTES_MAX = 4096

/** Characters of a reference to a secret. */
const REFERENCE_MAX = 1024

/** Where a secret is: in a file, among systemd's credentials, or in the configuration itself. */
export type SecretPlace = 'file' | 'credential' | 'hex'

/**
 * Where a secret is, not the secret. It can be printed: what stands in the configuration itself is
 * hidden from every text and JSON.
 */
export class SecretReference {
  readonly place: SecretPlace
  readonly #value: string

  constructor(place: SecretPlace, value: string) {
    this.place = place
    this.#value = value
  }

  /** The same with a file's path completed; others stay as they are. */
  at(folder: string): SecretReference {
    const isRelative = this.place === 'file' && !isAbsolute(this.#value)
    return isRelative ? new SecretReference('file', join(folder, this.#value)) : this
  }

  /** The path, the name, or the digits: for {@link readSecret} only. */
  reveal(): string {
    return this.#value
  }

  toString(): string {
    return `${this.place}:${this.place === 'hex' ? '(hidden)' : this.#value}`
  }

  toJSON(): string {
    return this.toString()
  }
}

/** `file:PATH`, `credential:NAME` or `hex:DIGITS`. */
export const secret: z.ZodType<SecretReference> = z.string().transform((text, context) => {
  const match = /^(file|credential|hex):(.+)$/u.exec(text.slice(0, REFERENCE_MAX))
  const [, place, value = ''] = match ?? []
  if (place === 'file' && !/\p{Cc}/u.test(value)) return new SecretReference('file', value)
  if (place === 'credential' && /^[\w.-]{1,255}$/u.test(value)) {
    return new SecretReference('credential', value)
  }
  if (place === 'hex' && /^(?:[0-9A-Fa-f]{2}){1,64}$/u.test(value)) {
    return new SecretReference('hex', value)
  }
  context.addIssue({ code: 'custom', message: 'secret' })
  return z.NEVER
})

/** What reading a secret needs to know of its surroundings. */
export interface SecretSurroundings {
  /** The configuration file: one that holds secrets may be read by its owner only. */
  readonly configFile: string
  /** systemd's folder of credentials (`CREDENTIALS_DIRECTORY`). */
  readonly credentials: string | undefined
}

/**
 * The bytes of a key: hex digits with or without spaces, or the bare bytes, of one of these lengths.
 *
 * @throws FirmwareError `identity` without the secret in its message.
 */
export function readKey(
  name: string,
  reference: SecretReference,
  lengths: readonly number[],
  surroundings: SecretSurroundings,
): Uint8Array {
  const bytes = readSecret(name, reference, surroundings)
  const text = new TextDecoder('latin1').decode(bytes).replaceAll(/\s+/gu, '')
  const isHex = /^(?:[0-9A-Fa-f]{2})+$/u.test(text)
  const key = isHex ? Uint8Array.from(Buffer.from(text, 'hex')) : bytes
  if (lengths.includes(key.length)) return key
  throw new FirmwareError(
    'identity',
    `${name}: expected ${lengths.join(' or ')} bytes (twice as many hex digits), found ${String(key.length)} in ${reference.toString()}`,
  )
}

/**
 * The public key of somebody else: in PEM, alone or in a certificate; or its point on P-256 or P-384 as
 * hex digits, as meters show it.
 *
 * @throws FirmwareError `identity`
 */
export function readPublicKey(
  name: string,
  reference: SecretReference,
  surroundings: SecretSurroundings,
): KeyObject {
  const bytes = readSecret(name, reference, surroundings)
  return curveKey(name, 'a public key', reference, () => {
    const point = hexIn(bytes, reference)
    return point === undefined ? createPublicKey(Buffer.from(bytes)) : publicPoint(point)
  })
}

/**
 * A private key of ours: in PEM without a password, or its number on P-256 or P-384 as hex digits.
 *
 * @throws FirmwareError `identity` without the key in its message.
 */
export function readPrivateKey(
  name: string,
  reference: SecretReference,
  surroundings: SecretSurroundings,
): KeyObject {
  const bytes = readSecret(name, reference, surroundings)
  return curveKey(name, 'a private key', reference, () => {
    const number = hexIn(bytes, reference)
    return number === undefined ? createPrivateKey(Buffer.from(bytes)) : privateNumber(number)
  })
}

/** A key on one of the curves that meters use: P-256 in suite 1, P-384 in suite 2. */
function curveKey(
  name: string,
  what: string,
  reference: SecretReference,
  read: () => KeyObject,
): KeyObject {
  const expected = `${name}: expected ${what} on P-256 or P-384, in PEM or hex digits`
  let key: KeyObject
  try {
    key = read()
  } catch {
    // What the library says of it may have the key in it.
    throw new FirmwareError('identity', `${expected}, found something else in ${reference.toString()}`) // prettier-ignore
  }
  if (curveOf(key) !== undefined) return key
  const found = key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType ?? 'another kind'
  throw new FirmwareError('identity', `${expected}, found ${found} in ${reference.toString()}`)
}

/** Names of the curves, and bytes of their numbers. */
const CURVES = { prime256v1: ['P-256', 32], secp384r1: ['P-384', 48] } as const

/** The curve of a key by the name that standards use; undefined for keys of another kind. */
export function curveOf(key: KeyObject): 'P-256' | 'P-384' | undefined {
  const { namedCurve = '' } = key.asymmetricKeyDetails ?? {}
  return namedCurve in CURVES ? CURVES[namedCurve as keyof typeof CURVES][0] : undefined
}

/** The bytes of digits in hex; undefined for what is no such text. */
function hexIn(bytes: Uint8Array, reference: SecretReference): Uint8Array | undefined {
  if (reference.place === 'hex') return bytes
  const text = new TextDecoder('latin1').decode(bytes).replaceAll(/\s+/gu, '')
  const isHex = /^(?:[0-9A-Fa-f]{2})+$/u.test(text)
  return isHex ? Uint8Array.from(Buffer.from(text, 'hex')) : undefined
}

/** A point as its coordinates behind each other, with or without 04 before them. */
function publicPoint(bytes: Uint8Array): KeyObject {
  const point = bytes.length % 2 === 1 && bytes[0] === 0x04 ? bytes.subarray(1) : bytes
  const half = point.length / 2
  const [crv] = Object.values(CURVES).find(([, size]) => size === half) ?? []
  if (crv === undefined) throw new RangeError('point')
  return createPublicKey({ key: jwkOf(crv, point), format: 'jwk' })
}

function privateNumber(number: Uint8Array): KeyObject {
  const [curve, [crv]] = Object.entries(CURVES).find(([, [, size]]) => size === number.length) ?? [
    '',
    [''],
  ]
  const pair = createECDH(curve)
  pair.setPrivateKey(number)
  const d = Buffer.from(number).toString('base64url')
  return createPrivateKey({ key: { ...jwkOf(crv, pair.getPublicKey().subarray(1)), d }, format: 'jwk' }) // prettier-ignore
}

function jwkOf(crv: string, point: Uint8Array): JsonWebKey {
  const half = point.length / 2
  const text = (from: number): string =>
    Buffer.from(point.subarray(from, from + half)).toString('base64url')
  return { kty: 'EC', crv, x: text(0), y: text(half) }
}

/** A password: the text of a file or credential without line ends around it. */
export function readPassword(
  name: string,
  reference: SecretReference,
  surroundings: SecretSurroundings,
): Uint8Array {
  const bytes = readSecret(name, reference, surroundings)
  if (reference.place === 'hex') return bytes
  return new TextEncoder().encode(new TextDecoder().decode(bytes).trim())
}

/**
 * Keys by the number of their meter: a line each, number, space, 16 bytes in hex. Empty lines and
 * lines that begin with `#` are passed over.
 */
export function readKeyTable(
  name: string,
  reference: SecretReference,
  surroundings: SecretSurroundings,
): ReadonlyMap<string, Uint8Array> {
  const text = new TextDecoder('latin1').decode(readSecret(name, reference, surroundings))
  const keys = new Map<string, Uint8Array>()
  for (const [index, line] of text.split('\n').entries()) {
    if (/^\s*(?:#.*)?$/u.test(line)) continue
    const [, number, digits] = /^\s*(\S{1,64})\s+([0-9A-Fa-f]{32})\s*$/u.exec(line) ?? []
    if (number === undefined || digits === undefined) {
      const where = `${reference.toString()}:${String(index + 1)}`
      throw new FirmwareError(
        'identity',
        `${name}: ${where}: expected a number and 32 hex digits, found another line`,
      )
    }
    keys.set(number, Uint8Array.from(Buffer.from(digits, 'hex')))
  }
  return keys
}

function readSecret(
  name: string,
  reference: SecretReference,
  { configFile, credentials }: SecretSurroundings,
): Uint8Array {
  if (reference.place === 'hex') {
    checkPrivate(name, configFile)
    return Uint8Array.from(Buffer.from(reference.reveal(), 'hex'))
  }
  if (reference.place === 'file') return readPrivate(name, reference.reveal())
  if (credentials === undefined) {
    throw new FirmwareError(
      'identity',
      `${name}: ${reference.toString()} needs systemd; write LoadCredential=${reference.reveal()}:FILE into the unit`,
    )
  }
  return readPrivate(name, join(credentials, reference.reveal()))
}

function readPrivate(name: string, file: string): Uint8Array {
  const room = new Uint8Array(SECRET_FILE_BYTES_MAX + 1)
  let length: number
  try {
    const handle = openSync(file, 'r')
    try {
      checkMode(name, file, fstatSync(handle).mode)
      length = readSync(handle, room)
    } finally {
      closeSync(handle)
    }
  } catch (error) {
    if (error instanceof FirmwareError) throw error
    throw new FirmwareError('identity', `${name}: ${reasonOf(error)}`, { cause: error })
  }
  if (length <= SECRET_FILE_BYTES_MAX) return room.slice(0, length)
  throw new FirmwareError('identity', `${name}: ${file}: expected a key, found a longer file`)
}

function checkPrivate(name: string, file: string): void {
  try {
    const handle = openSync(file, 'r')
    try {
      checkMode(name, file, fstatSync(handle).mode)
    } finally {
      closeSync(handle)
    }
  } catch (error) {
    if (error instanceof FirmwareError) throw error
    throw new FirmwareError('identity', `${name}: ${reasonOf(error)}`, { cause: error })
  }
}

function checkMode(name: string, file: string, mode: number): void {
  if ((mode & 0o077) === 0) return
  throw new FirmwareError(
    'identity',
    `${name}: others may read ${file} (mode ${(mode & 0o777).toString(8)}); run: chmod 600 ${file}, and consider the key known`,
  )
}
