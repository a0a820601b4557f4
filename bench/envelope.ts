import { webcrypto } from 'node:crypto'
import {
  acceptEpoch,
  createPrekey,
  encodeRecord,
  EpochIndex,
  genesis,
  nextLink,
  openDatagram,
  openEpoch,
  schemaIdOf,
  signRecord,
  SoftwareSigner,
  verifyPlatform,
  verifyPortable,
  verifyPrekey,
  decodeCbor,
  encodeCbor,
  type ReadingRecord,
  type SuiteId,
} from '@s3mp/envelope'
import { decode as decodeOther, encode as encodeOther, rfc8949EncodeOptions } from 'cborg'
import { CHACHA20_POLY1305_PLATFORM, CHACHA20_POLY1305_PORTABLE } from '../envelope/src/aead.ts'
import { medianMs, type Bench, type Figure } from './table.ts'

const OBJECTS = 400
const RUNS = 7
const NOW_MS = 1_795_000_000_000
const DAY_MS = 86_400_000
const REGISTERS = [123_456_789n, 2_345n, -312n, 2301n, 2298n, 2305n, 131n, 499n]

const random = (length: number): Uint8Array => webcrypto.getRandomValues(new Uint8Array(length))

/** Seals and opens readings as a meter and a head-end do, and its parts beside other ways to do them. */
export const run: Bench = async () => {
  const scene = await makeScene(1)
  return [
    ...(await pipeline(scene)),
    ...(await aeads()),
    ...(await signatures(scene)),
    ...(await cbor(scene)),
    ...(await epochs()),
    ...sizes(scene),
  ]
}

interface Scene {
  readonly device: SoftwareSigner
  readonly recipient: SoftwareSigner
  readonly reading: ReadingRecord
  readonly payload: Uint8Array
  readonly signed: Uint8Array
  readonly seal: () => Uint8Array
  readonly sealBare: () => Uint8Array
  readonly index: EpochIndex
  readonly epochBytes: number
  readonly prekeyBytes: number
  readonly open: () => Promise<{ datagram: Uint8Array }>
  readonly accept: () => Promise<unknown>
}

async function makeScene(suite: SuiteId): Promise<Scene> {
  const device = SoftwareSigner.generate('Ed25519', random)
  const recipient = SoftwareSigner.generate('Ed25519', random)
  const validity = { notBeforeMs: NOW_MS, notAfterMs: NOW_MS + DAY_MS, policyVersion: 1 }
  const pair = await createPrekey({ signer: recipient, suite, random, ...validity })
  const prekey = verifyPrekey(pair.prekey.object, recipient, { suites: [suite] }, verifyPlatform)
  const claims = { bootCounter: 1, firmwareHash: new Uint8Array(32), nowMs: NOW_MS }
  const fixed = {
    signer: device,
    prekey,
    number: 1,
    clock: 'synced',
    monotonicMs: 0,
    random,
  } as const
  const { datagram, epoch } = await openEpoch({ ...fixed, ...claims })
  const bare = await openEpoch({ ...fixed, ...claims, paddingBlock: 1 })
  const accepting = {
    recipientId: recipient.ueid,
    lookupPrekey: () => pair,
    lookupDevice: () => ({ key: device, history: { transcriptOf: () => undefined } }),
    nowMs: NOW_MS,
    verify: verifyPlatform,
  }
  const index = new EpochIndex()
  index.add((await acceptEpoch(datagram, accepting)).epoch)
  const registers = REGISTERS.map((_, column) => ({
    obis: `1-0:${column}.8.0*255`,
    unitCode: 30,
    scaler: -1,
  }))
  const reading: ReadingRecord = {
    kind: 'reading',
    ...nextLink({ ...genesis(device.ueid, 1), nextSeq: 35_000 }),
    timeMs: NOW_MS,
    status: 1,
    schemaId: schemaIdOf({ meterId: '1EMH0012345678', protocol: 'sml', intervalMs: 0, registers }),
    samples: [{ timeMs: NOW_MS, status: 1, registers: REGISTERS }],
  }
  const signed = await signRecord(device, reading, recipient.ueid)
  return {
    device,
    recipient,
    reading,
    payload: encodeRecord(reading),
    signed,
    seal: () => epoch.seal('reading', signed, 0),
    sealBare: () => bare.epoch.seal('reading', signed, 0),
    index,
    epochBytes: datagram.length,
    prekeyBytes: pair.prekey.object.length,
    open: () => openEpoch({ ...fixed, ...claims }),
    accept: () => acceptEpoch(datagram, accepting),
  }
}

/** Objects a second; each sample does the work {@link OBJECTS} times. */
async function rate(work: () => unknown): Promise<number> {
  const ms = await medianMs(RUNS, () => {
    for (let count = 0; count < OBJECTS; count++) work()
  })
  return (OBJECTS * 1000) / ms
}

