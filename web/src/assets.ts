import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

/** One file of the built front end, ready to be served. */
export interface PageAsset {
  /** Absolute address: '/' for the page itself, '/assets/main-3QX7….js' and so on. */
  readonly path: string
  readonly type: string
  readonly bytes: Uint8Array
  /** The same gzipped; absent where that would not be smaller. */
  readonly gzipped?: Uint8Array
  /** A strong validator, quoted, of the bytes as they are. */
  readonly etag: string
  /** True where the name carries a hash of the content, so that it never changes. */
  readonly immutable: boolean
}

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
  woff2: 'font/woff2',
  webmanifest: 'application/manifest+json',
}

/** The asset that a built file becomes; `path` as it lies below the page's folder. */
export function pageAsset(path: string, bytes: Uint8Array): PageAsset {
  const ending = path.slice(path.lastIndexOf('.') + 1)
  const type = TYPES[ending]
  if (type === undefined) throw new Error(`page asset ${path}: expected a known file type`)
  const hash = createHash('sha256').update(bytes).digest('base64url').slice(0, 22)
  const gzipped = ending === 'woff2' ? undefined : new Uint8Array(gzipSync(bytes, { level: 9 }))
  return {
    path: path === 'index.html' ? '/' : `/${path}`,
    type,
    bytes,
    etag: `"${hash}"`,
    immutable: path.startsWith('assets/'),
    ...(gzipped !== undefined && gzipped.length < bytes.length && { gzipped }),
  }
}

/** Reads a front end that was built before; an empty list where there is none. */
export async function readAssets(folder: string): Promise<readonly PageAsset[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const files = entries.filter((entry) => entry.isFile())
  return Promise.all(
    files.map(async (file) => {
      const full = join(file.parentPath, file.name)
      const path = full.slice(folder.length + 1).replaceAll('\\', '/')
      return pageAsset(path, await readFile(full))
    }),
  )
}
