import { useEffect, useState } from 'preact/hooks'
import type { ReadingView } from '../api.ts'
import { client, ClientError } from './client.ts'
import type { Verdict } from './logic/verdict.ts'

/** How often a reading that awaits its seal is looked at again. */
const AGAIN_MS = 2000

/** Verdicts that the page remembers. */
export const VERDICTS_MAX = 500

const verdicts = new Map<string, Verdict>()

function keyOf(reading: Pick<ReadingView, 'device' | 'stream' | 'seq'>): string {
  return `${reading.device}/${reading.stream}/${reading.seq}`
}

/** Fetches the signed bytes of a reading and judges them; one that awaits its seal is not kept. */
export async function checkReading(reading: ReadingView): Promise<Verdict> {
  const known = verdicts.get(keyOf(reading))
  if (known !== undefined) return known
  try {
    const evidence = await client.evidence(reading.device, reading.stream, reading.seq)
    // The verifier is half of the page's weight, and not needed for the first sight of it.
    const { judge } = await import('./logic/judge.ts')
    const verdict = await judge(evidence, reading)
    if (verdict.state === 'verified' || verdict.state === 'failed') {
      verdicts.set(keyOf(reading), verdict)
      const oldest = verdicts.size > VERDICTS_MAX ? verdicts.keys().next().value : undefined
      if (oldest !== undefined) verdicts.delete(oldest)
    }
    return verdict
  } catch (error) {
    const reason = error instanceof ClientError ? error.code : String(error)
    return { state: 'unknown', steps: [], reason }
  }
}

/** A reading with what this browser thinks of it. */
export interface Judged {
  readonly reading: ReadingView
  readonly verdict: Verdict
}

/**
 * The verdict over a reading, looked at again while it awaits its seal. For a stream of readings it
 * holds on to one until that one is decided, and only then takes the newest: else it would chase a
 * seal that always comes a little later.
 */
export function useProof(reading: ReadingView): Judged | undefined {
  const [judged, setJudged] = useState<Judged>()
  const [candidate, setCandidate] = useState(reading)
  const decided =
    judged !== undefined &&
    keyOf(judged.reading) === keyOf(candidate) &&
    judged.verdict.state !== 'pending' &&
    judged.verdict.state !== 'unknown'
  useEffect(() => {
    const other = reading.device !== candidate.device || reading.stream !== candidate.stream
    if (other) setJudged(undefined)
    if (other || decided) setCandidate(reading)
  }, [keyOf(reading), decided])
  useEffect(() => {
    let gone = false
    let timer: ReturnType<typeof setTimeout> | undefined
    const look = async (): Promise<void> => {
      const verdict = await checkReading(candidate)
      if (gone) return
      const open = verdict.state === 'pending' || verdict.state === 'unknown'
      // What was verified stays said until the next verdict: "verified until …".
      setJudged((before) =>
        open && before?.verdict.state === 'verified' ? before : { reading: candidate, verdict },
      )
      if (open) timer = setTimeout(() => void look(), AGAIN_MS)
    }
    void look()
    return () => {
      gone = true
      clearTimeout(timer)
    }
  }, [keyOf(candidate)])
  return judged
}
