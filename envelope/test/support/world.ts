import {
  acceptEpoch,
  advance,
  createPrekey,
  encodeRecord,
  EpochIndex,
  genesis,
  nextLink,
  openEpoch,
  recordHash,
  recordSpan,
  schemaIdOf,
  signRecord,
  SoftwareSigner,
  verifyPlatform,
  type AcceptEpochOptions,
  type ChainState,
  type DeviceEpoch,
  type DeviceRecord,
  type EpochHistory,
  type PrekeyPair,
  type RandomBytes,
  type ReceiverEpoch,
  type RecordKind,
  type Schema,
  type SignatureAlgorithm,
  type SuiteId,
} from '@s3mp/envelope'
import { createHash } from 'node:crypto'
import { seeded } from './seeded.ts'

/** The wall clock of every test, milliseconds. */
export const NOW_MS = 1_795_000_000_000
/** A day, milliseconds. */
export const DAY_MS = 86_400_000

/** A household meter with eight registers. */
export const SCHEMA: Schema = {
  meterId: '1EMH0012345678',
  protocol: 'sml',
  intervalMs: 900_000,
  registers: [
    { obis: '1-0:1.8.0*255', unitCode: 30, scaler: -1 },
    { obis: '1-0:2.8.0*255', unitCode: 30, scaler: -1 },
    { obis: '1-0:16.7.0*255', unitCode: 27, scaler: 0 },
    { obis: '1-0:32.7.0*255', unitCode: 35, scaler: -1 },
    { obis: '1-0:52.7.0*255', unitCode: 35, scaler: -1 },
    { obis: '1-0:72.7.0*255', unitCode: 35, scaler: -1 },
    { obis: '1-0:31.7.0*255', unitCode: 33, scaler: -2 },
    { obis: '1-0:14.7.0*255', unitCode: 44, scaler: -1 },
  ],
}
export const SCHEMA_ID = schemaIdOf(SCHEMA)
export const REGISTERS = [123_456_789n, 2_345n, -312n, 2301n, 2298n, null, 131n, 499n] as const

/** A device, a recipient and an epoch between them. */
export interface World {
  readonly random: RandomBytes
  readonly device: SoftwareSigner
  readonly recipient: SoftwareSigner
  readonly pair: PrekeyPair
  readonly epochDatagram: Uint8Array
  readonly epoch: DeviceEpoch
  readonly received: ReceiverEpoch
  readonly index: EpochIndex
  readonly accepting: AcceptEpochOptions
}

/** What may differ between worlds. */
export interface WorldOptions {
  readonly seed?: string
  readonly algorithm?: SignatureAlgorithm
  readonly suite?: SuiteId
}

/** An empty history: no epoch of the device is known. */
export const NO_HISTORY: EpochHistory = { transcriptOf: () => undefined }

/** Makes a world; the same options give the same bytes (suite 2 and ESP256 excepted). */
export async function makeWorld(options: WorldOptions = {}): Promise<World> {
  const { seed = 'world', algorithm = 'Ed25519', suite = 1 } = options
  const random = seeded(seed)
  const device = SoftwareSigner.generate(algorithm, random)
  const recipient = SoftwareSigner.generate('Ed25519', random)
  const pair = await createPrekey({
    signer: recipient,
    suite,
    notBeforeMs: NOW_MS - DAY_MS,
    notAfterMs: NOW_MS + 30 * DAY_MS,
    policyVersion: 1,
    random,
  })
  const { datagram, epoch } = await openEpoch({
    signer: device,
    prekey: pair.prekey,
    number: 7,
    bootCounter: 3,
    firmwareHash: createHash('sha256').update('firmware').digest(),
    nowMs: NOW_MS,
    clock: 'synced',
    monotonicMs: 0,
    random,
  })
  const accepting: AcceptEpochOptions = {
    recipientId: recipient.ueid,
    lookupPrekey: (id) => (Buffer.compare(id, pair.prekey.id) === 0 ? pair : undefined),
    lookupDevice: (ueid) =>
      Buffer.compare(ueid, device.ueid) === 0 ? { key: device, history: NO_HISTORY } : undefined,
    nowMs: NOW_MS,
    verify: verifyPlatform,
  }
  const { epoch: received } = await acceptEpoch(datagram, accepting)
  const index = new EpochIndex()
  index.add(received)
  return {
    random,
    device,
    recipient,
    pair,
    epochDatagram: datagram,
    epoch,
    received,
    index,
    accepting,
  }
}

