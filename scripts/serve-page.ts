/**
 * Serves the page over readings of a simulated meter, without network and head-end: for whoever
 * works on the page. `node --conditions=@s3mp/source scripts/serve-page.ts [PORT]`
 */
import { randomBytes } from 'node:crypto'
import { PageFixture } from '../test/support/page-fixture.ts'

const fixture = new PageFixture({
  nowMs: () => Date.now(),
  randomBytes: (length) => new Uint8Array(randomBytes(length)),
  silentDevices: 40,
})
const start = Math.floor(Date.now() / 1000) * 1000
for (let timeMs = start - 290_000; timeMs < start; timeMs += 1000) await fixture.read(timeMs)
const { url } = await fixture.listen(Number(process.argv[2] ?? 8080))
console.log(`the page is at ${url}`)
setInterval(() => void fixture.read(Math.floor(Date.now() / 1000) * 1000), 1000)
