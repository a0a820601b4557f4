import { once } from 'node:events'
import { createServer } from 'node:http'

/** What a server answers to one question: a body, or a status; `undefined` for no answer ever. */
export type RpcAnswer = Uint8Array | { readonly status: number } | undefined

/** A running server that speaks the Connect protocol, as far as single questions go. */
export interface RpcServer {
  readonly url: string
  readonly address: string
  /** `Service/Method` of every question. */
  readonly asked: readonly string[]
  readonly headers: readonly (string | undefined)[]
  readonly close: () => Promise<void>
}

/** Starts a server on loopback whose answers `answer` gives. */
export async function startRpcServer(
  answer: (method: string, request: Uint8Array) => RpcAnswer,
): Promise<RpcServer> {
  const asked: string[] = []
  const headers: (string | undefined)[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const method = (request.url ?? '').slice(1)
      asked.push(method)
      headers.push(request.headers.authorization)
      const found = answer(method, Buffer.concat(chunks))
      if (found === undefined) return
      if (!(found instanceof Uint8Array)) response.writeHead(found.status).end()
      else response.writeHead(200, { 'content-type': 'application/proto' }).end(found)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const bound = server.address()
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    address: `127.0.0.1:${port}`,
    asked,
    headers,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
