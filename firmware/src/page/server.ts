import type { Page } from '@s3mp/web'
import { clientOf, isLoopback, refusal, secureHeaders, type Fetcher } from '@s3mp/web/http'

import type { Access } from './access.ts'

/** What the page's server is made of. */
export interface PageServerOptions {
  readonly access: Access
  /** Loads the page's files; asked when somebody first looks, because they take memory. */
  readonly page: () => Promise<Page>
  /** Answers the API and the metrics, here or in the meter's own process. */
  readonly api: Fetcher
}

/**
 * The meter's page: the gate in front, then the page's own files, then the API. Metrics are for programs
 * on this machine, whatever the page is open for.
 */
export function pageServer({ access, page, api }: PageServerOptions): Fetcher {
  let loading: Promise<Page> | undefined
  const answer = async (request: Request): Promise<Response> => {
    const blocked = await access.check(request)
    if (blocked !== undefined) return blocked
    const { pathname } = new URL(request.url)
    if (pathname.startsWith('/api/')) return api.fetch(request)
    if (pathname === '/metrics') {
      return isLoopback(clientOf(request) ?? '')
        ? api.fetch(request)
        : refusal(403, 'not_allowed', 'metrics: expected a program on this machine')
    }
    loading ??= page()
    const files = await loading
    return files.respond(request) ?? refusal(404, 'not_found', 'no such address')
  }
  return {
    async fetch(request) {
      const response = await answer(request)
      const headers = new Headers(response.headers)
      secureHeaders(headers)
      const { status, statusText, body } = response
      return new Response(body, { status, statusText, headers })
    },
  }
}
