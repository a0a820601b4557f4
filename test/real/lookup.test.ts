import assert from 'node:assert/strict'
import { after, before, describe, it } from 'mocha'
import { systemClock } from '@s3mp/hal'
import type { Path, PathSource } from '@s3mp/scion'
import { formatSequence, openDaemon, openStandalone, parseIsdAs } from '@s3mp/scion'
import { text } from '../../scripts/testnet/addresses.ts'
import type { Testnet } from '../../scripts/testnet/network.ts'
import { startReference } from '../support/reference.ts'

/** What `scion showpaths --format json` says of a path. */
interface ShownPath {
  readonly fingerprint: string
  readonly sequence: string
  readonly mtu: number
  readonly expiry: string
  readonly next_hop: string
}

const PATHS_MAX = 100

/**
 * The same path from two lookups may stem from two beacons: one is made every five seconds, and the
 * daemon keeps what it has.
 */
const BEACONS_APART_MS = 60_000

async function shownPaths(net: Testnet, from: string, to: string): Promise<readonly ShownPath[]> {
  const sciond = text(net.addresses(from).daemon)
  const flags = ['--sciond', sciond, '--format', 'json', '--no-probe', '--refresh']
  const { stdout, stderr } = await net.scion(['showpaths', ...flags, '-m', String(PATHS_MAX), to])
  const shown = JSON.parse(stdout === '' ? '{}' : stdout) as { paths?: readonly ShownPath[] }
  return shown.paths ?? assert.fail(`no paths ${from} → ${to}: ${stderr}`)
}

function comparable(path: Path): ShownPath {
  const { nextHop } = path
  return {
    fingerprint: path.fingerprint.slice(0, 16),
    sequence: formatSequence(path.interfaces),
    mtu: path.mtu,
    expiry: new Date(path.expiryMs).toISOString(),
    next_hop: nextHop === undefined ? '' : text(nextHop),
  }
}

function shownComparable({ fingerprint, sequence, mtu, expiry, next_hop }: ShownPath): ShownPath {
  return {
    fingerprint,
    sequence,
    mtu,
    next_hop,
    expiry: new Date(expiry).toISOString(),
  }
}

function withoutExpiry(path: ShownPath): Omit<ShownPath, 'expiry'> {
  const { fingerprint, sequence, mtu, next_hop } = path
  return { fingerprint, sequence, mtu, next_hop }
}

function byFingerprint(a: ShownPath, b: ShownPath): number {
  return a.fingerprint.localeCompare(b.fingerprint)
}

/** Topologies with the pair whose paths come up last, and how many there are. */
const TOPOLOGIES: readonly (readonly [string, string, string, number])[] = [
  ['three', '1-ff00:0:111', '1-ff00:0:112', 1],
  ['diamond', '1-ff00:0:111', '1-ff00:0:112', 4],
  ['two-isds', '1-ff00:0:111', '2-ff00:0:211', 2],
  ['shortcut', '1-ff00:0:131', '1-ff00:0:132', 1],
]

for (const [index, [name, from, to, count]] of TOPOLOGIES.entries()) {
  describe(`looking paths up in the network "${name}"`, function () {
    this.timeout(300_000)
    let net: Testnet
    const sources: PathSource[] = []

    before(async function () {
      net = await startReference(this, name, 20 + index)
      await net.waitForPaths(from, to, count)
      await net.waitForPaths(to, from, count)
    })

    after(async function () {
      this.timeout(30_000)
      await Promise.all(sources.map((source) => source.close()))
      // Undefined where the network could not be started.
      await (net as Testnet | undefined)?.stop()
    })

    async function open(kind: 'standalone' | 'daemon', isdAs: string): Promise<PathSource> {
      const source =
        kind === 'daemon'
          ? await openDaemon({ daemon: text(net.addresses(isdAs).daemon) })
          : await openStandalone({ configDir: net.configDir(isdAs), clock: systemClock })
      sources.push(source)
      return source
    }

    for (const kind of ['standalone', 'daemon'] as const) {
      it(`finds for every pair of ASes what the reference shows, ${kind}`, async () => {
        const ases = net.topology.ases.map((as) => as.isdAs)
        for (const source of ases) {
          const own = await open(kind, source)
          for (const destination of ases.filter((one) => one !== source)) {
            // Beacons go on: look at both within the second, and again if one came in between.
            await eventually(async () => {
              const shown = await shownPaths(net, source, destination)
              const found = await own.paths(parseIsdAs(destination), { refresh: true })
              const pair = `${source} → ${destination}`
              const [ours, theirs] = [found.map(comparable), shown.map(shownComparable)]
              ours.sort(byFingerprint)
              theirs.sort(byFingerprint)
              assert.deepEqual(ours.map(withoutExpiry), theirs.map(withoutExpiry), pair)
              for (const [index, path] of ours.entries()) {
                const differenceMs =
                  Date.parse(path.expiry) - Date.parse(theirs[index]?.expiry ?? '')
                assert.ok(Math.abs(differenceMs) <= BEACONS_APART_MS, pair)
              }
            })
          }
        }
      })
    }

    it('trusts nobody whose TRC it was not given', async () => {
      const isdAs = net.topology.ases[0]?.isdAs ?? ''
      await assert.rejects(
        openStandalone({ configDir: `${net.work}/run`, clock: systemClock }),
        /topology\.json/,
      )
      const source = await open('standalone', isdAs)
      assert.equal(source.local.isdAs, parseIsdAs(isdAs))
    })
  })
}

/** Tries again for a while: the reference's own caches are up to ten seconds behind each other. */
async function eventually(check: () => Promise<void>, tries = 12): Promise<void> {
  for (let left = tries; ; left--) {
    try {
      await check()
      return
    } catch (error) {
      if (left === 0) throw error
      await systemClock.sleep(1000)
    }
  }
}
