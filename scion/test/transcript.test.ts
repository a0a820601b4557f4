import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'mocha'
import { parseEndpoint } from '../src/addr/endpoint.ts'
import { parseIsdAs } from '../src/addr/isd-as.ts'
import { DaemonPathSource } from '../src/control/daemon.ts'
import { controlDrkeys } from '../src/control/drkey.ts'
import { ControlPathSource } from '../src/control/path-source.ts'
import type { LookupReport } from '../src/control/path-source.ts'
import type { RpcCall, RpcTransport } from '../src/control/rpc.ts'
import { ControlLookup } from '../src/control/segment-lookup.ts'
import { ControlServices } from '../src/control/services.ts'
import { parseTopology } from '../src/control/topology.ts'
import { AesMac } from '../src/crypto/cmac.ts'
import { HostKeyDeriver } from '../src/drkey/derive.ts'
import { ScionError } from '../src/errors.ts'
import { decodePacket, encodePacket, verifyChecksum } from '../src/packet/packet.ts'
import { decodeScmp } from '../src/packet/scmp-codec.ts'
import { decodeUdp } from '../src/packet/udp.ts'
import { HopMac, nextSegmentId } from '../src/path/mac.ts'
import type { Path } from '../src/path/path.ts'
import { decodeStandardPath } from '../src/path/standard.ts'
import { formatSequence } from '../src/policy/hop.ts'
import { authenticatorOf, verifyAuthenticator } from '../src/spao/authenticate.ts'
import { VirtualClock } from '../src/testing/virtual-clock.ts'
import { TrustStore } from '../src/trust/store.ts'
import { formatTrcId, parseTrc } from '../src/trust/trc.ts'
import { refuses } from './support/refusal.ts'
import { bytes, hex, vectors } from './support/vectors.ts'

interface Exchange {
  readonly method: string
  readonly request: string
  readonly answer: string
}

interface ToldPath {
  readonly sequence: string
  readonly fingerprint: string
  readonly mtu: number
  readonly expiryMs: number
  readonly dataplane: string
}

interface Lookup {
  readonly nowMs: number
  readonly learned: readonly string[]
  readonly exchanges: readonly Exchange[]
  readonly paths: readonly ToldPath[]
}

interface Transcript {
  readonly local: string
  readonly destination: string
  readonly topology: unknown
  readonly trcs: readonly string[]
  readonly forwardingKeys: Readonly<Record<string, string>>
  readonly before: Lookup
  readonly after: Lookup
  readonly daemon: {
    readonly exchanges: readonly Exchange[]
    readonly paths: readonly ToldPath[]
    readonly shown: { readonly paths: readonly { fingerprint: string; sequence: string }[] }
  }
  readonly traffic: {
    readonly meter: string
    readonly headend: string
    readonly protocol: number
    readonly drkeys: { readonly meter: readonly Exchange[]; readonly headend: readonly Exchange[] }
    readonly packets: readonly { what: string; at: string; direction: string; bytes: string }[]
  }
}

/** Answers what was answered, and only to what was asked then, byte for byte. */
class Replay implements RpcTransport {
  readonly name = 'transcript'
  readonly #exchanges: readonly Exchange[]
  readonly #change: (answer: Uint8Array, method: string) => Uint8Array

  constructor(exchanges: readonly Exchange[], change = (answer: Uint8Array): Uint8Array => answer) {
    this.#exchanges = exchanges
    this.#change = change
  }