async function asyncRate(times: number, work: () => Promise<unknown>): Promise<number> {
  const ms = await medianMs(RUNS, async () => {
    for (let count = 0; count < times; count++) await work()
  })
  return (times * 1000) / ms
}

function beside(name: string, value: number, peer: string, other: number): Figure {
  return { name, value, unit: '/s', peer, ratio: value / other }
}

async function pipeline(scene: Scene): Promise<readonly Figure[]> {
  const { device, recipient, reading, index } = scene
  const make = async (): Promise<unknown> => {
    await signRecord(device, reading, recipient.ueid)
    return scene.seal()
  }
  const made = await asyncRate(OBJECTS, make)
  const datagram = scene.seal()
  const opened = await rate(() => openDatagram(datagram, index.lookup, verifyPlatform))
  const verified = await rate(() =>
    verifyPlatform(device, scene.payload, scene.signed.subarray(-64)),
  )
  const signed = await asyncRate(OBJECTS, () => device.sign(scene.payload))
  return [
    beside('reading: encode, sign, seal', made, 'the bare signature', signed),
    beside('reading: open, verify, decode', opened, 'the bare verification', verified),
  ]
}

async function aeads(): Promise<readonly Figure[]> {
  const [key, nonce, aad, plaintext] = [random(32), random(12), random(60), random(160)]
  const sealed = CHACHA20_POLY1305_PORTABLE.seal(key, nonce, plaintext, aad)
  const figures: Figure[] = []
  for (const way of ['seal', 'open'] as const) {
    const input = way === 'seal' ? plaintext : sealed
    const ours = await rate(() => CHACHA20_POLY1305_PORTABLE[way](key, nonce, input, aad))
    const other = await rate(() => CHACHA20_POLY1305_PLATFORM[way](key, nonce, input, aad))
    figures.push(
      beside(`ChaCha20-Poly1305 ${way}, 160 B, @noble/ciphers`, ours, 'node:crypto', other),
    )
  }
  return figures
}

async function signatures({ device, payload }: Scene): Promise<readonly Figure[]> {
  const signature = await device.sign(payload)
  const platform = await rate(() => verifyPlatform(device, payload, signature))
  const portable = await asyncRate(40, () =>
    Promise.resolve(verifyPortable(device, payload, signature)),
  )
  return [beside('Ed25519 verify, node:crypto', platform, '@noble/curves', portable)]
}

async function cbor({ payload }: Scene): Promise<readonly Figure[]> {
  const value = decodeCbor(payload)
  const strict = { strict: true, useMaps: true, allowIndefinite: false }
  const decoded = await rate(() => decodeCbor(payload))
  const decodedOther = await rate(() => decodeOther(payload, strict) as unknown)
  const encoded = await rate(() => encodeCbor(value))
  const encodedOther = await rate(() => encodeOther(value, rfc8949EncodeOptions))
  return [
    beside('CBOR decode of a reading, gate and cbor-x', decoded, 'cborg, strict', decodedOther),
    beside('CBOR encode of a reading, cbor-x', encoded, 'cborg', encodedOther),
  ]
}

async function epochs(): Promise<readonly Figure[]> {
  const [plain, hybrid] = [await makeScene(1), await makeScene(2)]
  const opened = await asyncRate(20, plain.open)
  const accepted = await asyncRate(20, plain.accept)
  return [
    { name: 'epoch: open, X25519', value: opened, unit: '/s' },
    { name: 'epoch: accept, X25519', value: accepted, unit: '/s' },
    beside('epoch: open, X-Wing', await asyncRate(20, hybrid.open), 'X25519', opened),
    beside('epoch: accept, X-Wing', await asyncRate(20, hybrid.accept), 'X25519', accepted),
    { name: 'epoch datagram, X25519', value: plain.epochBytes, unit: 'B' },
    {
      name: 'epoch datagram, X-Wing',
      value: hybrid.epochBytes,
      unit: 'B',
      aim: '<= 1400',
      met: hybrid.epochBytes <= 1400,
    },
    { name: 'prekey, X25519', value: plain.prekeyBytes, unit: 'B' },
    { name: 'prekey, X-Wing', value: hybrid.prekeyBytes, unit: 'B' },
  ]
}

function sizes(scene: Scene): readonly Figure[] {
  const json = JSON.stringify(
    Object.fromEntries(
      REGISTERS.map((value, column) => [`1-0:${column}.8.0*255`, Number(value) / 10]),
    ),
  )
  const bytes = scene.sealBare().length
  return [
    { name: 'reading of 8 registers: payload', value: scene.payload.length, unit: 'B' },
    { name: 'reading of 8 registers: signed', value: scene.signed.length, unit: 'B' },
    {
      name: 'reading of 8 registers: sealed, no padding',
      value: bytes,
      unit: 'B',
      peer: 'the values alone as JSON',
      ratio: bytes / json.length,
      aim: '<= 185',
      met: bytes <= 185,
    },
    { name: 'reading of 8 registers: sealed, padded', value: scene.seal().length, unit: 'B' },
  ]
}
