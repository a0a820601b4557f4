import { createHash } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'

import {
  decodeHeadendCard,
  encodePublicKeyFile,
  EnvelopeError,
  fingerprintOf,
  SoftwareSigner,
  toHex,
  verifyPlatform,
  verifyPrekey,
  type HeadendCard,
  type Prekey,
  type RandomBytes,
  type SignatureAlgorithm,
} from '@s3mp/envelope'

import type { HeadendTrust } from './epochs.ts'
import { codeOf, fileReasonOf, FirmwareError } from './errors.ts'
import { syncFolder } from './spool/counters.ts'
import { STORAGE_KEY_BYTES } from './spool/vault.ts'

/** Bytes of a key, a card or a prekey file; longer ones are not ours. */
export const IDENTITY_FILE_BYTES_MAX = 65_536

/** Files of the program that its hash covers. */
export const PROGRAM_FILES_MAX = 5000

/** Names of the files in the state folder. */
export const IDENTITY_FILES = {
  /** The device key, PKCS #8 in PEM, readable by its owner only. */
  key: 'device.key',
  /** What the head-end is given. */
  publicKey: 'device.json',
  /** The newest prekey that came over the network. */
  prekey: 'headend.prekey',
  /** Locks what waits in the spool. */
  storageKey: 'spool.key',
} as const

/** A device key that was made or found. */
export interface Identity {
  readonly signer: SoftwareSigner
  /** The public key file, for the head-end. */
  readonly publicKeyFile: string
  /** Four-digit groups, for people to compare. */
  readonly fingerprint: string
}

/**
 * Makes the device key, once. It never leaves the folder; the public part is written beside it.
 *
 * @throws FirmwareError `exists` when there is a key already: a new one would be another device.
 */
export function createIdentity(
  folder: string,
  algorithm: SignatureAlgorithm,
  randomBytes: RandomBytes,
): Identity {
  makeFolder(folder)
  const file = join(folder, IDENTITY_FILES.key)
  const signer = SoftwareSigner.generate(algorithm, randomBytes)
  try {
    writeNew(file, signer.toPem(), 0o600)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') {
      throw new FirmwareError('identity', `${file}: ${fileReasonOf(error)}`, { cause: error })
    }
    throw new FirmwareError(
      'exists',
      `${file}: this device has a key; a new one would be another device. ` +
        'To give the device up for good, move the folder away first',
    )
  }
  return publish(folder, signer)
}

/** @throws FirmwareError `identity` when there is no key, others may read it, or it is none. */
export function loadIdentity(folder: string): Identity {
  const file = join(folder, IDENTITY_FILES.key)
  const pem = readBounded(file, `make one: s3mp keygen --state ${folder}`)
  const mode = statSync(file).mode & 0o077
  if (mode !== 0) {
    throw new FirmwareError(
      'identity',
      `${file}: others may read the device key (mode ${(statSync(file).mode & 0o777).toString(8)}); ` +
        `run: chmod 600 ${file}, and consider the key known`,
    )
  }
  try {
    return publish(folder, SoftwareSigner.fromPem(pem))
  } catch (error) {
    if (!(error instanceof EnvelopeError)) throw error
    throw new FirmwareError('identity', `${file}: ${error.message}`, { cause: error })
  }
}

/** Reads a head-end's card. @throws FirmwareError `identity` */
export function readCard(
  file: string,
  cure = 'ask the head-end for one: s3mp headend card',
): HeadendCard {
  const text = readBounded(file, cure)
  try {
    return decodeHeadendCard(text)
  } catch (error) {
    if (!(error instanceof EnvelopeError)) throw error
    throw new FirmwareError('identity', `${file}: ${error.message}`, { cause: error })
  }
}

/** What taking a card in found. */
export interface CardTaken {
  readonly card: HeadendCard
  readonly fingerprint: string
  /** The card was there before, from the same head-end. */
  readonly isUpdate: boolean
}

/**
 * Takes a head-end's card in, after checking that its prekeys are its own. Another head-end's card
 * is only replaced when `mayReplace`: whoever can write the card decides who may read the meter.
 *
 * @throws FirmwareError `identity` when the card is not whole, `exists` when another one is there.
 */
