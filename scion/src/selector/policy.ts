import type { IsdAs } from '../addr/isd-as.ts'
import { formatIsdAs, isdOf, matchesIsdAs } from '../addr/isd-as.ts'
import type { Path } from '../path/path.ts'
import { statedLatencyMs } from '../path/path.ts'

/**
 * Says whether a path may be used at all: undefined where it may, else the reason in a few words
 * (`leaves ISD 1 for 3`). Asked once for each path that a lookup brings.
 */
export type PathPolicy = (path: Path) => string | undefined

/** Lets everything pass. */
export const anyPath: PathPolicy = () => undefined

/** All of the policies must agree; the first to refuse gives the reason. */
export function allOf(...policies: readonly PathPolicy[]): PathPolicy {
  return (path) => {
    for (const policy of policies) {
      const reason = policy(path)
      if (reason !== undefined) return reason
    }
    return undefined
  }
}

/** The path must stay within these isolation domains, the two ends included. */
export function withinIsds(isds: readonly number[]): PathPolicy {
  return (path) => {
    const outside = path.interfaces.find((one) => !isds.includes(isdOf(one.isdAs)))
    return outside === undefined
      ? undefined
      : `enters ISD ${isdOf(outside.isdAs)}, allowed: ${isds.join(', ')}`
  }
}

/** The path must not touch an AS that matches one of the patterns (`1-0` is all of ISD 1). */
export function avoiding(patterns: readonly IsdAs[]): PathPolicy {
  return (path) => {
    const touched = path.interfaces.find((one) =>
      patterns.some((pattern) => matchesIsdAs(pattern, one.isdAs)),
    )
    return touched === undefined ? undefined : `touches ${formatIsdAs(touched.isdAs)}`
  }
}

/** The path must carry packets of this size, all headers included. */
export function mtuAtLeast(bytes: number): PathPolicy {
  return (path) => (path.mtu >= bytes ? undefined : `MTU is ${path.mtu}, wanted ${bytes}`)
}

/** The operators must state a latency, and at most this one, in milliseconds one way. */
export function statedLatencyAtMost(ms: number): PathPolicy {
  return (path) => {
    const stated = statedLatencyMs(path)
    if (stated === undefined) return 'its latency is not stated'
    return stated <= ms ? undefined : `states ${stated} ms, allowed: ${ms}`
  }
}
