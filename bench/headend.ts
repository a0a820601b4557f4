import { createPublicKey, randomFillSync, verify } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  advance,
  encodeRecord,
  genesis,
  nextLink,
  openEpoch,
  publicKeyToPem,
  schemaIdOf,
  signRecord,
  SoftwareSigner,
  type ChainState,
  type ReadingRecord,
  type Schema,
} from '@s3mp/envelope'
import {
  Keyring,
  MemorySecrets,
  Receiver,
  silentLog,
  SqliteStore,
  systemClock,
} from '@s3mp/headend'
import type { Arrival } from '@s3mp/headend'
import type { Bench, Figure } from './table.ts'
import { medianMs } from './table.ts'

const SIGNED = 4000
// Together no more than one device may send at once (DEVICE_BURST_MAX).
const FAST = 4000
const JUNK = 200_000
/** What a socket's buffer would hold; more at once would only measure the queue's shedding. */
const IN_FLIGHT = 4000
const DAY_MS = 86_400_000
const POLICY = { validMs: 30 * DAY_MS, rotateBeforeMs: 7 * DAY_MS, graceMs: 7 * DAY_MS }

const SCHEMA: Schema = {
  meterId: '1BCH0012345678',
  protocol: 'sml',
  intervalMs: 900_000,
  registers: ['1.8.0', '2.8.0', '16.7.0', '32.7.0', '52.7.0', '72.7.0', '14.7.0', '13.7.0'].map(
    (group) => ({ obis: `1-0:${group}*255`, unitCode: 30, scaler: -1 }),
  ),
}

const random = (length: number): Uint8Array => randomFillSync(new Uint8Array(length))

/**
 * How many objects a second go from a datagram to a durable row with a sealed answer: on one process,
 * SQLite with full synchronisation on this machine's disk, datagrams handed over in memory. The peer
 * is what the signatures alone cost the platform's library on one core.
 */
export const run: Bench = async () => {
  const folder = mkdtempSync(join(tmpdir(), 's3mp-bench-'))
  const store = new SqliteStore(join(folder, 'store.sqlite'))
  try {
    return await measure(store)
  } finally {
    store.close()
    rmSync(folder, { recursive: true })
  }
}

async function measure(store: SqliteStore): Promise<readonly Figure[]> {
  const keyring = Keyring.create(new MemorySecrets(), POLICY, random)
  await keyring.rotate(systemClock.nowMs())
  const receiver = new Receiver({ store, keyring, clock: systemClock, random, log: silentLog })
  const signer = SoftwareSigner.generate('Ed25519', random)
  const { ueid, algorithm, publicKey } = signer
  const card = new Uint8Array(0)
  store.registry.enroll({ ueid, algorithm, publicKey, name: 'bench', card }, 0)
  const epoch = await open(receiver, keyring, signer)

  const signed = await sealed(epoch, signer, keyring.ueid, 'reading', SIGNED)
  const fast = await sealed(epoch, signer, keyring.ueid, 'fast', FAST)
  const verifyRate = await rawVerifyRate(signer)
  const signedRate = await ingestRate(receiver, signed)
  const commits = receiver.counts.commits
  const fastRate = await ingestRate(receiver, fast)
  const junkMs = await medianMs(5, () => {
    flood(receiver, signed[0] ?? new Uint8Array())
  })
  await receiver.close()
  const sizes = `${SIGNED} objects in ${commits} commits`
  return [
    { name: 'verify alone (node:crypto, one core)', value: verifyRate, unit: 'signatures/s' },
    {
      name: 'signed readings, datagram to durable row',
      value: signedRate,
      unit: 'objects/s',
      peer: 'verify alone',
      ratio: signedRate / verifyRate,
      note: sizes,
    },
    {
      name: 'fast readings, datagram to durable row',
      value: fastRate,
      unit: 'objects/s',
      peer: 'signed readings',
      ratio: fastRate / signedRate,
    },
    {
      name: 'junk of unknown kid turned away',
      value: (JUNK / junkMs) * 1000,
      unit: 'datagrams/s',
      peer: 'signed readings',
      ratio: ((JUNK / junkMs) * 1000) / signedRate,
    },
  ]
}

type Epoch = Awaited<ReturnType<typeof openEpoch>>['epoch']

async function open(receiver: Receiver, keyring: Keyring, signer: SoftwareSigner): Promise<Epoch> {
  const nowMs = systemClock.nowMs()
  const current = keyring.current(nowMs)
  if (current === undefined) throw new Error('no prekey')
  const { datagram, epoch } = await openEpoch({
    signer,
    prekey: current.prekey,
    number: 1,
    bootCounter: 1,
    firmwareHash: new Uint8Array(32),
    nowMs,
    clock: 'synced',
    monotonicMs: 0,
    random,
  })
  receiver.receive(arrival(datagram))
  while (receiver.counts.epochs === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  return epoch
}

async function sealed(
  epoch: Epoch,
  signer: SoftwareSigner,
  recipientId: Uint8Array,
  kind: 'reading' | 'fast',
  count: number,
): Promise<readonly Uint8Array[]> {
  const datagrams: Uint8Array[] = []
  let state: ChainState = genesis(signer.ueid, kind === 'reading' ? 1 : 3)
  for (let index = 0; index < count; index++) {
    const timeMs = 1_700_000_000_000 + index * 1000
    const registers = SCHEMA.registers.map((_, register) => BigInt(1_000_000 + index + register))
    const record: ReadingRecord = {
      kind,
      ...nextLink(state),
      timeMs,
      status: 1,
      schemaId: schemaIdOf(SCHEMA),
      samples: [{ timeMs, status: 1, registers }],
    }
    const payload = encodeRecord(record)
    state = advance(state, payload)
    const object = kind === 'reading' ? await signRecord(signer, record, recipientId) : payload
    datagrams.push(epoch.seal(kind, object, 0))
  }
  return datagrams
}

async function ingestRate(receiver: Receiver, datagrams: readonly Uint8Array[]): Promise<number> {
  const before = receiver.counts.stored
  const stored = (): number => receiver.counts.stored - before
  const started = performance.now()
  for (const [index, datagram] of datagrams.entries()) {
    // Several sources, as several paths would be: one alone may not send that fast.
    receiver.receive(arrival(datagram, `source ${index % 16}`))
    while (index - stored() >= IN_FLIGHT) await new Promise((resolve) => setImmediate(resolve))
  }
  while (stored() < datagrams.length) await new Promise((resolve) => setImmediate(resolve))
  return (datagrams.length / (performance.now() - started)) * 1000
}

function flood(receiver: Receiver, like: Uint8Array): void {
  const junk = Uint8Array.from(like)
  for (let index = 0; index < JUNK; index++) {
    // Eight new bytes where the kid stands.
    junk[9] = index
    junk[10] = index >> 8
    junk[11] = index >> 16
    receiver.receive(arrival(junk))
  }
}

async function rawVerifyRate(signer: SoftwareSigner): Promise<number> {
  const key = createPublicKey(publicKeyToPem(signer))
  const message = random(180)
  const signature = await signer.sign(message)
  const runs = 500
  const ms = await medianMs(5, () => {
    for (let index = 0; index < runs; index++) verify(null, message, key, signature)
  })
  return (runs / ms) * 1000
}

function arrival(bytes: Uint8Array, source = 'bench'): Arrival {
  return { bytes, source, way: source, path: undefined, reply: () => undefined }
}
