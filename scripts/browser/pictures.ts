/**
 * Makes the pictures of the page under docs/pictures, from the running demonstration and a head-end
 * with two thousand meters: `npm run pictures`. Needs Chromium (Debian package `chromium`); takes
 * about two minutes, part of it waiting for a curve that is worth looking at.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Page } from 'puppeteer-core'
import { click, launch, open, PICTURES, shows, WIDTHS } from '../../test/browser/support.ts'
import type { Look } from '../../test/browser/support.ts'
import { DemoProcess, until } from '../../test/support/demo-process.ts'
import { FleetFixture, PASSWORD, USERS } from '../../test/support/fleet-fixture.ts'
import { decodePng, encodeApng } from './png.ts'
import type { Frame } from './png.ts'

/** How long the live curve grows before anybody looks. */
const GROW_MS = 45_000

/** How long the meter measures its paths before one is cut. */
const SETTLE_MS = 8000

/** When the link is cut and mended again in the animation, and how long it plays. */
const [CUT_MS, MEND_MS, PLAY_MS] = [2500, 9000, 12_000]

/** What an animation may weigh in a README. */
const ANIMATION_BYTES_BUDGET = 1_500_000

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function keep(page: Page, name: string, fullPage: boolean): Promise<void> {
  await wait(1500)
  await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage })
  console.log(`${name}.png`)
}

async function pagesOfDemo(browser: Browser, url: string): Promise<void> {
  for (const view of ['journey', 'network', 'household']) {
    for (const theme of ['light', 'dark']) {
      const { page } = await open(browser, url, { view, theme })
      await page.waitForSelector('.connection.live')
      if (view === 'household') await month(page)
      await keep(page, `${view}-${theme}`, true)
      await page.close()
    }
  }
  for (const view of ['journey', 'household']) {
    const { page } = await open(browser, url, { view, width: WIDTHS.phone, theme: 'dark' })
    await page.waitForSelector('.connection.live')
    await keep(page, `${view}-phone`, false)
    await page.close()
  }
}

/** The curves of the month say more than those of a morning. */
async function month(page: Page): Promise<void> {
  await click(page, '.history .segments button:nth-child(4)')
}

async function pagesOfFleet(browser: Browser, url: string): Promise<void> {
  const look = async (how: Look): Promise<Page> => {
    const { page } = await open(browser, url, { view: 'fleet', ...how })
    return page
  }
  const door = await look({ theme: 'light' })
  await door.waitForSelector('input[name=password]')
  await keep(door, 'login-light', false)
  await door.type('input[name=name]', USERS.administrator)
  await door.type('input[name=password]', PASSWORD)
  await door.keyboard.press('Enter')
  await door.waitForSelector('.fleet-row.alarming')
  await keep(door, 'fleet-light', false)
  await door.evaluate(`Promise.all([['Grafana', ['metrics:read']], ['Billing', ['devices:read', 'readings:read']]].map(([name, scopes]) =>
    fetch('/api/v1/tokens', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name, scopes, days: 90 }) })))`) // prettier-ignore
  await door.close()
  const people = await look({ theme: 'light', view: 'access' })
  await people.waitForSelector('.tokens li')
  await keep(people, 'access-light', false)
  await people.close()
  const dark = await look({ theme: 'dark' })
  await dark.waitForSelector('.fleet-row.alarming')
  await keep(dark, 'fleet-dark', false)
  await dark.close()
}

/** A link is cut, readings take another way, the link is mended: twelve seconds that tell it all. */
async function animation(browser: Browser, url: string): Promise<void> {
  const { page } = await open(browser, url, { view: 'journey' })
  await page.waitForSelector('.link.used')
  // The table has its own picture; here it would only be small print.
  await page.evaluate(`document.querySelectorAll('.map-card .scroll, .map-card .what-is').forEach((each) => { each.hidden = true })`) // prettier-ignore
  await wait(1000)
  const card = await page.$('.map-card')
  const clip = await card?.boundingBox()
  if (!clip) throw new Error('animation: expected the map')
  const links = (await page.evaluate(`[...document.querySelectorAll('.link.used')].map((link) => link.dataset.link)`)) as string[] // prettier-ignore
  const link = links[Math.floor(links.length / 2)] ?? ''
  const frames: (Frame & { atMs: number })[] = []
  const begin = performance.now()
  let [isCut, isMended] = [false, false]
  for (let atMs = 0; atMs < PLAY_MS; atMs = performance.now() - begin) {
    if (!isCut && atMs > CUT_MS) await click(page, `[data-link="${link}"]`)
    isCut ||= atMs > CUT_MS
    if (!isMended && atMs > MEND_MS) await click(page, `[data-link="${link}"]`)
    isMended ||= atMs > MEND_MS
    const shot = await page.screenshot({ clip })
    frames.push({ ...decodePng(shot), atMs, delayMs: 0 })
    await wait(60)
  }
  await page.close()
  const timed = frames.map((frame, index) => ({ ...frame, delayMs: (frames[index + 1]?.atMs ?? frame.atMs + 1000) - frame.atMs })) // prettier-ignore
  const bytes = encodeApng(timed)
  console.log(`cut-a-link.png: ${frames.length} frames, ${bytes.length} bytes`)
  if (bytes.length > ANIMATION_BYTES_BUDGET) throw new Error(`animation: expected at most ${ANIMATION_BYTES_BUDGET} bytes`) // prettier-ignore
  writeFileSync(join(PICTURES, 'cut-a-link.png'), bytes)
}

/** A link in use cut, as it looks a few seconds later. */
async function cut(browser: Browser, url: string): Promise<void> {
  const { page } = await open(browser, url, { view: 'journey' })
  await click(page, '.link.used')
  await shows(page, `document.querySelector('.story.moved')?.textContent.includes('Nothing was lost')`) // prettier-ignore
  await keep(page, 'cut', false)
  await click(page, '.link.cut')
  await page.close()
}

mkdirSync(PICTURES, { recursive: true })
const browser = await launch(process.env.CHROMIUM ?? '/usr/bin/chromium')
const demo = new DemoProcess('--port', '0')
const fleet = new FleetFixture()
try {
  const url = await demo.url()
  await until(() => demo.output.includes('first reading'), 30_000, 'the first reading')
  await wait(SETTLE_MS)
  await animation(browser, url)
  await cut(browser, url)
  const grown = wait(GROW_MS)
  await pagesOfFleet(browser, await fleet.open(2000, 0, 1996))
  await grown
  await pagesOfDemo(browser, url)
} finally {
  await browser.close()
  await demo.dispose()
  await fleet.close()
}
