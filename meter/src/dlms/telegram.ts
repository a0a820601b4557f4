import { MeterError } from '../errors.ts'
import { decodeNotification, isPushTag, withoutLlc } from './apdu.ts'
import { Assembler } from './assembler.ts'
import type { Data } from './axdr.ts'
import { BARE } from './bare.ts'
import { isProtected } from './ciphering.ts'
import type { KeyDiagnosis } from './doctor.ts'
import { diagnoseKeys } from './doctor.ts'
import type { Framing } from './frame-scanner.ts'
import { FrameScanner } from './frame-scanner.ts'
import { HDLC } from './hdlc.ts'
import type { DlmsKeys } from './keys.ts'
import { readLayout } from './layouts.ts'
import { typeLetter } from './lists.ts'
import { MBUS } from './mbus.ts'
import type { OwnList } from './own-list.ts'
import { ownLists } from './own-list.ts'
import { WRAPPER } from './wrapper.ts'

/** APDUs looked for in the bytes of one telegram. */
export const TELEGRAM_APDUS_MAX = 16

const FRAMINGS: readonly Framing[] = [HDLC, MBUS, WRAPPER, BARE]

/**
 * The APDUs in the bytes of one or a few telegrams, whatever link carried them; the bytes themselves
 * when they are an APDU without link. Empty where there is none.
 */
export function apdusIn(bytes: Uint8Array): readonly Uint8Array[] {
  for (const framing of FRAMINGS) {
    const found: Uint8Array[] = []
    const assembler = new Assembler({
      apdu(apdu) {
        if (found.length < TELEGRAM_APDUS_MAX && isPushTag(apdu[0] ?? 0)) found.push(apdu.slice())
      },
      discarded: () => undefined,
    })
    const scanner = new FrameScanner(framing, assembler)
    for (const byte of bytes) scanner.push(byte)
    scanner.end()
    assembler.end()
    if (found.length > 0) return found
  }
  const bare = withoutLlc(bytes)
  return isPushTag(bare[0] ?? 0) ? [bare] : []
}

/**
 * {@link diagnoseKeys} for raw bytes as a line delivers them. Undefined where no whole ciphered
 * telegram is among them: then it is no matter of keys.
 */
export function diagnoseTelegram(
  bytes: Uint8Array,
  keys: DlmsKeys,
  lastCounter?: number,
): KeyDiagnosis | undefined {
  const apdu = apdusIn(bytes).find((one) => isProtected(one[0] ?? 0))
  return apdu === undefined ? undefined : diagnoseKeys(apdu, keys, lastCounter)
}

/** A list that names none of its elements, element by element. */
export interface UnnamedList {
  /** A letter an element, as in {@link PositionalList.types}. */
  readonly types: string
  /** Its numbers in their places; undefined for an element that is none. */
  readonly values: readonly (bigint | undefined)[]
  /** Its texts and octets in their places. */
  readonly octets: readonly (Uint8Array | undefined)[]
}

/**
 * The list in a telegram whose values have no names. Undefined for telegrams whose values have, or
 * have got them from `own`, and for what is no telegram at all.
 */
export function unnamedList(
  bytes: Uint8Array,
  keys: DlmsKeys = {},
  own: readonly OwnList[] = [],
): UnnamedList | undefined {
  const lists = ownLists(own)
  for (const apdu of apdusIn(bytes)) {
    const plain = isProtected(apdu[0] ?? 0) ? diagnoseKeys(apdu, keys).plaintext : apdu
    const body = plain === undefined ? undefined : bodyOf(plain)
    if (body?.type !== 'list' || readLayout(body, lists) !== undefined) continue
    const values = body.items.map((item) => (item.type === 'number' ? item.digits : undefined))
    if (!values.some((value) => value !== undefined)) continue
    const octets = body.items.map((item) => (item.type === 'octets' ? item.bytes : undefined))
    return { types: body.items.map(typeLetter).join(''), values, octets }
  }
  return undefined
}

function bodyOf(apdu: Uint8Array): Data | undefined {
  try {
    return decodeNotification(apdu).body
  } catch (error) {
    if (error instanceof MeterError) return undefined
    throw error
  }
}
