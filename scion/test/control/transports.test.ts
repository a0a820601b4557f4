import assert from 'node:assert/strict'
import { createServer as createHttp } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createHttp2 } from 'node:http2'
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import { createServer as createTcpServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { after, before, describe, it } from 'mocha'
import { ConnectTransport } from '../../src/control/connect.ts'
import { GrpcTransport } from '../../src/control/grpc.ts'
import { MESSAGE_BYTES_MAX } from '../../src/control/protobuf.ts'
import type { RpcCall, RpcTransport } from '../../src/control/rpc.ts'

/** What the server does: answer in various ways, or not at all. */
type Method = 'Echo' | 'Refuse' | 'Nonsense' | 'Flood' | 'Silence' | 'Hangup' | 'Missing'

const call = (method: Method, more: Partial<RpcCall> = {}): RpcCall => ({
  service: 'test.v1.Service',
  method,
  request: Uint8Array.of(1, 2, 3),
  ...more,
})

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

const chunk = new Uint8Array(1024 * 1024)

function connectServer(): { readonly server: Server; close(): void } {
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const parts: Uint8Array[] = []
    for await (const part of request) parts.push(part as Uint8Array)
    const method = request.url?.split('/')[2] ?? ''
    assert.equal(request.headers['content-type'], 'application/proto')
    if (method === 'Echo') {
      response.writeHead(200, { 'content-type': 'application/proto' })
      response.end(Buffer.concat(parts))
    } else if (method === 'Refuse') {
      response.writeHead(404, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ code: 'not_found', message: 'no such\u0007 thing' }))
    } else if (method === 'Nonsense') {
      response.writeHead(200, { 'content-type': 'text/html' })
      response.end('<html>')
    } else if (method === 'Flood') {
      response.writeHead(200, { 'content-type': 'application/proto' })
      const more = (): void => {
        while (!response.destroyed && response.write(chunk));
      }
      response.on('drain', more)
      more()
    } else if (method === 'Hangup') {
      response.destroy()
    } else if (method !== 'Silence') {
      response.writeHead(500)
      response.end('proxy says no')
    }
  }
  const server = createHttp((request, response) => void handle(request, response))
  return {
    server,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

function grpcServer(): { readonly server: Server; close(): void } {
  const sessions = new Set<ServerHttp2Session>()
  const server = createHttp2()
  server.on('session', (session) => {
    sessions.add(session)
    session.on('error', () => undefined)
  })
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    stream.on('error', () => undefined)
    const parts: Uint8Array[] = []
    stream.on('data', (part: Uint8Array) => parts.push(part))
    stream.on('end', () => {
      const method = headers[':path']?.split('/')[2] ?? ''
      const trailers: Record<string, string> = { 'grpc-status': '0' }
      if (method === 'Hangup') return stream.session?.destroy()
      if (method === 'Silence') return undefined
      if (method === 'Refuse' || method === 'Missing') {
        const message = encodeURIComponent('no such\u0007 thing')
        trailers['grpc-status'] = method === 'Refuse' ? '5' : '99'
        trailers['grpc-message'] = method === 'Refuse' ? message : '%zz'
      }
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc+proto' },
        { waitForTrailers: true },
      )
      stream.on('wantTrailers', () => {
        stream.sendTrailers(trailers)
      })
      if (method === 'Flood') {
        const more = (): void => {
          while (!stream.destroyed && stream.write(chunk));
        }
        stream.on('drain', more)
        more()
      } else {
        stream.end(method === 'Echo' ? Buffer.concat(parts) : 'x')
      }
      return undefined
    })
  })
  return {
    server,
    close() {
      for (const session of sessions) session.destroy()
      server.close()
    },
  }
}

type Make = (address: { host: string; port: number }) => RpcTransport

const KINDS: readonly (readonly [string, typeof connectServer, Make])[] = [
  ['ConnectTransport', connectServer, (address) => new ConnectTransport(address)],
  ['GrpcTransport', grpcServer, (address) => new GrpcTransport(address)],
]

