import type { FaultName } from './faults.ts'
import { FAULTS, FAULT_OF, IMPROVED_MS, LINK_DELAY_MS } from './faults.ts'
import type { Lab } from './lab.ts'
import { longestGapMs, lostOf, movedAfterMs, quantile, roundTrips } from './statistics.ts'
import type { Variant } from './variants.ts'
import { machineMs } from './variants.ts'
import type { Worker } from './worker.ts'

/** One fault, once. */
export interface Trial {
  /** Median round trip before the fault, in milliseconds. */
  readonly roundTripMs: number
  /** Longest silence at the head-end in the last part before the fault, in milliseconds. */
  readonly calmGapMs: number
  /** Longest silence at the head-end after it, in milliseconds. */
  readonly gapMs: number
  /** Whether the silence lasted to the end, so that the real one is longer. */
  readonly silentAtEnd: boolean
  /** Readings sent after the fault, and how many of them never arrived. */
  readonly sent: number
  readonly lost: number
  /** Milliseconds from the fault to the last lost reading; 0 where none was lost. */
  readonly lastLostMs: number
  /** Milliseconds until readings went over the better path; undefined for never. */
  readonly movedMs: number | undefined
  /** Milliseconds since the fault and round trip of every acknowledged reading. */
  readonly trips: readonly (readonly [number, number])[]
}

/** Everything measured of one variant, one entry a round. */
export interface Figures {
  readonly variant: Variant
  /** From the start of the program to the first acknowledged reading, in milliseconds. */
  readonly startMs: number[]
  /** From the opening of the stack in a running program. */
  readonly openMs: number[]
  /** Round trips of 300 bytes without any delay on the links, all rounds together. */
  readonly echoesMs: number[]
  /** Bytes on the meter's links a reading and its echo, IP and UDP headers included. */
  readonly wireBytes: number[]
  readonly cpuMicros: number[]
  readonly trials: Record<FaultName, Trial[]>
}

/** How much is measured. */
export interface Extent {
  readonly echoes: number
  readonly streamMs: number
}

/** Time between readings while faults are tried. */
export const FAULT_INTERVAL_MS = 10
/** Time between readings while bytes and processor time are counted. */
export const STREAM_INTERVAL_MS = 10

const ECHO_WARM_UP = 50
const WARM_MS = 1200
const CALM_MS = 800
/** IPv4 and UDP headers of the underlay, which the relays do not see. */
const UNDERLAY_BYTES = 28

/** Figures of a variant before its first round. */
export function emptyFigures(variant: Variant): Figures {
  const trials = { silent: [], reported: [], router: [], lossy: [], better: [] }
  return { variant, startMs: [], openMs: [], echoesMs: [], wireBytes: [], cpuMicros: [], trials }
}

/** Bytes a second that the routers' and control services' own packets put on the meter's links. */
export async function idleBytesPerSecond(lab: Lab, ms: number): Promise<number> {
  await lab.heal(0)
  return (await bytesDuring(lab, () => lab.sleep(ms))) / (ms / 1000)
}

/** Measures one round of one variant and adds it to `figures`. */
export async function measureRound(
  lab: Lab,
  figures: Figures,
  extent: Extent,
  idleBytes: number,
  say: (text: string) => void,
): Promise<void> {
  const { variant } = figures
  await lab.heal(0)
  if (variant === 'gateway') {
    lab.startHeadendGateway()
    await lab.sleep(1000)
  }
  say(`${variant}: start, round trip, bytes, processor time`)
  const startedMs = machineMs()
  if (variant === 'gateway') lab.startMeterGateway()
  const meter = lab.meter(variant)
  try {
    const { openedMs, ackedMs } = await meter.ask('open', lab.request(variant))
    figures.startMs.push(ackedMs - startedMs)
    figures.openMs.push(ackedMs - openedMs)
    await meter.ask('echo', { count: ECHO_WARM_UP })
    figures.echoesMs.push(...(await meter.ask('echo', { count: extent.echoes })))
    await measureStream(lab, meter, figures, extent, idleBytes)
    await meter.ask('close', null)
    for (const name of FAULTS) {
      say(`${variant}: ${FAULT_OF[name].title}`)
      figures.trials[name].push(await measureFault(lab, meter, variant, name))
    }
  } finally {
    await meter.end()
    if (variant === 'gateway') await lab.stopGateways()
  }
}

async function measureStream(
  lab: Lab,
  meter: Worker,
  figures: Figures,
  extent: Extent,
  idleBytes: number,
): Promise<void> {
  const gateway = figures.variant === 'gateway'
  const cpu = async (): Promise<number> =>
    (await meter.ask('cpu', null)) + (gateway ? lab.gatewayCpuMicros() : 0)
  const [cpuBefore, beganMs] = [await cpu(), machineMs()]
  let readings = 0
  const bytes = await bytesDuring(lab, async () => {
    const ask = { durationMs: extent.streamMs, intervalMs: STREAM_INTERVAL_MS }
    readings = (await meter.ask('stream', ask)).sent.length
  })
  const idle = (idleBytes * (machineMs() - beganMs)) / 1000
  figures.wireBytes.push((bytes - idle) / readings)
  figures.cpuMicros.push(((await cpu()) - cpuBefore) / readings)
}

async function bytesDuring(lab: Lab, act: () => Promise<void>): Promise<number> {
  const before = lab.meterCounts()
  await act()
  const after = lab.meterCounts()
  return after.bytes - before.bytes + (after.forwarded - before.forwarded) * UNDERLAY_BYTES
}

async function measureFault(
  lab: Lab,
  meter: Worker,
  variant: Variant,
  name: FaultName,
): Promise<Trial> {
  const fault = FAULT_OF[name]
  await lab.heal(LINK_DELAY_MS)
  fault.prepare?.(lab)
  await meter.ask('open', lab.request(variant))
  const server = lab.server(variant)
  await server.ask('arrivals', null)
  const streaming = meter.ask('stream', {
    durationMs: WARM_MS + fault.windowMs,
    intervalMs: FAULT_INTERVAL_MS,
  })
  // An agent that ends rejects this before it is awaited; that is not an unhandled rejection.
  streaming.catch(() => undefined)
  await lab.sleep(CALM_MS)
  const link = await lab.linkInUse()
  const struckMs = machineMs()
  await fault.strike(lab, link)
  const { sent, acked } = await streaming
  const arrivals = await server.ask('arrivals', null)
  await meter.ask('close', null)

  const after = sent.filter(([, atMs]) => atMs >= struckMs)
  const endMs = Math.max(...sent.map(([, atMs]) => atMs))
  const lost = lostOf(after, arrivals)
  const trips = roundTrips(sent, acked)
  const calm = trips.filter(([sentMs]) => sentMs < struckMs - 200).map(([, ms]) => ms)
  const lastMs = Math.max(...arrivals.map(([, atMs]) => atMs))
  return {
    roundTripMs: quantile(calm, 0.5),
    calmGapMs: longestGapMs(arrivals, struckMs - CALM_MS, struckMs),
    gapMs: longestGapMs(arrivals, struckMs, endMs),
    silentAtEnd: endMs - lastMs > 500,
    sent: after.length,
    lost: lost.length,
    lastLostMs: Math.max(0, ...lost.map(([, atMs]) => atMs - struckMs)),
    movedMs: name === 'better' ? movedAfterMs(trips, struckMs, IMPROVED_MS) : undefined,
    trips: trips.map(([sentMs, ms]) => [sentMs - struckMs, ms] as const),
  }
}
