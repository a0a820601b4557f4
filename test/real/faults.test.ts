import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { after, before, describe, it } from 'mocha'
import { systemClock } from '@s3mp/hal'
import type { PathPilot, PathSource, ScionSocket } from '@s3mp/scion'
import { ScionError, nodeUnderlay, openDaemon, openPathPilot, openScionSocket, openStandalone, parseAddress, parseIsdAs } from '@s3mp/scion' // prettier-ignore
import { text } from '../../scripts/testnet/addresses.ts'
import type { Service, Testnet } from '../../scripts/testnet/network.ts'
import { startReference } from '../support/reference.ts'

const [METER, HEADEND] = ['1-ff00:0:111', '1-ff00:0:112']
const WAIT_MS = 3000
/** A daemon or control service is up after a second or two. */
const RESTART_MS_MAX = 30_000

const random = (): number => randomInt(2 ** 47) / 2 ** 47

describe('services of the reference implementation that end and come back', function () {
  this.timeout(120_000)
  let net: Testnet
  let headend: ScionSocket
  const closing: (() => Promise<void>)[] = []

  before(async function () {
    this.timeout(400_000)
    net = await startReference(this, 'diamond', 44)
    await net.waitForPaths(METER, HEADEND, 4)
    const source = await openStandalone({ configDir: net.configDir(HEADEND), clock: systemClock })
    headend = await openSocket(HEADEND, source, 31_200)
    closing.push(() => source.close())
    void answer()
  })

  after(async function () {
    this.timeout(30_000)
    for (const close of closing.reverse()) await close()
    await (net as Testnet | undefined)?.stop()
  })

  async function openSocket(isdAs: string, source: PathSource, port: number): Promise<ScionSocket> {
    const socket = await openScionSocket({
      local: { ...parseAddress(`${isdAs},${net.addresses(isdAs).host}`), port },
      localAs: source.local,
      underlay: nodeUnderlay,
      clock: systemClock,
      random,
    })
    closing.push(() => socket.close())
    return socket
  }

  async function answer(): Promise<void> {
    try {
      for await (const { from, payload, reply } of headend) await headend.send(from, payload, reply)
    } catch (error) {
      assert.ok(error instanceof ScionError)
    }
  }

  /** Sends over the pilot's path and waits for the answer. */
  async function thereAndBack(pilot: PathPilot, socket: ScionSocket): Promise<void> {
    const flight = await pilot.send(headend.local, Uint8Array.of(7), { answer: true })
    const { reply } = await socket.receive(AbortSignal.timeout(WAIT_MS))
    pilot.landed(flight, reply)
  }

  const kinds: readonly (readonly [Service, number])[] = [
    ['daemon', 31_201],
    ['control', 31_202],
  ]
  for (const [service, port] of kinds) {
    it(`a ${service}: told with its reason, and the path in use goes on`, async () => {
      const daemon = text(net.addresses(METER).daemon)
      const configDir = net.configDir(METER)
      const clock = systemClock
      const source =
        service === 'daemon' ? await openDaemon({ daemon }) : await openStandalone({ configDir, clock }) // prettier-ignore
      const socket = await openSocket(METER, source, port)
      const destination = parseIsdAs(HEADEND)
      const pilot = openPathPilot({ socket, source, destination, clock, random })
      closing.push(
        () => source.close(),
        () => pilot.close(),
      )
      await pilot.ready()
      await thereAndBack(pilot, socket)
      await net.kill(METER, service)
      await assert.rejects(source.paths(destination, { refresh: true }), { code: 'ERR_SCION_IO' })
      pilot.refresh()
      for (let round = 0; round < 10; round++) {
        await thereAndBack(pilot, socket)
        await sleep(50)
      }
      net.startService(METER, service)
      const deadline = clock.monotonicMs() + RESTART_MS_MAX
      let paths = 0
      while (paths < 4 && clock.monotonicMs() < deadline) {
        const found = await source.paths(destination, { refresh: true }).catch(() => [])
        paths = found.length
        await sleep(250)
      }
      assert.equal(paths, 4, 'the same source finds the paths again')
      await thereAndBack(pilot, socket)
    })
  }
})
