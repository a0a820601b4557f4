import { createHash } from 'node:crypto'
import {
  encodeRecord,
  genesis,
  KINDS,
  nextLink,
  openEpoch,
  advance,
  recordSpan,
  schemaIdOf,
  signRecord,
  SoftwareSigner,
  type ChainState,
  type DeviceEpoch,
  type DeviceRecord,
  type OpenedAck,
  type Prekey,
  type Schema,
} from '@s3mp/envelope'
import type { Clock, RandomBytes } from '../../src/clock.ts'
import type { PrekeyPolicy } from '../../src/config.ts'
import type { Arrival } from '../../src/transport/transport.ts'

/** Where the tests' time begins. */
export const START_MS = Date.UTC(2026, 0, 15, 12)

/** The policy that the tests' head-ends have. */
export const POLICY: PrekeyPolicy = {
  validMs: 30 * 86_400_000,
  rotateBeforeMs: 7 * 86_400_000,
  graceMs: 7 * 86_400_000,
}

/** Randomness that is the same in every run, from a seed. */
export function seededRandom(seed: string): RandomBytes {
  let counter = 0
  return (length) => {
    const bytes = new Uint8Array(length)
    for (let offset = 0; offset < length; offset += 32) {
      const block = createHash('sha256').update(`${seed} ${counter++}`).digest()
      bytes.set(block.subarray(0, Math.min(32, length - offset)), offset)
    }
    return bytes
  }
}

/** Sleeps from here on are upkeep, which these tests do not wait for. */
const LONG_MS = 10_000

function untilAborted(signal?: AbortSignal): Promise<void> {
  return new Promise((_resolve, reject) => {
    signal?.addEventListener('abort', () => {
      reject(signal.reason as Error)
    })
  })
}

/** A clock that the test moves; a short sleep gives the loop its turn and lets that much time pass. */
export class TestClock implements Clock {
  #nowMs = START_MS

  nowMs(): number {
    return this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs - START_MS
  }

  advance(ms: number): void {
    this.#nowMs += ms
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error)
    if (ms >= LONG_MS) return untilAborted(signal)
    this.#nowMs += ms
    return new Promise((resolve) => setImmediate(resolve))
  }
}

/** What a head-end's answers went into. */
export interface Mailbox {
  readonly answers: Uint8Array[]
  arrival(bytes: Uint8Array, source?: string): Arrival
}

/** A sender whose answers are kept. */
export function mailbox(name = 'meter'): Mailbox {
  const answers: Uint8Array[] = []
  return {
    answers,
    arrival: (bytes, source = name) => ({
      bytes: Uint8Array.from(bytes),
      source,
      way: source,
      path: undefined,
      reply: (answer) => answers.push(answer),
    }),
  }
}

/** The schema that test readings have. */
export const SCHEMA: Schema = {
  meterId: '1TST0012345678',
  protocol: 'sml',
  intervalMs: 900_000,
  registers: [
    { obis: '1-0:1.8.0*255', unitCode: 30, scaler: -1 },
    { obis: '1-0:16.7.0*255', unitCode: 27, scaler: 0 },
  ],
}

type Body = DeviceRecord extends infer Record
  ? Record extends DeviceRecord
    ? Omit<Record, 'stream' | 'seq' | 'prevHash16'>
    : never
  : never

/** A sealed record and what is inside it. */
export interface Sealed {
  readonly datagram: Uint8Array
  readonly record: DeviceRecord
  /** The Sign1, or the bare payload of a fast record. */
  readonly object: Uint8Array
}

/** A meter as the head-end sees one: chains, signs, seals; real envelope code, no network. */
export class TestMeter {
  readonly signer: SoftwareSigner
  readonly #random: RandomBytes
  readonly #chains = new Map<number, ChainState>()
  readonly #hashes = new Map<number, Uint8Array[]>()
  #epoch: DeviceEpoch | undefined
  #number = 0

