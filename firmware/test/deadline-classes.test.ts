import assert from 'node:assert/strict'

import { linksOf, type Path, type ScionSocket } from '@s3mp/scion'
import type { Network, VirtualClock } from '@s3mp/scion/testing'
import { afterEach, beforeEach, describe, it } from 'mocha'

import type { ScionTransport } from '../src/transport/scion.ts'
import { openTransportWorld, type TransportWorld } from './support/scion-transport.ts'

const CLASSES = ['alarm', 'billing', 'live'] as const

describe('the deadline classes over SCION', () => {
  let clock: VirtualClock
  let network: Network
  let headend: ScionSocket
  let transport: ScionTransport

  let world: TransportWorld

  beforeEach(async () => {
    world = await openTransportWorld(5, 10_000)
    ;({ clock, network, headend, transport } = world)
  })

  afterEach(() => world.close())

  const send = async (deadline: (typeof CLASSES)[number], attempt: number): Promise<Path[]> => {
    const { flight } = await transport.send(Uint8Array.of(1), { deadline, attempt })
    const { paths } = flight as { readonly paths: readonly string[] }
    const reports = transport.pilot.report()
    return paths.flatMap((name) => reports.find((one) => one.fingerprint === name)?.path ?? [])
  }

  const shareNoLink = (paths: readonly Path[]): boolean => {
    const links = paths.flatMap(linksOf).map(({ key }) => key)
    return new Set(links).size === links.length
  }

  it('send an alarm over two paths that share no link, all else over one', async () => {
    for (const deadline of CLASSES) {
      const paths = await send(deadline, 0)
      assert.equal(paths.length, deadline === 'alarm' ? 2 : 1, deadline)
      assert.ok(shareNoLink(paths))
      await clock.advance(5)
    }
  })

  it('send whatever was not acknowledged over two, whichever class it is of', async () => {
    for (const deadline of CLASSES) {
      const paths = await send(deadline, 1)
      assert.equal(paths.length, 2, deadline)
      assert.ok(shareNoLink(paths))
    }
  })

  it('lose none of any class to a link that is cut in silence', async () => {
    const received = new Set<number>()
    const departures = new Map<number, Awaited<ReturnType<ScionTransport['send']>>>()
    const serving = (async () => {
      for await (const { payload, from, reply } of headend) {
        received.add(payload[0] ?? -1)
        await headend.send(from, payload, reply)
      }
    })()
    transport.onReceive(({ bytes, way }) => {
      const departure = departures.get(bytes[0] ?? -1)
      if (departure !== undefined) transport.landed(departure, way)
    })
    for (let number = 0; number < 90; number++) {
      if (number === 45) network.cut('north-trunk')
      const hints = { deadline: CLASSES[number % 3] ?? 'live', attempt: 0 } as const
      departures.set(number, await transport.send(Uint8Array.of(number), hints))
      await clock.advance(30)
    }
    await clock.advance(500)
    assert.equal(received.size, 90)
    await headend.close()
    await serving
  })
})
