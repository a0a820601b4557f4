import type { IsdAs } from '../addr/isd-as.ts'
import { ScionError } from '../errors.ts'
import type { LocalAs } from '../path/source.ts'
import type { RawSegment } from './segment-messages.ts'
import type { ControlServices } from './services.ts'
import { splitLookup } from './split.ts'

/** The segments for paths to one AS, as far as they could be had. */
export interface FoundSegments {
  readonly segments: readonly RawSegment[]
  /** What was left out of answers, and questions that failed. */
  readonly failures: readonly ScionError[]
}

/**
 * Where segments come from: control services, or an endhost API.
 *
 * Contract: `lookUp` resolves with everything that could be had and the reasons for what could not,
 * and rejects only when `signal` aborts; `local` may gain or lose routers from lookup to lookup, its
 * AS stays. `close` may be called twice.
 */
export interface SegmentLookup {
  readonly local: LocalAs
  /** @param isCore whether the destination is a core AS; undefined where that is not known */
  lookUp(
    destination: IsdAs,
    isCore: boolean | undefined,
    signal: AbortSignal,
  ): Promise<FoundSegments>
  close(): Promise<void>
}

/** Asks the control services of the own AS, by the splitting rules of the reference. */
export class ControlLookup implements SegmentLookup {
  readonly local: LocalAs
  readonly #services: ControlServices

  constructor(local: LocalAs, services: ControlServices) {
    this.local = local
    this.#services = services
  }

  async lookUp(
    destination: IsdAs,
    isCore: boolean | undefined,
    signal: AbortSignal,
  ): Promise<FoundSegments> {
    const { isdAs, core } = this.local
    const requests = splitLookup(isdAs, core, destination, isCore)
    const answers = await Promise.allSettled(
      requests.map(({ source, destination: end }) => this.#services.segments(source, end, signal)),
    )
    const segments: RawSegment[] = []
    const failures: ScionError[] = []
    for (const answer of answers) {
      if (answer.status === 'rejected') failures.push(asScionError(answer.reason))
      else {
        segments.push(...answer.value.segments)
        failures.push(...answer.value.refused)
      }
    }
    return { segments, failures }
  }

  close(): Promise<void> {
    return this.#services.close()
  }
}

/** An error as one of ours; whatever else comes here is the doing of a server. */
export function asScionError(error: unknown): ScionError {
  if (error instanceof ScionError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new ScionError('ERR_SCION_CONTROL', message, { cause: error })
}
