import type { Clock, SerialPort } from '@s3mp/hal'
import type { DecoderEvent, Reading } from '@s3mp/meter'

import type { DurableMap } from '../durable-map.ts'
import type { LinkQuality, LinkQualityMeter } from '../link-quality.ts'
import type { Log } from '../log.ts'
import type { RawRing } from '../raw-ring.ts'

/** Sources of one meter; a Pi has four USB sockets and a few pins. */
export const SOURCES_MAX = 16

/** How readings come in: pushed, asked for, counted, or handed over by another program. */
export type SourceKind = 'push' | 'sign-on' | 'dlms' | 'modbus' | 's0' | 'adapter'

/** Something about a source that its owner must know, for the signed history. */
export type SourceTrouble =
  /** The keys do not open what the meter sends; a verdict of the key doctor and its reason. */
  | { readonly kind: 'keys-refused'; readonly verdict: string; readonly reason: string }
  /** Pulses may be missing from the counter: the pin was not watched for a while. */
  | { readonly kind: 'pulses-uncertain'; readonly pulses: bigint; readonly reason: string }
  /** The meter, or the adapter's sentence, was refused or refuses. */
  | { readonly kind: 'meter-refused'; readonly request: string; readonly reason: string }

/** When a reading was taken, where that is not now. */
export interface ReadingTime {
  /** Wall-clock time of the reading, milliseconds since 1970. */
  readonly timeMs: number
  /** It was made while nobody listened, and read from the meter's own memory afterwards. */
  readonly isBackfill?: boolean
}

/** Somebody who listens along at one source: a black box, whoever types a PIN. None may throw. */
export interface SourceTap {
  /** Raw bytes as they came, before anything is decoded. */
  readonly bytes?: (bytes: Uint8Array) => void
  readonly event?: (event: DecoderEvent) => void
  /** The port of a head that listens, while there is one. */
  readonly port?: (port: SerialPort | undefined) => void
}

/** What a source is given to work with, and whom it tells. */
export interface SourceContext {
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly log: Log
  /** Counters of ciphered telegrams, by name: what was accepted once is never accepted again. */
  readonly invocations: DurableMap
  /** Whether the wall clock was set; else it shows a guess, by which no outage can be dated. */
  readonly isClockSet: () => boolean
  /** Times for which readings are still owed from a meter's memory, by head. */
  readonly arrears: DurableMap
  /** Resolves when all readings handed over are on the disk; false where there was no room for one. */
  readonly stored: () => Promise<boolean>
  /** Pulses counted, by head. */
  readonly pulses: DurableMap
  /** A reading; `bytes` are its raw bytes, as far as they are still held. */
  readonly onReading: (reading: Reading, bytes: Uint8Array, time?: ReadingTime) => void
  readonly onDiscarded: (bytes: number, reason: string) => void
  /** The meter fell silent, or is heard again. */
  readonly onSilence: (isSilent: boolean) => void
  readonly tap: SourceTap
  readonly onTrouble: (trouble: SourceTrouble) => void
  /**
   * Wall-clock time of the newest reading of this head that is registered, to ask the meter's memory
   * for what came after it; undefined for a head that was never heard.
   */
  readonly newestMs: () => number | undefined
}

/** One way to readings: a head that listens, a bus that is asked, a pin that is watched. */
export interface Source {
  readonly quality: LinkQualityMeter
  readonly ring: RawRing
  /**
   * Works until `signal` aborts, through every fault that waiting or trying again can heal;
   * `progress` is called whenever its loop turns. Rejects only with a bug.
   */
  run(signal: AbortSignal, progress: () => void): Promise<void>
}

/** A source before it is put to work. */
export interface SourceSpec {
  /** What the owner calls it; no other source has the same name. */
  readonly name: string
  readonly kind: SourceKind
  /** The port, pin, socket or address, for people. */
  readonly device: string
  /** Every record is marked: no real meter is behind it. */
  readonly isSimulated: boolean
  /** Several meters are usual behind it, and their readings are registered as they come. */
  readonly isShared?: boolean
  /** How often the meter is asked, in milliseconds; periods are never shorter than that. */
  readonly askMs?: number
  readonly create: (context: SourceContext) => Source
}

/** How one source is doing. */
export interface SourceStatus {
  readonly name: string
  readonly kind: SourceKind
  /** The port, pin, socket or address. */
  readonly device: string
  /** How the newest reading came, and when by the wall clock; undefined before the first. */
  readonly protocol: string | undefined
  readonly lastReadingMs: number | undefined
  readonly link: LinkQuality
  /** The meters heard by it, with their places. */
  readonly meters: readonly {
    readonly place: number
    readonly part: string
    readonly device: string
  }[]
  /** Doubts about readings, by name, since the start. */
  readonly findings: Readonly<Record<string, number>>
}
