import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { NetworkAnswer, NetworkPath } from '../src/api.ts'
import { isPause, STORY_MS, tellStory } from '../src/page/logic/story.ts'

const NOW = 1_000_000

function path(id: string, via: string, state: NetworkPath['state']): NetworkPath {
  const interfaces = [
    { ia: '1-1', interface: 1 },
    { ia: via, interface: 1 },
    { ia: via, interface: 2 },
    { ia: '1-9', interface: 1 },
  ]
  return { id, interfaces, links: [`${id}-a`, `${id}-b`], state, reason: 'best', mtu: 1400, expiresMs: 0, roundTripMs: 20 } // prettier-ignore
}

function network(change: Partial<NetworkAnswer> = {}): NetworkAnswer {
  const as = (ia: string, name: string): NetworkAnswer['ases'][number] => ({ ia, isd: 1, core: false, hosts: [], name }) // prettier-ignore
  const link = (id: string, from: string, to: string): NetworkAnswer['links'][number] => ({
    id,
    a: { ia: from, interface: 1 },
    b: { ia: to, interface: 1 },
    kind: 'core',
    up: true,
    switchable: true,
  })
  return {
    atMs: NOW,
    source: '1-1',
    destination: '1-9',
    ases: [as('1-1', 'House'), as('1-2', 'North'), as('1-3', 'South'), as('1-9', 'Utility')],
    links: [link('n-a', '1-1', '1-2'), link('s-a', '1-1', '1-3')],
    paths: [path('n', '1-2', 'active'), path('s', '1-3', 'alive')],
    active: 'n',
    failovers: [],
    ...change,
  }
}

function cutting(id: string): NetworkAnswer['links'] {
  return network().links.map((link) => (link.id === id ? { ...link, up: false } : link))
}

describe('tellStory', () => {
  it('says by which networks readings travel, and how many ways stand ready', () => {
    const story = tellStory(network(), NOW)
    assert.deepEqual(story, { kind: 'flowing', via: ['North'], ready: 1, cut: [], roundTripMs: 20 })
  })

  it('tells of a cut that moved the readings, with the names of both ends', () => {
    const failover = { atMs: NOW - 500, from: 'n', to: 's', cause: 'revoked', gapMs: 210 } as const
    const paths = [path('n', '1-2', 'down'), path('s', '1-3', 'active')]
    const moved = network({ links: cutting('n-a'), paths, active: 's', failovers: [failover] })
    const story = tellStory(moved, NOW)
    assert.equal(story.kind, 'moved')
    assert.deepEqual(story.cut, [['House', 'North']])
    assert.deepEqual(story.via, ['South'])
    assert.equal(story.failover?.gapMs, 210)
  })

  it('tells of a cut that readings do not notice, and of one that leaves no way', () => {
    assert.equal(tellStory(network({ links: cutting('s-a') }), NOW).kind, 'spare')
    const paths = [path('n', '1-2', 'down'), path('s', '1-3', 'down')]
    const stuck = tellStory(network({ links: cutting('n-a'), paths, active: undefined }), NOW)
    assert.equal(stuck.kind, 'stuck')
    assert.equal(stuck.ready, 0)
  })

  it('forgets a change of path a minute after everything is mended', () => {
    const failovers = [{ atMs: NOW, from: 'n', to: 's', cause: 'silent' }] as const
    assert.equal(tellStory(network({ failovers }), NOW + STORY_MS - 1).kind, 'moved')
    assert.equal(tellStory(network({ failovers }), NOW + STORY_MS).kind, 'flowing')
  })

  it('makes no story of a choice between ways that all work', () => {
    const failovers = [{ atMs: NOW, from: 'n', to: 's', cause: 'slower' }] as const
    assert.equal(tellStory(network({ failovers }), NOW).kind, 'flowing')
    assert.equal(tellStory(network({ failovers, links: cutting('s-a') }), NOW).kind, 'spare')
  })

  it('calls no pause what is shorter than the unrest of any network', () => {
    assert.ok(!isPause(49))
    assert.ok(isPause(50))
  })
})
