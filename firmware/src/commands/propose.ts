import type { DecoderEvent, ListDraft, MappingProposal, UnnamedList } from '@s3mp/meter'
import { MeterError, createDecoder, draftList, proposeMapping, unnamedList } from '@s3mp/meter'

/** Most bytes of a capture that is looked at for lists without codes: a day of telegrams. */
export const PROPOSE_BYTES_MAX = 16_777_216

/** Keys of a ciphering meter, where its lists are ciphered. */
export interface ProposeKeys {
  readonly key?: Uint8Array
  readonly authenticationKey?: Uint8Array
}

/** What is proposed for one kind of list. */
export interface Proposed {
  readonly proposals: readonly MappingProposal[]
  /** What its owner would confirm; undefined where nothing is proposed. */
  readonly draft: ListDraft | undefined
}

/**
 * Looks for DLMS lists whose values have no codes and answers what their places seem to mean. The
 * telegrams count as `intervalMs` apart, because captured bytes have no times of their own. Of several
 * kinds of lists the one is looked at that most telegrams have.
 *
 * @throws MeterError `range` for a capture that is too long, or with too few such lists.
 */
export function proposeFromCapture(
  bytes: Uint8Array,
  intervalMs: number,
  keys: ProposeKeys = {},
): Proposed {
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
    return [unnamedList(telegram, { encryptionKey, authenticationKey }) ?? []].flat()
  })
  const usual = usualTypes(lists)
  const samples = lists
    .map((list, at) => ({ timeMs: at * intervalMs, list }))
    .filter(({ list }) => list.types === usual)
  const proposals = proposeMapping(
    samples.map(({ timeMs, list: { values } }) => ({ timeMs, values })),
  )
  const newest = samples.at(-1)
  return { proposals, draft: newest && draftList(newest.list, proposals) }
}

/** The types that most lists have: a meter that sends several kinds sends one most often. */
function usualTypes(lists: readonly UnnamedList[]): string | undefined {
  const counts = new Map<string, number>()
  for (const { types } of lists) counts.set(types, (counts.get(types) ?? 0) + 1)
  return [...counts].sort(([, left], [, right]) => right - left)[0]?.[0]
}

/** A proposal as a line for people. */
export function proposalInWords(proposal: MappingProposal): string {
  const { place, obis, scaler, unit, confidence, evidence } = proposal
  const scale = scaler === 0 ? unit : `10^${scaler} ${unit}`
  const sure = `${Math.round(100 * confidence)} %`
  return `place ${String(place).padStart(2)}  ${obis.padEnd(16)} ${scale.padEnd(10)} ${sure.padStart(5)}  ${evidence}`
}
