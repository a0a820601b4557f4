import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { readAssets } from './assets.ts'
import type { PageAsset } from './assets.ts'
import { SECURITY_HEADERS } from './http/headers.ts'

/** The front end as files: built ones in a release, bundled on the spot when run from source. */
export async function pageAssets(): Promise<readonly PageAsset[]> {
  const here = fileURLToPath(import.meta.url)
  // Source is always bundled anew (about a tenth of a second), so that it can never be stale.
  if (here.endsWith('.ts') && existsSync(fileURLToPath(new URL('./bundle.ts', import.meta.url)))) {
    const { bundlePage } = await import('./bundle.ts')
    return bundlePage()
  }
  const built = await readAssets(fileURLToPath(new URL('./page', import.meta.url)))
  if (built.length === 0) throw new Error('the page is not built: run `npm run build` first')
  return built
}

/** Answers for the page's addresses. */
export interface Page {
  readonly assets: readonly PageAsset[]
  /** The answer to a GET or HEAD of one of the page's files; undefined for any other request. */
  respond(request: Request): Response | undefined
}

/** Loads the front end once and answers from memory. */
export async function loadPage(): Promise<Page> {
  return servePage(await pageAssets())
}

/** The page made of `assets`; `loadPage` gives the real ones. */
export function servePage(assets: readonly PageAsset[]): Page {
  const byPath = new Map(assets.map((asset) => [asset.path, asset]))
  return {
    assets,
    respond: (request) => {
      if (request.method !== 'GET' && request.method !== 'HEAD') return undefined
      const asset = byPath.get(new URL(request.url).pathname)
      return asset === undefined ? undefined : answer(asset, request)
    },
  }
}

function answer(asset: PageAsset, request: Request): Response {
  const headers = new Headers({
    ...SECURITY_HEADERS,
    'content-type': asset.type,
    etag: asset.etag,
    'cache-control': asset.immutable ? 'public, max-age=31536000, immutable' : 'no-cache',
    vary: 'accept-encoding',
  })
  const known = request.headers.get('if-none-match')
  if (known?.split(/\s*,\s*/).some((tag) => tag.replace(/^W\//, '') === asset.etag)) {
    return new Response(null, { status: 304, headers })
  }
  const gzip = asset.gzipped !== undefined && acceptsGzip(request)
  const bytes = gzip ? asset.gzipped : asset.bytes
  if (gzip) headers.set('content-encoding', 'gzip')
  headers.set('content-length', String(bytes.length))
  return new Response(request.method === 'HEAD' ? null : bytes.slice(), { headers })
}

function acceptsGzip(request: Request): boolean {
  const accepted = request.headers.get('accept-encoding') ?? ''
  return accepted.split(',').some((each) => /^\s*gzip\s*(;\s*q=(?!0(\.0*)?\s*$).*)?$/.test(each))
}
