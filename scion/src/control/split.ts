import type { IsdAs } from '../addr/isd-as.ts'
import { wildcardOf } from '../addr/isd-as.ts'

/** A question for segments: from one AS to another, where a wildcard stands for core ASes. */
export interface SegmentRequest {
  readonly source: IsdAs
  readonly destination: IsdAs
}

/**
 * The questions that together find all segments for paths from `source` to `destination`: the
 * splitting rules of the reference implementation. Where it is not known whether the destination is
 * a core AS, both are asked for, and one answer will be an error.
 */
export function splitLookup(
  source: IsdAs,
  sourceIsCore: boolean,
  destination: IsdAs,
  destinationIsCore?: boolean,
): readonly SegmentRequest[] {
  const ownCores = wildcardOf(source)
  const farCores = wildcardOf(destination)
  const start = sourceIsCore ? source : ownCores
  const up = { source, destination: ownCores }
  const coreTo = { source: start, destination }
  const coreToAny = { source: start, destination: farCores }
  const down = { source: farCores, destination }
  const beyond =
    destinationIsCore === undefined
      ? [coreToAny, coreTo, down]
      : destinationIsCore
        ? [coreTo]
        : [coreToAny, down]
  return sourceIsCore ? beyond : [up, ...beyond]
}
