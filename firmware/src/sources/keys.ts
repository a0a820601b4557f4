import type { KeyObject } from 'node:crypto'

import type { MeterConfig } from '../config/schema.ts'
import {
  readKey,
  readPrivateKey,
  readPublicKey,
  type SecretReference,
  type SecretSurroundings,
} from '../config/secret.ts'

/** Keys of a meter that ciphers or signs. */
export interface MeterKeys {
  /** Opens telegrams: 16 bytes, 32 for security suite 2. */
  readonly key?: Uint8Array
  /** Proves them. */
  readonly authenticationKey?: Uint8Array
  /** Under which a meter sends other keys along. */
  readonly masterKey?: Uint8Array
  /** The meter's own public key, for signatures. */
  readonly signatureKey?: KeyObject
  /** Our private key to agree on keys with, and the meter's public one for the static scheme. */
  readonly agreementKey?: KeyObject
  readonly meterAgreementKey?: KeyObject
}

/** Lengths of keys: AES-128, and AES-256 of security suite 2. */
const KEY_BYTES = [16, 32] as const

/** The keys that a meter is configured with. @throws FirmwareError `identity` */
export function meterKeys(
  { name, keys }: Pick<MeterConfig, 'name' | 'keys'>,
  surroundings: SecretSurroundings,
): MeterKeys {
  const read = <Key>(
    what: keyof MeterConfig['keys'],
    reader: (name: string, reference: SecretReference, around: SecretSurroundings) => Key,
  ): Key | undefined => {
    const reference = keys[what]
    return reference && reader(`meter ${name}: keys.${what}`, reference, surroundings)
  }
  const symmetric: Parameters<typeof read<Uint8Array>>[1] = (what, reference, around) =>
    readKey(what, reference, KEY_BYTES, around)
  const found = {
    key: read('encryption', symmetric),
    authenticationKey: read('authentication', symmetric),
    masterKey: read('master', symmetric),
    signatureKey: read('signature', readPublicKey),
    agreementKey: read('agreement', readPrivateKey),
    meterAgreementKey: read('meter_agreement', readPublicKey),
  }
  const given = Object.entries(found).filter(([, key]) => key !== undefined)
  // What is not given is left out, which the type of the whole cannot say.
  return Object.fromEntries(given)
}
