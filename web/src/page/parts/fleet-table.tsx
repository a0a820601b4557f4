import type { VNode } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Device, DeviceSort } from '../../api.ts'
import type { DeviceWindow } from '../devices.ts'
import { powerOf } from '../logic/reading.ts'
import { formatRoute } from '../logic/route.ts'
import { rowWindow } from '../logic/window.ts'
import { useStore } from '../store.ts'
import { fill } from '../texts/fill.ts'
import { wordsStore } from '../texts/index.ts'
import { letterScale } from './paint.ts'
import { Ago } from './time.tsx'

/** Height of every row, here and in fleet.css: a list of ten thousand is laid out by arithmetic. */
export function rowPx(): number {
  return 60 * letterScale()
}

/** Columns in order, each with what it is sorted by. */
const COLUMNS = [
  ['name', 'name'],
  ['state', 'state'],
  ['last', 'last'],
  ['power', undefined],
  ['completeness', 'completeness'],
  ['clock', 'clock'],
  ['spool', 'spool'],
  ['firmware', 'firmware'],
  ['alarms', 'alarms'],
] as const satisfies readonly (readonly [string, DeviceSort | undefined])[]

/** What the list of devices is drawn from. */
export interface FleetTableProps {
  readonly devices: DeviceWindow
  readonly sort: { readonly by: DeviceSort; readonly down: boolean }
  readonly onSort: (by: DeviceSort) => void
  readonly onScroll: (topPx: number, heightPx: number) => void
  readonly onOpen: (id: string) => void
}

/** The list of devices: of ten thousand rows only those exist that can be seen. */
export function FleetTable(props: FleetTableProps): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const { devices, onScroll } = props
  const hole = useRef<HTMLDivElement>(null)
  const [place, setPlace] = useState({ topPx: 0, heightPx: 600 })
  const look = (): void => {
    const { current } = hole
    if (current === null) return
    setPlace({ topPx: current.scrollTop, heightPx: current.clientHeight })
    onScroll(current.scrollTop, current.clientHeight)
  }
  useEffect(() => {
    const observer = new ResizeObserver(look)
    if (hole.current !== null) observer.observe(hole.current)
    return () => {
      observer.disconnect()
    }
  }, [])
  const { first, end, abovePx, belowPx } = rowWindow(devices.total, place.topPx, place.heightPx, rowPx()) // prettier-ignore
  return (
    <div
      class="fleet"
      role="table"
      aria-label={t.fleet.title}
      aria-rowcount={devices.total + 1}
      aria-colcount={COLUMNS.length}
    >
      <div role="rowgroup">
        <Headings {...props} />
      </div>
      <div class="fleet-rows" role="rowgroup" ref={hole} onScroll={look} tabIndex={0}>
        <div style={{ height: `${abovePx}px` }} />
        {Array.from({ length: end - first }, (_, offset) => (
          <FleetRow
            key={first + offset}
            index={first + offset}
            device={devices.at(first + offset)}
            onOpen={props.onOpen}
          />
        ))}
        <div style={{ height: `${belowPx}px` }} />
      </div>
    </div>
  )
}

function Headings({ sort, onSort }: FleetTableProps): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  return (
    <div class="fleet-row headings" role="row" aria-rowindex={1}>
      {COLUMNS.map(([name, by]) => {
        const sorted = by !== undefined && by === sort.by
        const order = sort.down ? 'descending' : 'ascending'
        const text = t.fleet.columns[name]
        return (
          <span
            key={name}
            class={`in-${name}`}
            role="columnheader"
            aria-sort={sorted ? order : undefined}
          >
            {by === undefined ? (
              text
            ) : (
              <button
                type="button"
                title={fill(t.fleet.sort, { column: text })}
                onClick={() => {
                  onSort(by)
                }}
              >
                {text}
                {sorted && <span aria-hidden="true">{sort.down ? ' ↑' : ' ↓'}</span>}
              </button>
            )}
          </span>
        )
      })}
    </div>
  )
}

function FleetRow(props: {
  index: number
  device: Device | undefined
  onOpen: (id: string) => void
}): VNode {
  const { t, f } = useStore(wordsStore, (words) => words)
  const { device, index } = props
  const row = { role: 'row', 'aria-rowindex': index + 2 } as const
  if (device === undefined) {
    return (
      <div class="fleet-row waiting" {...row}>
        <span class="in-name" role="cell">
          …
        </span>
      </div>
    )
  }
  const power = device.latest && powerOf(device.latest)
  const { completeness, health } = device
  return (
    <div class={`fleet-row ${device.alarms > 0 ? 'alarming' : ''}`} {...row}>
      <span class="in-name" role="cell">
        <a href={formatRoute({ view: 'household', device: device.id })}>{device.name}</a>
        <small>{device.meterId ?? `${device.id.slice(0, 16)}…`}</small>
      </span>
      <span class="in-state" role="cell">
        <span class={`state ${device.state}`}>{t.fleet.states[device.state]}</span>
      </span>
      <span class="in-last" role="cell">
        {device.lastSeenMs === undefined ? t.fleet.never : <Ago timeMs={device.lastSeenMs} />}
      </span>
      <span class="in-power" role="cell">
        {power === undefined ? '–' : f.signedPower(power.watts)}
      </span>
      <span class="in-completeness" role="cell">
        {completeness === undefined || completeness.due === 0
          ? '–'
          : f.percent((100 * completeness.received) / completeness.due)}
      </span>
      <span class="in-clock" role="cell">
        {health === undefined ? '–' : t.household.clocks[health.clock]}
      </span>
      <span class="in-spool" role="cell">
        {health?.spoolRecords === undefined ? '–' : f.integer(health.spoolRecords)}
      </span>
      <code class="in-firmware" role="cell">
        {health?.firmware?.slice(0, 8) ?? '–'}
      </code>
      <span class="in-alarms" role="cell">
        <button
          type="button"
          class="quiet labelled"
          onClick={() => {
            props.onOpen(device.id)
          }}
        >
          {device.alarms > 0 ? (
            fill(t.fleet.alarms, { count: f.integer(device.alarms) })
          ) : (
            <span aria-hidden="true">…</span>
          )}
          <span class="unseen"> {fill(t.fleet.open, { name: device.name })}</span>
        </button>
      </span>
    </div>
  )
}
