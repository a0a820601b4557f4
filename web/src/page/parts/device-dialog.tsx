import type { VNode } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { AuditLine, Confirmation, Device, DeviceState, EventView } from '../../api.ts'
import { REASON_CHARS_MAX } from '../../api.ts'
import { useMay } from '../access.ts'
import { client } from '../client.ts'
import { useDeed } from '../deed.ts'
import { useStore } from '../store.ts'
import { fill } from '../texts/fill.ts'
import { wordsStore } from '../texts/index.ts'
import { AuditLines } from './audit.tsx'
import { Dialog } from './dialog.tsx'
import { Events } from './events.tsx'
import { TextField } from './field.tsx'
import { Ago } from './time.tsx'

/** What happened to a device, asked for at once. */
const HISTORY = 30

/** One device: how it is, what happened to it, who did what to it, and what can be done. */
export function DeviceDialog(props: { id: string; close: () => void }): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const [device, setDevice] = useState<Device>()
  useEffect(() => {
    client.device(props.id).then(setDevice, () => undefined)
  }, [props.id])
  return (
    <Dialog title={device?.name ?? t.household.device} close={props.close}>
      {device !== undefined && (
        <>
          <Facts device={device} />
          <Actions device={device} changed={setDevice} />
          <h3>{t.household.events}</h3>
          <EventHistory key={device.state} id={device.id} />
          <AuditHistory key={`audit ${device.state}`} id={device.id} />
        </>
      )}
    </Dialog>
  )
}

function Facts(props: { device: Device }): VNode {
  const { t, f } = useStore(wordsStore, (words) => words)
  const { device } = props
  const { health, completeness } = device
  const facts: readonly (readonly [string, string | VNode | undefined])[] = [
    [t.fleet.columns.state, t.fleet.states[device.state]],
    [t.household.meterNumber, device.meterId],
    [t.fleet.enrolled, f.dateTime(device.enrolledMs)],
    [t.fleet.columns.last, device.lastSeenMs && <Ago timeMs={device.lastSeenMs} />],
    [t.fleet.columns.completeness, completeness && `${f.integer(completeness.received)} / ${f.integer(completeness.due)}`], // prettier-ignore
    [t.household.clock, health && t.household.clocks[health.clock]],
    [t.household.spool, health?.spoolRecords === undefined ? undefined : f.integer(health.spoolRecords)], // prettier-ignore
    [t.fleet.columns.firmware, health?.firmware && <code>{health.firmware.slice(0, 16)}</code>],
    [t.household.identity, <code key="id">{device.id}</code>],
  ].map(([name, value]) => [name, value === 0 ? undefined : value] as [string, VNode | undefined])
  return (
    <dl class="facts">
      {facts.map(
        ([name, value]) =>
          value !== undefined && (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ),
      )}
    </dl>
  )
}

/** What can become of a device in each state. */
const NEXT = {
  active: ['quarantined', 'revoked'],
  quarantined: ['active', 'revoked'],
  revoked: [],
} as const satisfies Record<DeviceState, readonly DeviceState[]>

function Actions(props: { device: Device; changed: (device: Device) => void }): VNode | null {
  const { t } = useStore(wordsStore, (words) => words)
  const [mayWrite, mayRevoke] = [useMay('devices:write'), useMay('devices:admin')]
  const [asked, setAsked] = useState<{ state: DeviceState; confirmation: Confirmation }>()
  const [refusal, act] = useDeed(() => {
    setAsked(undefined)
  })
  const { device } = props
  const next = NEXT[device.state].filter((state) => (state === 'revoked' ? mayRevoke : mayWrite))
  if (next.length === 0) return null
  return (
    <div class="actions">
      <div class="action-buttons">
        {next.map((state) => (
          <button
            key={state}
            type="button"
            class={`button ${state === 'active' ? '' : 'danger'}`}
            aria-expanded={asked?.state === state}
            onClick={() => {
              act(async () => {
                setAsked({ state, confirmation: await client.confirmState(device.id, state) })
              })
            }}
          >
            {t.fleet.actions[state]}
          </button>
        ))}
      </div>
      <p class="refusal" role="alert">
        {refusal}
      </p>
      {asked !== undefined && (
        <Confirm
          warning={t.fleet.warnings[asked.state]}
          deed={t.fleet.actions[asked.state]}
          confirmation={asked.confirmation}
          confirm={(reason) => {
            act(async () => {
              const { confirm } = asked.confirmation
              props.changed(await client.changeState(device.id, { state: asked.state, reason, confirm })) // prettier-ignore
              setAsked(undefined)
            })
          }}
        />
      )}
    </div>
  )
}

/** What is about to be done, in words, with the key that it is done to; a reason is needed. */
export function Confirm(props: {
  warning: string
  deed: string
  confirmation: Confirmation
  confirm: (reason: string) => void
}): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const [reason, setReason] = useState('')
  return (
    <form
      class="confirm"
      onSubmit={(event) => {
        event.preventDefault()
        props.confirm(reason.trim())
      }}
    >
      <p>{props.warning}</p>
      <p>
        {t.fleet.fingerprint} <code>{props.confirmation.fingerprint}</code>
      </p>
      <TextField
        label={t.fleet.reason}
        value={reason}
        set={setReason}
        rows={2}
        max={REASON_CHARS_MAX}
      />
      <button type="submit" class="button danger" disabled={reason.trim() === ''}>
        {fill(t.fleet.confirm, { deed: props.deed })}
      </button>
    </form>
  )
}

function EventHistory(props: { id: string }): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const [events, setEvents] = useState<readonly EventView[]>([])
  const [next, setNext] = useState<string>()
  const load = async (before?: string): Promise<void> => {
    const question = { device: props.id, limit: HISTORY, ...(before !== undefined && { before }) }
    const answer = await client.events(question).catch(() => undefined)
    if (answer === undefined) return
    setEvents((known) => (before === undefined ? answer.events : [...known, ...answer.events]))
    setNext(answer.next)
  }
  useEffect(() => void load(), [props.id])
  return (
    <>
      <Events events={events} />
      {next !== undefined && (
        <button type="button" class="quiet labelled" onClick={() => void load(next)}>
          {t.fleet.older}
        </button>
      )}
    </>
  )
}

/** Who did what to the device, for whom that may know. */
function AuditHistory(props: { id: string }): VNode | null {
  const { t } = useStore(wordsStore, (words) => words)
  const may = useMay('audit:read')
  const [lines, setLines] = useState<readonly AuditLine[]>([])
  useEffect(() => {
    if (!may) return
    client.audit({ device: props.id, limit: HISTORY }).then(
      (answer) => {
        setLines(answer.lines)
      },
      () => undefined,
    )
  }, [props.id, may])
  if (lines.length === 0) return null
  return (
    <>
      <h3>{t.fleet.audit}</h3>
      <AuditLines lines={lines} brief />
    </>
  )
}