type Body<T> = T extends DeviceRecord
  ? Omit<T, 'stream' | 'seq' | 'prevHash16' | 'timeMs' | 'status'> & {
      readonly timeMs?: number
      readonly status?: number
    }
  : never

/** What a record says beside its place in a stream. */
export type RecordBody = Body<DeviceRecord>

/** One record in all its forms. */
export interface MadeRecord {
  readonly kind: RecordKind
  readonly record: DeviceRecord
  readonly payload: Uint8Array
  readonly object: Uint8Array
}

/** A stream that a test appends to. */
export class TestStream {
  readonly #world: Pick<World, 'device' | 'recipient'>
  state: ChainState

  constructor(world: Pick<World, 'device' | 'recipient'>, stream: number) {
    this.#world = world
    this.state = genesis(world.device.ueid, stream)
  }

  /** Makes the next record of the stream. */
  async append(body: RecordBody): Promise<MadeRecord> {
    const defaults = { timeMs: NOW_MS, status: 1 }
    const record: DeviceRecord = { ...defaults, ...body, ...nextLink(this.state) }
    const payload = encodeRecord(record)
    const { device, recipient } = this.#world
    const { kind } = record
    const object = kind === 'fast' ? payload : await signRecord(device, record, recipient.ueid)
    this.state = advance(this.state, payload, recordSpan(record))
    return { kind, record, payload, object }
  }
}

/** A reading of one sample. */
export function readingBody(kind: 'reading' | 'fast', timeMs = NOW_MS): RecordBody {
  const sample = { timeMs, status: 1, registers: REGISTERS }
  return { kind, timeMs, schemaId: SCHEMA_ID, samples: [sample] }
}

/** The digest a seal over these records has. */
export function digestOf(records: readonly MadeRecord[]): Uint8Array {
  const hash = createHash('sha256')
  for (const { payload } of records) hash.update(recordHash(payload))
  return Uint8Array.from(hash.digest())
}

/** One record of every kind, in three streams. */
export async function oneOfEach(world: World): Promise<readonly MadeRecord[]> {
  const billing = new TestStream(world, 1)
  const live = new TestStream(world, 2)
  const own = new TestStream(world, 3)
  const schema = await billing.append({ kind: 'schema', schema: SCHEMA })
  const reading = await billing.append(readingBody('reading'))
  const samples = [0, 1, 2, 3].map((index) => ({
    timeMs: NOW_MS + 900_000 * (index + 1),
    status: 1,
    registers: REGISTERS.map((value) => (value === null ? null : value + BigInt(index * 7))),
  }))
  const batch = await billing.append({
    kind: 'reading',
    timeMs: NOW_MS + 900_000,
    schemaId: SCHEMA_ID,
    samples,
  })
  const fast = [await live.append(readingBody('fast')), await live.append(readingBody('fast'))]
  const seal = await live.append({ kind: 'seal', firstSeq: 1, records: 2, digest: digestOf(fast) })
  const event = await own.append({
    kind: 'event',
    code: 10,
    severity: 'alarm',
    details: [5n, 'lid'],
  })
  const heartbeat = await own.append({
    kind: 'heartbeat',
    firmwareHash: new Uint8Array(32).fill(0xfe),
    bootCounter: 3,
    uptimeS: 86_400,
    clockUncertaintyMs: 12,
    spool: { records: 17, bytes: 3_215, bytesMax: 64 * 1024 * 1024 },
    paths: [
      { fingerprint8: new Uint8Array(8).fill(1), sent: 96, acknowledged: 95, roundTripMs: 38 },
      { fingerprint8: new Uint8Array(8).fill(2), sent: 4, acknowledged: 4, roundTripMs: 71 },
    ],
    streams: [{ stream: 1, floorSeq: 1, nextSeq: 7 }],
  })
  return [schema, reading, batch, ...fast, seal, event, heartbeat]
}
