import { refusal } from './adapter.ts'

const READS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Refuses a request that changes something and was made by a page of elsewhere; undefined where it may
 * go on. For requests that are let in by a cookie; a token in a header is sent by nobody's browser of
 * its own accord.
 *
 * Two things must hold, each of which stops a forger alone: the browser says that its page is of this
 * origin (Fetch §3.2 Origin, and Sec-Fetch-Site where it sends it), and a body is JSON, which a foreign
 * page may not send without asking first (Fetch §4.8, preflight), which is never answered.
 */
export function foreignWrite(request: Request, publicOrigin?: string): Response | undefined {
  if (READS.has(request.method)) return undefined
  const site = request.headers.get('sec-fetch-site')
  if (site !== null && site !== 'same-origin') return foreign()
  if (!isOwn(request, request.headers.get('origin'), publicOrigin)) return foreign()
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
  // DELETE has no body, and is never sent across origins without a preflight either.
  if (request.method === 'DELETE' || type === 'application/json') return undefined
  return refusal(415, 'not_json', 'content-type: expected application/json')
}

function isOwn(request: Request, origin: string | null, publicOrigin?: string): boolean {
  if (origin === null || !URL.canParse(origin)) return false
  if (publicOrigin !== undefined) return origin === publicOrigin
  return new URL(origin).host === new URL(request.url).host
}

function foreign(): Response {
  return refusal(403, 'foreign_origin', 'origin: expected this server’s own')
}
