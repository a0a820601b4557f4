import { fromHex, toHex } from './bytes.ts'
import { EnvelopeError } from './errors.ts'
import { isRecordKind, KINDS, type Kind, type RecordKind } from './kinds.ts'
import { EXPORT_LINE_CHARS_MAX } from './limits.ts'
import { ueidOf, UEID_BYTES, type PublicKey } from './signature.ts'

/*
 * An export file is JSON Lines: a header, then one record a line in the order of its stream.
 *
 *   {"format":"s3mp-records/1","algorithm":"Ed25519","publicKey":HEX,"ueid":HEX,"recipientId":HEX}
 *   {"kind":"schema","object":HEX}
 *   {"kind":"reading","object":HEX}
 *
 * `object` is the evidence byte for byte: the Sign1 of a signed kind, the payload of a `fast` record.
 */
const FORMAT = 's3mp-records/1'

/** Whose records a file holds, and for whom they were signed. */
export interface ExportHeader {
  /** The key the file says it is about; who verifies compares it with one from elsewhere. */
  readonly key: PublicKey
  readonly recipientId: Uint8Array
}

/** One record as evidence. */
export interface ExportEntry {
  readonly kind: RecordKind
  readonly object: Uint8Array
}

/** The first line of an export file, without its line feed. */
export function exportHeaderLine({ key, recipientId }: ExportHeader): string {
  return JSON.stringify({
    format: FORMAT,
    algorithm: key.algorithm,
    publicKey: toHex(key.publicKey),
    ueid: toHex(ueidOf(key)),
    recipientId: toHex(recipientId),
  })
}

/** One record as a line of an export file, without its line feed. */
export function exportLine({ kind, object }: ExportEntry): string {
  return JSON.stringify({ kind, object: toHex(object) })
}

/** Reads the first line; throws `bad-field` or `bad-key`. */
export function parseExportHeader(line: string): ExportHeader {
  const { format, algorithm, publicKey, ueid, recipientId } = parseLine(line)
  if (format !== FORMAT) throw badLine(`format: expected ${FORMAT}`)
  if (algorithm !== 'Ed25519' && algorithm !== 'ESP256') throw badLine('algorithm: not known')
  const key = { algorithm, publicKey: hexField(publicKey, 'publicKey') } as const
  if (toHex(ueidOf(key)) !== ueid) throw badLine('ueid: does not belong to the public key')
  const recipient = hexField(recipientId, 'recipientId')
  if (recipient.length !== UEID_BYTES) throw badLine(`recipientId: expected ${UEID_BYTES} bytes`)
  return { key, recipientId: recipient }
}

/** Reads a record's line; throws `bad-field` or `unknown-kind`. */
export function parseExportLine(line: string): ExportEntry {
  const { kind, object } = parseLine(line)
  if (typeof kind !== 'string' || !isKind(kind) || !isRecordKind(kind)) {
    throw new EnvelopeError('unknown-kind', 'export.kind: not a kind of record')
  }
  return { kind, object: hexField(object, 'object') }
}

function parseLine(line: string): Readonly<Record<string, unknown>> {
  if (line.length > EXPORT_LINE_CHARS_MAX) {
    throw new EnvelopeError(
      'too-large',
      `export: a line has over ${EXPORT_LINE_CHARS_MAX} characters`,
    )
  }
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (cause) {
    throw new EnvelopeError('bad-field', 'export: a line is not JSON', { cause })
  }
  if (typeof value !== 'object' || value === null) throw badLine('expected a JSON object')
  return value as Readonly<Record<string, unknown>>
}

function isKind(name: string): name is Kind {
  return Object.hasOwn(KINDS, name)
}

function hexField(value: unknown, field: string): Uint8Array {
  if (typeof value !== 'string') throw badLine(`${field}: expected hex`)
  return fromHex(value, `export.${field}`)
}

function badLine(message: string): EnvelopeError {
  return new EnvelopeError('bad-field', `export.${message}`)
}
