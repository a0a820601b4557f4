import { HEARTBEAT_PATHS_MAX, HEARTBEAT_STREAMS_MAX } from '@s3mp/envelope'
import type { Clock } from '@s3mp/hal'

import type { PathStatus } from './channel/message.ts'
import type { ClockWatch } from './clock-state.ts'
import type { Recorder } from './recorder.ts'
import type { SpoolBox } from './spool/box.ts'
import { STREAM, STREAM_PRIORITY } from './streams.ts'

/** What a heartbeat tells of. */
export interface HeartbeatOptions {
  readonly recorder: Recorder
  readonly box: SpoolBox
  readonly clock: Clock
  readonly firmwareHash: Uint8Array
  readonly boot: number
  readonly periodMs: number
  /** Monotonic time of the start. */
  readonly startMs: number
  readonly paths: () => readonly PathStatus[]
  readonly watch: ClockWatch
}

/**
 * The meter's report on itself, as a signed record: program, clock, spool, paths, and for every
 * stream the oldest number that can still come, so that the head-end need not wait for what gave way.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions
  #dueMs: number
  /** Where the next heartbeat goes on, if one cannot tell of all streams. */
  #told = 0

  constructor(options: HeartbeatOptions) {
    this.#options = options
    // The first one soon: it tells the head-end that the meter is back, and what it still holds.
    this.#dueMs = options.startMs + Math.min(options.periodMs, FIRST_MS)
  }

  /** Call it about once a second. */
  tick(): void {
    const { clock, periodMs, recorder } = this.#options
    const nowMs = clock.monotonicMs()
    if (nowMs < this.#dueMs) return
    this.#dueMs = Math.max(this.#dueMs + periodMs, nowMs)
    const timeMs = clock.nowMs()
    void recorder.append({
      stream: STREAM.health,
      priority: STREAM_PRIORITY.health,
      build: (link, status) => ({
        kind: 'heartbeat',
        ...link,
        timeMs,
        status: status([]),
        ...this.#body(),
      }),
    })
  }

  #body(): Body {
    const { box, clock, firmwareHash, boot, startMs, paths, watch } = this.#options
    const { objects, bytes, bytesMax } = box.spool.stats()
    return {
      firmwareHash,
      bootCounter: boot,
      uptimeS: Math.floor((clock.monotonicMs() - startMs) / 1000),
      clockUncertaintyMs: watch.uncertaintyMs(clock.monotonicMs()),
      spool: { records: objects, bytes, bytesMax },
      paths: paths().slice(0, HEARTBEAT_PATHS_MAX).flatMap(statisticsOf),
      streams: this.#turn(box.spool.streams()).map((stream) => ({
        stream,
        floorSeq: box.spool.floor(stream),
        nextSeq: box.spool.stream(stream).nextSeq,
      })),
    }
  }

  /** As many streams as fit; where there are more, heartbeats tell of them in turn. */
  #turn(streams: readonly number[]): readonly number[] {
    if (streams.length <= HEARTBEAT_STREAMS_MAX) return streams
    const from = this.#told % streams.length
    this.#told = from + HEARTBEAT_STREAMS_MAX
    return [...streams.slice(from), ...streams.slice(0, from)].slice(0, HEARTBEAT_STREAMS_MAX)
  }
}

/** Time after the start at which the first heartbeat is made, in milliseconds. */
const FIRST_MS = 2000

/** What a heartbeat says beside its header. */
interface Body {
  readonly firmwareHash: Uint8Array
  readonly bootCounter: number
  readonly uptimeS: number
  readonly clockUncertaintyMs: number
  readonly spool: { readonly records: number; readonly bytes: number; readonly bytesMax: number }
  readonly paths: ReturnType<typeof statisticsOf>
  readonly streams: readonly {
    readonly stream: number
    readonly floorSeq: number
    readonly nextSeq: number
  }[]
}

function statisticsOf(path: PathStatus): readonly {
  readonly fingerprint8: Uint8Array
  readonly sent: number
  readonly acknowledged: number
  readonly roundTripMs: number
}[] {
  // The uplink may say what it likes; a wrong length must not stop the heartbeat.
  if (path.fingerprint.length !== 8) return []
  const { fingerprint, sent, acknowledged, roundTripMs } = path
  return [
    { fingerprint8: fingerprint, sent, acknowledged, roundTripMs: Math.max(0, Math.round(roundTripMs)) }, // prettier-ignore
  ]
}
