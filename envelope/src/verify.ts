/**
 * Stand-alone verification: what a customer or an auditor runs, with nothing but the device's public
 * key. Portable on purpose: no Node module is imported here or below, so that a browser can do it.
 *
 * @packageDocumentation
 */
import { equalBytes, toHex } from './bytes.ts'
import { EnvelopeError, type EnvelopeReason } from './errors.ts'
import { parseExportHeader, parseExportLine, type ExportEntry } from './export.ts'
import { kindRule } from './kinds.ts'
import { VERIFY_PROBLEMS_MAX, VERIFY_STREAMS_MAX } from './limits.ts'
import type { Schema } from './payload/schema.ts'
import { decodeRecord } from './record.ts'
import { readSignedObject, signedMessage } from './sign1.ts'
import { thumbprintOf, ueidOf, verifyPortable, type PublicKey } from './signature.ts'
import { StreamVerifier, type EvidenceProblem, type StreamReport } from './verify-stream.ts'
import { explain, type VerifyStep } from './verify-words.ts'

export { fromHex, toHex } from './bytes.ts'
export { EnvelopeError } from './errors.ts'
export type { EnvelopeReason } from './errors.ts'
export { exportHeaderLine, exportLine, parseExportHeader, parseExportLine } from './export.ts'
export type { ExportEntry, ExportHeader } from './export.ts'
export type { RecordKind } from './kinds.ts'
export { eventName } from './payload/event.ts'
export type { EventRecord } from './payload/event.ts'
export type { HeartbeatRecord } from './payload/heartbeat.ts'
export type { ReadingRecord, Sample } from './payload/reading.ts'
export type { Schema, SchemaRecord, SchemaRegister } from './payload/schema.ts'
export type { SealRecord } from './payload/seal.ts'
export { decodeStatus } from './payload/status.ts'
export { decimalText, unitText } from './payload/units.ts'
export { decodeRecord } from './record.ts'
export { readSignedObject } from './sign1.ts'
export type { DeviceRecord } from './record.ts'
export { ueidOf, verifyPortable } from './signature.ts'
export type { PublicKey, SignatureAlgorithm } from './signature.ts'
export type { EvidenceProblem, Finding, StreamReport } from './verify-stream.ts'
export type { StepCode, VerifyStep } from './verify-words.ts'

/** A verifier that may take its time: WebCrypto's, or a synchronous one. */
export type VerifyAnyhow = (
  key: PublicKey,
  message: Uint8Array,
  signature: Uint8Array,
) => boolean | Promise<boolean>

/** What is verified, and against what. */
export interface VerifyOptions {
  /** The device's public key, from its label or from enrolment: not from the file itself. */
  readonly key: PublicKey
  /** Whom the records were signed for. */
  readonly recipientId: Uint8Array
  /** Defaults to {@link verifyWebCrypto}. */
  readonly verify?: VerifyAnyhow
}

/** Something wrong with one record. */
export interface Problem {
  /** Which record, from 1; in an export file its line is one more. */
  readonly record: number
  readonly code: EnvelopeReason | EvidenceProblem
  readonly text: string
}

/** What was proven, and what was not. */
export interface VerifyReport {
  /** Nothing is wrong with what bears a signature, and no chain is broken. */
  readonly ok: boolean
  /**
   * {@link ok}, and a signature covers every record. Live readings that no seal covers yet are in
   * order, but anybody could have written them: they make a report that is `ok` and not `proven`.
   */
  readonly proven: boolean
  readonly ueid: string
  /** The key's thumbprint in hex. */
  readonly fingerprint: string
  readonly recipientId: string
  readonly records: number
  /** Records whose own signature is good. */
  readonly signatures: number
  readonly streams: readonly StreamReport[]
  /** The result as a list of statements, each with its code and English words. */
  readonly steps: readonly VerifyStep[]
  /** The first {@link VERIFY_PROBLEMS_MAX} problems. */
  readonly problems: readonly Problem[]
  readonly problemCount: number
}

/**
 * Verifies an export file, given line by line (a text's `split('\n')` will do). Throws if the header
 * is unreadable or speaks of another device; anything else is reported.
 */
export async function verifyExport(
  lines: Iterable<string> | AsyncIterable<string>,
  options: Omit<VerifyOptions, 'recipientId'>,
): Promise<VerifyReport> {
  let collector: Collector | undefined
  for await (const line of lines) {
    if (line.trim() === '') continue
    if (collector === undefined) {
      const header = parseExportHeader(line)
      if (!equalBytes(ueidOf(header.key), ueidOf(options.key))) {
        throw new EnvelopeError('wrong-device', 'export: the file is about another device')
      }
      collector = new Collector({ ...options, recipientId: header.recipientId })
    } else await collector.take(() => parseExportLine(line))
  }
  if (collector === undefined) throw new EnvelopeError('truncated', 'export: the file is empty')
  return collector.report()
}

