import { toHex } from '@s3mp/envelope'

import type { MeterStatus } from './app.ts'

/** The type of the text, as Prometheus wants it (exposition format 0.0.4). */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** One value with what tells it from its neighbours. */
export interface MetricSample {
  readonly labels: Readonly<Record<string, string>>
  /** Undefined where nothing is known: then there is no line. */
  readonly value: number | undefined
}

/** What is measured, and how it is read off the meter's status. */
export interface Metric {
  readonly name: string
  readonly type: 'counter' | 'gauge'
  readonly help: string
  readonly read: (status: MeterStatus, nowMs: number) => readonly MetricSample[]
}

function one(value: number | undefined): readonly MetricSample[] {
  return [{ labels: {}, value }]
}

function flag(is: boolean | undefined): number | undefined {
  return is === undefined ? undefined : is ? 1 : 0
}

type Source = MeterStatus['sources'][number]

function bySource(read: (source: Source) => number | undefined): Metric['read'] {
  return ({ sources }) =>
    sources.map((source) => ({ labels: { source: source.name }, value: read(source) }))
}

type Path = MeterStatus['paths'][number]

function byPath(read: (path: Path) => number | undefined): Metric['read'] {
  return ({ paths }) =>
    paths.map((path) => ({
      labels: { path: toHex(path.fingerprint), name: path.name },
      value: read(path),
    }))
}

const CLOCK_STATES = ['unset', 'synced', 'holdover', 'suspect']
const PRIORITIES = ['alarm', 'billing', 'fine', 'live']
const AUTHENTICATIONS = ['off', 'proven', 'plain', 'waiting']
const NATS = ['off', 'asking', 'none', 'behind', 'unknown']

/** A gauge a state: 1 for the one that is. */
function states(all: readonly string[], is: string | undefined): readonly MetricSample[] {
  return all.map((state) => ({ labels: { state }, value: is === undefined ? undefined : state === is ? 1 : 0 })) // prettier-ignore
}

