import assert from 'node:assert/strict'
import { createSocket, Socket } from 'node:dgram'
import { once } from 'node:events'
import { mock } from 'node:test'
import { toHex } from '@s3mp/envelope'
import { nodeUnderlay } from '@s3mp/scion'
import {
  DEMO_HEADEND_AS,
  DEMO_METER_AS,
  demoTopology,
  openNetwork,
  seededRandom,
} from '@s3mp/scion/testing'
import { describe, it } from 'mocha'
import { systemClock } from '../src/clock.ts'
import { HeadendError } from '../src/errors.ts'
import type { Arrival } from '../src/transport/transport.ts'
import { ScionTransport } from '../src/transport/scion.ts'
import { UdpTransport } from '../src/transport/udp.ts'

describe('UdpTransport', () => {
  it('hands over datagrams and sends answers back', async () => {
    const transport = new UdpTransport('127.0.0.1', 0)
    await transport.start((arrival) => {
      arrival.reply(arrival.bytes.slice().reverse())
    })
    const client = createSocket('udp4')
    const [host, port] = transport.address.split(':')
    client.send(Uint8Array.of(1, 2, 3), Number(port), host)
    const [answer] = (await once(client, 'message')) as [Uint8Array]
    assert.deepEqual([...answer], [3, 2, 1])
    client.close()
    await transport.close()
    await transport.close()
  })

  it('outlives a datagram from port 0, which nobody can answer', async () => {
    // Only a raw socket sends such a datagram: what the kernel tells of one is told by hand.
    const bind = mock.method(Socket.prototype, 'bind')
    const transport = new UdpTransport('127.0.0.1', 0)
    const heard: Arrival[] = []
    await transport.start((arrival) => heard.push(arrival))
    bind.mock.restore()
    const socket = bind.mock.calls[0]?.this
    assert.ok(socket instanceof Socket)
    const from = { address: '127.0.0.1', family: 'IPv4', port: 0, size: 3 }
    socket.emit('message', Uint8Array.of(1, 2, 3), from)
    try {
      assert.equal(heard.length, 1)
      heard[0]?.reply(Uint8Array.of(9))
    } finally {
      await transport.close()
    }
  })

  it('says what to do when the port is in use', async () => {
    const first = new UdpTransport('127.0.0.1', 0)
    await first.start(() => undefined)
    const port = Number(first.address.split(':')[1])
    await assert.rejects(
      new UdpTransport('127.0.0.1', port).start(() => undefined),
      (error) =>
        error instanceof HeadendError &&
        error.code === 'ERR_HEADEND_LISTEN' &&
        error.message.includes('the port is in use; stop the other program'),
    )
    await first.close()
  })

  it('says so when the address is not of this machine', async () => {
    await assert.rejects(
      new UdpTransport('192.0.2.1', 0).start(() => undefined),
      /one of its own/,
    )
  })
})

describe('ScionTransport', () => {
  it('answers over the path of the question, and knows it by the sender’s fingerprint', async () => {
    const network = await openNetwork(demoTopology(), {
      clock: systemClock,
      random: seededRandom(1),
      underlay: nodeUnderlay,
    })
    try {
      const [headend, meter] = [network.host(DEMO_HEADEND_AS), network.host(DEMO_METER_AS)]
      const arrivals: Arrival[] = []
      const transport = new ScionTransport({
        open: () => headend.openSocket(),
        source: headend.source,
      })
      await transport.start((arrival) => {
        arrivals.push(arrival)
        arrival.reply(Uint8Array.of(9, ...arrival.bytes))
      })
      const socket = await meter.openSocket()
      const paths = await meter.source.paths(headend.isdAs)
      assert.ok(paths.length >= 3)
      const port = Number(transport.address.split(':').at(-1))
      for (const [index, path] of paths.entries()) {
        // Twice: the first datagram from an AS is what makes the transport ask for names.
        for (let time = 1; time <= 2; time++) {
          await socket.send({ ...headend.address, port }, Uint8Array.of(index), path)
          assert.deepEqual([...(await socket.receive()).payload], [9, index])
        }
        const last = arrivals.at(-1)
        assert.equal(last?.path && toHex(last.path), path.fingerprint)
      }
      assert.equal(new Set(arrivals.map(({ way }) => way)).size, paths.length)
      assert.equal(new Set(arrivals.map(({ source }) => source)).size, 1)
      await socket.close()
      await transport.close()
    } finally {
      await network.close()
    }
  })

  it('goes on when whoever it asks for paths, or answers by, fails in a way of its own', async () => {
    const network = await openNetwork(demoTopology(), {
      clock: systemClock,
      random: seededRandom(1),
      underlay: nodeUnderlay,
    })
    try {
      const [headend, meter] = [network.host(DEMO_HEADEND_AS), network.host(DEMO_METER_AS)]
      const fails = (): Promise<never> => Promise.reject(new TypeError('not a SCION error'))
      const { source } = headend
      let heard = 0
      const transport = new ScionTransport({
        open: async () => {
          const socket = await headend.openSocket()
          socket.send = fails
          return socket
        },
        source: { local: source.local, paths: fails, close: () => Promise.resolve() },
      })
      await transport.start((arrival) => {
        arrival.reply(arrival.bytes)
        heard++
      })
      const socket = await meter.openSocket()
      const [path] = await meter.source.paths(headend.isdAs)
      assert.ok(path)
      const port = Number(transport.address.split(':').at(-1))
      // A rejection that nobody takes would end the process.
      const untaken: unknown[] = []
      const note = (reason: unknown): void => void untaken.push(reason)
      process.on('unhandledRejection', note)
      for (let time = 1; time <= 2; time++) {
        await socket.send({ ...headend.address, port }, Uint8Array.of(time), path)
        while (heard < time) await new Promise((resolve) => setTimeout(resolve, 1))
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      process.off('unhandledRejection', note)
      assert.deepEqual(untaken, [])
      await socket.close()
      await transport.close()
    } finally {
      await network.close()
    }
  })
})
