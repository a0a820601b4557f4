import type { Clock } from '@s3mp/hal'
import { createTruth, type Reading, type TruthTime } from '@s3mp/meter'

import type { DurableMap } from '../durable-map.ts'
import type { Journal } from '../journal.ts'
import type { Log } from '../log.ts'
import type { Recorder } from '../recorder.ts'
import { Registrar } from '../registrar.ts'
import type { SpoolBox } from '../spool/box.ts'
import { Intake, shown } from './intake.ts'
import { Places, type Place } from './places.ts'
import type {
  Source,
  SourceContext,
  SourceSpec,
  SourceStatus,
  SourceTap,
  SourceTrouble,
} from './source.ts'

/** How readings are registered, the same for every meter. */
export interface StreamOptions {
  readonly billingMs: number
  /** Undefined: no fine stream. */
  readonly minuteMs: number | undefined
  readonly isLive: boolean
  readonly sealEvery: number
  readonly sealAfterMs: number
}

/** The maps that metering keeps beside the spool. */
export type MapName = 'places' | 'invocations' | 'pulses' | 'arrears'

/** What is told of the clocks that a reading showed. */
export type OnTime = (time: TruthTime) => void

/** What metering needs. */
export interface MeteringOptions {
  readonly sources: readonly SourceSpec[]
  readonly streams: StreamOptions
  readonly recorder: Recorder
  readonly journal: Journal
  readonly box: SpoolBox
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
  readonly openMap: (name: MapName) => DurableMap
  /** Whether somebody vouches for the wall clock. */
  readonly isClockTrusted: () => boolean
  /** Whether the wall clock was set, and is no guess; set where left out. */
  readonly isClockSet?: () => boolean
  /** What the system's clock shows, whatever is made of it; as `clock` where left out. */
  readonly systemMs?: () => number
  /** What a battery-backed clock says, where there is one. */
  readonly rtcMs?: (() => number | undefined) | undefined
  readonly onTime?: OnTime
  readonly tap?: ((source: string) => SourceTap) | undefined
  /** A telegram was understood; called before anything is registered. */
  readonly onTelegram: (source: string, reading: Reading, bytes: Uint8Array) => void
  readonly onDiscarded: (source: string, bytes: number, reason: string) => void
}

interface Working {
  readonly spec: SourceSpec
  readonly source: Source
  readonly findings: Map<string, number>
  protocol: string | undefined
  lastReadingMs: number | undefined
}

/** Every source at work, every metering device with its own registrar. */
export class Metering {
  readonly #options: MeteringOptions
  readonly #places: Places
  readonly #maps: Readonly<Record<MapName, DurableMap>>
  readonly #working: readonly Working[]
  readonly #registrars = new Map<number, Registrar>()
  readonly #retired = new Set<number>()

