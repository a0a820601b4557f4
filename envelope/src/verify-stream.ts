import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, equalBytes, toHex } from './bytes.ts'
import { ChainVerifier, SEQ_FIRST, type ChainVerdict } from './chain.ts'
import { VERIFY_SCHEMAS_MAX } from './limits.ts'
import { CLOCK_STATES } from './payload/status.ts'
import type { Sample } from './payload/reading.ts'
import { schemaIdOf, type Schema } from './payload/schema.ts'
import { SEAL_RECORDS_MAX, type SealRecord } from './payload/seal.ts'
import { recordHash, recordSpan, type DeviceRecord } from './record.ts'

/** What can be wrong with a record beside what {@link EnvelopeReason} names. */
export type EvidenceProblem =
  | 'chain-gap'
  | 'chain-restarted'
  | 'chain-reordered'
  | 'chain-rewritten'
  | 'seal-mismatch'
  | 'unknown-schema'
  | 'schema-mismatch'

/** A finding about one record. */
export interface Finding {
  readonly code: EvidenceProblem
  /** In English, for people. */
  readonly text: string
}

/** What was found out about one stream. */
export interface StreamReport {
  readonly stream: number
  readonly records: number
  readonly samples: number
  /** Sequence numbers of the first and the last reading; schemas in front of a later part not counted. */
  readonly fromSeq: number
  readonly toSeq: number
  /** Times of the earliest and the latest reading, milliseconds since 1970. */
  readonly fromMs: number
  readonly toMs: number
  /** Whether the stream is here from its very first record. */
  readonly fromStart: boolean
  /** How many sequence numbers are missing between the first and the last. */
  readonly missing: number
  readonly repeated: number
  /** Fast records under a seal whose signature is good. */
  readonly sealed: number
  /** Fast records that no signature covers. */
  readonly unproven: number
  /** Readings whose device did not know the time for sure. */
  readonly doubtfulTimes: number
  /** The newest schema announced in this stream, if one was. */
  readonly schema?: Schema
  readonly first?: Sample
  readonly last?: Sample
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

const SYNCED = CLOCK_STATES.indexOf('synced')

/** Follows one stream through an export, record by record. */
export class StreamVerifier {
  readonly #chain: ChainVerifier
  readonly #schemas: Map<string, Schema>
  readonly #report: Mutable<StreamReport>
  // Hashes of fast records in an unbroken run, waiting for the seal that covers them.
  #run: Uint8Array[] = []
  #runFromSeq = 0
  // Only schemas so far: they may stem from long before the part of the stream that is shown.
  #leading = true

  /** `schemas` by id in hex belongs to the device: what one stream announced, all may use. */
  constructor(ueid: Uint8Array, stream: number, schemas: Map<string, Schema>) {
    this.#schemas = schemas
    this.#chain = new ChainVerifier(ueid, stream)
    this.#report = {
      stream,
      records: 0,
      samples: 0,
      fromSeq: 0,
      toSeq: 0,
      fromMs: Number.POSITIVE_INFINITY,
      toMs: 0,
      fromStart: false,
      missing: 0,
      repeated: 0,
      sealed: 0,
      unproven: 0,
      doubtfulTimes: 0,
    }
  }

