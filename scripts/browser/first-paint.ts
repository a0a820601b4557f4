/**
 * Measures when the page is first painted on a slow device: a processor six times slower than this
 * one, over a line of 1.6 Mbit/s with 150 ms there and back ("slow 4G" in browsers' tools), with
 * nothing cached. Prints the middle one of five. Needs Chromium: `npm run first-paint`.
 */
import { randomBytes } from 'node:crypto'
import type { Browser } from 'puppeteer-core'
import { launch } from '../../test/browser/support.ts'
import { PageFixture } from '../../test/support/page-fixture.ts'

const RUNS = 5
const CPU_SLOWDOWN = 6
const SLOW_4G = {
  offline: false,
  latency: 150,
  downloadThroughput: 200_000,
  uploadThroughput: 93_750,
}

interface Paints {
  /** The first pixel that is not background, and the live number in its largest letters. */
  readonly firstMs: number
  readonly powerMs: number
}

async function measure(browser: Browser, url: string): Promise<Paints> {
  const context = await browser.createBrowserContext()
  const page = await context.newPage()
  const session = await page.createCDPSession()
  await session.send('Emulation.setCPUThrottlingRate', { rate: CPU_SLOWDOWN })
  await session.send('Network.enable')
  await session.send('Network.emulateNetworkConditions', SLOW_4G)
  await page.goto(`${url}#/household`)
  await page.waitForSelector('.now-value .digits', { timeout: 30_000 })
  const paints = (await page.evaluate(`({
    firstMs: performance.getEntriesByName('first-contentful-paint')[0].startTime,
    powerMs: performance.now(),
  })`)) as Paints
  await context.close()
  return paints
}

const middle = (values: readonly number[]): number =>
  Math.round([...values].sort((one, two) => one - two)[Math.floor(values.length / 2)] ?? Number.NaN)

const fixture = new PageFixture({
  nowMs: () => Date.now(),
  randomBytes: (length) => new Uint8Array(randomBytes(length)),
})
const now = Math.floor(Date.now() / 1000) * 1000
for (let timeMs = now - 60_000; timeMs < now; timeMs += 1000) await fixture.read(timeMs)
const server = await fixture.listen()
const browser = await launch(process.env.CHROMIUM ?? '/usr/bin/chromium')
const runs: Paints[] = []
for (let run = 0; run < RUNS; run += 1) runs.push(await measure(browser, server.url))
console.log(`first paint    ${middle(runs.map((run) => run.firstMs))} ms`)
console.log(`live power     ${middle(runs.map((run) => run.powerMs))} ms`)
await browser.close()
await server.close()
