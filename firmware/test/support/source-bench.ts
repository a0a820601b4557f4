import { VirtualClock } from '@s3mp/hal/mock'
import type { Reading } from '@s3mp/meter'

import { CLOCK_FLOOR_MS } from '../../src/clock-state.ts'
import { volatileMap, type DurableMap } from '../../src/durable-map.ts'
import { createLog } from '../../src/log.ts'
import type {
  ReadingTime,
  Source,
  SourceContext,
  SourceSpec,
  SourceTrouble,
} from '../../src/sources/source.ts'
import { seededRandom, START_MS } from './world.ts'

/** A reading as a source handed it over. */
export interface Taken {
  readonly reading: Reading
  readonly bytes: Uint8Array
  readonly time: ReadingTime | undefined
  readonly atMs: number
}

/** One source alone under virtual time, with everything that it told. */
export class SourceBench {
  readonly clock: VirtualClock
  readonly readings: Taken[] = []
  readonly discarded: { readonly bytes: number; readonly reason: string }[] = []
  readonly silences: boolean[] = []
  readonly troubles: SourceTrouble[] = []
  readonly log: string[] = []
  readonly pulses: DurableMap
  readonly invocations = volatileMap()
  readonly arrears: DurableMap
  /** Whether readings find no room on the disk. */
  isFull = false
  /** What the source is told of the newest registered reading. */
  newestMs: number | undefined
  readonly #stop = new AbortController()
  #source: Source | undefined
  #running: Promise<void> = Promise.resolve()

  constructor(
    clock: VirtualClock = new VirtualClock(START_MS),
    pulses: DurableMap = volatileMap(),
    arrears: DurableMap = volatileMap(),
  ) {
    this.arrears = arrears
    this.clock = clock
    this.pulses = pulses
  }

  get source(): Source {
    if (this.#source === undefined) throw new Error('not started')
    return this.#source
  }

  /** Puts a source to work. */
  start(spec: SourceSpec): this {
    this.#source = spec.create(this.context())
    this.#running = this.#source.run(this.#stop.signal, () => undefined)
    this.#running.catch(() => undefined)
    return this
  }

  /** What a source is given: everything that it tells is kept here. */
  context(): SourceContext {
    const { clock } = this
    const write = (line: string): void => {
      this.log.push(line)
    }
    return {
      clock,
      random: seededRandom('bench'),
      log: createLog({ write, monotonicMs: () => clock.monotonicMs() }),
      invocations: this.invocations,
      pulses: this.pulses,
      arrears: this.arrears,
      isClockSet: () => clock.nowMs() >= CLOCK_FLOOR_MS,
      stored: () => Promise.resolve(!this.isFull),
      onReading: (reading, bytes, time) => {
        this.readings.push({ reading, bytes, time, atMs: clock.nowMs() })
      },
      onDiscarded: (bytes, reason) => {
        this.discarded.push({ bytes, reason })
      },
      onSilence: (isSilent) => {
        this.silences.push(isSilent)
      },
      onTrouble: (trouble) => {
        this.troubles.push(trouble)
      },
      tap: {},
      newestMs: () => this.newestMs,
    }
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms)
  }

  /** Ends the source cleanly. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.clock.runUntil(this.#running)
  }
}
