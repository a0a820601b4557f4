import { once } from 'node:events'
import { createServer } from 'node:http'

/** No answer at all. */
export const SILENCE = { status: 0 }

/** What a discovery server answers under a path: a body, or a status. */
export type Page = string | Uint8Array | { readonly status: number }

/** A discovery server on loopback that knows the pages given, and what it was asked for. */
export async function startDiscoveryServer(pages: Readonly<Record<string, Page>>): Promise<{
  readonly port: number
  readonly url: string
  readonly asked: readonly string[]
  readonly close: () => Promise<void>
}> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    asked.push(path)
    const page = pages[path]
    if (page === SILENCE) return
    if (page === undefined) response.writeHead(404).end('no such page')
    else if (typeof page === 'string' || page instanceof Uint8Array) response.end(page)
    else response.writeHead(page.status, { location: '/topology' }).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    asked,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
