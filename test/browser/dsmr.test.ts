import assert from 'node:assert/strict'
import { after, before, describe, it } from 'mocha'
import type { Browser } from 'puppeteer-core'
import { click, launch, open, shows, textOf } from './support.ts'
import { DemoProcess, until } from '../support/demo-process.ts'
import { need } from '../support/outside.ts'

describe('the page on a household with a gas meter behind its DSMR port, in a browser', function () {
  this.timeout(60_000)
  let browser: Browser | undefined
  let demo: DemoProcess | undefined
  let url: string

  before(async function () {
    browser = await launch(need(this, 'chromium'))
    demo = new DemoProcess('--port', '0', '--meter', 'dsmr', '--history', '40')
    url = await demo.url()
    await until(() => demo?.output.includes('first reading') === true, 30_000, 'the first reading')
  })

  after(async () => {
    await browser?.close()
    await demo?.dispose()
  })

  it('shows what was drawn over both tariffs, and the gas by itself, with their past', async () => {
    const { page, complaints } = await open(browser, url, { view: 'household' })
    await page.waitForSelector('.now-value .digits', { timeout: 15_000 })
    const main = `document.querySelector('main').textContent`
    await shows(
      page,
      `document.querySelectorAll('[role=group].segments button[title]').length === 2`,
    )
    await shows(page, `/1\\.8\\.1/.test(${main}) && /1\\.8\\.2/.test(${main})`)
    await shows(page, `/[1-9][0-9.,]* kWh/.test(${main})`)
    await click(page, '[title^="G0000"]')
    await shows(page, `/24\\.2\\.1/.test(${main}) && /[1-9][0-9.,]* m³/.test(${main})`)
    assert.equal(await textOf(page, '.now-value .digits'), 'undefined', 'gas has no power')
    assert.deepEqual(complaints, [])
  })
})