/** Metrics of the meter, its heads, its store, and of the uplink and its paths. */
export const METER_METRICS: readonly Metric[] = [
  {
    name: 's3mp_meter_uptime_seconds',
    type: 'gauge',
    help: 'Time since the meter was started',
    read: ({ uptimeMs }) => one(uptimeMs / 1000),
  },
  {
    name: 's3mp_meter_boots_total',
    type: 'counter',
    help: 'Starts of this meter in its life',
    read: ({ boot }) => one(boot),
  },
  {
    name: 's3mp_meter_clock_state',
    type: 'gauge',
    help: 'How far the meter trusts its clock: 1 for the state that is',
    read: ({ clock }) => states(CLOCK_STATES, clock),
  },
  {
    name: 's3mp_meter_case_open',
    type: 'gauge',
    help: 'Whether the case is open, where a switch tells',
    read: ({ isOpen }) => one(flag(isOpen)),
  },
  {
    name: 's3mp_meter_epoch_confirmed',
    type: 'gauge',
    help: 'Whether the head-end has answered under the running epoch',
    read: ({ isEpochConfirmed }) => one(flag(isEpochConfirmed)),
  },
  {
    name: 's3mp_meter_uplink_up',
    type: 'gauge',
    help: 'Whether the uplink is there',
    read: ({ isUplinkThere }) => one(flag(isUplinkThere)),
  },
  {
    name: 's3mp_meter_loop_age_seconds',
    type: 'gauge',
    help: 'Time since each loop of the program last turned',
    read: ({ loops }) =>
      Object.entries(loops).map(([loop, ms]) => ({ labels: { loop }, value: ms / 1000 })),
  },
  {
    name: 's3mp_meter_memory_bytes',
    type: 'gauge',
    help: 'Resident memory of the program that holds the meter',
    read: () => one(process.memoryUsage.rss()),
  },
  {
    name: 's3mp_head_bytes_total',
    type: 'counter',
    help: 'Bytes heard from a head',
    read: bySource(({ link }) => link.bytes),
  },
  {
    name: 's3mp_head_telegrams_total',
    type: 'counter',
    help: 'Telegrams understood',
    read: bySource(({ link }) => link.telegrams),
  },
  {
    name: 's3mp_head_discarded_bytes_total',
    type: 'counter',
    help: 'Bytes heard that were no telegram, by reason',
    read: ({ sources }) =>
      sources.flatMap(({ name, link }) =>
        Object.entries(link.byReason).map(([reason, value]) => ({
          labels: { source: name, reason },
          value,
        })),
      ),
  },
  {
    name: 's3mp_head_quality_ratio',
    type: 'gauge',
    help: 'Share of whole telegrams among the last things heard',
    read: bySource(({ link }) => link.recent),
  },
  {
    name: 's3mp_head_reopened_total',
    type: 'counter',
    help: 'Times that a port was lost and came back',
    read: bySource(({ link }) => link.reopened),
  },
  {
    name: 's3mp_head_overruns_total',
    type: 'counter',
    help: 'Bytes dropped because nobody read them in time',
    read: bySource(({ link }) => link.overruns),
  },
  {
    name: 's3mp_head_reading_age_seconds',
    type: 'gauge',
    help: 'Time since the last reading',
    read: ({ sources }, nowMs) =>
      sources.map(({ name, lastReadingMs }) => ({
        labels: { source: name },
        value: lastReadingMs === undefined ? undefined : Math.max(0, nowMs - lastReadingMs) / 1000,
      })),
  },
  {
    name: 's3mp_head_findings_total',
    type: 'counter',
    help: 'Doubts about readings, by name',
    read: ({ sources }) =>
      sources.flatMap(({ name, findings }) =>
        Object.entries(findings).map(([finding, value]) => ({
          labels: { source: name, finding },
          value,
        })),
      ),
  },
  {
    name: 's3mp_spool_objects',
    type: 'gauge',
    help: 'Sealed objects that wait to be acknowledged, by priority',
    read: ({ spool }) =>
      PRIORITIES.map((priority, index) => ({ labels: { priority }, value: spool.byPriority[index] ?? 0 })), // prettier-ignore
  },
  {
    name: 's3mp_spool_bytes',
    type: 'gauge',
    help: 'Bytes that wait to be acknowledged',
    read: ({ spool }) => one(spool.bytes),
  },
  {
    name: 's3mp_spool_bytes_max',
    type: 'gauge',
    help: 'Bytes that may wait',
    read: ({ spool }) => one(spool.bytesMax),
  },
  {
    name: 's3mp_spool_oldest_age_seconds',
    type: 'gauge',
    help: 'Age of the oldest object that waits',
    read: ({ spool }, nowMs) =>
      one(spool.oldestMs === undefined ? undefined : Math.max(0, nowMs - spool.oldestMs) / 1000),
  },
  {
    name: 's3mp_delivery_sent_total',
    type: 'counter',
    help: 'Objects sent for the first time',
    read: ({ delivery }) => one(delivery.sent),
  },
  {
    name: 's3mp_delivery_resent_total',
    type: 'counter',
    help: 'Objects sent again',
    read: ({ delivery }) => one(delivery.resent),
  },
  {
    name: 's3mp_delivery_acknowledged_total',
    type: 'counter',
    help: 'Objects that the head-end has stored',
    read: ({ delivery }) => one(delivery.acknowledged),
  },
  {
    name: 's3mp_delivery_refused_total',
    type: 'counter',
    help: 'Datagrams received that were no answer to us',
    read: ({ delivery }) => one(delivery.refused),
  },
  {
    name: 's3mp_delivery_in_flight',
    type: 'gauge',
    help: 'Objects sent and not yet acknowledged',
    read: ({ delivery }) => one(delivery.inFlight),
  },
  {
    name: 's3mp_delivery_round_trip_seconds',
    type: 'gauge',
    help: 'Smoothed time from sending to acknowledgement',
    read: ({ delivery }) =>
      one(delivery.roundTripMs === undefined ? undefined : delivery.roundTripMs / 1000),
  },
  {
    name: 's3mp_uplink_path_up',
    type: 'gauge',
    help: 'Whether a path answers',
    read: byPath(({ isAlive }) => flag(isAlive)),
  },
  {
    name: 's3mp_uplink_path_active',
    type: 'gauge',
    help: 'Whether a path is the one in use',
    read: byPath(({ isActive }) => flag(isActive)),
  },
  {
    name: 's3mp_uplink_path_round_trip_seconds',
    type: 'gauge',
    help: 'Smoothed round trip of a path',
    read: byPath(({ roundTripMs }) => (roundTripMs > 0 ? roundTripMs / 1000 : undefined)),
  },
  {
    name: 's3mp_uplink_path_sent_total',
    type: 'counter',
    help: 'Objects sent over a path',
    read: byPath(({ sent }) => sent),
  },
  {
    name: 's3mp_uplink_path_acknowledged_total',
    type: 'counter',
    help: 'Objects acknowledged that went over a path',
    read: byPath(({ acknowledged }) => acknowledged),
  },
  {
    name: 's3mp_uplink_authentication',
    type: 'gauge',
    help: 'Whether packets prove their sender: 1 for the state that is',
    read: ({ transport }) => states(AUTHENTICATIONS, transport?.authentication),
  },
  {
    name: 's3mp_uplink_paths_forbidden',
    type: 'gauge',
    help: 'Whether every known path is forbidden by policy',
    read: ({ transport }) =>
      one(transport === undefined ? undefined : flag(transport.forbidden !== '')),
  },
  {
    name: 's3mp_uplink_nat',
    type: 'gauge',
    help: 'Whether other ASes see the uplink under another address: 1 for the state that is',
    read: ({ transport }) => states(NATS, transport?.nat?.state),
  },
  {
    name: 's3mp_uplink_nat_changes_total',
    type: 'counter',
    help: 'Times that the address given by a NAT became another one',
    read: ({ transport }) => one(transport?.nat?.changes),
  },
]

/** All metrics as text; a metric without any value is left out. */
export function meterMetrics(status: MeterStatus, nowMs: number): string {
  const blocks = METER_METRICS.flatMap(({ name, type, help, read }) => {
    const lines = read(status, nowMs).flatMap(({ labels, value }) =>
      value === undefined ? [] : [`${name}${labelText(labels)} ${String(value)}`],
    )
    return lines.length === 0 ? [] : [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines]
  })
  return `${blocks.join('\n')}\n`
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

/** Backslash, quote and line end, as the format wants them; hostile names stay inside their quotes. */
function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
