import assert from 'node:assert/strict'

import { toHex } from '@s3mp/envelope'
import type { NetworkAnswer } from '@s3mp/web/api'
import { SCHEMAS } from '@s3mp/web/openapi'
import { after, afterEach, beforeEach, describe, it } from 'mocha'

import {
  CHANNEL_MESSAGE_BYTES_MAX,
  decodeMessage,
  encodeMessage,
} from '../../src/channel/message.ts'
import type { NetworkReport } from '../../src/channel/network.ts'
import { networkAnswer, policyAnswer } from '../../src/page/network.ts'
import { PathChanges } from '../../src/transport/path-changes.ts'
import { readAcl } from '../../src/transport/policy.ts'
import { removeFolders } from '../support/folder.ts'
import { openTransportWorld, type TransportWorld } from '../support/scion-transport.ts'

const AT_MS = 1_800_000_000_000

/** What the meter hears of it: through the channel, as the uplink sends it. */
function heard(report: NetworkReport): NetworkReport {
  const message = decodeMessage(encodeMessage({ type: 'network', report }))
  assert.equal(message.type, 'network')
  return message.report
}

describe('the network as the meter’s page tells it', function () {
  this.timeout(20_000)
  let world: TransportWorld

  beforeEach(async () => {
    world = await openTransportWorld(5, 30_000)
  })
  afterEach(() => world.close())
  after(removeFolders)

  /** The answer, held to the document that the page is described by. */
  const answer = (): NetworkAnswer => {
    const told = networkAnswer(heard(world.transport.network()), AT_MS)
    SCHEMAS.Network.parse(told)
    SCHEMAS.Policy.parse(policyAnswer(heard(world.transport.network())))
    return told
  }

  it('names every AS and link that paths run over, and the two ends', () => {
    const { ases, links, paths, active, source, destination, atMs } = answer()
    assert.equal(atMs, AT_MS)
    assert.deepEqual(ases.filter(({ hosts }) => hosts.length > 0).map(({ ia, hosts }) => [ia, ...hosts]), [[source, 'meter'], [destination, 'headend']]) // prettier-ignore
    assert.equal(ases.length, world.network.topology.ases.size)
    assert.equal(paths.length, world.transport.pilot.report().length)
    const known = new Set(links.map(({ id }) => id))
    assert.ok(
      paths.every((path) => path.links.length > 1 && path.links.every((id) => known.has(id))),
    )
    assert.ok(links.every(({ up, switchable, latencyMs }) => up && !switchable && latencyMs !== undefined)) // prettier-ignore
    const used = paths.find(({ id }) => id === active)
    assert.equal(used?.state, 'active')
    assert.ok((used.roundTripMs ?? 0) > 1 && used.lossPercent !== undefined)
    assert.ok(used.expiresMs > world.clock.nowMs())
  })

  it('tells which link must be broken, once paths fall by it, and the price of the change', async () => {
    const { transport, clock, network } = world
    transport.onReceive(() => undefined)
    const before = answer()
    const used = before.paths.find(({ id }) => id === before.active)
    const [first] = used?.interfaces ?? []
    const cut = network.links().find(({ a, b }) => [a, b].some((end) => end.interface === first?.interface && used?.links[0]?.includes(`#${String(end.interface)}`))) // prettier-ignore
    assert.ok(cut !== undefined)
    network.cut(cut.id)
    for (let sent = 0; sent < 40; sent++) {
      await transport.send(Uint8Array.of(sent), { deadline: 'live', attempt: 0 }).catch(() => undefined) // prettier-ignore
      await clock.advance(250)
    }
    const { active, failovers, links, paths } = answer()
    assert.notEqual(active, before.active)
    assert.equal(failovers[0]?.from, before.active)
    assert.match(failovers[0]?.cause ?? '', /silent|revoked/)
    const down = links.filter(({ up }) => !up)
    assert.deepEqual(down.map(({ id }) => id), [used?.links[0]]) // prettier-ignore
    assert.ok(paths.every((path) => path.state === 'down' || !path.links.includes(used?.links[0] ?? ''))) // prettier-ignore
  })

  it('says what the policy makes of each path, and by which rule', () => {
    assert.deepEqual(policyAnswer(heard(world.transport.network())).choice, { kind: 'configured', name: '' }) // prettier-ignore
    world.transport.setPolicy(readAcl('- 1-ff00:0:110, +'))
    const { choice, named, rulings } = policyAnswer(heard(world.transport.network()))
    assert.deepEqual([choice, named], [{ kind: 'configured', name: 'acl' }, []])
    const refused = rulings.filter(({ allowed }) => !allowed)
    assert.ok(refused.length > 0 && refused.length < rulings.length)
    assert.ok(refused.every(({ by, rule }) => by === 'acl' && rule !== undefined))
  })

  it('leaves out what does not fit into a message, the least wanted first', () => {
    const { paths, ...rest } = world.transport.network()
    const long = Array.from({ length: 62 }, (_, index) => `65535-ffff:ffff:ffff#${String(index)}`)
    const many = Array.from({ length: 40 }, () => ({ ...paths[0], interfaces: long }))
    const report = { ...rest, paths: many as unknown as NetworkReport['paths'] }
    const bytes = encodeMessage({ type: 'network', report })
    assert.ok(bytes.length <= CHANNEL_MESSAGE_BYTES_MAX)
    const told = heard(report).paths
    assert.ok(told.length > 3 && told.length < 24)
    assert.equal(toHex(told[0]?.fingerprint ?? new Uint8Array()), toHex(paths[0]?.fingerprint ?? new Uint8Array())) // prettier-ignore
  })

  it('refuses a report that is none', () => {
    const report = world.transport.network()
    const [path] = report.paths
    assert.ok(path !== undefined)
    for (const broken of [
      { ...report, source: 'here' },
      { ...report, paths: [{ ...path, interfaces: ['<b>#1'] }] },
      { ...report, paths: [{ ...path, fingerprint: new Uint8Array(3) }] },
      { ...report, changes: [{ atMs: 1, from: new Uint8Array(1), to: new Uint8Array(), cause: 'best' as const }] }, // prettier-ignore
    ]) {
      assert.throws(() => heard(broken), { code: 'malformed' })
    }
  })
})

