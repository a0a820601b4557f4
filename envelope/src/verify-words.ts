import type { Problem } from './verify.ts'
import type { StreamReport } from './verify-stream.ts'

/** What a statement of a report is about. */
export type StepCode =
  | 'signatures'
  | 'chain'
  | 'complete'
  | 'seals'
  | 'schema'
  | 'clock'
  | 'beginning'
  | 'end'
  | 'measurement'

/** One statement of a report: proven, refuted, or out of reach of these records. */
export interface VerifyStep {
  readonly code: StepCode
  readonly result: 'proven' | 'refuted' | 'not-proven'
  /** In English, for people. */
  readonly text: string
}

interface Facts {
  readonly records: number
  readonly signatures: number
  readonly streams: readonly StreamReport[]
  /** The first problem of each code, in the order they came up. */
  readonly firstProblems: readonly Problem[]
}

/** Says in words what the figures mean, and as plainly what they do not. */
export function explain(facts: Facts): readonly VerifyStep[] {
  return [
    signatures(facts),
    chain(facts),
    complete(facts),
    ...seals(facts),
    ...schema(facts),
    ...clock(facts),
    beginning(facts),
    {
      code: 'end',
      result: 'not-proven',
      text: 'Whether the device made records after the last one here cannot be seen from these.',
    },
    {
      code: 'measurement',
      result: 'not-proven',
      text: 'That the meter measured rightly is for its verification mark; this proves what it said.',
    },
  ]
}

const CHAIN_CODES = new Set<string>(['chain-reordered', 'chain-rewritten'])
const GAP_CODES = new Set<string>(['chain-gap', 'chain-restarted'])
const SCHEMA_CODES = new Set<string>(['unknown-schema', 'schema-mismatch'])
const EVIDENCE_CODES = new Set<string>([
  ...CHAIN_CODES,
  ...GAP_CODES,
  ...SCHEMA_CODES,
  'seal-mismatch',
])

function signatures({ records, signatures: good, firstProblems }: Facts): VerifyStep {
  const refused = firstProblems.find(({ code }) => !EVIDENCE_CODES.has(code))
  if (refused !== undefined) {
    const text = `Record ${refused.record} is not genuine or not readable: ${refused.text}.`
    return { code: 'signatures', result: 'refuted', text }
  }
  if (good === 0) {
    const text = `None of the ${records} records carries a signature.`
    return { code: 'signatures', result: 'not-proven', text }
  }
  const text = `All ${good} signatures are good: these records were made by this device's key.`
  return { code: 'signatures', result: 'proven', text }
}

function chain({ firstProblems, streams }: Facts): VerifyStep {
  const broken = firstProblems.find(({ code }) => CHAIN_CODES.has(code))
  if (broken !== undefined) {
    const text = `At record ${broken.record} ${broken.text}.`
    return { code: 'chain', result: 'refuted', text }
  }
  const text = `Every record carries the hash of the one before it, in ${count(streams.length, 'stream')}.`
  return { code: 'chain', result: 'proven', text }
}

function complete({ firstProblems, streams }: Facts): VerifyStep {
  const gap = firstProblems.find(({ code }) => GAP_CODES.has(code))
  if (gap !== undefined) {
    const missing = streams.reduce((total, stream) => total + stream.missing, 0)
    const text = `${count(missing, 'reading')} missing: at record ${gap.record}, ${gap.text}.`
    return { code: 'complete', result: 'refuted', text }
  }
  const ranges = streams.map(
    ({ stream, fromSeq, toSeq, fromMs, toMs }) =>
      `stream ${stream} from number ${fromSeq} (${date(fromMs)}) to ${toSeq} (${date(toMs)})`,
  )
  const text = `Nothing is missing in between: ${ranges.join('; ') || 'there are no records'}.`
  return { code: 'complete', result: 'proven', text }
}

function seals({ firstProblems, streams }: Facts): readonly VerifyStep[] {
  const sealed = streams.reduce((total, stream) => total + stream.sealed, 0)
  const unproven = streams.reduce((total, stream) => total + stream.unproven, 0)
  const mismatch = firstProblems.find(({ code }) => code === 'seal-mismatch')
  const steps: VerifyStep[] = []
  if (mismatch !== undefined) {
    const text = `At record ${mismatch.record} ${mismatch.text}.`
    steps.push({ code: 'seals', result: 'refuted', text })
  } else if (sealed > 0) {
    const text = `${count(sealed, 'fast record')} without signatures of their own are covered by signed seals.`
    steps.push({ code: 'seals', result: 'proven', text })
  }
  if (unproven > 0) {
    const text = `${count(unproven, 'fast record')} under no seal: nothing here proves who made them.`
    steps.push({ code: 'seals', result: 'not-proven', text })
  }
  return steps
}

function schema({ firstProblems, streams }: Facts): readonly VerifyStep[] {
  const problem = firstProblems.find(({ code }) => SCHEMA_CODES.has(code))
  if (problem !== undefined) {
    const result = problem.code === 'unknown-schema' ? 'not-proven' : 'refuted'
    return [{ code: 'schema', result, text: `At record ${problem.record} ${problem.text}.` }]
  }
  if (!streams.some(({ samples }) => samples > 0)) return []
  const text = 'What each register means was announced by the same device.'
  return [{ code: 'schema', result: 'proven', text }]
}

function clock({ streams }: Facts): readonly VerifyStep[] {
  const doubtful = streams.reduce((total, stream) => total + stream.doubtfulTimes, 0)
  if (doubtful === 0) return []
  const text = `At ${count(doubtful, 'reading')} the device's clock was not synchronised.`
  return [{ code: 'clock', result: 'not-proven', text }]
}

function beginning({ streams }: Facts): VerifyStep {
  const partial = streams.filter(({ fromStart }) => !fromStart).map(({ stream }) => stream)
  if (partial.length === 0) {
    const text = 'The records begin with the first that the device ever made in each stream.'
    return { code: 'beginning', result: 'proven', text }
  }
  const text = `What came before the first record here is not shown, in stream ${partial.join(', ')}.`
  return { code: 'beginning', result: 'not-proven', text }
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

function date(timeMs: number): string {
  return Number.isFinite(timeMs) ? new Date(timeMs).toISOString() : 'no time'
}
