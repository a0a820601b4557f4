import { channel } from 'node:diagnostics_channel'
import type { IsdAs } from '../addr/isd-as.ts'
import { formatIsdAs } from '../addr/isd-as.ts'
import { formatInterface } from '../path/interface-text.ts'
import type { PathEvent, PathReport } from './report.ts'

/** The channel of `node:diagnostics_channel` that path events of all pilots are published on. */
export const PATH_CHANNEL = 's3mp.scion.path'

/** What is published on {@link PATH_CHANNEL}. */
export interface PathMessage {
  readonly destination: IsdAs
  readonly event: PathEvent
}

const pathChannel = channel(PATH_CHANNEL)

/** Publishes an event; costs nothing where nobody listens. */
export function publishPathEvent(destination: IsdAs, event: PathEvent): void {
  if (pathChannel.hasSubscribers) pathChannel.publish({ destination, event } satisfies PathMessage)
}

/** A family of metrics: its name, what it means, and its value for a path. */
const FAMILIES: readonly (readonly [
  name: string,
  unit: string,
  help: string,
  value: (report: PathReport, nowMs: number) => number | undefined,
])[] = [
  ['active', '', 'Whether traffic uses the path.', ({ state }) => Number(state === 'active')],
  ['usable', '', 'Whether the path works.', ({ state }) => Number(isUsable(state))],
  ['round_trip_seconds', 'seconds', 'Smoothed round trip.', (one) => seconds(one.roundTripMs)],
  ['jitter_seconds', 'seconds', 'Mean deviation of round trips.', (one) => seconds(one.jitterMs)],
  ['loss_ratio', 'ratio', 'Share of packets without an answer.', ({ loss }) => loss],
  ['mtu_bytes', 'bytes', 'Largest packet.', ({ mtu }) => mtu],
  [
    'expiry_seconds',
    'seconds',
    'Time until the path expires.',
    ({ expiryMs }, nowMs) => seconds(expiryMs - nowMs),
  ],
]

/**
 * Reports of pilots in the OpenMetrics 1.0 text format, one sample a path and family, labelled with
 * destination, fingerprint and interfaces. What was not measured has no sample.
 */
export function pathMetrics(
  reports: ReadonlyMap<IsdAs, readonly PathReport[]>,
  nowMs: number,
): string {
  const lines = FAMILIES.flatMap(([name, unit, help, value]) => {
    const family = `scion_path_${name}`
    const head = [`# TYPE ${family} gauge`, `# HELP ${family} ${help}`]
    if (unit !== '') head.splice(1, 0, `# UNIT ${family} ${unit}`)
    const samples = [...reports].flatMap(([destination, paths]) =>
      paths.flatMap((report) => {
        const number = value(report, nowMs)
        return number === undefined
          ? []
          : [`${family}${labels(destination, report)} ${formatted(number)}`]
      }),
    )
    return [...head, ...samples]
  })
  return `${lines.join('\n')}\n# EOF\n`
}

/** A path inside one AS never expires, which OpenMetrics writes in a way of its own. */
function formatted(value: number): string {
  return value === Infinity ? '+Inf' : String(value)
}

/** None of these texts holds anything that needs escaping. */
function labels(destination: IsdAs, { fingerprint, path }: PathReport): string {
  const route = path.interfaces.map(formatInterface).join(' ')
  const name = fingerprint.slice(0, 16)
  return `{destination="${formatIsdAs(destination)}",path="${name}",interfaces="${route}"}`
}

function isUsable(state: PathReport['state']): boolean {
  return state === 'active' || state === 'alive'
}

function seconds(durationMs: number | undefined): number | undefined {
  return durationMs === undefined ? undefined : durationMs / 1000
}