  /** What is known so far; fast records still waiting for a seal count as unproven. */
  report(): StreamReport {
    return { ...this.#report, unproven: this.#report.unproven + this.#run.length }
  }

  /** Takes a record whose signature, if its kind has one, is good. */
  push(record: DeviceRecord, payload: Uint8Array): readonly Finding[] {
    const verdict = this.#chain.push(record, payload)
    if (verdict.link === 'repeated') {
      this.#report.repeated += 1
      return []
    }
    const skipsAhead = this.#leading && verdict.link === 'gap'
    const findings = [...(skipsAhead ? [] : this.#judge(verdict)), ...this.#judgeContent(record)]
    this.#count(record, skipsAhead ? { link: 'first' } : verdict)
    this.#leading &&= record.kind === 'schema'
    if (record.kind === 'fast') this.#extendRun(record.seq, payload, verdict)
    else if (record.kind === 'seal') findings.push(...this.#closeRun(record, verdict))
    else if (verdict.link !== 'linked') this.#breakRun()
    return findings
  }

  #judge(verdict: ChainVerdict): readonly Finding[] {
    switch (verdict.link) {
      case 'linked':
      case 'first':
      case 'repeated':
        return []
      case 'gap': {
        const { from, to } = verdict
        this.#report.missing += to - from + 1
        return [{ code: 'chain-gap', text: `readings ${from} to ${to} are missing` }]
      }
      case 'restarted': {
        const missing = verdict.to - verdict.from + 1
        this.#report.missing += missing
        const text = `the device lost its chain and began anew; at least ${missing} readings are missing`
        return [{ code: 'chain-restarted', text }]
      }
      case 'reordered':
        return [{ code: 'chain-reordered', text: 'the record is not in the order it was made' }]
      case 'rewritten': {
        const text = `record ${verdict.seq} contradicts the record before it: one of them was rewritten`
        return [{ code: 'chain-rewritten', text }]
      }
    }
  }

  #judgeContent(record: DeviceRecord): readonly Finding[] {
    if (record.kind === 'schema') {
      if (this.#schemas.size < VERIFY_SCHEMAS_MAX) {
        this.#schemas.set(toHex(schemaIdOf(record.schema)), record.schema)
      }
      this.#report.schema = record.schema
      return []
    }
    if (record.kind !== 'reading' && record.kind !== 'fast') return []
    const schema = this.#schemas.get(toHex(record.schemaId))
    if (schema === undefined) {
      return [{ code: 'unknown-schema', text: 'no schema here says what the registers mean' }]
    }
    const lengths = record.samples.map(({ registers }) => registers.length)
    const fits = lengths.every((length) => length === 0 || length === schema.registers.length)
    const text = `the schema has ${schema.registers.length} registers, the reading another number`
    return fits ? [] : [{ code: 'schema-mismatch', text }]
  }

  #count(record: DeviceRecord, verdict: ChainVerdict): void {
    const report = this.#report
    const samples = 'samples' in record ? record.samples : []
    if (report.records === 0 || verdict.link === 'first') {
      report.fromSeq = record.seq
      report.fromStart = record.seq === SEQ_FIRST && verdict.link === 'linked'
    }
    report.records += 1
    report.samples += samples.length
    report.fromSeq = Math.min(report.fromSeq, record.seq)
    report.toSeq = Math.max(report.toSeq, record.seq + recordSpan(record) - 1)
    for (const { timeMs, status } of samples.length > 0 ? samples : [record]) {
      report.fromMs = Math.min(report.fromMs, timeMs)
      report.toMs = Math.max(report.toMs, timeMs)
      if ((status & 3) !== SYNCED) report.doubtfulTimes += 1
    }
    if (verdict.link === 'reordered') return
    const [first] = samples
    if (first !== undefined) report.first ??= first
    const last = samples.at(-1)
    if (last !== undefined) report.last = last
  }

  #extendRun(seq: number, payload: Uint8Array, verdict: ChainVerdict): void {
    if (verdict.link !== 'linked' || this.#run.length >= SEAL_RECORDS_MAX) this.#breakRun()
    if (this.#run.length === 0) this.#runFromSeq = seq
    this.#run.push(recordHash(payload))
  }

  #closeRun(seal: SealRecord, verdict: ChainVerdict): readonly Finding[] {
    const run = this.#run
    if (verdict.link !== 'linked') {
      this.#breakRun()
      return []
    }
    this.#run = []
    // Fewer records than the seal covers are still held by the chain up to the seal's signature.
    const whole = this.#runFromSeq <= seal.firstSeq
    const digest = sha256(concatBytes(...run))
    if (whole && (run.length !== seal.records || !equalBytes(digest, seal.digest))) {
      this.#report.unproven += run.length
      const text = `the seal is not over these ${run.length} fast records`
      return [{ code: 'seal-mismatch', text }]
    }
    this.#report.sealed += run.length
    return []
  }

  #breakRun(): void {
    this.#report.unproven += this.#run.length
    this.#run = []
  }
}
