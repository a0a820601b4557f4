import type { TopologyDescription } from './topology.ts'

/** The AS of the demonstration's meter. */
export const DEMO_METER_AS = '1-ff00:0:111'
/** The AS of the demonstration's head-end. */
export const DEMO_HEADEND_AS = '2-ff00:0:211'

/**
 * Two ISDs, eight ASes: a neighbourhood with a meter on one side, a utility with its head-end on the
 * other, and three ways between them that share no link: through the cores of the north, through
 * those of the south, and over a peering link that needs no core at all.
 */
export function demoTopology(): TopologyDescription {
  return {
    ases: {
      '1-ff00:0:110': { name: 'North Backbone', core: true },
      '1-ff00:0:120': { name: 'South Backbone', core: true },
      '1-ff00:0:111': { name: 'Village Net' },
      '1-ff00:0:112': { name: 'City Fibre' },
      '2-ff00:0:210': { name: 'Grid Core North', core: true },
      '2-ff00:0:220': { name: 'Grid Core South', core: true },
      '2-ff00:0:211': { name: 'Utility' },
      '2-ff00:0:212': { name: 'Data Centre' },
    },
    links: [
      { id: 'north-access', a: '1-ff00:0:110#1', b: '1-ff00:0:111#1', kind: 'child', latencyMs: 4, jitterMs: 1 }, // prettier-ignore
      { id: 'south-access', a: '1-ff00:0:120#1', b: '1-ff00:0:111#2', kind: 'child', latencyMs: 7, jitterMs: 1 }, // prettier-ignore
      { id: 'city-access', a: '1-ff00:0:112#1', b: '1-ff00:0:111#3', kind: 'child', latencyMs: 3, jitterMs: 1 }, // prettier-ignore
      { id: 'city-north', a: '1-ff00:0:110#2', b: '1-ff00:0:112#2', kind: 'child', latencyMs: 2 },
      { id: 'north-trunk', a: '1-ff00:0:110#4', b: '2-ff00:0:210#4', kind: 'core', latencyMs: 5, jitterMs: 1 }, // prettier-ignore
      { id: 'south-trunk', a: '1-ff00:0:120#4', b: '2-ff00:0:220#4', kind: 'core', latencyMs: 9, jitterMs: 1 }, // prettier-ignore
      { id: 'grid', a: '2-ff00:0:210#3', b: '2-ff00:0:220#3', kind: 'core', latencyMs: 4 },
      { id: 'north-grid', a: '2-ff00:0:210#1', b: '2-ff00:0:211#1', kind: 'child', latencyMs: 3 },
      { id: 'south-grid', a: '2-ff00:0:220#1', b: '2-ff00:0:211#2', kind: 'child', latencyMs: 4 },
      { id: 'centre-grid', a: '2-ff00:0:212#1', b: '2-ff00:0:211#3', kind: 'child', latencyMs: 2 },
      { id: 'centre-south', a: '2-ff00:0:220#2', b: '2-ff00:0:212#2', kind: 'child', latencyMs: 3 },
      { id: 'city-centre', a: '1-ff00:0:112#4', b: '2-ff00:0:212#4', kind: 'peer', latencyMs: 12, jitterMs: 2 }, // prettier-ignore
    ],
  }
}
