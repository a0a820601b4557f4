import type { VNode } from 'preact'
import { useEffect, useMemo, useState } from 'preact/hooks'
import type { NetworkAnswer, NetworkAs, NetworkLink } from '../../api.ts'
import { client } from '../client.ts'
import { layoutMap } from '../logic/layout.ts'
import type { Orientation, PlacedLink, Region } from '../logic/layout.ts'
import { pathName } from '../logic/paths.ts'
import { useStore } from '../store.ts'
import { fill } from '../texts/fill.ts'
import { wordsStore } from '../texts/index.ts'

/** The map of the network: the path in use moves, alternatives are dimmed, links can be cut. */
export function NetworkMap(props: { network: NetworkAnswer }): VNode {
  const { network } = props
  const { t } = useStore(wordsStore, (words) => words)
  const orientation = useOrientation()
  const active = network.paths.find((path) => path.id === network.active)
  const layout = useMemo(() => layoutMap(network, orientation), [network, orientation])
  const label = fill(t.network.map, {
    paths: network.paths.length,
    active: active === undefined ? t.network.nowhere : pathName(network, active.id, t),
  })
  const known = new Set(network.paths.flatMap((path) => path.links))
  return (
    <svg
      class={`map ${orientation}`}
      viewBox={`0 0 ${layout.width} ${layout.height}`}
      role="group"
      aria-label={label}
    >
      {layout.regions.map((region) => (
        <Ground key={region.isd} region={region} />
      ))}
      {layout.links.map((placed) => {
        const link = network.links.find((each) => each.id === placed.id)
        if (link === undefined) return null
        const used = active?.links.includes(link.id) === true && link.up
        return (
          <Link key={link.id} link={link} placed={placed} used={used} known={known.has(link.id)} />
        )
      })}
      {layout.regions.map(({ isd, x, y }) => (
        <text key={isd} class="region-name" x={x + 16} y={y + 24}>
          {fill(t.network.isd, { isd })}
        </text>
      ))}
      <Delays network={network} links={layout.links} />
      {layout.ases.map(({ ia, x, y }) => {
        const as = network.ases.find((each) => each.ia === ia)
        return as && <AsNode key={ia} as={as} x={x} y={y} />
      })}
    </svg>
  )
}

/** Phones hold the map upright. */
function useOrientation(): Orientation {
  const [narrow] = useState(() => matchMedia('(max-width: 640px)'))
  const [orientation, setOrientation] = useState<Orientation>(narrow.matches ? 'down' : 'across')
  useEffect(() => {
    const change = (): void => {
      setOrientation(narrow.matches ? 'down' : 'across')
    }
    narrow.addEventListener('change', change)
    return () => {
      narrow.removeEventListener('change', change)
    }
  }, [narrow])
  return orientation
}

function Ground(props: { region: Region }): VNode {
  const { region } = props
  return (
    <g class="ground">
      <rect x={region.x} y={region.y} width={region.width} height={region.height} rx="22" />
    </g>
  )
}

function Link(props: {
  link: NetworkLink
  placed: PlacedLink
  used: boolean
  known: boolean
}): VNode {
  const { link, placed, used, known } = props
  const { t, f } = useStore(wordsStore, (words) => words)
  const name = fill(t.network.link, { a: link.a.ia, b: link.b.ia })
  const state = link.up ? (used ? 'used' : known ? 'spare' : 'idle') : 'cut'
  const { x, y } = placed.middle
  const drawing = (
    <g aria-hidden="true">
      <path class="link-hit" d={placed.d} />
      <path class="link-line" d={placed.d} />
      {used && <path class="link-flow" d={placed.d} />}
      {!link.up && <path class="link-gap" d={`M${x - 7} ${y - 7}l14 14m0 -14l-14 14`} />}
    </g>
  )
  if (!link.switchable) return <g class={`link ${state}`}>{drawing}</g>
  const toggle = (): void => {
    void client.switchLink(link.id, !link.up).catch(() => undefined)
  }
  const delay = link.up && link.latencyMs !== undefined ? `, ${f.span(link.latencyMs)}` : ''
  const label = fill(link.up ? t.network.cut : t.network.mend, { link: name }) + delay
  return (
    <g
      class={`link switchable ${state}`}
      role="button"
      // In SVG an attribute's letters count: `tabIndex` would be no attribute at all.
      tabindex={0}
      aria-label={used ? `${label} (${t.network.inUse})` : label}
      data-link={link.id}
      onClick={toggle}
      onKeyDown={(event) => {
        if (event.key !== 'Enter' && event.key !== ' ') return
        event.preventDefault()
        toggle()
      }}
    >
      <title>{label}</title>
      {drawing}
    </g>
  )
}

/** How long each link takes, beside it; the link's own name tells it to who cannot see. */
function Delays(props: { network: NetworkAnswer; links: readonly PlacedLink[] }): VNode {
  const { f } = useStore(wordsStore, (words) => words)
  return (
    <g aria-hidden="true">
      {props.links.map(({ id, middle: { x, y }, beside, slope }) => {
        const link = props.network.links.find((each) => each.id === id)
        if (link?.latencyMs === undefined || !link.up) return null
        // Above a level line, and on the upper side of a sloping one, clear of its stroke.
        const [dx, dy] = beside ? [8, 16] : [slope * 24, slope === 0 ? -9 : -4]
        return (
          <text key={id} class={`link-label ${beside ? 'beside' : ''}`} x={x + dx} y={y + dy}>
            {f.span(link.latencyMs)}
          </text>
        )
      })}
    </g>
  )
}

function AsNode(props: { as: NetworkAs; x: number; y: number }): VNode {
  const { as, x, y } = props
  const { t } = useStore(wordsStore, (words) => words)
  const [host] = as.hosts
  const name = as.name ?? (host === undefined ? undefined : t.network[host])
  const number = as.ia.slice(as.ia.indexOf('-') + 1)
  return (
    <g class={`as ${as.core ? 'core' : 'leaf'} ${host ?? ''}`} transform={`translate(${x} ${y})`}>
      <circle r={host === undefined ? 13 : 22} />
      {host === 'meter' && <path class="as-icon" d="M-9 -10h18v20h-18zM-5 -5h10v5h-10zM-4 5h8" />}
      {host === 'headend' && (
        <path class="as-icon" d="M-10 -9h20v7h-20zM-10 2h20v7h-20zM-6 -5.5h.01M-6 5.5h.01" />
      )}
      <text class="as-name" y={host === undefined ? 33 : 42}>
        {name ?? as.ia}
      </text>
      {name !== undefined && (
        <text class="as-number" y={host === undefined ? 47 : 56}>
          {number}
          {as.core ? ` · ${t.network.core}` : ''}
        </text>
      )}
    </g>
  )
}
