import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, describe, it } from 'mocha'
import type { Testnet } from '../../scripts/testnet/network.ts'
import { startReference } from '../support/reference.ts'
import { ROOT } from '../support/source.ts'

const [FROM, TO] = ['1-ff00:0:111', '1-ff00:0:112']

/** What a run printed; the network's relays live in this process, so it must not be blocked. */
function s3mp(words: readonly string[]): Promise<{ status: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(`${ROOT}/firmware/bin/s3mp`, ['scion', ...words], (error, out, err) => {
      resolve({ status: typeof error?.code === 'number' ? error.code : 0, out, err })
    })
  })
}

/** The names in a JSON document, level by level, without values. */
function shape(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shape(value[0])]
  if (typeof value !== 'object' || value === null) return typeof value
  return Object.fromEntries(
    Object.entries(value)
      .map(([name, one]) => [name, shape(one)] as const)
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  )
}

describe('s3mp scion in the reference network', function () {
  this.timeout(180_000)
  let net: Testnet | undefined
  let direct: readonly string[] = []
  let byDaemon: readonly string[] = []
  let remote = ''

  before(async function () {
    net = await startReference(this, 'diamond', 30)
    await net.waitForPaths(FROM, TO, 4)
    const { daemon, host } = net.addresses(FROM)
    direct = ['--config-dir', net.configDir(FROM), '--local', host]
    byDaemon = ['--sciond', `${daemon.host}:${daemon.port}`, '--local', host]
    remote = `${TO},${net.addresses(TO).host}`
  })

  after(async () => {
    await net?.stop()
  })

  it('shows the paths alive, as the reference does, in its JSON', async () => {
    assert.ok(net)
    for (const way of [direct, byDaemon]) {
      const ours = await s3mp(['showpaths', TO, ...way, '--format', 'json', '--refresh'])
      assert.equal(ours.status, 0, ours.err)
      const words = ['showpaths', '--sciond', byDaemon[1] ?? '', '--format', 'json', TO]
      const theirs: { readonly stdout: string } = await net.scion(words)
      const [a, b] = [ours.out, theirs.stdout].map((text) => JSON.parse(text) as object)
      assert.deepEqual(shape(a), shape(b))
      const strip = (text: string): readonly object[] => {
        const { paths } = JSON.parse(text) as { paths: readonly Record<string, unknown>[] }
        return paths.map(({ fingerprint, hops, sequence, next_hop, mtu, status, discovery }) => {
          return { fingerprint, hops, sequence, next_hop, mtu, status, discovery }
        })
      }
      assert.deepEqual(strip(ours.out), strip(theirs.stdout))
    }
  })

  it('takes the paths of a sequence only, and ends as the reference does where there is none', async () => {
    assert.ok(net)
    const words = ['showpaths', TO, ...direct, '--no-probe', '--json', '--sequence']
    const some = await s3mp([...words, `${FROM} 1-ff00:0:120 ${TO}`])
    assert.equal((JSON.parse(some.out) as { paths: unknown[] }).paths.length, 1)
    for (const rest of [
      [TO, '--no-probe', '--sequence', '2-0'],
      [TO, '--no-probe', '--sequence', '2-0', '--format', 'json'],
      [FROM, '--format', 'json'],
      [FROM],
      [TO, '--sequence', '('],
      ['nonsense'],
    ]) {
      const ours = await s3mp(['showpaths', ...byDaemon, ...rest])
      const theirs = await net.scion(['showpaths', '--sciond', byDaemon[1] ?? '', ...rest])
      assert.equal(ours.status, theirs.code, `${rest.join(' ')}: ${ours.err}${theirs.stderr}`)
      if (rest.includes('json')) assert.deepEqual(JSON.parse(ours.out), JSON.parse(theirs.stdout))
    }
  })

  it('says of every AS on the way which services it names', async () => {
    const { out } = await s3mp(['showpaths', TO, ...direct, '--json'])
    const [path] = (JSON.parse(out) as { paths: readonly { discovery?: object }[] }).paths
    const { control } = net?.addresses('1-ff00:0:110') ?? {}
    assert.ok(control)
    assert.match(JSON.stringify(path?.discovery), new RegExp(`${control.host}:${control.port}`))
    const { out: human } = await s3mp(['showpaths', TO, ...direct, '-e'])
    assert.match(human, /Discovery: \{1-ff00:0:1.*: \{Control: 127\./)
  })

  it('pings a host through the real routers', async () => {
    assert.ok(net)
    const words = ['-c', '3', '--interval', '50ms', '--format', 'json']
    const ours = await s3mp(['ping', remote, ...direct, ...words])
    assert.equal(ours.status, 0, ours.out + ours.err)
    const { statistics } = JSON.parse(ours.out) as { statistics: Record<string, number> }
    assert.equal(statistics.received, 3)
    const theirs = await net.scion(['ping', '--sciond', byDaemon[1] ?? '', remote, ...words])
    assert.equal(theirs.code, 0, theirs.stderr)
    const [a, b] = [ours.out, theirs.stdout].map((text) => JSON.parse(text) as object)
    assert.deepEqual(shape(a), shape(b))
  })

  it('explains which paths are left out, and pings with packets as large as a path carries', async () => {
    const words = ['--acl=- 1-ff00:0:120, +', '--explain', '--format']
    const shown = await s3mp(['showpaths', TO, ...direct, ...words, 'json'])
    assert.equal(shown.status, 0, shown.err)
    const { paths, left_out: left } = JSON.parse(shown.out) as Record<
      'paths' | 'left_out',
      readonly { readonly sequence: string; readonly reason?: string }[]
    >
    assert.ok(paths.length > 0 && paths.every(({ sequence }) => !sequence.includes('0:120')))
    assert.ok(left.length > 0 && left.every(({ reason }) => reason?.includes('1-ff00:0:120')))
    const human = await s3mp(['showpaths', TO, ...direct, ...words, 'human'])
    assert.match(human.out, /Why: allowed, first by length, answered in .*ms/)
    const sizes = ['-c', '1', '--max-mtu', '--healthy-only', '--json']
    const pinged = await s3mp(['ping', remote, ...direct, ...sizes])
    assert.equal(pinged.status, 0, pinged.err)
    const sent = JSON.parse(pinged.out) as { payload_size: number; scion_packet_size: number }
    assert.ok(sent.scion_packet_size > 1200 && sent.payload_size > 1000, pinged.out)
    const beyond = await s3mp(['ping', remote, ...direct, '-c', '1', '-s', '9000'])
    assert.equal(beyond.status, 2)
    assert.match(beyond.err, /--payload-size: 16 … \d+, found 9000/)
  })

  it('names every interface on the way', async () => {
    const { status, out, err } = await s3mp(['traceroute', remote, ...direct, '--format', 'json'])
    assert.equal(status, 0, out + err)
    const { path, hops } = JSON.parse(out) as {
      path: { hops: readonly { isd_as: string; interface: number }[] }
      hops: readonly {
        isd_as: string
        interface_id: number
        ip: string
        round_trip_times: number[]
      }[]
    }
    assert.deepEqual(
      hops.map((hop) => `${hop.isd_as}#${hop.interface_id}`),
      path.hops.map((hop) => `${hop.isd_as}#${hop.interface}`),
    )
    assert.ok(hops.every((hop) => hop.round_trip_times.length === 3))
    const theirs = await net?.scion([
      'traceroute',
      '--sciond',
      byDaemon[1] ?? '',
      remote,
      '--format',
      'json',
    ])
    assert.deepEqual(shape(JSON.parse(out)), shape(JSON.parse(theirs?.stdout ?? '')))
  })

  it('fails with 1 when nobody answers', async () => {
    assert.ok(net)
    for (const { name } of net.topology.links) net.cut(name)
    const { status } = await s3mp(['ping', remote, ...direct, '-c', '1', '--timeout', '200ms'])
    assert.equal(status, 1)
  })
})
