/** Path types of the common header (SCION header specification, "Path Type"). */
export const PATH_TYPE = {
  /** Source and destination are in the same AS. */
  empty: 0,
  /** Up to three segments of hop fields. */
  scion: 1,
  /** Two hop fields, the second filled in by the far router; used between neighbours. */
  oneHop: 2,
  /** A SCION path with per-packet validation fields in front (EPIC-HP). */
  epic: 3,
} as const

/**
 * A path as it stands in the packet. The bytes stay opaque until somebody needs a hop: a host sends
 * what it got from the control plane, and answers with the received bytes reversed.
 */
export interface DataplanePath {
  /** One of {@link PATH_TYPE}, or a number that only routers of the future know. */
  readonly type: number
  readonly bytes: Uint8Array
}

/** The path between two hosts of one AS. */
export const EMPTY_PATH: DataplanePath = { type: PATH_TYPE.empty, bytes: new Uint8Array(0) }

/** Whether two paths are the same bytes of the same type. */
export function sameDataplanePath(a: DataplanePath, b: DataplanePath): boolean {
  return (
    a.type === b.type &&
    a.bytes.length === b.bytes.length &&
    a.bytes.every((byte, index) => byte === b.bytes[index])
  )
}
