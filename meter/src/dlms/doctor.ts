import { MeterError } from '../errors.ts'
import { APDU, decodeNotification } from './apdu.ts'
import type { ProtectedApdu } from './ciphering.ts'
import { SECURITY, encryptionKeyFor, open, parseProtected } from './ciphering.ts'
import { decodeDateTime } from './clock.ts'
import type { DlmsKeys } from './keys.ts'

/** What is the matter with a protected telegram and the keys at hand. */
export type KeyVerdict =
  /** Readable; protected by its tag where it has one. */
  | 'sound'
  /** Readable, but nothing vouches for it: the meter sends no tag, or no key to check it is there. */
  | 'unauthenticated'
  /** The telegram is encrypted, and the key that it takes is not given. */
  | 'encryption-key-missing'
  /** Under the key given there is no sense in the telegram, not even at its beginning. */
  | 'encryption-key-wrong'
  /** Readable, so the encryption key is right; but its tag does not hold with the other key. */
  | 'authentication-key-wrong'
  /** Bytes were changed or lost on the way: the keys may be right. */
  | 'damaged'
  /** Its counter is not greater than the last one accepted. */
  | 'replay'
  /** A protection that this package does not know. */
  | 'unsupported'

/** A verdict with what led to it, in words. */
export interface KeyDiagnosis {
  readonly verdict: KeyVerdict
  readonly reasons: readonly string[]
  /** What the telegram says, for 'sound', 'unauthenticated' and 'authentication-key-wrong'. */
  readonly plaintext?: Uint8Array
  readonly message?: ProtectedApdu
}

/**
 * Tells wrong encryption key, wrong or missing authentication key, lost bytes and replay apart.
 *
 * Counter mode gives plaintext under any key. Under the right one it is a notification whose every
 * length fits; under a wrong one not even its first byte and its date are likely to be right (one in
 * 2^30). So: structure sound and tag wrong is the authentication key; head sound and rest broken is
 * damage; head broken is the encryption key.
 *
 * `isText` tells plaintext that is a telegram in text, which some countries put inside the cipher.
 * `lastCounter` is the last counter accepted from this meter.
 */
export function diagnoseKeys(
  apdu: Uint8Array,
  keys: DlmsKeys,
  lastCounter?: number,
  isText: (plaintext: Uint8Array) => boolean = () => false,
): KeyDiagnosis {
  let message: ProtectedApdu
  try {
    message = parseProtected(apdu)
  } catch (error) {
    if (!(error instanceof MeterError)) throw error
    const verdict = error.code === 'unsupported' ? 'unsupported' : 'damaged'
    return { verdict, reasons: [error.message] }
  }
  try {
    const encrypted = (message.control & SECURITY.encrypted) !== 0
    if (encrypted && encryptionKeyFor(message, keys) === undefined) {
      return { verdict: 'encryption-key-missing', reasons: [missingKey(message)], message }
    }
    return judge(message, keys, lastCounter, isText)
  } catch (error) {
    if (!(error instanceof MeterError)) throw error
    const verdict = error.code === 'range' ? 'encryption-key-wrong' : 'unsupported'
    return { verdict, reasons: [error.message], message }
  }
}

function judge(
  message: ProtectedApdu,
  keys: DlmsKeys,
  lastCounter: number | undefined,
  isText: (plaintext: Uint8Array) => boolean,
): KeyDiagnosis {
  const { plaintext, authentic } = open(message, keys)
  const tagged = (message.control & SECURITY.authenticated) !== 0
  if (!authentic) {
    const sound = isSound(plaintext) || isText(plaintext)
    if (!sound) return broken(message, plaintext, tagged)
    if (tagged && keys.authenticationKey !== undefined && keys.encryptionKey !== undefined) {
      const reasons = [
        'the plaintext is sound, so the encryption key is right',
        'the tag does not hold with this authentication key',
      ]
      return { verdict: 'authentication-key-wrong', reasons, plaintext, message }
    }
  }
  if (lastCounter !== undefined && message.counter <= lastCounter) {
    const reasons = [`counter: expected more than ${lastCounter}, found ${message.counter}`]
    return { verdict: 'replay', reasons, message }
  }
  if (authentic) return { verdict: 'sound', reasons: ['the tag holds'], plaintext, message }
  const reason = tagged
    ? 'there is a tag, but no key to check it with'
    : 'the meter sends no tag: only structure and checksums protect it'
  return { verdict: 'unauthenticated', reasons: [reason], plaintext, message }
}

/** Which key is missing, in words. */
function missingKey(message: ProtectedApdu): string {
  const kind = message.general?.keyInfo.kind ?? 'known'
  if (kind === 'known') return 'no encryption key is given'
  return kind === 'wrapped'
    ? 'the key comes along under a master key, and none is given'
    : 'the key is agreed on by key pairs, and they are not given'
}

function broken(message: ProtectedApdu, plaintext: Uint8Array, tagged: boolean): KeyDiagnosis {
  if (hasSoundHead(plaintext)) {
    const reasons = ['the plaintext begins well and breaks off', 'bytes were changed or lost']
    return { verdict: 'damaged', reasons, message }
  }
  const reasons = [
    'the plaintext is no notification from its first byte on',
    ...(tagged ? ['the tag does not hold'] : []),
  ]
  return { verdict: 'encryption-key-wrong', reasons, message }
}

function isSound(plaintext: Uint8Array): boolean {
  try {
    decodeNotification(plaintext)
    return true
  } catch (error) {
    if (error instanceof MeterError) return false
    throw error
  }
}

/** The first bytes of a notification or of a telegram in text. */
function hasSoundHead(plaintext: Uint8Array): boolean {
  if (plaintext[0] === 0x2f && plaintext.subarray(0, 4).every((byte) => byte < 0x80)) return true
  if (plaintext[0] !== APDU.dataNotification) return false
  const [kind = 0xff, second] = plaintext.subarray(5)
  if (kind === 0) return second === 1 || second === 2
  const at = kind === 0x0c || kind === 0x19 ? 6 : kind === 0x09 && second === 0x0c ? 7 : -1
  return at > 0 && decodeDateTime(plaintext.slice(at, at + 12)) !== undefined
}
