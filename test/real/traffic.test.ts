import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { after, before, describe, it } from 'mocha'
import { systemClock } from '@s3mp/hal'
import type { Path, PathSource, ScionEndpoint, ScionSocket } from '@s3mp/scion'
import { TestNat } from '@s3mp/scion/testing'
import {
  LIVELY_PLAN,
  formatIsdAs,
  nodeUnderlay,
  openPathPilot,
  openScionSocket,
  openStandalone,
  parseAddress,
  parseIsdAs,
} from '@s3mp/scion'
import { text } from '../../scripts/testnet/addresses.ts'
import type { Testnet } from '../../scripts/testnet/network.ts'
import { referenceVersion, startReference } from '../support/reference.ts'

const METER = '1-ff00:0:111'
const HEADEND = '1-ff00:0:112'
const WAIT_MS = 5000

/** Unpredictable, in [0, 1). */
function random(): number {
  return randomInt(2 ** 47) / 2 ** 47
}

interface Host {
  readonly socket: ScionSocket
  readonly source: PathSource
  readonly local: ScionEndpoint
}

describe('traffic through the routers of the reference implementation', function () {
  this.timeout(120_000)
  let net: Testnet
  let meter: Host
  let headend: Host
  const closing: (() => Promise<void>)[] = []

  before(async function () {
    this.timeout(400_000)
    net = await startReference(this, 'diamond', 30)
    await net.waitForPaths(METER, HEADEND, 4)
    meter = await openHost(METER, false)
    headend = await openHost(HEADEND, true)
    void answerForEver(headend.socket)
  })

  after(async function () {
    this.timeout(30_000)
    for (const close of closing.reverse()) await close()
    await (net as Testnet | undefined)?.stop()
  })

  async function openHost(isdAs: string, echo: boolean): Promise<Host> {
    const source = await openStandalone({ configDir: net.configDir(isdAs), clock: systemClock })
    const host = net.addresses(isdAs).host
    const local = { ...parseAddress(`${isdAs},${host}`), port: 31_100 }
    const socket = await openScionSocket({
      local,
      localAs: source.local,
      underlay: nodeUnderlay,
      clock: systemClock,
      random,
      echo,
    })
    closing.push(
      () => source.close(),
      () => socket.close(),
    )
    return { socket, source, local }
  }

  async function allPaths(): Promise<readonly Path[]> {
    const paths = await meter.source.paths(parseIsdAs(HEADEND), { refresh: true })
    assert.equal(paths.length, 4)
    return paths
  }

  it('carries a datagram over every path and the answer back over its reverse', async () => {
    for (const [index, path] of (await allPaths()).entries()) {
      const payload = Uint8Array.of(index, 1, 2, 3)
      await meter.socket.send(headend.local, payload, path)
      const { payload: answer, from } = await meter.socket.receive(AbortSignal.timeout(WAIT_MS))
      assert.deepEqual(Uint8Array.from(answer), payload)
      assert.equal(from.isdAs, headend.local.isdAs)
    }
  })

  it('carries packets as large as the path says, and refuses one byte more', async () => {
    const [path] = await allPaths()
    assert.ok(path)
    const most = meter.socket.maxPayload(headend.local, path)
    await meter.socket.send(headend.local, new Uint8Array(most), path)
    const { payload } = await meter.socket.receive(AbortSignal.timeout(WAIT_MS))
    assert.equal(new DataView(Uint8Array.from(payload).buffer).getUint32(0), most)
    await assert.rejects(meter.socket.send(headend.local, new Uint8Array(most + 1), path))
  })

  it('is told by the routers who they are, on every interface of every path', async () => {
    for (const path of await allPaths()) {
      for (const [interfaceIndex, { isdAs, id }] of path.interfaces.entries()) {
        const timeout = { timeoutMs: WAIT_MS, interfaceIndex }
        const answer = await meter.socket.traceroute(path, timeout)
        assert.equal(formatIsdAs(answer.isdAs), formatIsdAs(isdAs))
        assert.equal(answer.interfaceId, id)
      }
    }
  })

  it('is answered by the ping of the reference, and pings it', async () => {
    const sciond = text(net.addresses(METER).daemon)
    const target = `${HEADEND},${net.addresses(HEADEND).host}`
    const { stdout } = await net.scion(['ping', '--sciond', sciond, '-c', '2', target])
    assert.match(stdout, /2 packets transmitted, 2 received/)
    const [path] = await allPaths()
    assert.ok(path)
    assert.ok((await meter.socket.echo(headend.local, path, { timeoutMs: WAIT_MS })) > 0)
  })

  // The routers of v0.14.0 know no STUN.
  if (referenceVersion !== 'v0.14.0') {
    it('is told by the border router from which address it is seen', async () => {
      const seen = await meter.socket.findOutside({ timeoutMs: WAIT_MS })
      const { host } = net.addresses(METER)
      assert.deepEqual(seen, { address: { host, port: 31_100 }, translated: false })
    })

    it('is answered behind a NAT, and again when the NAT has started over', async () => {
      const { host } = net.addresses(METER)
      const nat = new TestNat({ underlay: nodeUnderlay, outside: host, clock: systemClock, firstPort: 31_300 }) // prettier-ignore
      const inside = { ...parseAddress(`${METER},192.168.178.20`), port: 31_100 }
      const localAs = meter.source.local
      const socket = await openScionSocket({ local: inside, localAs, underlay: nat, clock: systemClock, random }) // prettier-ignore
      closing.push(() => socket.close())
      const ports: (number | undefined)[] = []
      socket.observe((event) => {
        if (event.type === 'outside-changed') ports.push(event.outside.address.port)
      })
      const [path] = await allPaths()
      assert.ok(path)
      const isAnswered = async (): Promise<boolean> => {
        await socket.send(headend.local, Uint8Array.of(1), path)
        const answer = socket.receive(AbortSignal.timeout(1000))
        return answer.then(
          () => true,
          () => false,
        )
      }
      assert.equal(await isAnswered(), false, 'nobody can answer the inner address')
      socket.followOutside()
      for (let tried = 0; ports.length < 1 && tried < 100; tried += 1) await systemClock.sleep(20)
      assert.equal(await isAnswered(), true)
      nat.restart()
      assert.equal(await isAnswered(), false)
      socket.doubtOutside()
      for (let tried = 0; ports.length < 2 && tried < 200; tried += 1) await systemClock.sleep(20)
      assert.equal(await isAnswered(), true)
      assert.deepEqual(ports, [31_300, 31_301])
      assert.equal(socket.outside?.warning, undefined)
    })
  }

  it('hears of a link that the routers notice to be cut, and goes on over another path', async () => {
    const gap = await gapOf(() => {
      net.cut('meter-110')
      return () => {
        net.mend('meter-110')
      }
    })
    assert.ok(gap.answers > 20, `only ${gap.answers} answers`)
  })

  it('goes on when the router of the path in use dies without a word', async () => {
    const gap = await gapOf((path) => {
      const transit = formatIsdAs(path.interfaces[1]?.isdAs ?? assert.fail())
      void net.kill(transit, 'router')
      return () => {
        net.startService(transit, 'router')
      }
    })
    assert.ok(gap.answers > 20, `only ${gap.answers} answers`)
  })

  /** Sends every 50 ms for 8 s, breaks the path in use after 3 s, and looks for the longest silence. */
  async function gapOf(
    breakIt: (path: Path) => () => void,
  ): Promise<{ answers: number; longestMs: number }> {
    const { socket, source } = meter
    const destination = parseIsdAs(HEADEND)
    const pilot = openPathPilot({
      socket,
      source,
      destination,
      clock: systemClock,
      random,
      plan: LIVELY_PLAN,
    })
    await pilot.ready(AbortSignal.timeout(WAIT_MS))
    const startMs = systemClock.monotonicMs()
    let mend: (() => void) | undefined
    let [answers, longestMs, lastMs] = [0, 0, startMs]
    const receiving = new AbortController()
    const receive = async (): Promise<void> => {
      while (!receiving.signal.aborted) {
        const datagram = await socket.receive(receiving.signal).catch(() => undefined)
        if (datagram === undefined) return
        const nowMs = systemClock.monotonicMs()
        answers += 1
        longestMs = Math.max(longestMs, nowMs - lastMs)
        lastMs = nowMs
        const flight = flights.get(datagram.payload[0] ?? 0)
        if (flight !== undefined) pilot.landed(flight, datagram.reply)
      }
    }
    const flights = new Map<number, Awaited<ReturnType<typeof pilot.send>>>()
    const received = receive()
    let broken = ''
    for (let index = 0; systemClock.monotonicMs() - startMs < 8000; index++) {
      const name = index % 256
      flights.set(name, await pilot.send(headend.local, Uint8Array.of(name), { answer: true }))
      if (mend === undefined && systemClock.monotonicMs() - startMs > 3000) {
        const path = pilot.current() ?? assert.fail()
        broken = path.fingerprint
        mend = breakIt(path)
      }
      await systemClock.sleep(50)
    }
    receiving.abort()
    await received
    mend?.()
    const now = pilot.current()
    await pilot.close()
    assert.ok(systemClock.monotonicMs() - lastMs < 2000, 'the answers have ended')
    if (broken !== '' && longestMs > 400) assert.notEqual(now?.fingerprint, broken)
    return { answers, longestMs }
  }
})

/**
 * A host that sends everything back where it came from. Of what is long it sends the length: nobody
 * stated the MTU of the way back, and a socket keeps to what fits everywhere.
 */
async function answerForEver(socket: ScionSocket): Promise<void> {
  for await (const { from, payload, reply } of socket) {
    const length = new Uint8Array(4)
    new DataView(length.buffer).setUint32(0, payload.length)
    const answer = payload.length > 1000 ? length : payload
    await socket.send(from, answer, reply).catch(() => undefined)
  }
}
