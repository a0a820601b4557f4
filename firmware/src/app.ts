import { TEXT_BYTES_MAX, toHex, type RandomBytes, type Severity, type Signer } from '@s3mp/envelope'
import type { Clock } from '@s3mp/hal'

import type { MeterEnd } from './channel/channel.ts'
import { BestClock } from './best-clock.ts'
import type { PathStatus, TransportHealth } from './channel/message.ts'
import { ClockWatch, type ClockState } from './clock-state.ts'
import { Delivery, type DeliveryStats } from './delivery/delivery.ts'
import { volatileMap, type DurableMap } from './durable-map.ts'
import { Epochs, type HeadendTrust } from './epochs.ts'
import { Heartbeat } from './heartbeat.ts'
import { Journal } from './journal.ts'
import { LinkQualityMeter, type LinkQuality } from './link-quality.ts'
import { silentLog, type Log } from './log.ts'
import { PathLedger } from './path-ledger.ts'
import { PathWatch } from './path-watch.ts'
import { Recorder } from './recorder.ts'
import { Metering, type MapName, type StreamOptions } from './sources/metering.ts'
import type { SourceSpec, SourceStatus, SourceTap } from './sources/source.ts'
import { SpoolBox } from './spool/box.ts'
import type { Dropped, Spool, SpoolStats } from './spool/spool.ts'
import { STORAGE_KEY_BYTES, Vault } from './spool/vault.ts'
import { isReadingStream } from './streams.ts'
import { TamperWatch, type TamperInput } from './tamper.ts'
import type { OnTrace } from './trace.ts'

/** Everything that a meter is made of. Nothing in here is taken from the surroundings. */
export interface MeterOptions {
  readonly clock: Clock
  /** In [0, 1), for jitter. */
  readonly random: () => number
  /** For keys: the system's generator in service. */
  readonly randomBytes: RandomBytes
  /** The ways to readings, at least one; each meter that they hear gets streams of its own. */
  readonly sources: readonly SourceSpec[]
  readonly streams: StreamOptions & { readonly heartbeatMs: number }
  /** Gives each source somebody who listens along. */
  readonly tap?: (source: string) => SourceTap
  /** A switch that opens with the device's own case. */
  readonly tamper?: TamperInput
  /** The device key. */
  readonly signer: Signer
  readonly trust: HeadendTrust
  /** Opens the durable store; called again when it broke. */
  readonly openSpool: () => Spool
  /** Opens what metering keeps beside the spool; nothing outlives the run where it is left out. */
  readonly openMap?: (name: MapName | 'clock') => DurableMap
  /** What a battery-backed clock says, where there is one: milliseconds since 1970. */
  readonly rtcMs?: () => number | undefined
  /** Our end of the channel to the uplink. */
  readonly channel: MeterEnd
  /**
   * Key for what waits on the disk, 32 bytes, the same at every start. Without it one is made for
   * this run, and what an earlier run left can be sent but not sealed again.
   */
  readonly storageKey?: Uint8Array
  /** SHA-256 of the running program. */
  readonly firmwareHash: Uint8Array
  readonly log?: Log
  readonly onTrace?: OnTrace
}

/** How a running meter is doing. */
export interface MeterStatus {
  readonly ueid: Uint8Array
  readonly boot: number
  readonly epoch: number | undefined
  readonly isEpochConfirmed: boolean
  readonly clock: ClockState
  readonly uptimeMs: number
  /** What the first source delivers. */
  readonly link: LinkQuality
  readonly sources: readonly SourceStatus[]
  /** Whether the device's case is open; undefined where no switch tells. */
  readonly isOpen: boolean | undefined
  readonly isUplinkThere: boolean
  readonly delivery: DeliveryStats
  readonly paths: readonly PathStatus[]
  /** What the uplink says of itself; undefined where its transport has nothing of the kind. */
  readonly transport: TransportHealth | undefined
  readonly spool: SpoolStats
  /** Milliseconds since each loop last turned. */
  readonly loops: Readonly<Record<string, number>>
}

