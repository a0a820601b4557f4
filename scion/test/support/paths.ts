import { parseIsdAs } from '../../src/addr/isd-as.ts'
import type { IsdAs } from '../../src/addr/isd-as.ts'
import { EMPTY_PATH } from '../../src/path/dataplane.ts'
import { pathFingerprint } from '../../src/path/fingerprint.ts'
import type { Path, PathInterface } from '../../src/path/path.ts'

/** The time at which test paths are looked at, an hour before they expire. */
export const NOW_MS = 1_700_000_000_000

/** Reads `1-ff00:0:110#1`. */
export function interfaceOf(text: string): PathInterface {
  const [as = '', id = ''] = text.split('#')
  return { isdAs: parseIsdAs(as), id: Number(id) }
}

/** A path with these interfaces of which nothing else matters. */
export function makePath(
  source: IsdAs,
  destination: IsdAs,
  interfaces: readonly PathInterface[],
): Path {
  return {
    source,
    destination,
    dataplane: EMPTY_PATH,
    interfaces,
    mtu: 1400,
    expiryMs: NOW_MS + 3_600_000,
    fingerprint: pathFingerprint(interfaces),
  }
}
