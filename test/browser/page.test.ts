import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, afterEach, before, describe, it } from 'mocha'
import type { Browser } from 'puppeteer-core'
import { axe, click, closePages, launch, open, picture, shows, textOf, WIDTHS } from './support.ts' // prettier-ignore
import { DemoProcess, until } from '../support/demo-process.ts'
import { need } from '../support/outside.ts'
import { PageFixture } from '../support/page-fixture.ts'

const THEMES = ['light', 'dark'] as const
const VIEWS = ['journey', 'network', 'household', 'fleet'] as const

describe('the page on the real demonstration, in a browser', function () {
  this.timeout(150_000)
  let browser: Browser | undefined
  let demo: DemoProcess | undefined
  let url: string

  before(async function () {
    browser = await launch(need(this, 'chromium'))
    demo = new DemoProcess('--port', '0')
    url = await demo.url()
    await until(() => demo?.output.includes('first reading') === true, 30_000, 'the first reading')
  })

  afterEach(() => closePages(browser))

  after(async () => {
    await browser?.close()
    await demo?.dispose()
  })

  it('shows live power with its direction within seconds, and verifies it itself', async () => {
    const { page, complaints } = await open(browser, url)
    await page.waitForSelector('.now-value .digits', { timeout: 15_000 })
    assert.match(await textOf(page, '.now-direction'), /drawn from the grid|fed into the grid/)
    await page.waitForSelector('button.proof.verified', { timeout: 30_000 })
    await click(page, 'button.proof.verified')
    const steps = (await page.evaluate(
      `Array.from(document.querySelectorAll('dialog[open] .steps li'), (item) => item.className)`,
    )) as readonly string[]
    assert.deepEqual([...new Set(steps)], ['ok'])
    assert.equal(steps.length, 6)
    await picture(page, 'verified')
    assert.deepEqual(complaints, [])
    await page.close()
  })

  it('moves to another path when the link in use is cut, while the curve goes on', async () => {
    const { page, complaints } = await open(browser, url)
    await page.waitForSelector('.link.used', { timeout: 20_000 })
    const number = async (): Promise<string> => textOf(page, '.way .card-head p')
    const link = String(await page.evaluate(`document.querySelector('.link.used').dataset.link`))
    const before = await textOf(page, '.paths tr.active .path-name')
    await page.bringToFront()
    await page.evaluate(`document.querySelector('[data-link="${link}"]').focus()`)
    await page.keyboard.press('Enter')
    await page.waitForSelector(`[data-link="${link}"].cut`, { timeout: 10_000 })
    await page.evaluate(`document.activeElement.blur()`)
    await until(
      async () => (await page.$('.paths tr.active')) !== null && (await textOf(page, '.paths tr.active .path-name')) !== before, // prettier-ignore
      20_000,
      'another path in the table',
    )
    const reading = await number()
    await until(async () => (await number()) !== reading, 10_000, 'the next reading')
    await shows(page, `document.querySelector('.story').textContent.includes('Nothing was lost')`)
    assert.match(await textOf(page, '.story'), /^What is happeningCut: .+ – .+\.The meter /)
    await click(page, `[data-link="${link}"]`)
    await page.waitForSelector(`[data-link="${link}"]:not(.cut)`, { timeout: 10_000 })
    assert.deepEqual(complaints, [])
    await page.close()
  })

  it('keeps to the owner’s policy at once, and words a text that is none', async () => {
    const { page } = await open(browser, url, { view: 'network' })
    await page.waitForSelector('.policy input')
    const choose = (index: number): Promise<void> => click(page, `.policy .choices label:nth-of-type(${index}) input`) // prettier-ignore
    const via = (): Promise<string> => textOf(page, '.paths tr.active small')
    const wanted = (await via()).includes('North Backbone') ? 'avoid-north-backbone' : 'avoid-south-backbone' // prettier-ignore
    const names = (await page.evaluate(`fetch('/api/v1/network/policy').then((r) => r.json()).then((p) => p.named)`)) as string[] // prettier-ignore
    const avoided = wanted === 'avoid-north-backbone' ? 'North Backbone' : 'South Backbone'
    await choose(names.indexOf(wanted) + 1)
    await until(async () => !(await via()).includes('undefined') && !(await via()).includes(avoided), 20_000, 'an allowed path') // prettier-ignore
    assert.match(await textOf(page, '.policy details:last-of-type summary'), /^Allowed: \d+ of 10/)
    await click(page, '.policy details summary')
    await page.evaluate(`document.querySelector('.policy textarea').select()`)
    await page.type('.policy textarea', 'no rule at all')
    await click(page, '.own-policy .button')
    await shows(page, `document.querySelector('.policy .refusal').textContent.startsWith('Not like that')`) // prettier-ignore
    await choose(names.indexOf('any') + 1)
    await shows(page, `document.querySelector('.policy details:last-of-type summary').textContent.includes('10 of 10')`) // prettier-ignore
    await page.close()
  })

  it('raises an alarm for an open case, and holds readings back for a head-end that is off', async () => {
    const { page } = await open(browser, url)
    const flip = (name: string): Promise<void> => click(page, `[aria-labelledby="switch-${name}"]`)
    const number = async (): Promise<string> => textOf(page, '.way .card-head p')
    await flip('case')
    await flip('headend')
    await page.waitForSelector('[aria-labelledby="switch-headend"][aria-checked="false"]')
    await new Promise((resolve) => setTimeout(resolve, 1500))
    const before = await number()
    await new Promise((resolve) => setTimeout(resolve, 2500))
    assert.equal(await number(), before)
    await flip('headend')
    await until(async () => (await number()) !== before, 30_000, 'readings that waited')
    await flip('case')
    await page.goto(`${url}#/household`)
    await shows(page, `document.querySelector('.event-alarm')?.textContent.includes('case was opened')`, 30_000) // prettier-ignore
    await page.close()
  })

  it('knows a repeated reading for what it is', async () => {
    const { page } = await open(browser, url)
    await page.waitForSelector('.deed')
    await page.evaluate(`[...document.querySelectorAll('.deed')].at(-1).click()`)
    await shows(page, `[...document.querySelectorAll('.deed-answer')].at(-1).textContent.includes('known already')`) // prettier-ignore
    await page.close()
  })

  it('shows a forged reading being refused, and why', async () => {
    const { page } = await open(browser, url)
    await page.waitForSelector('.deed', { timeout: 20_000 })
    await click(page, '.deed')
    await page.waitForFunction(
      `document.querySelector('.deed-answer').textContent.includes('bad-signature')`,
      { timeout: 10_000 },
    )
    await page.close()
  })

  it('draws a gap for an unplugged head, and goes on when it is back', async () => {
    const { page } = await open(browser, url)
    await page.waitForSelector('[aria-labelledby="switch-head"]', { timeout: 20_000 })
    await click(page, '[aria-labelledby="switch-head"]')
    await page.waitForSelector('[aria-labelledby="switch-head"][aria-checked="false"]')
    await new Promise((resolve) => setTimeout(resolve, 3000))
    const silent = await textOf(page, '.way .card-head p')
    await click(page, '[aria-labelledby="switch-head"]')
    await until(async () => (await textOf(page, '.way .card-head p')) !== silent, 30_000, 'readings again') // prettier-ignore
    await page.close()
  })

  it('says that the server is gone', async () => {
    const { page } = await open(browser, url)
    await page.waitForSelector('.connection.live', { timeout: 20_000 })
    assert.equal(await demo?.interrupt(), 0)
    await page.waitForSelector('.connection.lost', { timeout: 20_000 })
    assert.match(await textOf(page, '.notice'), /does not answer/)
    await page.close()
  })
})

