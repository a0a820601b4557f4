import type { NetworkAnswer, NetworkLink } from '../../api.ts'

/** A place on the map, in the map's own units. */
export interface Place {
  readonly x: number
  readonly y: number
}

/** One AS, placed. */
export interface PlacedAs extends Place {
  readonly ia: string
}

/** One link as a cubic curve, drawn in the direction of travel where the active path uses it. */
export interface PlacedLink {
  readonly id: string
  /** Data of an SVG path. */
  readonly d: string
  readonly middle: Place
  /** True where the link runs between neighbours of one rank, and its label stands beside it. */
  readonly beside: boolean
  /** Which way the link slopes on the screen: 1 falls to the right, -1 rises, 0 is level. */
  readonly slope: -1 | 0 | 1
}

/** The ground that one ISD covers. */
export interface Region extends Place {
  readonly isd: number
  readonly width: number
  readonly height: number
}

/** The whole map, laid out. */
export interface MapLayout {
  readonly width: number
  readonly height: number
  readonly ases: readonly PlacedAs[]
  readonly links: readonly PlacedLink[]
  readonly regions: readonly Region[]
}

/** Whether the traffic runs from left to right (screens) or from top to bottom (phones). */
export type Orientation = 'across' | 'down'

const ALONG = { across: 214, down: 148 } as const
const BESIDE = { across: 112, down: 104 } as const
const MARGIN = { across: { x: 92, y: 74 }, down: { x: 66, y: 68 } } as const

/** Ground around the outermost ASes of an ISD; below them their names need more. */
const PAD = { across: { x: 78, y: 60, below: 60 }, down: { x: 58, y: 40, below: 64 } } as const

/** Rounds of sorting every rank by its neighbours; the order settles in two or three. */
const SWEEPS = 4

/**
 * Lays out the map by travel: how far an AS is from the meter, and how far from the head-end, says
 * where along the way it stands; its neighbours say where beside the way. ISDs keep ranks of their
 * own, so that their grounds do not overlap.
 */
export function layoutMap(network: NetworkAnswer, orientation: Orientation): MapLayout {
  const ranks = rankAses(network)
  sortRanks(ranks, network.links)
  const widest = Math.max(1, ...ranks.map((rank) => rank.length))
  const places = new Map<string, Place>()
  ranks.forEach((rank, along) => {
    rank.forEach((ia, index) => {
      const beside = index + (widest - rank.length) / 2
      places.set(ia, place(along, beside, orientation))
    })
  })
  const far = place(Math.max(0, ranks.length - 1), widest - 1, orientation)
  const margin = MARGIN[orientation]
  return {
    width: far.x + margin.x,
    height: far.y + margin.y,
    ases: [...places].map(([ia, { x, y }]) => ({ ia, x, y })),
    links: placeLinks(network, places, orientation),
    regions: placeRegions(network, places, orientation),
  }
}

function place(along: number, beside: number, orientation: Orientation): Place {
  const margin = MARGIN[orientation]
  const [a, b] = [along * ALONG[orientation], beside * BESIDE[orientation]]
  return orientation === 'across'
    ? { x: margin.x + a, y: margin.y + b }
    : { x: margin.x + b, y: margin.y + a }
}

function rankAses(network: NetworkAnswer): string[][] {
  const fromSource = distances(network, network.source)
  const toTarget = distances(network, network.destination)
  const position = (ia: string): number => {
    const [before, after] = [fromSource.get(ia) ?? 1, toTarget.get(ia) ?? 1]
    return before + after === 0 ? 0 : before / (before + after)
  }
  const isds = [...new Set(network.ases.map((each) => each.isd))]
  const mean = (isd: number): number => {
    const own = network.ases.filter((each) => each.isd === isd)
    return own.reduce((sum, each) => sum + position(each.ia), 0) / own.length
  }
  isds.sort((one, two) => mean(one) - mean(two) || one - two)
  return isds.flatMap((isd) => {
    const own = network.ases.filter((each) => each.isd === isd).map((each) => each.ia)
    const steps = [...new Set(own.map(position))].sort((one, two) => one - two)
    return steps.map((step) => own.filter((ia) => position(ia) === step).sort())
  })
}

/** Hops to every AS that can be reached from one, over links whether cut or not. */
function distances(network: NetworkAnswer, from: string): ReadonlyMap<string, number> {
  const reached = new Map([[from, 0]])
  let edge = [from]
  while (edge.length > 0) {
    const next: string[] = []
    for (const ia of edge) {
      for (const neighbour of neighbours(network.links, ia)) {
        if (reached.has(neighbour)) continue
        reached.set(neighbour, (reached.get(ia) ?? 0) + 1)
        next.push(neighbour)
      }
    }
    edge = next
  }
  return reached
}

