import type { VNode } from 'preact'
import { useState } from 'preact/hooks'
import type { DevicesQuestion, DeviceSort, FleetCounts } from '../../api.ts'
import { useMay } from '../access.ts'
import { useDevices } from '../devices.ts'
import type { DeviceWindow } from '../devices.ts'
import { rowWindow } from '../logic/window.ts'
import { DeviceDialog } from '../parts/device-dialog.tsx'
import { EnrolDialog } from '../parts/enrol-dialog.tsx'
import { FleetTable, rowPx } from '../parts/fleet-table.tsx'
import { useStore } from '../store.ts'
import { fill } from '../texts/fill.ts'
import { wordsStore } from '../texts/index.ts'

/** What a list can be narrowed to with one press, and how many it would show. */
const FILTERS = {
  all: {},
  alarms: { trouble: 'alarms' },
  silent: { trouble: 'silent' },
  quarantined: { state: 'quarantined' },
  revoked: { state: 'revoked' },
} as const satisfies Partial<Record<keyof FleetCounts, DevicesQuestion>>

const FILTER_NAMES = ['all', 'alarms', 'silent', 'quarantined', 'revoked'] as const

type FilterName = (typeof FILTER_NAMES)[number]

/** Every meter, alarms first: found, ordered and narrowed by the server, drawn as far as it is seen. */
export function FleetView(): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const mayEnrol = useMay('devices:admin')
  const [query, setQuery] = useState('')
  const [filter, setFilter] = useState<FilterName>('all')
  const [sort, setSort] = useState<{ by: DeviceSort; down: boolean }>({ by: 'alarms', down: false })
  const [place, setPlace] = useState({ topPx: 0, heightPx: 600 })
  const [opened, setOpened] = useState<string>()
  const [enrolling, setEnrolling] = useState(false)
  const order = sort.down ? { order: 'down' as const } : {}
  const named = query.trim() === '' ? {} : { query: query.trim() }
  const question: DevicesQuestion = { ...FILTERS[filter], ...named, ...order, sort: sort.by }
  const seen = rowWindow(Infinity, place.topPx, place.heightPx, rowPx())
  const devices = useDevices(question, seen.first, seen.end)
  const close = (): void => {
    setOpened(undefined)
    setEnrolling(false)
    devices.refresh()
  }
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
          <Filters chosen={filter} choose={setFilter} counts={devices.counts} />
          {mayEnrol && (
            <button
              type="button"
              class="button"
              onClick={() => {
                setEnrolling(true)
              }}
            >
              {t.fleet.enrol}
            </button>
          )}
          <Count devices={devices} />
        </div>
        <FleetTable
          key={JSON.stringify(question)}
          devices={devices}
          sort={sort}
          onSort={(by) => {
            setSort({ by, down: sort.by === by && !sort.down })
          }}
          onScroll={(topPx, heightPx) => {
            setPlace({ topPx, heightPx })
          }}
          onOpen={setOpened}
        />
      </section>
      {opened !== undefined && <DeviceDialog id={opened} close={close} />}
      {enrolling && <EnrolDialog close={close} />}
    </div>
  )
}

/** How many devices fit, once that is known. */
function Count({ devices }: { devices: DeviceWindow }): VNode {
  const { t, f } = useStore(wordsStore, (words) => words)
  const { isKnown, total } = devices
  const text = total === 0 ? t.fleet.none : fill(t.fleet.count, { total: f.integer(total) })
  return <span role="status">{isKnown ? text : t.connection.connecting}</span>
}

/** What to show, with how many there are of each. */
function Filters(props: {
  chosen: FilterName
  choose: (name: FilterName) => void
  counts: FleetCounts | undefined
}): VNode {
  const { t, f } = useStore(wordsStore, (words) => words)
  const { counts } = props
  return (
    <div class="segments" role="group" aria-label={t.fleet.filter}>
      {FILTER_NAMES.map((name) => (
        <button
          key={name}
          type="button"
          aria-pressed={name === props.chosen}
          class={name === 'alarms' && (counts?.alarms ?? 0) > 0 ? 'urgent' : ''}
          onClick={() => {
            props.choose(name)
          }}
        >
          {t.fleet.filters[name]}
          {counts !== undefined && <b>{f.integer(counts[name])}</b>}
        </button>
      ))}
    </div>
  )
}