/** A meter: reads, registers, chains, signs, seals, stores, delivers. */
export interface Meter {
  /**
   * Works until `signal` aborts, then seals what is open and closes the store. Rejects only when
   * there is a bug or nothing can be stored at all.
   */
  run(signal: AbortSignal): Promise<void>
  status(): MeterStatus
  /** The last raw bytes heard by a source, the first where none is named. */
  raw(source?: string): Uint8Array
}

/** The loops turn at least this often when all is well, in milliseconds. */
export const TICK_MS = 1000

/**
 * Puts a meter together. The store is opened and the boot is counted here, so that what is wrong
 * shows before anything runs.
 *
 * @throws FirmwareError `identity` without a usable prekey, `spool` when the store cannot be opened.
 */
export function createMeter(options: MeterOptions): Meter {
  return new MeterApp(options)
}

class MeterApp implements Meter {
  readonly #options: MeterOptions
  readonly #log: Log
  readonly #box: SpoolBox
  readonly #watch = new ClockWatch()
  readonly #clock: BestClock
  readonly #vault: Vault
  readonly #epochs: Epochs
  readonly #recorder: Recorder
  readonly #journal: Journal
  readonly #delivery: Delivery
  readonly #metering: Metering
  readonly #tamper: TamperWatch
  readonly #heartbeat: Heartbeat
  readonly #ledger: PathLedger
  readonly #pathWatch = new PathWatch()
  readonly #turned = new Map<string, number>()
  readonly #startMs: number

