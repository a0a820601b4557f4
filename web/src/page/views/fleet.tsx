import type { VNode } from 'preact'
import { useState } from 'preact/hooks'
import type { Device } from '../../api.ts'
import { powerOf } from '../logic/reading.ts'
import { formatRoute } from '../logic/route.ts'
import { Ago } from '../parts/time.tsx'
import { pageStore } from '../session.ts'
import { useStore } from '../store.ts'
import { fill } from '../texts/fill.ts'
import { wordsStore } from '../texts/index.ts'

/** Every meter, alarms first. */
export function FleetView(): VNode {
  const { t, f } = useStore(wordsStore, (words) => words)
  const devices = useStore(pageStore, (state) => state.devices)
  const [query, setQuery] = useState('')
  const needle = query.trim().toLowerCase()
  const shown = devices
    .filter((device) =>
      `${device.name} ${device.meterId ?? ''} ${device.id}`.toLowerCase().includes(needle),
    )
    .sort((one, two) => two.alarms - one.alarms || one.name.localeCompare(two.name))
  const { columns } = t.fleet
  return (
    <div class="view fleet-view">
      <h1>{t.fleet.title}</h1>
      <section class="card">
        <div class="fleet-tools">
          <input
            type="search"
            value={query}
            placeholder={t.fleet.search}
            aria-label={t.fleet.search}
            onInput={(event) => {
              setQuery(event.currentTarget.value)
            }}
          />
          <span role="status">
            {fill(t.fleet.count, {
              shown: f.integer(shown.length),
              total: f.integer(devices.length),
            })}
          </span>
        </div>
        <div class="scroll" role="group" aria-label={t.fleet.title} tabIndex={0}>
          <table class="fleet">
            <thead>
              <tr>
                <th scope="col">{columns.name}</th>
                <th scope="col">{columns.state}</th>
                <th scope="col">{columns.last}</th>
                <th scope="col" class="number">
                  {columns.power}
                </th>
                <th scope="col" class="number">
                  {columns.completeness}
                </th>
                <th scope="col">{columns.clock}</th>
                <th scope="col" class="number">
                  {columns.spool}
                </th>
                <th scope="col" class="number">
                  {columns.alarms}
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.map((device) => (
                <DeviceRow key={device.id} device={device} />
              ))}
            </tbody>
          </table>
          {shown.length === 0 && <p class="quietly">{t.fleet.none}</p>}
        </div>
      </section>
    </div>
  )
}

function DeviceRow(props: { device: Device }): VNode {
  const { t, f } = useStore(wordsStore, (words) => words)
  const { device } = props
  const power = device.latest && powerOf(device.latest)
  const watts = power && f.power(power.watts)
  const { completeness, health } = device
  return (
    <tr>
      <th scope="row">
        <a href={formatRoute({ view: 'household', device: device.id })}>{device.name}</a>
        <small>{device.meterId ?? `${device.id.slice(0, 16)}…`}</small>
      </th>
      <td>
        <span class={`state ${device.state}`}>{t.fleet.states[device.state]}</span>
      </td>
      <td>
        {device.lastSeenMs === undefined ? t.fleet.never : <Ago timeMs={device.lastSeenMs} />}
      </td>
      <td class="number">
        {watts === undefined || power === undefined
          ? '–'
          : `${power.direction === 'fed' ? '−' : ''}${watts.value} ${watts.unit}`}
      </td>
      <td class="number">
        {completeness === undefined || completeness.due === 0
          ? '–'
          : f.percent((100 * completeness.received) / completeness.due)}
      </td>
      <td>{health === undefined ? '–' : t.household.clocks[health.clock]}</td>
      <td class="number">
        {health?.spoolRecords === undefined ? '–' : f.integer(health.spoolRecords)}
      </td>
      <td class="number">{f.integer(device.alarms)}</td>
    </tr>
  )
}
