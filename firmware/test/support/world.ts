import { createHash } from 'node:crypto'
import { join } from 'node:path'

import { SoftwareSigner, type RandomBytes } from '@s3mp/envelope'
import { parseSettings } from '@s3mp/hal'
import { ReplaySerial, VirtualClock, type ReplayOptions } from '@s3mp/hal/mock'
import { Household, SmlHousehold } from '@s3mp/meter/simulator'

import { createMeter, type Meter, type MeterOptions } from '../../src/app.ts'
import { memoryChannel } from '../../src/channel/memory.ts'
import { openDurableMap } from '../../src/durable-map.ts'
import { createLog, silentLog } from '../../src/log.ts'
import { listening } from '../../src/sources/listening.ts'
import type { SourceSpec } from '../../src/sources/source.ts'
import { Spool, type SpoolOptions } from '../../src/spool/spool.ts'
import type { TamperInput } from '../../src/tamper.ts'
import type { TraceEvent } from '../../src/trace.ts'
import type { Transport } from '../../src/transport/transport.ts'
import { createUplink } from '../../src/uplink.ts'
import { freshFolder } from './folder.ts'
import { TestHeadEnd } from './head-end.ts'
import { Road } from './road.ts'

/** When the tests' time begins. */
export const START_MS = Date.UTC(2026, 10, 23, 10, 0, 0)

/** Bytes that are the same in every run. */
export function seededBytes(seed: string): RandomBytes {
  let counter = 0
  return (length) => {
    const bytes = new Uint8Array(length)
    for (let at = 0; at < length; at += 32) {
      const block = createHash('sha256')
        .update(`${seed} ${String((counter += 1))}`)
        .digest()
      bytes.set(block.subarray(0, Math.min(32, length - at)), at)
    }
    return bytes
  }
}

/** Numbers in [0, 1) that are the same in every run. */
export function seededRandom(seed: string): () => number {
  const bytes = seededBytes(seed)
  return () => new DataView(bytes(4).buffer).getUint32(0) / 2 ** 32
}

/** What may be different in a world. */
export interface WorldOptions {
  readonly seed?: string
  /** Told of everything, as a page is. */
  readonly tracer?: (event: TraceEvent) => void
  readonly streams?: Partial<MeterOptions['streams']>
  readonly spool?: Partial<SpoolOptions>
  readonly replay?: Partial<ReplayOptions>
  readonly silenceMs?: number
  /** Other sources than one head that listens. */
  readonly sources?: (world: World) => readonly SourceSpec[]
  readonly tamper?: (world: World) => TamperInput
}

/** A meter, a road and a head-end under virtual time. */
export class World {
  readonly clock: VirtualClock
  readonly headEnd: TestHeadEnd
  readonly road: Road
  readonly serial: ReplaySerial
  readonly household: SmlHousehold
  readonly folder = freshFolder()
  readonly trace: TraceEvent[] = []
  readonly log: string[] = []
  readonly saved: Uint8Array[] = []
  readonly signer: SoftwareSigner
  readonly #options: WorldOptions
  /** In [0, 1), the same in every run. */
  readonly random: () => number
  readonly #bytes: RandomBytes
  /** Carries instead of the road from the next start on. */
  transport: Transport | undefined
  #running: { readonly stop: AbortController; readonly done: Promise<unknown> } | undefined
  #meter: Meter | undefined

  private constructor(
    options: WorldOptions,
    clock: VirtualClock,
    signer: SoftwareSigner,
    headEnd: TestHeadEnd,
  ) {
    const seed = options.seed ?? 'world'
    this.#options = options
    this.random = seededRandom(`${seed} random`)
    this.#bytes = seededBytes(`${seed} meter`)
    this.clock = clock
    this.signer = signer
    this.headEnd = headEnd
    this.road = new Road(clock, this.random, (bytes) => headEnd.take(bytes))
    this.household = new SmlHousehold({
      household: new Household({ seed: 1, startMs: START_MS - 86_400_000 }),
    })
    this.serial = new ReplaySerial({
      clock,
      random: this.random,
      settings: parseSettings('9600 8N1'),
      telegrams: (_index, nowMs) => this.household.telegram(Math.max(nowMs, START_MS)),
      ...options.replay,
    })
  }

