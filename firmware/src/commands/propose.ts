import type { DecoderEvent, MappingProposal, MappingSample } from '@s3mp/meter'
import { MeterError, createDecoder, proposeMapping, unnamedValues } from '@s3mp/meter'

/** Most bytes of a capture that is looked at for lists without codes: a day of telegrams. */
export const PROPOSE_BYTES_MAX = 16_777_216

/** Keys of a ciphering meter, where its lists are ciphered. */
export interface ProposeKeys {
  readonly key?: Uint8Array
  readonly authenticationKey?: Uint8Array
}

/**
 * Looks for DLMS lists whose values have no codes and answers what their places seem to mean. The
 * telegrams count as `intervalMs` apart, because captured bytes have no times of their own.
 *
 * @throws MeterError `range` for a capture that is too long, or with too few such lists.
 */
export function proposeFromCapture(
  bytes: Uint8Array,
  intervalMs: number,
  keys: ProposeKeys = {},
): readonly MappingProposal[] {
  if (bytes.length > PROPOSE_BYTES_MAX) {
    throw new MeterError(
      'range',
      `capture: expected at most ${PROPOSE_BYTES_MAX} bytes, found ${bytes.length}`,
    )
  }
  const decoder = createDecoder('dlms', { bodies: true, ...keys })
  const events: readonly DecoderEvent[] = [...decoder.push(bytes), ...decoder.end()]
  const { key: encryptionKey, authenticationKey } = keys
  const lists = events.flatMap((event) => {
    const length = event.type === 'reading' ? event.length : event.bytes
    const telegram = bytes.subarray(event.offset, event.offset + length)
    return [unnamedValues(telegram, { encryptionKey, authenticationKey }) ?? []]
  })
  return proposeMapping(sameLists(lists, intervalMs))
}

/** The lists of the length that most have: a meter that sends several kinds sends one most often. */
function sameLists(
  lists: readonly (readonly (bigint | undefined)[])[],
  intervalMs: number,
): readonly MappingSample[] {
  const counts = new Map<number, number>()
  for (const { length } of lists) {
    if (length > 0) counts.set(length, (counts.get(length) ?? 0) + 1)
  }
  const [usual = 0] = [...counts].sort(([, left], [, right]) => right - left)[0] ?? []
  return lists
    .map((values, at) => ({ timeMs: at * intervalMs, values }))
    .filter(({ values }) => values.length === usual)
}

/** A proposal as a line for people. */
export function proposalInWords(proposal: MappingProposal): string {
  const { place, obis, scaler, unit, confidence, evidence } = proposal
  const scale = scaler === 0 ? unit : `10^${scaler} ${unit}`
  const sure = `${Math.round(100 * confidence)} %`
  return `place ${String(place).padStart(2)}  ${obis.padEnd(16)} ${scale.padEnd(10)} ${sure.padStart(5)}  ${evidence}`
}