describe('the page over a paper network, in a browser', function () {
  this.timeout(120_000)
  let browser: Browser | undefined
  let fixture: PageFixture
  let server: { url: string; close: () => Promise<void> } | undefined
  const evil = '<img src=x onerror=alert(1)>'

  before(async function () {
    browser = await launch(need(this, 'chromium'))
    fixture = new PageFixture({
      nowMs: () => Date.now(),
      randomBytes: (length) => new Uint8Array(randomBytes(length)),
      silentDevices: 30,
    })
    const now = Math.floor(Date.now() / 1000) * 1000
    for (let timeMs = now - 120_000; timeMs < now; timeMs += 1000) await fixture.read(timeMs)
    server = await fixture.listen()
  })

  afterEach(() => closePages(browser))

  after(async () => {
    await browser?.close()
    await server?.close()
  })

  for (const view of VIEWS) {
    for (const theme of THEMES) {
      it(`fits three widths and passes axe: ${view}, ${theme}`, async () => {
        for (const [name, width] of Object.entries(WIDTHS)) {
          const language = theme === 'dark' ? 'de' : 'en'
          const { page, complaints } = await open(browser, server?.url, { width, theme, language, view }) // prettier-ignore
          await page.waitForSelector('.connection.live', { timeout: 20_000 })
          await new Promise((resolve) => setTimeout(resolve, 600))
          const overflow = await page.evaluate(`document.documentElement.scrollWidth - innerWidth`)
          assert.ok(Number(overflow) <= 0, `${name}: ${String(overflow)} px too wide`)
          assert.deepEqual(await axe(page), [], name)
          assert.deepEqual(complaints, [], name)
          await page.close()
        }
      })
    }
  }

  it('shows a hostile name as text, and runs nothing inline', async () => {
    fixture.name = evil
    const { page } = await open(browser, server?.url, { view: 'household' })
    await page.waitForFunction(`document.querySelector('h1').textContent.startsWith('<img')`)
    assert.equal(await textOf(page, 'h1'), evil)
    await page.evaluate(`{
      globalThis.broken = []
      addEventListener('securitypolicyviolation', (event) => broken.push(event.violatedDirective))
      const style = document.createElement('div')
      style.setAttribute('style', 'color: red')
      const script = document.createElement('script')
      try { script.textContent = 'globalThis.owned = true' } catch { broken.push('trusted-types') }
      document.body.append(style, script)
    }`)
    await page.waitForFunction(`broken.length >= 2`, { timeout: 5000 })
    assert.equal(await page.evaluate(`globalThis.owned`), undefined)
    await page.close()
  })

  it('zooms by keys and by two fingers, and shows all again', async () => {
    const { page, complaints } = await open(browser, server?.url, { view: 'household', width: WIDTHS.phone }) // prettier-ignore
    await click(page, '.history .segments button:first-child')
    await page.waitForSelector('.history .u-over')
    const zoomed = `[...document.querySelectorAll('.pager button')].some((button) => button.textContent === 'Show all')` // prettier-ignore
    await page.focus('.history .curve-host')
    const told = async (): Promise<boolean> => {
      // Before the readings have come there is nothing to point at.
      await page.keyboard.press('ArrowLeft')
      return (await page.$('.history .curve-tip:not([hidden])')) !== null
    }
    await until(told, 15_000, 'a value at the cursor')
    await page.keyboard.press('+')
    await shows(page, zoomed)
    await page.keyboard.press('Escape')
    await shows(page, `!(${zoomed})`)
    await page.evaluate(`document.querySelector('.history .u-over').scrollIntoView({ block: 'center' })`) // prettier-ignore
    const box = await (await page.$('.history .u-over'))?.boundingBox()
    assert.ok(box)
    const fingers = (apart: number): { x: number; y: number; id: number }[] =>
      [-apart, apart].map((x, id) => ({ x: box.x + box.width / 2 + x, y: box.y + 40, id }))
    const session = await page.createCDPSession()
    const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', apart?: number): Promise<unknown> =>
      session.send('Input.dispatchTouchEvent', { type, touchPoints: apart === undefined ? [] : fingers(apart) }) // prettier-ignore
    await touch('touchStart', 20)
    for (const apart of [30, 50, 80]) await touch('touchMove', apart)
    await touch('touchEnd')
    await shows(page, zoomed)
    assert.deepEqual(complaints, [])
    await page.close()
  })

  it('asks for the set-up code of a meter’s own page', async () => {
    const own = new PageFixture({
      nowMs: () => Date.now(),
      randomBytes: (length) => new Uint8Array(randomBytes(length)),
      code: 'KM7Q-2RTX',
    })
    const { url, close } = await own.listen()
    const { page, complaints } = await open(browser, url, { view: 'household' })
    await page.type('input[name=code]', 'AAAA-AAAA')
    await page.keyboard.press('Enter')
    await shows(page, `document.querySelector('.refusal').textContent === 'That is not the code.'`)
    assert.deepEqual(await axe(page), [])
    await page.type('input[name=code]', 'KM7Q-2RTX')
    await page.keyboard.press('Enter')
    await page.waitForSelector('.household-view')
    assert.deepEqual(complaints, [])
    await page.close()
    await close()
  })

  it('turns red for a row that somebody changed in the database', async () => {
    fixture.name = 'Lindenweg 12'
    fixture.tamper = (reading) => ({
      ...reading,
      registers: reading.registers.map((register, index) =>
        index === 2 ? { ...register, value: '1.0' } : register,
      ),
    })
    const { page } = await open(browser, server?.url, { view: 'household' })
    await page.waitForSelector('button.proof.failed', { timeout: 20_000 })
    await click(page, 'button.proof.failed')
    assert.match(await textOf(page, 'dialog[open] .verdict'), /signed .* W, shown 1\.0 W/)
    await picture(page, 'tampered')
    fixture.tamper = undefined
    await page.close()
  })

  it('keeps still for who wants no motion', async () => {
    const { page } = await open(browser, server?.url)
    await page.emulateMediaFeatures([{ name: 'prefers-reduced-motion', value: 'reduce' }])
    await page.reload()
    await page.waitForSelector('.link.used')
    const running = await page.evaluate(`document.getAnimations().length`)
    assert.equal(running, 0)
    await page.close()
  })
})