describe('the price of a change of path', () => {
  it('is how much longer than usual nothing was acknowledged, until the first time over the new one', () => {
    const changes = new PathChanges()
    for (let atMs = 0; atMs <= 10_000; atMs += 1000) changes.acknowledged('a', atMs)
    changes.moved({ atMs: 10_400, to: 'a', cause: 'best' })
    assert.equal(changes.moves.length, 0)
    changes.moved({ atMs: 10_900, from: 'a', to: 'b', cause: 'silent' })
    // What was sent before still comes in over the old one.
    assert.equal(changes.acknowledged('a', 11_000), undefined)
    assert.equal(changes.acknowledged('b', 11_600)?.gapMs, 600)
    assert.equal(changes.acknowledged('b', 12_600), undefined)
    assert.deepEqual(
      changes.moves.map(({ gapMs }) => gapMs),
      [600],
    )
  })

  it('takes for usual what lies between the bunches in which acknowledgements come', () => {
    const changes = new PathChanges()
    for (let atMs = 0; atMs <= 10_000; atMs += 1000) {
      for (const laterMs of [0, 4, 9]) changes.acknowledged('a', atMs + laterMs)
    }
    changes.moved({ atMs: 11_020, from: 'a', to: 'b', cause: 'revoked' })
    assert.equal(changes.acknowledged('b', 11_060)?.gapMs, 11_060 - 10_009 - 991)
  })

  it('counts several moves before the first answer as one gap, and keeps the last twenty', () => {
    const changes = new PathChanges()
    for (let atMs = 0; atMs <= 5000; atMs += 1000) changes.acknowledged('a', atMs)
    changes.moved({ atMs: 5500, from: 'a', to: 'b', cause: 'silent' })
    changes.moved({ atMs: 6500, from: 'b', to: 'c', cause: 'silent' })
    assert.equal(changes.acknowledged('c', 8000)?.gapMs, 2000)
    for (let move = 0; move < 30; move++)
      changes.moved({ atMs: 9000 + move, from: 'c', to: 'd', cause: 'slower' })
    assert.equal(changes.moves.length, 20)
    assert.equal(changes.moves[0]?.atMs, 9029)
  })
})
