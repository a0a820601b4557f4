import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import puppeteer from 'puppeteer-core'
import type { Browser, Page } from 'puppeteer-core'

/** Where pictures for people lie. */
export const PICTURES = join(import.meta.dirname, '../../docs/pictures')

/** Pictures are made on demand only, so that a test run leaves the tree as it was. */
export const makesPictures = process.env.S3MP_PICTURES === '1'

/** A phone, a desk and a wall. */
export const WIDTHS = { phone: 390, desk: 1280, wall: 2560 } as const

/** A page, and everything it said that it should not say. */
export interface Opened {
  readonly page: Page
  readonly complaints: string[]
}

/** How a page is looked at. */
export interface Look {
  readonly width?: number
  readonly theme?: string
  readonly language?: string
  readonly view?: string
}

/** Opens the page and waits for its heading. Refusals that a test asks for are no complaints. */
export async function open(
  browser: Browser | undefined,
  url: string | undefined,
  how: Look = {},
): Promise<Opened> {
  const { width = WIDTHS.desk, theme = 'light', language = 'en', view = 'journey' } = how
  assert.ok(browser !== undefined && url !== undefined)
  const page = await browser.newPage()
  const complaints: string[] = []
  page.on('console', (message) => {
    const isRefusal = /status of (401|404)/.test(message.text())
    if (['error', 'warn'].includes(message.type()) && !isRefusal) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  await page.setViewport({ width, height: width < 600 ? 844 : width > 2000 ? 1440 : 900 })
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: theme }])
  await page.evaluateOnNewDocument(`localStorage.setItem('s3mp.language', '${language}')`)
  await page.goto(`${url}#/${view}`, { waitUntil: 'domcontentloaded' })
  await page.waitForSelector('h1', { timeout: 20_000 })
  return { page, complaints }
}

/** The text of the first element that fits; 'undefined' where there is none. */
export async function textOf(page: Page, selector: string): Promise<string> {
  return String(
    await page.evaluate(`document.querySelector(${JSON.stringify(selector)})?.textContent`),
  )
}

/** Clicks what is there now, however often the page draws it anew. */
export async function click(page: Page, selector: string): Promise<void> {
  await page.waitForSelector(selector, { timeout: 20_000 })
  await page.evaluate(
    `document.querySelector(${JSON.stringify(selector)}).dispatchEvent(new MouseEvent('click', { bubbles: true, cancelable: true }))`,
  )
}

/** Waits until a script's value is true. */
export async function shows(page: Page, script: string, timeout = 15_000): Promise<void> {
  await page.waitForFunction(script, { timeout })
}

/** What axe-core finds wrong, in a word each. */
export async function axe(page: Page): Promise<readonly string[]> {
  const source = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
  await page.evaluate(await readFile(source, 'utf8'))
  const found: unknown = await page.evaluate(
    `axe.run().then((r) => r.violations.map((v) => v.id + ' ' + v.nodes.map((n) => n.target.join(' ')).join(', ')))`,
  )
  return found as readonly string[]
}

/** Keeps a picture for people, where pictures are asked for. */
export async function picture(page: Page, name: string, fullPage = false): Promise<void> {
  if (!makesPictures) return
  mkdirSync(PICTURES, { recursive: true })
  await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage })
}

/** A page that a failed test left open would hold one of the six connections to its server. */
export async function closePages(browser: Browser | undefined): Promise<void> {
  for (const page of (await browser?.pages()) ?? []) {
    if (page.url() !== 'about:blank') await page.close()
  }
}

/** Starts a browser without a window. */
export async function launch(path: string): Promise<Browser> {
  return puppeteer.launch({
    executablePath: path,
    headless: true,
    // A CI runs as root, where the sandbox cannot.
    args: ['--no-sandbox', '--force-color-profile=srgb', '--hide-scrollbars'],
  })
}