function neighbours(links: readonly NetworkLink[], ia: string): readonly string[] {
  return links.flatMap((link) => {
    if (link.a.ia === ia) return [link.b.ia]
    return link.b.ia === ia ? [link.a.ia] : []
  })
}

/** Sorts every rank by the mean place of its neighbours, which untangles most crossings. */
function sortRanks(ranks: string[][], links: readonly NetworkLink[]): void {
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    for (const rank of ranks) {
      const others = new Map<string, number>()
      for (const other of ranks) {
        if (other === rank) continue
        other.forEach((ia, index) => others.set(ia, index - (other.length - 1) / 2))
      }
      const weight = new Map(
        rank.map((ia) => {
          const known = neighbours(links, ia).flatMap((each) => others.get(each) ?? [])
          return [ia, known.reduce((sum, each) => sum + each, 0) / Math.max(1, known.length)]
        }),
      )
      rank.sort(
        (one, two) => (weight.get(one) ?? 0) - (weight.get(two) ?? 0) || (one < two ? -1 : 1),
      )
    }
  }
}

function placeLinks(
  network: NetworkAnswer,
  places: ReadonlyMap<string, Place>,
  orientation: Orientation,
): readonly PlacedLink[] {
  return network.links.flatMap((link) => {
    const forwards = travelsForwards(network, link)
    const from = places.get(forwards ? link.a.ia : link.b.ia)
    const to = places.get(forwards ? link.b.ia : link.a.ia)
    if (from === undefined || to === undefined) return []
    return [{ id: link.id, ...curve(from, to, orientation) }]
  })
}

/** Whether the active path, if it uses the link at all, leaves through its end `a`. */
function travelsForwards(network: NetworkAnswer, link: NetworkLink): boolean {
  const active = network.paths.find((path) => path.id === network.active)
  const index = active?.interfaces.findIndex(
    (end) => end.ia === link.b.ia && end.interface === link.b.interface,
  )
  // Interfaces come in pairs, out of one AS and into the next: an even place is a way out.
  return index === undefined || index < 0 || index % 2 === 1
}

function curve(from: Place, to: Place, orientation: Orientation): Omit<PlacedLink, 'id'> {
  const [one, two] = handles(from, to, orientation)
  return {
    beside: orientation === 'across' ? from.x === to.x : from.y === to.y,
    slope: Math.sign((to.y - from.y) * (to.x - from.x)) as -1 | 0 | 1,
    d: `M${from.x} ${from.y}C${one.x} ${one.y} ${two.x} ${two.y} ${to.x} ${to.y}`,
    // A cubic at its middle: an eighth of the ends, three eighths of the handles.
    middle: {
      x: (from.x + 3 * one.x + 3 * two.x + to.x) / 8,
      y: (from.y + 3 * one.y + 3 * two.y + to.y) / 8,
    },
  }
}

/** The two handles of a link's curve: along the way, or bulging past what stands between. */
function handles(from: Place, to: Place, orientation: Orientation): readonly [Place, Place] {
  const across = orientation === 'across'
  const along = across ? to.x - from.x : to.y - from.y
  const beside = across ? to.y - from.y : to.x - from.x
  if (along === 0) {
    const bulge = Math.abs(beside) > BESIDE[orientation] * 1.5 ? BESIDE[orientation] * 0.8 : 0
    const bulged = (at: Place): Place =>
      across ? { x: at.x + bulge, y: at.y } : { x: at.x, y: at.y + bulge }
    return [bulged(from), bulged(to)]
  }
  const half = along / 2
  return across
    ? [
        { x: from.x + half, y: from.y },
        { x: to.x - half, y: to.y },
      ]
    : [
        { x: from.x, y: from.y + half },
        { x: to.x, y: to.y - half },
      ]
}

function placeRegions(
  network: NetworkAnswer,
  places: ReadonlyMap<string, Place>,
  orientation: Orientation,
): readonly Region[] {
  const isds = [...new Set(network.ases.map((each) => each.isd))]
  const pad = PAD[orientation]
  return isds.map((isd) => {
    const own = network.ases
      .filter((each) => each.isd === isd)
      .flatMap((each) => places.get(each.ia) ?? [])
    const [xs, ys] = [own.map((each) => each.x), own.map((each) => each.y)]
    const [left, top] = [Math.min(...xs), Math.min(...ys)]
    return {
      isd,
      x: left - pad.x,
      y: top - pad.y,
      width: Math.max(...xs) - left + 2 * pad.x,
      height: Math.max(...ys) - top + pad.y + pad.below,
    }
  })
}