  constructor(name: string, algorithm: 'Ed25519' | 'ESP256' = 'Ed25519') {
    this.#random = seededRandom(`meter ${name}`)
    this.signer = SoftwareSigner.generate(algorithm, this.#random)
  }

  get epoch(): DeviceEpoch {
    if (this.#epoch === undefined) throw new Error('open an epoch first')
    return this.#epoch
  }

  /** Opens the next epoch; gives its datagram. */
  async openEpoch(prekey: Prekey, nowMs: number): Promise<Uint8Array> {
    this.#number++
    const { datagram, epoch } = await openEpoch({
      signer: this.signer,
      prekey,
      number: this.#number,
      bootCounter: this.#number,
      firmwareHash: new Uint8Array(32).fill(1),
      nowMs,
      clock: 'synced',
      monotonicMs: 0,
      random: this.#random,
    })
    this.#epoch = epoch
    return datagram
  }

  /** Chains, signs and seals the next record of a stream. */
  async next(stream: number, body: Body, recipientId: Uint8Array): Promise<Sealed> {
    const state = this.#chains.get(stream) ?? genesis(this.signer.ueid, stream)
    const record: DeviceRecord = { ...body, ...nextLink(state) }
    const payload = encodeRecord(record)
    const after = advance(state, payload, recordSpan(record))
    this.#chains.set(stream, after)
    this.#hashes.set(stream, [...(this.#hashes.get(stream) ?? []), after.head])
    return this.seal(record, recipientId)
  }

  /** Signs and seals a record as it is. */
  async seal(record: DeviceRecord, recipientId: Uint8Array): Promise<Sealed> {
    const object = KINDS[record.kind].signed
      ? await signRecord(this.signer, record, recipientId)
      : encodeRecord(record)
    return { record, object, datagram: this.epoch.seal(record.kind, object, 0) }
  }

  /** Where a stream stands. */
  chain(stream: number): ChainState {
    return this.#chains.get(stream) ?? genesis(this.signer.ueid, stream)
  }

  /** Continues a stream from another state than its own. */
  setChain(state: ChainState): void {
    this.#chains.set(state.stream, state)
  }

  /** Hashes of a stream's records, in order. */
  hashes(stream: number): readonly Uint8Array[] {
    return this.#hashes.get(stream) ?? []
  }

  /** Opens what came back. */
  openAck(datagram: Uint8Array): OpenedAck {
    return this.epoch.openAck(datagram)
  }
}

/** The body of a schema record. */
export function schemaBody(timeMs: number, schema: Schema = SCHEMA): Body {
  return { kind: 'schema', timeMs, status: 1, schema }
}

/** The body of a reading: energy and power. */
export function readingBody(
  timeMs: number,
  values: readonly [bigint | null, bigint | null],
  kind: 'reading' | 'fast' = 'reading',
  schema: Schema = SCHEMA,
): Body {
  const samples = [{ timeMs, status: 1, registers: values }]
  return { kind, timeMs, status: 1, schemaId: schemaIdOf(schema), samples }
}

/** The body of a seal over the last `count` records of a stream. */
export function sealBody(meter: TestMeter, stream: number, timeMs: number, count: number): Body {
  const digest = createHash('sha256')
  for (const hash of meter.hashes(stream).slice(-count)) digest.update(hash)
  const firstSeq = meter.chain(stream).nextSeq - count
  return { kind: 'seal', timeMs, status: 1, firstSeq, records: count, digest: digest.digest() }
}

/** The body of an event. */
export function eventBody(timeMs: number, code: number): Body {
  return { kind: 'event', timeMs, status: 1, code, severity: 'alarm', details: [7n, 'why'] }
}

/** The body of a heartbeat. */
export function heartbeatBody(
  timeMs: number,
  streams: readonly { stream: number; floorSeq: number; nextSeq: number }[] = [],
): Body {
  return {
    kind: 'heartbeat',
    timeMs,
    status: 1,
    firmwareHash: new Uint8Array(32).fill(9),
    bootCounter: 1,
    uptimeS: 60,
    clockUncertaintyMs: 5,
    spool: { records: 1, bytes: 200, bytesMax: 1_000_000 },
    paths: [],
    streams,
  }
}