  call(call: RpcCall): Promise<Uint8Array> {
    const method = `${call.service}/${call.method}`
    const request = hex(call.request)
    const found = this.#exchanges.find((one) => one.method === method && one.request === request)
    if (found !== undefined) return Promise.resolve(this.#change(bytes(found.answer), method))
    const message = `${call.method}: a recorded question, found ${request}`
    return Promise.reject(new ScionError('ERR_SCION_CONTROL', message))
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

function told(path: Path): ToldPath {
  const { fingerprint, mtu, expiryMs, interfaces } = path
  const dataplane = hex(path.dataplane.bytes)
  return { sequence: formatSequence(interfaces), fingerprint, mtu, expiryMs, dataplane }
}

const folder = join(import.meta.dirname, 'vectors')
const files = readdirSync(folder).filter((name) => /^transcript-v.*\.json$/.test(name))

for (const file of files) {
  describe(`the network of the reference as recorded in ${file}`, () => {
    const transcript = vectors<Transcript>(file)
    const local = parseIsdAs(transcript.local)
    const destination = parseIsdAs(transcript.destination)
    const anchors = transcript.trcs.map((trc) => parseTrc(bytes(trc)))
    const topology = parseTopology(JSON.stringify(transcript.topology), 'topology')

    function openSource(
      { nowMs, exchanges }: Lookup,
      change?: (answer: Uint8Array, method?: string) => Uint8Array,
    ): { source: ControlPathSource; learned: string[]; reports: LookupReport[] } {
      const clock = new VirtualClock(nowMs)
      const services = new ControlServices([new Replay(exchanges, change)])
      const learned: string[] = []
      const reports: LookupReport[] = []
      const trust = new TrustStore({
        clock,
        material: services,
        anchors,
        onTrc: (trc) => learned.push(hex(trc.raw)),
      })
      const lookup = new ControlLookup(topology.local, services)
      const onLookup = (report: LookupReport): void => {
        reports.push(report)
      }
      return { source: new ControlPathSource({ lookup, trust, clock, onLookup }), learned, reports }
    }

    it('gives the same paths, every segment verified from its TRCs', async () => {
      const { source, learned, reports } = openSource(transcript.before)
      const paths = await source.paths(destination)
      assert.deepEqual(paths.map(told), transcript.before.paths)
      assert.deepEqual([learned, reports[0]?.problems], [[], []])
      const shown = transcript.daemon.shown.paths
      assert.deepEqual(
        paths.map((path) => [path.fingerprint.slice(0, 16), formatSequence(path.interfaces)]),
        shown.map(({ fingerprint, sequence }) => [fingerprint, sequence]),
      )
    })

    it('has a TRC updated by votes, which is learned from the first signature under it', async () => {
      const { source, learned } = openSource(transcript.after)
      assert.deepEqual((await source.paths(destination)).map(told), transcript.after.paths)
      assert.deepEqual(learned, transcript.after.learned)
      const ids = learned.map((trc) => formatTrcId(parseTrc(bytes(trc)).trc.id))
      assert.deepEqual(ids, ['ISD1-B1-S2'])
    })

    it('gives no path where a signed byte is another', async () => {
      let refused = 0
      for (let at = 40; at < 400; at += 17) {
        const { source, reports } = openSource(transcript.before, (answer, method) => {
          const copy = answer.slice()
          const isSegments = method?.endsWith('/Segments') === true
          if (isSegments && at < copy.length) copy[at] = (copy[at] ?? 0) ^ 0x04
          return copy
        })
        const paths = await source.paths(destination).catch((error: unknown) => {
          assert.ok(error instanceof ScionError)
          return []
        })
        if ((reports[0]?.problems.length ?? 1) > 0) refused += 1
        // What remains is what was recorded: nothing that was changed is believed.
        const known = new Map(transcript.before.paths.map((one) => [one.fingerprint, one]))
        for (const path of paths) assert.deepEqual(told(path), known.get(path.fingerprint))
      }
      assert.ok(refused > 15, `only ${refused} changes were noticed`)
    })

    it('is refused long before its certificates, and after its segments', async () => {
      for (const offMs of [-400 * 86_400_000, 30 * 86_400_000]) {
        const { before } = transcript
        const { source } = openSource({ ...before, nowMs: before.nowMs + offMs })
        const paths = await source.paths(destination).catch((error: unknown) => {
          assert.ok(error instanceof ScionError)
          return []
        })
        assert.deepEqual(paths, [])
      }
    })

    it('has a daemon that tells the same', async () => {
      const source = await DaemonPathSource.open(new Replay(transcript.daemon.exchanges))
      assert.equal(source.local.isdAs, local)
      assert.deepEqual(source.local.borderRouters, topology.local.borderRouters)
      assert.deepEqual((await source.paths(destination)).map(told), transcript.daemon.paths)
      const fingerprints = transcript.before.paths.map(({ fingerprint }) => fingerprint)
      assert.deepEqual(
        transcript.daemon.paths.map(({ fingerprint }) => fingerprint),
        fingerprints,
      )
    })

    it('makes hop fields whose MACs are right under the keys of its ASes', () => {
      for (const { sequence, dataplane } of transcript.before.paths) {
        const { segments } = decodeStandardPath(bytes(dataplane))
        const ases = sequence.split(' ').map((hop) => hop.split('#')[0] ?? '')
        // At a crossing two hop fields belong to one AS.
        const owners = segments.flatMap(({ hops }, index) => {
          const peering = segments[0]?.info.peering === true
          const from = segments.slice(0, index).reduce((sum, { hops }) => sum + hops.length - (peering ? 0 : 1), 0) // prettier-ignore
          return hops.map((_, at) => ases[from + at] ?? '')
        })
        let checked = 0
        for (const { info, hops } of segments) {
          let { segmentId } = info
          for (const [index, hop] of hops.entries()) {
            const isFirst = index === 0
            if (!info.consDir && !isFirst) segmentId = nextSegmentId(segmentId, hop.mac)
            const key = bytes(transcript.forwardingKeys[owners[checked] ?? ''] ?? '')
            assert.ok(
              new HopMac(key).verify({ ...info, segmentId }, hop),
              `${sequence}: ${checked}`,
            )
            const isPeeringHop = info.peering && isFirst
            if (info.consDir && !isPeeringHop) segmentId = nextSegmentId(segmentId, hop.mac)
            checked += 1
          }
        }
        assert.ok(checked >= 2)
      }
    })

    it('carries packets that are read and written byte for byte', () => {
      for (const one of transcript.traffic.packets) {
        const raw = bytes(one.bytes)
        const packet = decodePacket(raw)
        verifyChecksum(packet)
        assert.deepEqual(encodePacket(packet, packet.protocol, packet.payload), raw, one.what)
        const isUdp = one.what.startsWith('authenticated')
        if (isUdp) {
          const text = new TextDecoder().decode(decodeUdp(packet).payload)
          assert.ok(['a reading', 'received'].includes(text))
        } else if (one.direction === 'received') {
          assert.match(decodeScmp(packet).type, expectedType(one.what))
        }
      }
    })

    it('gives keys with which both ends prove and check every datagram', async () => {
      const { traffic } = transcript
      const [meter, headend] = [parseEndpoint(traffic.meter), parseEndpoint(traffic.headend)]
      const given = await onlyKey(traffic.drkeys.meter, 'hostHost')
      const own = await onlyKey(traffic.drkeys.headend, 'hostAs')
      assert.deepEqual(own.epoch, given.epoch)
      const derived = new HostKeyDeriver(own.key).keyFor(meter.host)
      assert.deepEqual(derived, given.key)
      const proven = traffic.packets.filter(({ what }) => what.startsWith('authenticated'))
      assert.equal(proven.length, 8)
      for (const one of proven) {
        const packet = decodePacket(bytes(one.bytes))
        const authenticator = authenticatorOf(packet)
        assert.ok(authenticator)
        verifyAuthenticator(packet, authenticator, new AesMac(given.key))
        const changed = bytes(one.bytes)
        changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1
        const other = decodePacket(changed)
        refuses(() => {
          verifyAuthenticator(other, authenticator, new AesMac(given.key))
        }, 'ERR_SCION_AUTHENTICITY')
      }
      assert.equal(headend.isdAs, destination)

      /** The key of the one recorded answer of a kind. */
      async function onlyKey(
        exchanges: readonly Exchange[],
        kind: 'hostHost' | 'hostAs',
      ): Promise<Awaited<ReturnType<ReturnType<typeof controlDrkeys>['hostAs']>>> {
        const [answer] = exchanges.map((one) => bytes(one.answer))
        assert.ok(answer)
        const keys = controlDrkeys({ ask: (_, __, ___, read) => Promise.resolve(read(answer)) })
        const { isdAs: derivingAs, host: derivingHost } = headend
        const { isdAs: farAs, host: farHost } = meter
        const query = { timeMs: 0, protocol: traffic.protocol, derivingAs, derivingHost, farAs }
        return kind === 'hostAs' ? await keys.hostAs(query) : await keys.hostHost({ ...query, farHost }) // prettier-ignore
      }
    })
  })
}

function expectedType(what: string): RegExp {
  if (what.startsWith('traceroute')) return /^traceroute-reply$/
  if (what === 'echo') return /^echo-reply$/
  if (what.includes('MAC')) return /^parameter-problem$/
  return /^(external-interface|internal-connectivity)-down$/
}
