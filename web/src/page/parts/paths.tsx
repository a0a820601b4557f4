import type { VNode } from 'preact'
import { useState } from 'preact/hooks'
import type { NetworkAnswer, NetworkPath } from '../../api.ts'
import { hopsOf, pathName, rankedPaths } from '../logic/paths.ts'
import { asName, isPause } from '../logic/story.ts'
import { serverNowMs } from '../session.ts'
import { useStore } from '../store.ts'
import { fill } from '../texts/fill.ts'
import { wordsStore } from '../texts/index.ts'
import { Ago } from './time.tsx'

/** Paths shown before the reader asks for all. */
const FIRST = 6

/** The same beside the map, where room is short. */
const FIRST_BRIEF = 3

/** Every path with what it is like, and why it is in use or not. */
export function PathTable(props: { network: NetworkAnswer; brief?: boolean }): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const [all, setAll] = useState(false)
  const paths = rankedPaths(props.network)
  const first = props.brief === true ? FIRST_BRIEF : FIRST
  const shown = all ? paths : paths.slice(0, first)
  const { columns } = t.network
  return (
    <div class="scroll" role="group" aria-label={t.network.paths} tabIndex={0}>
      <table class={`paths ${props.brief ? 'brief' : ''}`}>
        <thead>
          <tr>
            <th scope="col">{columns.path}</th>
            <th scope="col">{columns.state}</th>
            <th scope="col" class="number">
              {columns.roundTrip}
            </th>
            {!props.brief && (
              <th scope="col" class="number">
                {columns.jitter}
              </th>
            )}
            <th scope="col" class="number">
              {columns.loss}
            </th>
            {!props.brief && <th scope="col">{columns.expiry}</th>}
            {!props.brief && <th scope="col">{columns.reason}</th>}
          </tr>
        </thead>
        <tbody>
          {shown.map((path) => (
            <PathRow key={path.id} path={path} {...props} />
          ))}
        </tbody>
      </table>
      {paths.length > first && (
        <button
          type="button"
          class="quiet more"
          onClick={() => {
            setAll(!all)
          }}
        >
          {all ? t.network.fewer : fill(t.network.longer, { count: paths.length - first })}
        </button>
      )}
    </div>
  )
}

function PathRow(props: { network: NetworkAnswer; path: NetworkPath; brief?: boolean }): VNode {
  const { path, network } = props
  const { t, f } = useStore(wordsStore, (words) => words)
  const { columns } = t.network
  const dead = path.state === 'down' || path.state === 'expired' || path.state === 'refused'
  const span = (ms: number | undefined): string => (ms === undefined || dead ? '–' : f.span(ms))
  const hops = hopsOf(path).map((ia) => asName(network, ia))
  return (
    <tr class={path.state}>
      <th scope="row" title={hops.join(' › ')}>
        <span class="path-name">{pathName(network, path.id, t)}</span>
        <small>{props.brief ? hops.slice(1, -1).join(' › ') : hops.join(' › ')}</small>
      </th>
      <td>
        <span class={`state ${path.state}`}>{t.network.states[path.state]}</span>
      </td>
      <td class="number" data-label={columns.roundTrip}>
        {span(path.roundTripMs)}
      </td>
      {!props.brief && (
        <td class="number" data-label={columns.jitter}>
          {span(path.jitterMs)}
        </td>
      )}
      <td class="number" data-label={columns.loss}>
        {path.lossPercent === undefined || dead ? '–' : f.percent(path.lossPercent)}
      </td>
      {!props.brief && (
        <td class="expiry" data-label={columns.expiry} title={f.dateTime(path.expiresMs)}>
          {f.relative(path.expiresMs, serverNowMs())}
        </td>
      )}
      {!props.brief && (
        <td class="why">
          {isRival(path, network) ? t.network.ready : t.network.reasons[path.reason]}
        </td>
      )}
    </tr>
  )
}

/** Whether a path that is not in use answers faster than the one that is: then "slower" is no word. */
function isRival(path: NetworkPath, network: NetworkAnswer): boolean {
  const active = network.paths.find((each) => each.id === network.active)?.roundTripMs
  const own = path.roundTripMs
  return path.reason === 'slower' && own !== undefined && active !== undefined && own < active
}

/** The last changes of path, each with how long nothing was acknowledged. */
export function Failovers(props: { network: NetworkAnswer; most?: number }): VNode {
  const { t, f } = useStore(wordsStore, (words) => words)
  const { network } = props
  const failovers = network.failovers.slice(0, props.most ?? network.failovers.length)
  if (failovers.length === 0) {
    const isPlay = network.links.some((link) => link.switchable)
    return <p class="quietly">{isPlay ? t.network.tryFailover : t.network.noFailovers}</p>
  }
  const name = (id: string | undefined): string =>
    id === undefined ? t.network.nowhere : pathName(network, id, t)
  return (
    <ol class="failovers">
      {failovers.map((failover) => (
        <li key={`${failover.atMs}${failover.to ?? ''}`}>
          <span class="failover-what">
            {fill(t.network.failover, { from: name(failover.from), to: name(failover.to) })}
          </span>
          <span class="failover-gap">
            {failover.gapMs === undefined
              ? t.network.gapOpen
              : !isPause(failover.gapMs)
                ? t.network.noGap
                : fill(t.network.gap, { span: f.span(failover.gapMs) })}
          </span>
          <small>
            {t.network.causes[failover.cause]} <Ago timeMs={failover.atMs} />
          </small>
        </li>
      ))}
    </ol>
  )
}
