import {
  decimalText,
  decodeRecord,
  fromHex,
  readSignedObject,
  toHex,
  ueidOf,
  unitText,
  verifyRecords,
} from '@s3mp/envelope/verify'
import type {
  DeviceRecord,
  ExportEntry,
  PublicKey,
  RecordKind,
  Schema,
  VerifyReport,
} from '@s3mp/envelope/verify'
import type { EvidenceAnswer, EvidenceRecord, ReadingView, RegisterView } from '../../api.ts'
import type { ProofStep, Verdict } from './verdict.ts'

/**
 * Judges evidence with nothing but the device's public key, and compares what the signed bytes say
 * with what the page shows. The server is believed in nothing: a wrong answer of any kind ends in
 * `failed`, never in an exception.
 */
export async function judge(evidence: EvidenceAnswer, shown: ReadingView): Promise<Verdict> {
  try {
    return await judgeRecords(evidence, shown)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { state: 'failed', steps: [], reason, publicKey: evidence.publicKey }
  }
}

async function judgeRecords(evidence: EvidenceAnswer, shown: ReadingView): Promise<Verdict> {
  const algorithm = evidence.algorithm
  const key: PublicKey = { algorithm, publicKey: fromHex(evidence.publicKey) }
  const entries = evidence.records.map(toEntry)
  const report = await verifyRecords(entries, { key, recipientId: fromHex(evidence.recipientId) })
  const ueid = toHex(ueidOf(key))
  const named = ueid === shown.device
  const content = compare(entries, shown)
  const steps: ProofStep[] = [
    { code: 'key', ok: named, detail: `${ueid.slice(0, 32)}…` },
    ...reportSteps(report),
    { code: 'content', ok: content.same, ...(content.detail && { detail: content.detail }) },
  ]
  const unproven = report.streams.reduce((sum, stream) => sum + stream.unproven, 0)
  const sound = named && content.same && report.ok
  const state = !sound ? 'failed' : unproven > 0 ? 'pending' : 'verified'
  const signed = evidence.records.findLast((record) => record.kind !== 'fast')
  const [problem] = report.problems
  return {
    state,
    steps,
    publicKey: evidence.publicKey,
    ...(signed !== undefined && { signedBytes: signed.bytes }),
    ...(state === 'failed' && { reason: problem?.text ?? content.detail ?? 'wrong device' }),
  }
}

function toEntry(record: EvidenceRecord): ExportEntry {
  return { kind: record.kind as RecordKind, object: fromHex(record.bytes) }
}

/** What the verifier found, as far as it bears on one reading. */
function reportSteps(report: VerifyReport): readonly ProofStep[] {
  const bad = (...codes: readonly string[]): string | undefined =>
    report.problems.find((problem) => codes.includes(problem.code))?.text
  const chain = bad('chain-reordered', 'chain-rewritten', 'chain-gap', 'chain-restarted')
  const seal = bad('seal-mismatch')
  const schema = bad('unknown-schema', 'schema-mismatch')
  const others = [chain, seal, schema]
  const signature = report.problems.find((problem) => !others.includes(problem.text))?.text
  const sealed = report.streams.reduce((sum, stream) => sum + stream.sealed, 0)
  const step = (code: ProofStep['code'], wrong?: string, count?: number): ProofStep => ({
    code,
    ok: wrong === undefined,
    ...(count !== undefined && { count }),
    ...(wrong !== undefined && { detail: wrong }),
  })
  return [
    step('signature', signature),
    step('chain', chain, report.records),
    ...(sealed > 0 || seal !== undefined ? [step('seal', seal, sealed)] : []),
    step('schema', schema),
  ]
}

interface Comparison {
  readonly same: boolean
  readonly detail?: string
}

/** Whether the signed bytes say what is shown: same moment, same registers, every digit. */
function compare(entries: readonly ExportEntry[], shown: ReadingView): Comparison {
  let schema: Schema | undefined
  for (const entry of entries) {
    const bytes = entry.kind === 'fast' ? entry.object : readSignedObject(entry.object).payload
    const record = decodeRecord(entry.kind, bytes)
    if (record.kind === 'schema') schema = record.schema
    const registers = registersAt(record, shown.seq, schema)
    if (registers === undefined || streamName(record.stream) !== shown.stream) continue
    return sameReading(registers, shown)
  }
  return { same: false, detail: `no record of number ${shown.seq}` }
}

/** A head's streams of readings by their number; a further head's are sixteen up, and so on. */
const STREAM_NAMES: Readonly<Record<number, string>> = { 1: 'quarter', 2: 'minute', 3: 'live' }

/** What the API calls a stream of readings of that number. */
function streamName(stream: number): string {
  const head = Math.floor(stream / 16)
  const name = STREAM_NAMES[stream % 16]
  if (name === undefined) return `stream-${stream}`
  return head === 0 ? name : `${name}-${head}`
}

interface Said {
  readonly timeMs: number
  readonly registers: readonly RegisterView[]
}

function registersAt(record: DeviceRecord, seq: number, schema?: Schema): Said | undefined {
  if (record.kind !== 'reading' && record.kind !== 'fast') return undefined
  const sample = record.samples[seq - record.seq]
  if (sample === undefined || schema === undefined) return undefined
  const registers = sample.registers.flatMap((digits, index) => {
    const column = schema.registers[index]
    if (digits === null || column === undefined) return []
    const { obis, unitCode, scaler } = column
    return [{ obis, value: decimalText(digits, scaler), unit: unitText(unitCode) }]
  })
  return { timeMs: sample.timeMs, registers }
}

function sameReading(said: Said, shown: ReadingView): Comparison {
  if (said.timeMs !== shown.timeMs) {
    return { same: false, detail: `time: signed ${said.timeMs}, shown ${shown.timeMs}` }
  }
  const signed = new Map(said.registers.map((register) => [register.obis, register]))
  if (signed.size !== shown.registers.length) {
    return {
      same: false,
      detail: `registers: signed ${signed.size}, shown ${shown.registers.length}`,
    }
  }
  for (const { obis, value, unit } of shown.registers) {
    const register = signed.get(obis)
    if (register?.value === value && register.unit === unit) continue
    const found = register === undefined ? 'nothing' : `${register.value} ${register.unit}`
    return { same: false, detail: `${obis}: signed ${found}, shown ${value} ${unit}` }
  }
  return { same: true }
}