  constructor(options: MeterOptions) {
    const { signer, trust, randomBytes, firmwareHash, streams, rtcMs } = options
    const map = (options.openMap ?? volatileMap)('clock')
    this.#clock = new BestClock({ clock: options.clock, map, ...(rtcMs && { rtcMs }) })
    const clock = this.#clock
    this.#options = { ...options, clock }
    this.#log = options.log ?? silentLog
    this.#startMs = clock.monotonicMs()
    this.#watch.look(clock.nowMs(), clock.monotonicMs())
    this.#box = new SpoolBox(options.openSpool)
    const box = this.#box
    this.#vault = new Vault(options.storageKey ?? randomBytes(STORAGE_KEY_BYTES), randomBytes)
    const clockState = (): ClockState => this.#clockState()
    const shared = { clock, box, log: this.#log, clockState }
    const onClockDoubt = (): void => {
      this.#watch.doubt()
    }
    const epochs = { ...shared, signer, trust, randomBytes, firmwareHash, onClockDoubt }
    this.#epochs = new Epochs(epochs)
    this.#recorder = this.#makeRecorder(clockState)
    this.#journal = new Journal(this.#recorder, clock, this.#log)
    const { recorder, journal } = { recorder: this.#recorder, journal: this.#journal }
    this.#ledger = new PathLedger((details) => {
      journal.note('path-taken', details)
    })
    this.#delivery = this.#makeDelivery()
    this.#metering = this.#makeMetering()
    this.#tamper = new TamperWatch({ ...shared, input: options.tamper, journal })
    this.#heartbeat = new Heartbeat({
      recorder,
      box,
      clock,
      firmwareHash,
      boot: this.#epochs.boot,
      periodMs: streams.heartbeatMs,
      startMs: this.#startMs,
      paths: () => this.#delivery.paths,
      watch: this.#watch,
    })
  }

  async run(signal: AbortSignal): Promise<void> {
    const stop = new AbortController()
    const all = AbortSignal.any([signal, stop.signal])
    const { recovery } = this.#box.spool
    this.#journal.tell('boot', 'info', [BigInt(this.#epochs.boot)])
    if (recovery !== undefined) this.#tellBroken(recovery.reason)
    const loops = [
      ...this.#metering.run(all, (loop) => this.#progressOf(loop)),
      this.#tamper.run(all),
      this.#delivery.run(all, this.#progressOf('delivery')),
      this.#tick(all),
    ]
    try {
      await Promise.all(loops)
    } finally {
      stop.abort()
      await Promise.allSettled(loops)
      await this.#shutDown()
    }
  }

  status(): MeterStatus {
    const { clock, signer, channel } = this.#options
    const nowMs = clock.monotonicMs()
    const sources = this.#metering.status()
    const [first] = sources
    const loops = [...this.#turned].map(([name, atMs]) => [name, Math.round(nowMs - atMs)] as const)
    return {
      ueid: signer.ueid,
      boot: this.#epochs.boot,
      epoch: this.#epochs.number,
      isEpochConfirmed: this.#epochs.isConfirmed,
      clock: this.#clockState(),
      uptimeMs: Math.round(nowMs - this.#startMs),
      link: first?.link ?? NOTHING_HEARD,
      sources,
      isOpen: this.#tamper.isOpen,
      isUplinkThere: channel.isLinked,
      delivery: this.#delivery.stats(),
      paths: this.#delivery.paths,
      transport: this.#delivery.health,
      spool: this.#box.spool.stats(),
      loops: Object.fromEntries(loops),
    }
  }

  raw(source?: string): Uint8Array {
    return this.#metering.raw(source)
  }

  /** Once a second: schedules move on without telegrams, clocks are compared, keys age. */
  async #tick(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    const progress = this.#progressOf('tick')
    while (!signal.aborted) {
      progress()
      this.#lookAtClock()
      this.#metering.tick()
      this.#heartbeat.tick()
      this.#ledger.tick(clock.monotonicMs())
      this.#epochs.tick()
      await clock.sleep(TICK_MS, signal).catch(() => undefined)
    }
  }

  #lookAtClock(): void {
    const { clock } = this.#options
    const step = this.#watch.look(clock.nowMs(), clock.monotonicMs())
    if (step !== undefined) this.#journal.tell('clock-stepped', 'warning', [BigInt(step.byMs)])
  }

  #clockState(): ClockState {
    const clock = this.#clock
    // A guess is no time that anybody set, however near it may be.
    if (!clock.isSet) return 'unset'
    return this.#watch.state(clock.nowMs(), clock.monotonicMs())
  }

  #progressOf(loop: string): () => void {
    const { clock } = this.#options
    const progress = (): void => {
      this.#turned.set(loop, clock.monotonicMs())
    }
    progress()
    return progress
  }

  #makeRecorder(clockState: () => ClockState): Recorder {
    const { signer, clock, sources, onTrace } = this.#options
    return new Recorder({
      signer,
      clock,
      clockState,
      epochs: this.#epochs,
      box: this.#box,
      vault: this.#vault,
      isSimulated: sources.every(({ isSimulated }) => isSimulated),
      isTampered: () => this.#tamper.isOpen === true,
      log: this.#log,
      onTrace: (event) => onTrace?.(event),
      onStored: () => {
        this.#delivery.wake()
      },
      onDropped: (dropped) => {
        this.#tellDropped(dropped)
      },
      onFull: (isFull) => {
        const { objects, bytes } = this.#box.spool.stats()
        const severity: Severity = isFull ? 'alarm' : 'notice'
        const details = [isFull ? 'full' : 'room', BigInt(objects), BigInt(bytes)]
        this.#journal.tell('spool-full', severity, details)
      },
      onBroken: (reason) => {
        this.#delivery.forget()
        this.#tellBroken(reason)
      },
    })
  }

  #makeDelivery(): Delivery {
    const { channel, clock, random, onTrace } = this.#options
    return new Delivery({
      box: this.#box,
      epochs: this.#epochs,
      vault: this.#vault,
      channel,
      clock,
      random,
      log: this.#log,
      onTrace: (event) => onTrace?.(event),
      onTime: (headEndMs, roundTripMs) => {
        this.#clock.hear(headEndMs, roundTripMs)
        this.#lookAtClock()
        this.#watch.hear(headEndMs, roundTripMs, clock.nowMs(), clock.monotonicMs())
        if (this.#clockState() === 'synced') this.#clock.vouch()
      },
      onFork: (stream, seq) => {
        const lost = this.#box.spool.skipBeyond(stream, seq)
        this.#log.error('history.forked', { stream, seq, lost })
        const details = [BigInt(stream), BigInt(seq), BigInt(lost)]
        this.#journal.tell('history-forked', 'alarm', details)
      },
      onArrived: (journey) => {
        if (isReadingStream(journey.stream)) this.#ledger.arrived(journey, clock.monotonicMs())
      },
      onPaths: (paths, health) => {
        this.#onPaths(paths, health)
      },
    })
  }

  #onPaths(paths: readonly PathStatus[], health: TransportHealth | undefined): void {
    for (const { fingerprint, interfaces = '' } of paths) {
      this.#ledger.learn(toHex(fingerprint), interfaces)
    }
    const change = this.#pathWatch.look(paths, health, this.#options.clock.monotonicMs())
    if (change?.type === 'back') this.#journal.tell('paths-back', 'notice')
    if (change?.type !== 'lost') return
    const isForbidden = (health?.forbidden ?? '') !== ''
    const details = [printable(change.reason)]
    this.#journal.tell('paths-lost', isForbidden ? 'alarm' : 'warning', details)
  }

  #makeMetering(): Metering {
    const { sources, streams, clock, random, onTrace, openMap = volatileMap } = this.#options
    return new Metering({
      sources,
      streams,
      recorder: this.#recorder,
      journal: this.#journal,
      box: this.#box,
      clock,
      random,
      log: this.#log,
      openMap,
      tap: this.#options.tap,
      isClockTrusted: () => this.#clockState() === 'synced',
      isClockSet: () => this.#clock.isSet,
      systemMs: () => this.#clock.systemMs,
      rtcMs: this.#options.rtcMs,
      onTime: ({ timeMs, source }) => {
        if (timeMs === undefined || source === 'system') return
        // Where the system's clock was set, a battery-backed one contradicts it.
        if (this.#clock.isSet && source === 'rtc') this.#watch.doubt()
        else this.#clock.learn(timeMs)
      },
      onTelegram: (source, reading, bytes) => {
        this.#lookAtClock()
        onTrace?.({ type: 'telegram', atMs: clock.nowMs(), source, bytes, reading })
      },
      onDiscarded: (source, bytes, reason) => {
        onTrace?.({ type: 'discarded', atMs: clock.nowMs(), source, bytes, reason })
      },
    })
  }

  #tellDropped(dropped: readonly Dropped[]): void {
    for (const { stream, fromSeq, toSeq, objects } of dropped) {
      this.#log.warn('records.dropped', { stream, fromSeq, toSeq, objects })
      const details = [BigInt(stream), BigInt(fromSeq), BigInt(toSeq)]
      this.#journal.tell('records-dropped', 'warning', details)
    }
  }

  #tellBroken(reason: string): void {
    const { recovery } = this.#box.spool
    const salvaged = recovery?.salvaged.objects ?? 0
    this.#log.error('spool.recovered', { reason, aside: recovery?.aside, salvaged })
    this.#journal.tell('spool-broken', 'alarm', [BigInt(salvaged)])
  }

  /** Seals the live stream and says goodbye, as far as there is room; then closes the store. */
  async #shutDown(): Promise<void> {
    this.#metering.seal()
    this.#ledger.flush(this.#options.clock.monotonicMs())
    this.#journal.tell('shutdown', 'info')
    await this.#recorder.idle()
    this.#epochs.close()
    this.#metering.close()
    this.#clock.close()
    this.#box.spool.close()
    await this.#options.channel.close()
  }
}

/** What a meter without any source has heard. */
const NOTHING_HEARD = new LinkQualityMeter().snapshot()

/** A text of the other role, as far as a record may carry it. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/gu, '?').slice(0, TEXT_BYTES_MAX)
}