export function takeCard(from: string, to: string, mayReplace: boolean): CardTaken {
  const card = readCard(from)
  const prekeys = card.prekeys.filter((prekey) => isPrekeyOf(card, prekey))
  if (prekeys.length === 0) {
    throw new FirmwareError(
      'identity',
      `${from}: expected a prekey signed by the card's own key, found none; get a new card`,
    )
  }
  const known = existsSync(to) ? readCard(to) : undefined
  const isUpdate = known !== undefined && toHex(known.key.ueid) === toHex(card.key.ueid)
  if (known !== undefined && !isUpdate && !mayReplace) {
    throw new FirmwareError(
      'exists',
      `${to}: this meter belongs to ${known.name} (${fingerprintOf(known.key)}); ` +
        'to hand it over to another head-end, say --replace',
    )
  }
  mkdirSync(dirname(to), { recursive: true, mode: 0o700 })
  writeDurably(to, readFileSync(from, 'utf8'), 0o644)
  return { card, fingerprint: fingerprintOf(card.key), isUpdate }
}

/** The trust in the head-end: the card, and the newest prekey that was refreshed in band. */
export function loadTrust(cardFile: string, folder: string): HeadendTrust {
  const card = readCard(
    cardFile,
    'the head-end prints it (s3mp headend card); then: s3mp enroll --card FILE',
  )
  const file = join(folder, IDENTITY_FILES.prekey)
  const refreshed = existsSync(file) ? [Uint8Array.from(readFileSync(file))] : []
  return {
    key: card.key,
    prekeys: [...card.prekeys, ...refreshed.filter((prekey) => isPrekeyOf(card, prekey))],
    save: (prekey) => {
      writeDurably(file, prekey, 0o600)
    },
  }
}

/**
 * The key that locks what waits in the spool; made when it is not there. A new one costs nothing but
 * that what waits cannot be sealed again, which is only needed after an outage of weeks.
 */
export function loadStorageKey(folder: string, randomBytes: RandomBytes): Uint8Array {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const file = join(folder, IDENTITY_FILES.storageKey)
  if (existsSync(file)) {
    const key = Uint8Array.from(readFileSync(file))
    if (key.length === STORAGE_KEY_BYTES) return key
  }
  const key = randomBytes(STORAGE_KEY_BYTES)
  writeDurably(file, key, 0o600)
  return key
}

/**
 * SHA-256 over every file of the program, by name: what heartbeats and epochs say is running.
 * `folders` are the rooms' folders of sources or compiled files.
 */
export function programHash(folders: readonly string[]): Uint8Array {
  const hash = createHash('sha256')
  let files = 0
  for (const folder of folders) {
    for (const file of filesBelow(folder)) {
      files += 1
      if (files > PROGRAM_FILES_MAX) {
        throw new FirmwareError('identity', `${folder}: expected a program, found more files`)
      }
      hash.update(`${relative(dirname(folder), file)}\n`)
      hash.update(createHash('sha256').update(readFileSync(file)).digest())
    }
  }
  return new Uint8Array(hash.digest())
}

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

function isPrekeyOf(card: HeadendCard, object: Uint8Array): boolean {
  return prekeyOf(card, object) !== undefined
}

function prekeyOf(card: HeadendCard, object: Uint8Array): Prekey | undefined {
  try {
    return verifyPrekey(object, card.key, { suites: [1, 2] }, verifyPlatform)
  } catch (error) {
    if (error instanceof EnvelopeError) return undefined
    throw error
  }
}

function publish(folder: string, signer: SoftwareSigner): Identity {
  const publicKeyFile = join(folder, IDENTITY_FILES.publicKey)
  const text = encodePublicKeyFile(signer)
  if (!existsSync(publicKeyFile) || readFileSync(publicKeyFile, 'utf8') !== text) {
    writeDurably(publicKeyFile, text, 0o644)
  }
  return { signer, publicKeyFile, fingerprint: fingerprintOf(signer) }
}

function readBounded(file: string, cure: string): string {
  try {
    if (statSync(file).size <= IDENTITY_FILE_BYTES_MAX) return readFileSync(file, 'utf8')
  } catch (error) {
    const what = fileReasonOf(error)
    throw new FirmwareError('identity', `${file}: ${what}; ${cure}`, { cause: error })
  }
  const limit = String(IDENTITY_FILE_BYTES_MAX)
  throw new FirmwareError('identity', `${file}: expected at most ${limit} bytes; ${cure}`)
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new FirmwareError('identity', `${folder}: ${fileReasonOf(error)}`, { cause: error })
  }
}

/** Writes a file that must not be there yet. */
function writeNew(file: string, text: string, mode: number): void {
  const handle = openSync(file, 'wx', mode)
  try {
    writeFileSync(handle, text)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  syncFolder(dirname(file))
}

/** Replaces a file so that a power cut leaves the old one or the new one. */
function writeDurably(file: string, content: string | Uint8Array, mode: number): void {
  const fresh = `${file}.new`
  const handle = openSync(fresh, 'w', mode)
  try {
    writeFileSync(handle, typeof content === 'string' ? new TextEncoder().encode(content) : content)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  renameSync(fresh, file)
  syncFolder(dirname(file))
}
