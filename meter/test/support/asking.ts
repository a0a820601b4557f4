import { setImmediate } from 'node:timers/promises'
import type {
  CounterStore,
  DlmsAuthentication,
  DlmsClientOptions,
  DlmsSecurity,
  MeterClock,
  MeterPort,
} from '../../src/index.ts'
import { DlmsClient, counterMemory } from '../../src/index.ts'
import type { DlmsMeterOptions, SimulatedClient } from '../../src/simulator/index.ts'
import { DlmsMeter, Household } from '../../src/simulator/index.ts'
import { hex } from './telegrams.ts'

/** A clock for which waiting takes no time: whatever can happen first, happens first. */
export function impatientClock(): MeterClock & { readonly passedMs: () => number } {
  let nowMs = 0
  return {
    monotonicMs: () => nowMs,
    passedMs: () => nowMs,
    async sleep(ms, signal) {
      await setImmediate(undefined, signal === undefined ? {} : { signal })
      nowMs += ms
    },
  }
}

/** A line whose other end is a function from what was written to what comes back. */
export class LoopPort implements MeterPort {
  readonly #answer: (bytes: Uint8Array) => readonly Uint8Array[]
  readonly #waiting: Uint8Array[] = []
  #wake: (() => void) | undefined
  /** What was written, in order. */
  readonly written: Uint8Array[] = []

  constructor(answer: (bytes: Uint8Array) => readonly Uint8Array[]) {
    this.#answer = answer
  }

  async read(signal?: AbortSignal): Promise<Uint8Array> {
    for (;;) {
      signal?.throwIfAborted()
      const bytes = this.#waiting.shift()
      if (bytes !== undefined) return bytes
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        signal?.addEventListener(
          'abort',
          () => {
            resolve()
          },
          { once: true },
        )
      })
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.written.push(bytes)
    for (const answer of this.#answer(bytes)) if (answer.length > 0) this.#waiting.push(answer)
    this.#wake?.()
    await Promise.resolve()
  }
}

/** When simulated meters are asked, and since when they have kept a profile. */
export const ASKED_MS = Date.UTC(2026, 2, 20, 12)
export const PROFILE_FROM_MS = ASKED_MS - 6 * 3_600_000

export const METER_TITLE = hex('53494d0000bc614e')
export const CLIENT_TITLE = hex('5333 4d5000000001')

/** Keys of a suite: bytes that count up. */
export function keysOf(suite: 0 | 1 | 2): {
  readonly suite: 0 | 1 | 2
  readonly encryptionKey: Uint8Array
  readonly authenticationKey: Uint8Array
} {
  const key = (first: number): Uint8Array =>
    Uint8Array.from({ length: suite === 2 ? 32 : 16 }, (_, index) => first + index)
  return { suite, encryptionKey: key(0), authenticationKey: key(0xd0) }
}

/** The security of a client with the right keys. */
export function securityOf(
  suite: 0 | 1 | 2,
  counters: CounterStore = counterMemory(),
  changes: Partial<DlmsSecurity> = {},
): DlmsSecurity {
  return { ...keysOf(suite), clientTitle: CLIENT_TITLE, counters, ...changes }
}

/** Bytes that differ from call to call and from run to run not at all. */
export function countingBytes(seed: number): (bytes: number) => Uint8Array {
  let next = seed
  return (bytes) => Uint8Array.from({ length: bytes }, () => (next = (next * 73 + 41) % 251))
}

/** A simulated meter that takes these clients. */
export function simulatedMeter(
  clients: readonly SimulatedClient[],
  changes: Partial<DlmsMeterOptions> = {},
): DlmsMeter {
  const household = new Household({ seed: 3, startMs: PROFILE_FROM_MS, importMilliWh: 1_000_000n })
  return new DlmsMeter({
    household,
    device: 'SIM0000000000001',
    profileFromMs: PROFILE_FROM_MS,
    systemTitle: METER_TITLE,
    random: countingBytes(2),
    link: 'hdlc',
    clients,
    ...changes,
  })
}

/** What a test wants of a conversation with a simulated meter. */
export interface Asking {
  readonly link?: DlmsClientOptions['link']
  readonly authentication?: DlmsAuthentication
  readonly security?: DlmsSecurity
  /** Clients of the meter; without, the one that asks. */
  readonly clients?: readonly SimulatedClient[]
  readonly meter?: Partial<DlmsMeterOptions>
  /** Changes what comes back, chunk by chunk. */
  readonly line?: (bytes: Uint8Array) => readonly Uint8Array[]
}

/** A client and the simulated meter that it asks. */
export function asking(what: Asking = {}): {
  readonly client: DlmsClient
  readonly port: LoopPort
  readonly passedMs: () => number
} {
  const { link = { kind: 'hdlc' }, authentication = { kind: 'none' }, security, line } = what
  const known = { client: link.client ?? 16, authentication, ...(security && { security }) }
  const meter = simulatedMeter(what.clients ?? [known], { link: link.kind, ...what.meter })
  const port = new LoopPort((bytes) => {
    const answer = meter.receive(bytes, ASKED_MS)
    return line?.(answer) ?? [answer]
  })
  const clock = impatientClock()
  const client = new DlmsClient({
    port,
    clock,
    random: countingBytes(1),
    link,
    authentication,
    ...(security && { security }),
  })
  return { client, port, passedMs: clock.passedMs }
}
