/**
 * The SCION codec: packets a second with a reading of 300 bytes, over a path of three segments and
 * six hops between IPv4 hosts, with every check and sum that a host makes.
 */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { cmac } from '@noble/ciphers/aes.js'
import { AesMac } from '../scion/src/crypto/cmac.ts'
import type { PackedAddress, PacketFields, UdpDatagram } from '../scion/src/index.ts'
import {
  HopMac,
  PacketView,
  UdpTemplate,
  decodePacket,
  decodeUdp,
  encodeStandardPath,
  encodeUdpPacket,
  packAddress,
  parseAddress,
  reverseStandardPath,
} from '../scion/src/index.ts'
import type { Figure } from './table.ts'

const PAYLOAD_BYTES = 300
const RUNS = 40
const BATCH = 20_000
const MAC_BATCH = 5_000

/**
 * Nanoseconds that one turn of `work` takes in the best of many runs of `batch` turns: whatever else
 * the machine does only ever adds to them. The reference is measured in the same way.
 */
function nanoseconds(batch: number, work: () => unknown): number {
  const samples: number[] = []
  for (let run = 0; run < RUNS; run++) {
    const started = process.hrtime.bigint()
    for (let turn = 0; turn < batch; turn++) work()
    samples.push(Number(process.hrtime.bigint() - started) / batch)
  }
  return Math.min(...samples)
}

function readingFields(): PacketFields {
  const segment = (consDir: boolean) => ({
    info: { consDir, peering: false, segmentId: 0x1234, timestamp: 1_760_000_000 },
    hops: [1, 2].map((id) => ({
      ...{ ingressAlert: false, egressAlert: false, expTime: 63 },
      ...{ consIngress: id, consEgress: id + 1, mac: Uint8Array.of(1, 2, 3, 4, 5, 6) },
    })),
  })
  const segments = [segment(false), segment(true), segment(true)]
  return {
    trafficClass: 0,
    flowId: 0x12345,
    destination: parseAddress('1-ff00:0:112,127.0.3.9'),
    source: parseAddress('1-ff00:0:111,127.0.2.9'),
    path: { type: 1, bytes: encodeStandardPath({ currInf: 0, currHf: 0, segments }) },
  }
}

/** Nanoseconds that the reference's own library takes for a packet of the same size. */
interface Reference {
  readonly packetBytes: number
  readonly encodeNs: number
  /** Lazily, as its routers do, without a look at the checksum … */
  readonly decodeNs: number
  /** … and with the checksum summed in the way in which the library sums. */
  readonly summedNs: number
}

const REFERENCE = 'Go slayers'
const NO_GO = 'no ratio: the Go programs of scripts/testnet do not run here'

/** Runs the benchmark of the reference's library; undefined where there is no Go. */
function measureReference(): Reference | undefined {
  const cwd = join(import.meta.dirname, '../scripts/testnet/v0.15.1')
  try {
    const text = execFileSync('go', ['run', './slayersbench'], {
      cwd,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return JSON.parse(text) as Reference
  } catch {
    return undefined
  }
}

/** The least rate, and the least share of the reference's where the issue is a comparison. */
interface Aim {
  readonly share?: number
  readonly note?: string | undefined
}

function rate(name: string, work: () => unknown, referenceNs?: number, aim: Aim = {}): Figure {
  const ns = nanoseconds(BATCH, work)
  const value = 1e9 / ns
  const { share = 0, note } = aim
  const ratio = referenceNs === undefined ? undefined : referenceNs / ns
  const words = share > 0 ? `>= 1,000,000 and ${share} ×` : '>= 1,000,000'
  return {
    ...{ name, value, unit: 'packets/s', aim: words },
    met: value >= 1e6 && (ratio === undefined || ratio >= share),
    ...(note === undefined ? {} : { note }),
    ...(ratio === undefined ? {} : { peer: `${REFERENCE}' rate`, ratio }),
  }
}

/** What a socket does with a packet before the program gets it. */
function receive(packet: Uint8Array, own: PackedAddress): UdpDatagram | undefined {
  const view = new PacketView(packet)
  return view.isFor(own) ? decodeUdp(view) : undefined
}

/** As much of that as the reference's lazy decoding does: no checksum, nothing made of the path. */
function receiveLazily(packet: Uint8Array, own: PackedAddress): UdpDatagram | undefined {
  const view = new PacketView(packet)
  if (!view.isFor(own) || view.protocol !== 17) return undefined
  const { upperOffset: at } = view
  const u16 = (offset: number): number => ((packet[offset] ?? 0) << 8) | (packet[offset + 1] ?? 0)
  if (u16(at + 4) !== packet.length - at) return undefined
  const payload = packet.subarray(at + 8)
  return { sourcePort: u16(at), destinationPort: u16(at + 2), payload }
}

/** Measures the codec. */
export function run(): Promise<readonly Figure[]> {
  const fields = readingFields()
  const payload = new Uint8Array(PAYLOAD_BYTES).map((_, index) => index)
  const datagram = { sourcePort: 31100, destinationPort: 31100, payload }
  const packet = encodeUdpPacket(fields, datagram)
  const own = packAddress(fields.destination)
  const template = new UdpTemplate(fields, 31100, 31100)
  const key = Uint8Array.from({ length: 16 }, (_, index) => index)
  const kept = new AesMac(key)
  const hopMac = new HopMac(key)
  const hop = { expTime: 63, consIngress: 1, consEgress: 2 }
  const block = payload.subarray(0, 16)
  const noble = nanoseconds(MAC_BATCH, () => cmac(block, key))
  const ours = nanoseconds(MAC_BATCH, () => kept.cmac(block))
  const longNoble = nanoseconds(MAC_BATCH, () => cmac(payload, key))
  const longOurs = nanoseconds(MAC_BATCH, () => kept.cmac(payload))
  const peer = '@noble/ciphers'
  const reference = measureReference()
  const noGo = reference === undefined ? NO_GO : undefined
  return Promise.resolve([
    rate(
      'decode, lengths, destination and checksum verified',
      () => receive(packet, own),
      reference?.summedNs,
      { share: 0.5, note: noGo ?? 'what both do' },
    ),
    rate(
      'the same, beside its decoding without a checksum',
      () => receive(packet, own),
      reference?.decodeNs,
      { share: 0.5, note: noGo ?? 'two fifths of our time are the sum, which the peer leaves out' },
    ),
    rate(
      'decode, lengths and destination verified, no checksum',
      () => receiveLazily(packet, own),
      reference?.decodeNs,
      { share: 0.5, note: noGo ?? 'what both do' },
    ),
    rate(
      'decode, every part made at once',
      () => decodeUdp(decodePacket(packet)),
      reference?.summedNs,
      { note: noGo },
    ),
    rate('encode on a known path (template)', () => template.encode(payload), reference?.encodeNs, {
      ...{ share: 1, note: noGo },
    }),
    rate('encode from fields', () => encodeUdpPacket(fields, datagram), reference?.encodeNs, {
      ...{ share: 1, note: noGo },
    }),
    rate('reverse the path', () => reverseStandardPath(fields.path.bytes)),
    { name: 'AES-CMAC, one block', value: ours, unit: 'ns', peer, ratio: ours / noble },
    { name: 'AES-CMAC, 300 bytes', value: longOurs, unit: 'ns', peer, ratio: longOurs / longNoble },
    {
      name: 'hop field MAC',
      value: nanoseconds(MAC_BATCH, () => hopMac.compute(7, 1_760_000_000, hop)),
      unit: 'ns',
    },
  ])
}