  static async open(options: WorldOptions = {}): Promise<World> {
    const clock = new VirtualClock(START_MS)
    const bytes = seededBytes(`${options.seed ?? 'world'} keys`)
    const signer = SoftwareSigner.generate('Ed25519', bytes)
    const headEnd = await TestHeadEnd.open(clock, bytes, signer)
    return new World(options, clock, signer, headEnd)
  }

  get meter(): Meter {
    if (this.#meter === undefined) throw new Error('not started')
    return this.#meter
  }

  /** Starts meter and uplink on the same state folder. */
  start(): void {
    const { clock, headEnd } = this
    const channel = memoryChannel()
    const write = (line: string): void => {
      this.log.push(line)
    }
    const { folder } = this
    this.#meter = createMeter({
      clock,
      random: this.random,
      randomBytes: this.#bytes,
      sources: this.#options.sources?.(this) ?? [
        listening({
          name: 'head',
          serial: this.serial,
          path: '/dev/replay',
          settings: parseSettings('9600 8N1'),
          protocol: 'auto',
          silenceMs: this.#options.silenceMs ?? 10_000,
          isSimulated: true,
        }),
      ],
      openMap: (name) => openDurableMap(join(folder, name)),
      ...(this.#options.tamper === undefined ? {} : { tamper: this.#options.tamper(this) }),
      streams: {
        billingMs: 900_000,
        minuteMs: 60_000,
        isLive: true,
        sealEvery: 10,
        sealAfterMs: 60_000,
        heartbeatMs: 60_000,
        ...this.#options.streams,
      },
      signer: this.signer,
      trust: {
        key: headEnd.signer,
        prekeys: [headEnd.prekey.object, ...this.saved],
        save: (prekey) => this.saved.push(prekey),
      },
      openSpool: () =>
        Spool.open({
          folder,
          bytesMax: 1e9,
          objectsMax: 1e6,
          nowMs: clock.nowMs(),
          ...this.#options.spool,
        }),
      channel: channel.meter,
      storageKey: new Uint8Array(32).fill(5),
      firmwareHash: new Uint8Array(32).fill(9),
      log: createLog({ write, monotonicMs: () => clock.monotonicMs() }),
      onTrace: (event) => {
        this.trace.push(event)
        this.#options.tracer?.(event)
      },
    })
    const uplink = createUplink({
      channel: channel.uplink,
      transport: this.transport ?? this.road,
      clock,
      log: silentLog,
    })
    const stop = new AbortController()
    const done = Promise.all([this.#meter.run(stop.signal), uplink.run(stop.signal)])
    // A failure must be seen by the test that waits for the end, not as an unhandled rejection.
    done.catch(() => undefined)
    this.#running = { stop, done }
  }

  /** Lets time pass. */
  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms)
  }

  /**
   * Lets time pass until something is so. Keys are derived in real time, in other threads: that time
   * is given to them here, so that a busy machine is no slow road.
   */
  async until(isSo: () => boolean, limitMs = 1_800_000): Promise<void> {
    for (let passedMs = 0; !isSo(); passedMs += 500) {
      if (passedMs >= limitMs) throw new Error(`not so within ${String(limitMs)} ms`)
      await this.clock.advance(500)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }

  /** Starts, and waits until the head-end answers. */
  async startAndMeet(): Promise<void> {
    this.start()
    await this.until(() => this.meter.status().isEpochConfirmed)
  }

  /** Waits until the head-end has everything but what is just being made. */
  async untilDelivered(): Promise<void> {
    await this.until(() => this.meter.status().spool.objects <= 2)
  }

  /** Ends meter and uplink cleanly. */
  async stop(): Promise<void> {
    const running = this.#running
    this.#running = undefined
    running?.stop.abort()
    if (running !== undefined) await this.clock.runUntil(running.done)
  }

  /** Trace events of one type. */
  traced<Type extends TraceEvent['type']>(
    type: Type,
  ): readonly Extract<TraceEvent, { type: Type }>[] {
    return this.trace.filter(
      (event): event is Extract<TraceEvent, { type: Type }> => event.type === type,
    )
  }
}