/** Verifies records, given in the order of their streams. Never throws for what a record is. */
export async function verifyRecords(
  entries: Iterable<ExportEntry> | AsyncIterable<ExportEntry>,
  options: VerifyOptions,
): Promise<VerifyReport> {
  const collector = new Collector(options)
  for await (const entry of entries) await collector.take(() => entry)
  return collector.report()
}

/**
 * Verifies with WebCrypto where it knows the algorithm (about ten times as fast), else with
 * {@link verifyPortable}.
 */
export async function verifyWebCrypto(
  key: PublicKey,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const algorithm =
    key.algorithm === 'Ed25519' ? { name: 'Ed25519' } : { name: 'ECDSA', namedCurve: 'P-256' }
  const plain = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => Uint8Array.from(bytes)
  try {
    const { subtle } = globalThis.crypto
    const imported = await subtle.importKey('raw', plain(key.publicKey), algorithm, false, [
      'verify',
    ])
    const parameters = { ...algorithm, hash: 'SHA-256' }
    return await subtle.verify(parameters, imported, plain(signature), plain(message))
  } catch {
    // No WebCrypto (an insecure page), or one without Ed25519.
    return verifyPortable(key, message, signature)
  }
}

class Collector {
  readonly #key: PublicKey
  readonly #ueid: Uint8Array
  readonly #recipientId: Uint8Array
  readonly #verify: VerifyAnyhow
  readonly #streams = new Map<number, StreamVerifier>()
  readonly #schemas = new Map<string, Schema>()
  readonly #problems: Problem[] = []
  // The first of each code, which the words are about; the codes are a closed list.
  readonly #firstOf = new Map<string, Problem>()
  #problemCount = 0
  #records = 0
  #signatures = 0

  constructor(options: VerifyOptions) {
    this.#key = options.key
    this.#ueid = ueidOf(options.key)
    this.#recipientId = options.recipientId
    this.#verify = options.verify ?? verifyWebCrypto
  }

  async take(next: () => ExportEntry): Promise<void> {
    this.#records += 1
    try {
      const { kind, object } = next()
      const signed = kindRule(kind).signed
      const payload = signed ? await this.#payloadOf({ kind, object }) : object
      const record = decodeRecord(kind, payload)
      if (signed) this.#signatures += 1
      for (const finding of this.#stream(record.stream).push(record, payload)) this.#add(finding)
    } catch (error) {
      if (!(error instanceof EnvelopeError)) throw error
      this.#add({ code: error.code, text: error.message })
    }
  }

  report(): VerifyReport {
    const streams = [...this.#streams.values()].map((stream) => stream.report())
    streams.sort((left, right) => left.stream - right.stream)
    const facts = { records: this.#records, signatures: this.#signatures, streams }
    const ok = this.#problemCount === 0 && this.#records > 0
    return {
      ok,
      proven: ok && streams.every(({ unproven }) => unproven === 0),
      ueid: toHex(this.#ueid),
      fingerprint: toHex(thumbprintOf(this.#key)),
      recipientId: toHex(this.#recipientId),
      ...facts,
      steps: explain({ ...facts, firstProblems: [...this.#firstOf.values()] }),
      problems: this.#problems,
      problemCount: this.#problemCount,
    }
  }

  async #payloadOf({ kind, object }: ExportEntry): Promise<Uint8Array> {
    const signed = readSignedObject(object)
    if (signed.algorithm !== this.#key.algorithm) {
      throw new EnvelopeError('wrong-key', `sign1.alg: key is ${this.#key.algorithm}`)
    }
    const context = { kind, ueid: this.#ueid, recipientId: this.#recipientId }
    if (!(await this.#verify(this.#key, signedMessage(signed, context), signed.signature))) {
      throw new EnvelopeError('bad-signature', `${kind}: signature does not fit`)
    }
    return signed.payload
  }

  #stream(number: number): StreamVerifier {
    const known = this.#streams.get(number)
    if (known !== undefined) return known
    if (this.#streams.size >= VERIFY_STREAMS_MAX) {
      throw new EnvelopeError('too-many', `export: more than ${VERIFY_STREAMS_MAX} streams`)
    }
    const stream = new StreamVerifier(this.#ueid, number, this.#schemas)
    this.#streams.set(number, stream)
    return stream
  }

  #add({ code, text }: Omit<Problem, 'record'>): void {
    const problem = { record: this.#records, code, text }
    this.#problemCount += 1
    if (this.#problems.length < VERIFY_PROBLEMS_MAX) this.#problems.push(problem)
    if (!this.#firstOf.has(code)) this.#firstOf.set(code, problem)
  }
}
