import assert from 'node:assert/strict'
import { gunzipSync } from 'node:zlib'
import { describe, it } from 'mocha'
import { pageAsset } from '../src/assets.ts'
import { servePage } from '../src/page.ts'

const script = new TextEncoder().encode('console.log("hello");'.repeat(50))
const page = servePage([
  pageAsset('index.html', new TextEncoder().encode('<!doctype html>')),
  pageAsset('assets/main-ABC.js', script),
])

function get(path: string, headers: Record<string, string> = {}, method = 'GET'): Response {
  const response = page.respond(new Request(`http://localhost${path}`, { method, headers }))
  assert.ok(response)
  return response
}

describe('servePage', () => {
  it('answers the page itself with a policy that forbids everything foreign or inline', () => {
    const response = get('/')
    assert.equal(response.headers.get('content-type'), 'text/html; charset=utf-8')
    assert.equal(response.headers.get('cache-control'), 'no-cache')
    const policy = response.headers.get('content-security-policy') ?? ''
    assert.match(policy, /default-src 'none'/)
    assert.doesNotMatch(policy, /unsafe|data:|https?:/)
  })

  it('lets hashed files be kept for ever', () => {
    assert.match(get('/assets/main-ABC.js').headers.get('cache-control') ?? '', /immutable/)
  })

  it('gzips for who accepts it, and only then', async () => {
    const zipped = get('/assets/main-ABC.js', { 'accept-encoding': 'br, gzip;q=0.5' })
    assert.equal(zipped.headers.get('content-encoding'), 'gzip')
    assert.deepEqual(new Uint8Array(gunzipSync(new Uint8Array(await zipped.arrayBuffer()))), script)
    for (const refused of ['', 'br', 'gzip;q=0', 'gzip; q=0.000', 'gzipped']) {
      const plain = get('/assets/main-ABC.js', { 'accept-encoding': refused })
      assert.equal(plain.headers.get('content-encoding'), null, refused)
      assert.deepEqual(new Uint8Array(await plain.arrayBuffer()), script)
    }
  })

  it('answers 304 to a known etag, in any of its forms', () => {
    const etag = get('/').headers.get('etag') ?? ''
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`]) {
      assert.equal(get('/', { 'if-none-match': known }).status, 304)
    }
    assert.equal(get('/', { 'if-none-match': '"other"' }).status, 200)
  })

  it('answers HEAD without a body', async () => {
    const response = get('/assets/main-ABC.js', {}, 'HEAD')
    assert.equal(response.headers.get('content-length'), String(script.length))
    assert.equal((await response.arrayBuffer()).byteLength, 0)
  })

  it('leaves every other address and method to the server', () => {
    for (const path of ['/api/v1/server', '/assets/', '/assets/../index.html', '/index.html']) {
      const url = new URL(path, 'http://localhost')
      if (url.pathname === '/') continue
      assert.equal(page.respond(new Request(url)), undefined, path)
    }
    assert.equal(page.respond(new Request('http://localhost/', { method: 'POST' })), undefined)
  })
})
