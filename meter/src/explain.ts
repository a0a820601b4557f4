import { explainDlms } from './dlms/explain.ts'
import { explainText } from './iec62056-21/explain.ts'
import { explainModbus } from './modbus/explain.ts'
import type { Protocol } from './reading.ts'
import type { TelegramField } from './sml/explain.ts'
import { explainSml } from './sml/explain.ts'

/** What names the parts of a telegram, by protocol. */
const EXPLAINERS: Readonly<
  Partial<Record<Protocol, (bytes: Uint8Array) => readonly TelegramField[]>>
> = {
  sml: explainSml,
  dlms: explainDlms,
  d0: explainText,
  dsmr: explainText,
  modbus: explainModbus,
}

/**
 * Names the parts of one whole telegram: fields in order that cover it without gaps. A telegram that
 * is not sound, or of a protocol whose parts are not known here, is one part.
 */
export function explainTelegram(protocol: Protocol, bytes: Uint8Array): readonly TelegramField[] {
  const fields = EXPLAINERS[protocol]?.(bytes) ?? []
  if (fields.length > 0 || bytes.length === 0) return fields
  return [{ start: 0, end: bytes.length, kind: 'frame', label: 'telegram' }]
}
