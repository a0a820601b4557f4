import { parseIsdAs } from '../../src/addr/isd-as.ts'
import { EMPTY_PATH } from '../../src/path/dataplane.ts'
import { pathFingerprint } from '../../src/path/fingerprint.ts'
import type { Path } from '../../src/path/path.ts'

const SOURCE = parseIsdAs('1-ff00:0:1')
const DESTINATION = parseIsdAs('2-ff00:0:2')
const MIDDLE = parseIsdAs('1-ff00:0:3')

/**
 * A path of two links through one AS in the middle; the numbers name the links: equal numbers at
 * equal places are the same link. Its bytes lead nowhere.
 */
export function fakePath([first, second]: readonly [number, number], expiryMs: number): Path {
  const interfaces = [
    { isdAs: SOURCE, id: first },
    { isdAs: MIDDLE, id: first },
    { isdAs: MIDDLE, id: second },
    { isdAs: DESTINATION, id: second },
  ]
  return {
    source: SOURCE,
    destination: DESTINATION,
    dataplane: EMPTY_PATH,
    nextHop: { host: '127.0.0.1', port: first },
    interfaces,
    mtu: 1400,
    expiryMs,
    fingerprint: pathFingerprint(interfaces),
  }
}