  constructor(options: MeteringOptions) {
    this.#options = options
    const { sources, openMap } = options
    this.#maps = {
      places: openMap('places'),
      invocations: openMap('invocations'),
      pulses: openMap('pulses'),
      arrears: openMap('arrears'),
    }
    this.#places = new Places(
      this.#maps.places,
      sources.map(({ name }) => name),
    )
    this.#working = sources.map((spec) => this.#prepare(spec))
    // What an earlier run left without a seal, or in a gap, goes on.
    for (const place of this.#places.all()) this.#resume(place)
  }

  /** Runs every source until `signal` aborts; `progressOf` names the loop of each. */
  run(signal: AbortSignal, progressOf: (loop: string) => () => void): readonly Promise<void>[] {
    return this.#working.map(({ spec, source }, index) =>
      source.run(signal, progressOf(index === 0 ? 'acquire' : `acquire ${spec.name}`)),
    )
  }

  /** Time has passed; call it about once a second. */
  tick(): void {
    for (const [place, registrar] of this.#registrars) registrar.tick(!this.#retired.has(place))
  }

  /** Signs over every live reading that is not sealed yet. */
  seal(): void {
    for (const registrar of this.#registrars.values()) registrar.seal()
  }

  /** Makes what was counted survive, and gives the files up. */
  close(): void {
    for (const map of Object.values(this.#maps)) map.close()
  }

  status(): readonly SourceStatus[] {
    return this.#working.map(({ spec, source, findings, protocol, lastReadingMs }) => ({
      name: spec.name,
      kind: spec.kind,
      device: spec.device,
      protocol,
      lastReadingMs,
      link: source.quality.snapshot(),
      meters: this.#places
        .all()
        .filter(({ head, number }) => head === spec.name && !this.#retired.has(number))
        .map(({ number, part, device }) => ({ place: number, part, device })),
      findings: Object.fromEntries(findings),
    }))
  }

  /** The last raw bytes heard by a source, the first one where none is named. */
  raw(name?: string): Uint8Array {
    const working = this.#working.find(({ spec }) => name === undefined || spec.name === name)
    return working?.source.ring.snapshot() ?? new Uint8Array(0)
  }

  #prepare(spec: SourceSpec): Working {
    const { journal, clock, random, log, onTelegram, onDiscarded } = this.#options
    const findings = new Map<string, number>()
    const truth = createTruth()
    const heard: Pick<Working, 'protocol' | 'lastReadingMs'> = {
      protocol: undefined,
      lastReadingMs: undefined,
    }
    const intake = new Intake({
      spec,
      places: this.#places,
      registrarOf: (place, isEach) => this.#registrarOf(place, isEach, spec),
      retire: (place) => {
        this.#retire(place)
      },
      journal,
      clock,
      log,
    })
    const context: SourceContext = {
      clock,
      random,
      log,
      invocations: this.#maps.invocations,
      pulses: this.#maps.pulses,
      arrears: this.#maps.arrears,
      isClockSet: this.#options.isClockSet ?? ((): boolean => true),
      stored: async () => {
        const { recorder } = this.#options
        await recorder.idle()
        return !recorder.isFull
      },
      onReading: (raw, bytes, time) => {
        heard.protocol = raw.protocol
        heard.lastReadingMs = clock.nowMs()
        // What a meter remembers of yesterday says nothing against its clock of today.
        const reading = time === undefined ? this.#judged(truth, raw, spec.name) : raw
        for (const flag of reading.flags) findings.set(flag, (findings.get(flag) ?? 0) + 1)
        onTelegram(spec.name, reading, bytes)
        intake.take(reading, time)
      },
      onDiscarded: (bytes, reason) => {
        onDiscarded(spec.name, bytes, reason)
        journal.tell(
          'bytes-discarded',
          'info',
          [shown(reason), BigInt(bytes), shown(spec.name)],
          spec.name,
        )
      },
      onSilence: (isSilent) => {
        const [name, severity] = isSilent
          ? (['meter-silent', 'warning'] as const)
          : (['meter-back', 'info'] as const)
        journal.tell(name, severity, [shown(spec.name)], spec.name)
      },
      tap: this.#options.tap?.(spec.name) ?? {},
      onTrouble: (trouble) => {
        this.#tellTrouble(spec, trouble)
      },
      newestMs: () => {
        const place = this.#places
          .all()
          .findLast(({ head, part }) => head === spec.name && part === '')
        return place === undefined ? undefined : this.#registrars.get(place.number)?.newestMs()
      },
    }
    return Object.assign(heard, { spec, source: spec.create(context), findings })
  }

  /** A reading with what physics, clocks and the readings before have against it. */
  #judged(truth: ReturnType<typeof createTruth>, raw: Reading, name: string): Reading {
    const { clock, isClockTrusted, systemMs, onTime, log, journal } = this.#options
    const rtcMs = this.#options.rtcMs?.()
    const { reading, findings, time } = truth.check(raw, {
      wallMs: systemMs?.() ?? clock.nowMs(),
      monotonicMs: clock.monotonicMs(),
      wallTrusted: isClockTrusted(),
      ...(rtcMs === undefined ? {} : { rtcMs }),
    })
    onTime?.(time)
    for (const { flag, what } of findings) {
      log.debug('reading.doubted', { flag, what })
      if (flag === 'register-jumped')
        journal.tell('register-implausible', 'warning', [shown(what)], name)
    }
    return reading
  }

  #tellTrouble(spec: SourceSpec, trouble: SourceTrouble): void {
    const { journal } = this.#options
    const name = shown(spec.name)
    if (trouble.kind === 'keys-refused') {
      journal.tell('keys-refused', 'warning', [name, trouble.verdict, shown(trouble.reason)], name)
    } else if (trouble.kind === 'pulses-uncertain') {
      journal.tell(
        'pulses-uncertain',
        'warning',
        [name, trouble.pulses, shown(trouble.reason)],
        name,
      )
    } else {
      const details = [name, shown(trouble.request), shown(trouble.reason)]
      journal.tell('meter-refused', 'warning', details, name)
    }
  }

  #resume(place: Place): void {
    const working = this.#working.find(({ spec }) => spec.name === place.head)
    // A head that is not configured any more has no gaps; its last seal is made up for.
    if (working === undefined || !this.#places.isCurrent(place)) this.#retired.add(place.number)
    const isEach = place.part !== '' || working?.spec.isShared === true
    this.#registrarOf(place, isEach, working?.spec)
  }

  #retire(place: number): void {
    this.#retired.add(place)
    this.#registrars.get(place)?.seal()
  }

  #registrarOf(place: Place, isEach: boolean, spec: SourceSpec | undefined): Registrar {
    this.#retired.delete(place.number)
    const known = this.#registrars.get(place.number)
    if (known !== undefined) return known
    const { streams, recorder, journal, box, clock } = this.#options
    const { minuteMs } = streams
    const askMs = spec?.askMs ?? 0
    const registrar = new Registrar({
      ...streams,
      isEach,
      billingMs: Math.max(streams.billingMs, askMs),
      minuteMs: minuteMs !== undefined && minuteMs >= askMs ? minuteMs : undefined,
      recorder,
      journal,
      box,
      clock,
      place: place.number,
      isSimulated: spec?.isSimulated ?? false,
    })
    this.#registrars.set(place.number, registrar)
    return registrar
  }
}
