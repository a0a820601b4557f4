import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { NetworkAnswer, NetworkLink, NetworkPath } from '../src/api.ts'
import { layoutMap } from '../src/page/logic/layout.ts'
import { hopsOf, pathName, rankedPaths, stablePaths } from '../src/page/logic/paths.ts'
import { en } from '../src/page/texts/texts.ts'

function link(id: string, a: string, b: string): NetworkLink {
  const number = Number(id)
  return {
    id,
    a: { ia: a, interface: number * 2 },
    b: { ia: b, interface: number * 2 + 1 },
    kind: 'parent',
    up: true,
    switchable: true,
  }
}

const links = [link('1', '1-2', '1-1'), link('2', '1-2', '2-2'), link('3', '2-2', '2-1'), link('4', '1-3', '1-1'), link('5', '1-3', '2-2')] // prettier-ignore

function path(id: string, ways: readonly (readonly [NetworkLink, boolean])[]): NetworkPath {
  return {
    id,
    interfaces: ways.flatMap(([each, forwards]) =>
      forwards ? [each.a, each.b] : [each.b, each.a],
    ),
    links: ways.map(([each]) => each.id),
    state: 'alive',
    reason: 'slower',
    mtu: 1400,
    expiresMs: 0,
  }
}

const [one, two, three, four, five] = links as [NetworkLink, NetworkLink, NetworkLink, NetworkLink, NetworkLink] // prettier-ignore
const north = path('aa', [[one, false], [two, true], [three, true]]) // prettier-ignore
const south = path('bb', [[four, false], [five, true], [three, true]]) // prettier-ignore

const network: NetworkAnswer = {
  atMs: 0,
  source: '1-1',
  destination: '2-1',
  ases: ['1-1', '1-2', '1-3', '2-1', '2-2'].map((ia) => ({
    ia,
    isd: Number(ia[0]),
    core: ia.endsWith('2'),
    hosts: ia === '1-1' ? ['meter'] : ia === '2-1' ? ['headend'] : [],
  })),
  links,
  paths: [south, north],
  active: 'aa',
  failovers: [],
}

describe('layoutMap', () => {
  for (const orientation of ['across', 'down'] as const) {
    const layout = layoutMap(network, orientation)
    const at = (ia: string): number => {
      const found = layout.ases.find((as) => as.ia === ia)
      assert.ok(found)
      return orientation === 'across' ? found.x : found.y
    }

    it(`places ASes in order of travel, ${orientation}`, () => {
      assert.ok(at('1-1') < at('1-2'))
      assert.ok(at('1-2') < at('2-2'))
      assert.ok(at('2-2') < at('2-1'))
    })

    it(`keeps everything on the map, no two ASes in one place, ${orientation}`, () => {
      const places = new Set(layout.ases.map(({ x, y }) => `${x},${y}`))
      assert.equal(places.size, network.ases.length)
      for (const { x, y } of layout.ases) {
        assert.ok(x > 0 && x < layout.width && y > 0 && y < layout.height)
      }
    })

    it(`gives the grounds of two ISDs no common spot, ${orientation}`, () => {
      const [first, second] = layout.regions
      assert.ok(first && second)
      const end = orientation === 'across' ? first.x + first.width : first.y + first.height
      assert.ok(end <= (orientation === 'across' ? second.x : second.y))
    })
  }

  it('draws a link of the active path in the direction of travel', () => {
    const layout = layoutMap(network, 'across')
    const start = layout.ases.find((as) => as.ia === '1-1')
    assert.ok(start)
    const drawn = layout.links.find((each) => each.id === '1')
    assert.ok(drawn?.d.startsWith(`M${start.x} ${start.y}C`))
  })

  it('lays out a network of nothing, and one that is not connected', () => {
    const empty = { ...network, ases: [], links: [], paths: [] }
    assert.deepEqual(layoutMap(empty, 'across').ases, [])
    assert.equal(layoutMap({ ...network, links: [] }, 'across').ases.length, 5)
  })
})

describe('paths', () => {
  it('keeps a path’s name whatever its state', () => {
    assert.deepEqual(stablePaths(network).map((each) => each.id), ['aa', 'bb']) // prettier-ignore
    const later = { ...network, paths: [{ ...north, state: 'down' as const }, south] }
    assert.equal(pathName(later, 'bb', en), pathName(network, 'bb', en))
    assert.equal(pathName(network, 'cc1234567', en), 'Path cc1234')
    assert.equal(pathName(undefined, 'bb', en), 'Path bb')
  })

  it('names the ASes of a path once each, in order', () => {
    assert.deepEqual(hopsOf(north), ['1-1', '1-2', '2-2', '2-1'])
  })

  it('ranks the one in use first and the dead last', () => {
    const paths = [
      { ...north, state: 'down' as const },
      { ...south, state: 'active' as const },
    ]
    assert.deepEqual(rankedPaths({ ...network, paths }).map((each) => each.id), ['bb', 'aa']) // prettier-ignore
  })
})
