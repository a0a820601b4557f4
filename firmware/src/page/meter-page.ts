import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { toHex, type RandomBytes } from '@s3mp/envelope'
import type { Clock } from '@s3mp/hal'
import { LiveFeed } from '@s3mp/web'
import type { ServerInfo, Tariff, View } from '@s3mp/web/api'
import { readTariff } from '@s3mp/web/http'

import type { MeterStatus } from '../app.ts'
import type { NetworkReport } from '../channel/network.ts'
import { FirmwareError, reasonOf } from '../errors.ts'
import { History } from '../history/history.ts'
import type { Log } from '../log.ts'
import { meterMetrics, METRICS_TYPE } from '../metrics.ts'
import type { TraceEvent } from '../trace.ts'
import { PageApi } from './api.ts'
import { networkAnswer } from './network.ts'
import { Views, type DeviceFacts } from './views.ts'

/** Least time from one telling of the device's state to the next, in milliseconds. */
export const DEVICE_TOLD_MS_MIN = 10_000

/** Least time from one telling of the paths' figures to the next; what changes is told at once. */
export const NETWORK_TOLD_MS_MIN = 10_000

/** Names of the files beside the spool. */
export const HISTORY_FILE = 'history.sqlite'
const TARIFF_FILE = 'tariff.json'

/** What the part of the page that lives in the meter is made with. */
export interface MeterPageOptions {
  readonly folder: string
  readonly facts: DeviceFacts
  readonly version: string
  readonly clock: Clock
  readonly random: RandomBytes
  readonly log: Log
  readonly status: () => MeterStatus
  /** Whether the uplink has ways to choose from, and so something to tell of a network. */
  readonly hasNetwork: boolean
}

/**
 * The meter's side of its page: remembers what the meter records, answers questions about it, and tells
 * it live. It answers whoever asks; who may is decided in front of it. Nothing in here may keep the
 * meter from metering.
 */
export class MeterPage {
  readonly #options: MeterPageOptions
  readonly #history: History
  readonly #views: Views
  readonly #live: LiveFeed
  readonly #api: PageApi
  readonly #run: string
  readonly #startedMs: number
  #tariff: Tariff | undefined
  #network: { readonly atMs: number; readonly report: NetworkReport } | undefined
  /** What was told last but for its figures, and when. */
  #toldNetwork = { news: '', atMs: -Infinity }
  #toldMs = -Infinity
  #isClosed = false

  /** @throws FirmwareError `spool` where the history cannot be kept at all. */
  constructor(options: MeterPageOptions) {
    this.#options = options
    const { folder, facts, clock, random, status } = options
    this.#history = new History(join(folder, HISTORY_FILE))
    this.#run = toHex(random(6))
    this.#startedMs = clock.nowMs()
    this.#views = new Views({ facts, history: this.#history, status })
    this.#live = new LiveFeed({ run: this.#run })
    this.#tariff = readKept(join(folder, TARIFF_FILE))
    this.#api = new PageApi({
      history: this.#history,
      views: this.#views,
      live: this.#live,
      nowMs: () => clock.nowMs(),
      describe: () => this.#describe(),
      tariff: () => this.#tariff,
      network: () => this.#network,
      keepTariff: (tariff) => {
        keep(join(folder, TARIFF_FILE), tariff)
        this.#tariff = tariff
      },
    })
  }

  /** Takes what the meter tells of itself. */
  trace(event: TraceEvent): void {
    if (this.#isClosed) return
    if (event.type === 'network') this.#takeNetwork(event)
    if (event.type !== 'stored') return
    const { stream, seq, atMs: storedMs, record, payload, object } = event
    try {
      this.#history.take({ stream, seq, storedMs, record, payload, object })
      if (this.#live.readers > 0) this.#tell(stream, seq, record.kind)
    } catch (error) {
      this.#options.log.warn('history.failed', { reason: reasonOf(error) })
    }
  }

  /** The answer to a question: the API, and metrics. */
  fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url)
    if (pathname !== '/metrics') return this.#api.fetch(request)
    const { status, clock } = this.#options
    const text = meterMetrics(status(), clock.nowMs())
    return Promise.resolve(new Response(text, { headers: { 'content-type': METRICS_TYPE } }))
  }

  /** Writes what is remembered and ends every reader. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#live.close()
    try {
      this.#history.close()
    } catch (error) {
      this.#options.log.warn('history.failed', { reason: reasonOf(error) })
    }
  }

  #takeNetwork({ atMs, report }: { atMs: number; report: NetworkReport }): void {
    this.#network = { atMs, report }
    if (this.#live.readers === 0) return
    const data = networkAnswer(report, atMs)
    const { active, links, failovers } = data
    const states = data.paths.map(({ id, state, reason }) => [id, state, reason])
    const news = JSON.stringify([active, links, failovers, states])
    const nowMs = this.#options.clock.monotonicMs()
    const told = this.#toldNetwork
    if (told.news === news && nowMs - told.atMs < NETWORK_TOLD_MS_MIN) return
    this.#toldNetwork = { news, atMs: nowMs }
    this.#live.publish({ type: 'network', data })
  }

  #tell(stream: number, seq: number, kind: string): void {
    const { clock } = this.#options
    const record = this.#history.at(stream, seq)
    if (record === undefined) return
    const sample =
      kind === 'reading' || kind === 'fast' ? this.#views.samples.of(record) : undefined
    if (sample !== undefined)
      this.#live.publish({ type: 'reading', data: this.#views.reading(sample) })
    const event = kind === 'event' ? this.#views.event(record) : undefined
    if (event !== undefined) this.#live.publish({ type: 'event', data: event })
    if (clock.monotonicMs() - this.#toldMs < DEVICE_TOLD_MS_MIN) return
    this.#toldMs = clock.monotonicMs()
    this.#live.publish({ type: 'device', data: this.#views.device(clock.nowMs()) })
  }

  #describe(): ServerInfo {
    const { version, clock, hasNetwork } = this.#options
    const views: readonly View[] = hasNetwork ? ['household', 'network'] : ['household']
    return {
      role: 'meter',
      version,
      run: this.#run,
      nowMs: clock.nowMs(),
      startedMs: this.#startedMs,
      views,
    }
  }
}

function readKept(file: string): Tariff | undefined {
  if (!existsSync(file)) return undefined
  try {
    return readTariff(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    // A tariff that cannot be read is entered again; it is no reason to stop metering.
    return undefined
  }
}

function keep(file: string, tariff: Tariff): void {
  try {
    writeFileSync(file, `${JSON.stringify(tariff)}\n`, { mode: 0o600 })
  } catch (error) {
    throw new FirmwareError('spool', `${file}: ${reasonOf(error)}`, { cause: error })
  }
}