for (const [name, makeServer, make] of KINDS) {
  describe(name, () => {
    let running: ReturnType<typeof connectServer>
    let address: { host: string; port: number }
    let transport: RpcTransport

    before(async () => {
      running = makeServer()
      address = { host: '127.0.0.1', port: await listen(running.server) }
      transport = make(address)
    })

    after(async () => {
      await transport.close()
      running.close()
    })

    it('brings a question there and the answer back, many at once', async () => {
      assert.equal(transport.name, `127.0.0.1:${address.port}`)
      const answers = await Promise.all(
        Array.from({ length: 30 }, (_, index) =>
          transport.call(call('Echo', { request: new Uint8Array(index * 1000).fill(index) })),
        ),
      )
      for (const [index, answer] of answers.entries()) {
        assert.equal(answer.length, index * 1000)
        assert.ok(answer.every((byte) => byte === index))
      }
    })

    it('says why the server refused, in printable words', async () => {
      await assert.rejects(transport.call(call('Refuse')), (error: Error & { code?: string }) => {
        assert.equal(error.code, 'ERR_SCION_CONTROL')
        assert.match(error.message, /Refuse: .*not.found.*no such +thing/)
        return true
      })
      await assert.rejects(transport.call(call('Missing')), { code: 'ERR_SCION_CONTROL' })
    })

    it('refuses an answer that is none', async () => {
      await assert.rejects(transport.call(call('Nonsense')), { code: 'ERR_SCION_CONTROL' })
    })

    it(`stops reading beyond ${MESSAGE_BYTES_MAX} bytes`, async () => {
      await assert.rejects(transport.call(call('Flood', { timeoutMs: 10_000 })), {
        code: 'ERR_SCION_CONTROL',
      })
    }).timeout(15_000)

    it('loses its patience when told to', async () => {
      const silent = transport.call(call('Silence', { timeoutMs: 30 }))
      await assert.rejects(silent, { code: 'ERR_SCION_TIMEOUT' })
    })

    it('ends with the signal of the caller, before and while it waits', async () => {
      const early = AbortSignal.abort(new Error('too late'))
      await assert.rejects(transport.call(call('Echo', { signal: early })), /too late/)
      const controller = new AbortController()
      const waiting = transport.call(call('Silence', { signal: controller.signal }))
      setTimeout(() => {
        controller.abort(new Error('enough'))
      }, 10)
      await assert.rejects(waiting, /enough/)
    })

    it('survives a connection that breaks', async () => {
      await assert.rejects(transport.call(call('Hangup')), { code: 'ERR_SCION_IO' })
      const answer = await transport.call(call('Echo'))
      assert.deepEqual([...answer], [1, 2, 3])
    })

    it('says so when nobody listens', async () => {
      const nobody = make({ host: '127.0.0.1', port: 9 })
      await assert.rejects(nobody.call(call('Echo')), { code: 'ERR_SCION_IO' })
      await nobody.close()
    })

    it('ends calls under way when it is closed, and takes no more', async () => {
      const closing = make(address)
      const waiting = closing.call(call('Silence'))
      setTimeout(() => {
        void closing.close()
      }, 10)
      await assert.rejects(waiting, { code: 'ERR_SCION_CLOSED' })
      await closing.close()
      await assert.rejects(closing.call(call('Echo')), { code: 'ERR_SCION_CLOSED' })
    })
  })
}

describe('GrpcTransport, whose daemon vanishes without a word', () => {
  it('opens another connection after an answer that did not come', async () => {
    const sockets: Socket[] = []
    // The first connection is taken and never heard of again, as after a power cut.
    const front = createTcpServer((socket) => {
      sockets.push(socket)
      if (sockets.length > 1) real.server.emit('connection', socket)
    })
    const real = grpcServer()
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve))
    const { port } = front.address() as AddressInfo
    const transport = new GrpcTransport({ host: '127.0.0.1', port })
    await assert.rejects(transport.call(call('Echo', { timeoutMs: 50 })), {
      code: 'ERR_SCION_TIMEOUT',
    })
    assert.deepEqual(await transport.call(call('Echo')), Uint8Array.of(1, 2, 3))
    assert.equal(sockets.length, 2)
    await transport.close()
    for (const socket of sockets) socket.destroy()
    front.close()
    real.close()
  })
})

describe('ConnectTransport, whose server closes a connection that was kept', () => {
  it('asks once more on a new connection, and no more than that', async () => {
    let asked = 0
    const server = createHttp((request, response) => {
      asked += 1
      // Every question on a connection after its first finds it closed.
      if (asked === 2 || asked > 3) {
        request.socket.destroy()
        return
      }
      response.writeHead(200, { 'content-type': 'application/proto' }).end('x')
    })
    const transport = new ConnectTransport({ host: '127.0.0.1', port: await listen(server) })
    await transport.call(call('Echo'))
    await transport.call(call('Echo'))
    assert.equal(asked, 3)
    await assert.rejects(transport.call(call('Echo')), { code: 'ERR_SCION_IO' })
    assert.equal(asked, 5)
    await transport.close()
    server.close()
  })
})
