import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'

import { systemClock } from '@s3mp/hal'
import { afterEach, describe, it } from 'mocha'

import { UDP_PAYLOAD_BYTES_MAX, UDP_RENEW_MS_MIN, UDP_RESOLVE_MS_MIN, UdpTransport } from '../src/transport/udp.ts' // prettier-ignore

/** Head-ends on two addresses, and what each has heard; those that answer echo. */
class FarEnds {
  readonly sockets: Socket[] = []
  readonly heard: number[] = [0, 0]
  answers = true
  port = 0

  async open(): Promise<void> {
    for (const [index, host] of ['127.0.0.81', '127.0.0.82'].entries()) {
      const socket = createSocket('udp4')
      socket.bind(this.port, host)
      await once(socket, 'listening')
      this.port = socket.address().port
      socket.on('message', (bytes, from) => {
        this.heard[index] = (this.heard[index] ?? 0) + 1
        if (this.answers) socket.send(bytes, from.port, from.address)
      })
      this.sockets.push(socket)
    }
  }

  close(): void {
    for (const socket of this.sockets) socket.close()
  }
}

describe('plain UDP to a head-end', () => {
  let far: FarEnds
  let transport: UdpTransport
  let nowMs = 0
  /** Where the name leads, and how often that was asked. */
  let [address, asked] = ['127.0.0.81', 0]
  let heard = 0

  async function open(): Promise<void> {
    far = new FarEnds()
    await far.open()
    ;[nowMs, address, asked, heard] = [0, '127.0.0.81', 0, 0]
    transport = new UdpTransport({
      remote: { host: 'headend.example', port: far.port },
      monotonicMs: () => nowMs,
      lookup: (host, _options, done) => {
        // The own end is looked up, too.
        if (host !== 'headend.example') {
          done(null, host, 4)
          return
        }
        asked += 1
        if (address === '') done(new Error('ENOTFOUND'), '', 4)
        else done(null, address, 4)
      },
    })
    transport.onReceive(() => {
      heard += 1
    })
  }

  afterEach(async () => {
    await transport.close()
    far.close()
  })

  /** Sends one, and gives the answer time to come. */
  async function send(): Promise<void> {
    await transport.send(Uint8Array.of(1))
    for (let turn = 0; turn < 5; turn += 1) await systemClock.sleep(2)
  }

  it('keeps one socket as long as it is answered, however long that is', async () => {
    await open()
    for (let minute = 0; minute < 5; minute += 1) {
      await send()
      nowMs += UDP_RENEW_MS_MIN
    }
    assert.deepEqual([asked, heard], [1, 5])
  })

  it('finds a head-end that has moved to another address', async () => {
    await open()
    await send()
    address = '127.0.0.82'
    far.answers = false
    for (let s = 0; s < 61; s += 1) {
      nowMs += 1000
      await transport.send(Uint8Array.of(1))
    }
    far.answers = true
    await send()
    assert.equal(asked, 2)
    assert.ok((far.heard[1] ?? 0) > 0)
    assert.ok(heard >= 2)
  })

  it('looks the name up once a minute while nobody answers, not with every object', async () => {
    await open()
    far.answers = false
    for (let s = 0; s < 600; s += 1) {
      nowMs += 1000
      await transport.send(Uint8Array.of(1))
    }
    assert.ok(asked >= 9 && asked <= 11, String(asked))
  })

  it('tries a name that leads nowhere again after a while, and says why', async () => {
    await open()
    address = ''
    await assert.rejects(send(), { code: 'channel' })
    await assert.rejects(send(), /a moment ago/u)
    assert.equal(asked, 1)
    nowMs += UDP_RESOLVE_MS_MIN
    address = '127.0.0.81'
    await send()
    assert.equal(heard, 1)
  })

  it('refuses what would be cut into pieces on the way', async () => {
    await open()
    const long = new Uint8Array(UDP_PAYLOAD_BYTES_MAX + 1)
    await assert.rejects(transport.send(long), { code: 'channel' })
  })
})
