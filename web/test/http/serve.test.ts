import assert from 'node:assert/strict'
import { request, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, it } from 'mocha'
import {
  HttpError,
  REQUEST_BODY_BYTES_MAX,
  serveHttp,
  type HttpServer,
} from '../../src/http/index.ts'

describe('serveHttp', () => {
  let server: HttpServer
  let cancelled = false
  let aborted = false

  async function answer(incoming: Request): Promise<Response> {
    const { pathname } = new URL(incoming.url)
    if (pathname === '/echo') return new Response(await incoming.arrayBuffer())
    if (pathname === '/fail') throw new Error('a fault')
    if (pathname !== '/stream') return new Response(`${incoming.method} ${pathname}`)
    incoming.signal.addEventListener('abort', () => {
      aborted = true
    })
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        controller.enqueue(new TextEncoder().encode('first\n'))
      },
      cancel: () => {
        cancelled = true
      },
    })
    return new Response(stream)
  }

  beforeEach(async () => {
    server = await serveHttp({ fetch: answer }, { host: '127.0.0.1', port: 0 })
  })

  afterEach(() => server.close())

  it('answers under the address it names', async () => {
    const response = await fetch(`${server.url}some/where`)
    assert.equal(await response.text(), 'GET /some/where')
    const head = await fetch(server.url, { method: 'HEAD' })
    assert.deepEqual([head.status, await head.text()], [200, ''])
  })

  it('hands a body over, up to its limit', async () => {
    const url = `${server.url}echo`
    const body = 'x'.repeat(REQUEST_BODY_BYTES_MAX)
    assert.equal(await (await fetch(url, { method: 'POST', body })).text(), body)
    const refused = await fetch(url, { method: 'POST', body: `${body}y` })
    assert.equal(refused.status, 413)
  })

  it('sends a stream as it comes, and ends it when the reader goes', async () => {
    const asked = request(`${server.url}stream`)
    asked.end()
    const [response] = (await once(asked, 'response')) as [IncomingMessage]
    const [part] = (await once(response, 'data')) as [Uint8Array]
    assert.equal(new TextDecoder().decode(part), 'first\n')
    response.destroy()
    while (!cancelled || !aborted) await new Promise((resolve) => setTimeout(resolve, 1))
  })

  it('leaves a reader that takes nothing of an answer, and gives up what it held', async () => {
    let given = 0
    const gone = Promise.withResolvers<undefined>()
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        controller.enqueue(new Uint8Array(65_536))
        given += 1
      },
      cancel: () => {
        gone.resolve(undefined)
      },
    })
    const stalling = await serveHttp(
      { fetch: () => new Response(endless) },
      { host: '127.0.0.1', port: 0, stallMs: 100 },
    )
    const socket = connect(stalling.port, '127.0.0.1').pause()
    socket.on('error', () => undefined)
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await gone.promise
    assert.ok(given > 0)
    socket.destroy()
    await stalling.close()
  })

  it('on loopback is nobody else’s server: a foreign host name is refused', async () => {
    for (const [host, status] of [
      ['evil.example', 421],
      ['127.0.0.1.evil.example', 421],
      ['localhost', 200],
      [`127.0.0.1:${server.port}`, 200],
      ['[::1]:80', 200],
      ['', 400],
      ['a b', 400],
    ] as const) {
      assert.equal(
        await raw(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`),
        status,
        host,
      )
    }
  })

  it('refuses addresses of another form than a path', async () => {
    const close = 'Host: localhost\r\nConnection: close\r\n\r\n'
    assert.equal(await raw(`GET http://localhost/ HTTP/1.1\r\n${close}`), 400)
    assert.equal(await raw(`GET //evil.example/x HTTP/1.1\r\n${close}`), 200)
    assert.equal(await raw(`TRACE / HTTP/1.1\r\n${close}`), 405)
    assert.equal(await raw(`GET /${'a'.repeat(20_000)} HTTP/1.1\r\n${close}`), 431)
  })

  it('goes on after an answer that failed', async () => {
    await assert.rejects(fetch(`${server.url}fail`))
    assert.equal((await fetch(server.url)).status, 200)
  })

  it('steps over a port in use where asked to, and says what to do otherwise', async () => {
    const { port } = server
    const next = await serveHttp({ fetch: answer }, { host: '127.0.0.1', port, nextPort: true })
    assert.ok(next.port > port)
    await next.close()
    await assert.rejects(
      serveHttp({ fetch: answer }, { host: '127.0.0.1', port }),
      (error) => error instanceof HttpError && error.message.includes('in use; stop the other'),
    )
  })

  async function raw(text: string): Promise<number> {
    const socket = connect(server.port, '127.0.0.1')
    socket.write(text)
    const [bytes] = (await once(socket, 'data')) as [Uint8Array]
    socket.destroy()
    return Number(/^HTTP\/1\.1 (\d{3})/.exec(new TextDecoder().decode(bytes))?.[1])
  }
})
