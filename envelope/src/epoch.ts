import { expand, extract } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8 } from './bytes.ts'
import { decodeCbor, encodeCbor } from './cbor.ts'
import { encStructure, protectedAlgorithm } from './cose.ts'
import { badField, FieldReader } from './field.ts'
import { suiteOf, type Suite, type SuiteId } from './hpke.ts'
import { DIRECTION_CODE, KINDS, PROTOCOL_ID, type Direction } from './kinds.ts'
import { COUNTER_MAX } from './limits.ts'
import { checkRange, TIME_MS_MAX } from './payload/header.ts'
import { CLOCK_STATES, clockCode, type ClockState } from './payload/status.ts'
import { PREKEY_ID_BYTES } from './prekey.ts'
import { UEID_BYTES } from './signature.ts'

/** What a device signs when it opens an epoch. */
export interface EpochClaims {
  readonly suite: SuiteId
  /** Rises with every epoch of the device, whoever the recipient is. */
  readonly number: number
  readonly ueid: Uint8Array
  readonly prekeyId: Uint8Array
  /** SHA-256 of the encapsulation: the signature is good for this key exchange only. */
  readonly encapsulationHash: Uint8Array
  readonly bootCounter: number
  /** SHA-256 of the running program. */
  readonly firmwareHash: Uint8Array
  /** The device's wall clock, and how far it can be trusted. */
  readonly timeMs: number
  readonly clock: ClockState
}

/** Everything that seals or opens objects of one direction and step. */
export interface TrafficKeys {
  readonly kid: Uint8Array
  readonly key: Uint8Array
  /** The common IV that a partial IV is xored with. */
  readonly commonIv: Uint8Array
}

/** Bytes of a kid on the wire. */
export const KID_BYTES = 8

/*
 * Key schedule (HKDF-SHA256):
 *
 *   exported = HPKE.Export("s3mp/1 epoch", 32)
 *   root     = Extract(salt: SHA-256(epoch datagram), exported)
 *   down     = Expand(root, "s3mp/1 down", 52) = kid(8) || key(32) || commonIv(12)
 *   step 0   = Expand(root, "s3mp/1 step", 32)
 *   up i     = Expand(step i, "s3mp/1 up", 52) = kid || key || commonIv
 *   step i+1 = Expand(step i, "s3mp/1 next", 32), then step i is deleted
 */
const TRAFFIC_BYTES = KID_BYTES + 32 + 12

/** The label of the HPKE export. */
export const EXPORT_CONTEXT = utf8(`${PROTOCOL_ID} epoch`)

/** The root secret of an epoch, given what HPKE exported and the epoch datagram's hash. */
export function epochRoot(exported: Uint8Array, transcript: Uint8Array): Uint8Array {
  return extract(sha256, exported, transcript)
}

/** The keys of the way down: one set for the whole epoch, acks hold nothing worth a ratchet. */
export function downKeys(root: Uint8Array): TrafficKeys {
  return trafficKeys(root, 'down')
}

/** The secret that the ratchet of the way up begins with. */
export function firstStep(root: Uint8Array): Uint8Array {
  return expandLabel(root, 'step', 32)
}

/** The keys of the way up for one step. */
export function upKeys(stepSecret: Uint8Array): TrafficKeys {
  return trafficKeys(stepSecret, 'up')
}

/** The secret of the step after; it does not lead back. */
export function nextStep(stepSecret: Uint8Array): Uint8Array {
  return expandLabel(stepSecret, 'next', 32)
}

function trafficKeys(secret: Uint8Array, direction: Direction): TrafficKeys {
  const bytes = expandLabel(secret, direction, TRAFFIC_BYTES)
  return {
    kid: bytes.slice(0, KID_BYTES),
    key: bytes.slice(KID_BYTES, KID_BYTES + 32),
    commonIv: bytes.slice(KID_BYTES + 32),
  }
}

function expandLabel(secret: Uint8Array, label: string, length: number): Uint8Array {
  return expand(sha256, secret, utf8(`${PROTOCOL_ID} ${label}`), length)
}

/** The hash of the epoch datagram, which every object of the epoch is bound to. */
export function transcriptOf(datagram: Uint8Array): Uint8Array {
  return sha256(datagram)
}

/** HPKE's `info`: protocol, suite and the recipient whom the sender means. */
export function epochInfo(suite: Suite, recipientId: Uint8Array): Uint8Array {
  return encodeCbor([PROTOCOL_ID, KINDS.epoch.code, suite.id, recipientId])
}

/** HPKE's `aad`: the Enc_structure of the epoch datagram, with the prekey's id. */
export function epochAad(suite: Suite, prekeyId: Uint8Array): Uint8Array {
  const external = encodeCbor([PROTOCOL_ID, KINDS.epoch.code, prekeyId])
  return encStructure(protectedAlgorithm(suite.coseAlgorithm), external)
}

/** The `external_aad` of every object inside an epoch. */
export function trafficAad(direction: Direction, transcript: Uint8Array): Uint8Array {
  return encodeCbor([PROTOCOL_ID, DIRECTION_CODE[direction], transcript])
}

/** The payload of an epoch's Sign1. */
export function encodeEpochClaims(claims: EpochClaims): Uint8Array {
  checkRange('epoch.number', claims.number, 1, COUNTER_MAX)
  checkRange('epoch.bootCounter', claims.bootCounter, 0, COUNTER_MAX)
  checkRange('epoch.timeMs', claims.timeMs, 0, TIME_MS_MAX)
  if (claims.firmwareHash.length !== 32) {
    throw badField('epoch.firmwareHash', '32 bytes', claims.firmwareHash)
  }
  return encodeCbor([
    claims.suite,
    claims.number,
    claims.ueid,
    claims.prekeyId,
    claims.encapsulationHash,
    claims.bootCounter,
    claims.firmwareHash,
    claims.timeMs,
    clockCode(claims.clock),
  ])
}

/** Reads the payload of an epoch's Sign1. */
export function decodeEpochClaims(payload: Uint8Array): EpochClaims {
  const reader = new FieldReader(decodeCbor(payload), 'epoch', 9)
  const suite = suiteOf(reader.uint('suite', 255)).id
  const number = reader.uint('number', COUNTER_MAX)
  checkRange('epoch.number', number, 1, COUNTER_MAX)
  return {
    suite,
    number,
    ueid: reader.bytes('ueid', UEID_BYTES),
    prekeyId: reader.bytes('prekeyId', PREKEY_ID_BYTES),
    encapsulationHash: reader.bytes('encapsulationHash', 32),
    bootCounter: reader.uint('bootCounter', COUNTER_MAX),
    firmwareHash: reader.bytes('firmwareHash', 32),
    timeMs: reader.uint('timeMs', TIME_MS_MAX),
    clock: CLOCK_STATES[reader.uint('clock', CLOCK_STATES.length - 1)] ?? 'suspect',
  }
}
