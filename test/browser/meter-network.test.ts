import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'mocha'
import type { Browser, Page } from 'puppeteer-core'
import { axe, closePages, launch, makesPictures, open, picture, shows, textOf, WIDTHS } from './support.ts' // prettier-ignore
import { need } from '../support/outside.ts'
import { MeterRoles } from '../support/meter-roles.ts'

/** No reading crosses the southern backbone. */
const POLICY = `{
  "destinations": { "0": "any" },
  "filters": { "any": { "acl": ["- 1-ff00:0:120", "+"] } }
}`

/** A picture of curves needs some. */
const GROW_MS = 100_000

describe('the network on the meter’s own page, in a browser', function () {
  this.timeout(240_000)
  let browser: Browser | undefined
  let url: string
  const roles = new MeterRoles()

  before(async function () {
    browser = await launch(need(this, 'chromium'))
    url = await roles.open('Cellar', POLICY)
  })
  afterEach(() => closePages(browser))
  after(async () => {
    await browser?.close()
    await roles.close()
  })

  const cell = (row: string, label: string): string =>
    `document.querySelector('${row} [data-label="${label}"]')?.textContent ?? '–'`

  async function measured(page: Page): Promise<void> {
    await shows(page, `/ms$/.test(${cell('.paths tr.active', 'Round trip')})`, 30_000)
  }

  it('shows paths, which is used and why, and what the owner’s policy makes of each', async () => {
    const { page, complaints } = await open(browser, url, { view: 'network' })
    await measured(page)
    assert.match(await textOf(page, '.paths tr.active .why'), /alive|works well/i)
    await shows(
      page,
      `document.querySelectorAll('.map .as').length === ${roles.network.topology.ases.size}`,
    )
    assert.equal(await page.$('.link.switchable'), null)
    await shows(page, `document.querySelector('.policy p').textContent.includes('any')`)
    assert.equal(await page.$('.policy input, .policy textarea'), null)
    await page.evaluate(`[...document.querySelectorAll('.paths-card .more')].forEach((b) => b.click())`) // prettier-ignore
    await shows(page, `document.querySelector('.rulings .out code')?.textContent.includes('1-ff00:0:120')`) // prettier-ignore
    assert.match(await textOf(page, '.story'), /There and back takes/)
    assert.deepEqual(complaints, [])
  })

  it('moves to another path as the meter does, marks the link that broke, tells the pause', async () => {
    const { page, complaints } = await open(browser, url, { view: 'network' })
    await measured(page)
    const before = await textOf(page, '.paths tr.active .path-name')
    const hops = (await textOf(page, '.paths tr.active small')).split(' › ')
    const { network } = roles
    const cut = network.links().find(({ a, b }) => [a, b].every((end) => hops.slice(1, 3).some((ia) => ia.endsWith(`ff00:0:${(end.isdAs & 0xfffn).toString(16)}`)))) // prettier-ignore
    assert.ok(cut !== undefined, hops.join())
    network.cut(cut.id, { scmp: true, detectMs: 300 })
    await page.waitForSelector('.failovers li', { timeout: 30_000 })
    await shows(page, `document.querySelector('.paths tr.active .path-name')?.textContent !== '${before}'`) // prettier-ignore
    await shows(page, `!document.querySelector('.failovers').textContent.includes('not known yet')`, 30_000) // prettier-ignore
    await page.waitForSelector('.link.cut', { timeout: 30_000 })
    network.mend(cut.id)
    assert.deepEqual(complaints, [])
  })

  for (const theme of ['light', 'dark'] as const) {
    it(`fits three widths and passes axe, ${theme}`, async () => {
      for (const [name, width] of Object.entries({ ...WIDTHS, phone: 360 })) {
        const language = theme === 'dark' ? 'de' : 'en'
        const { page, complaints } = await open(browser, url, { width, theme, language, view: 'network' }) // prettier-ignore
        await page.waitForSelector('.paths tr.active', { timeout: 20_000 })
        const overflow = await page.evaluate(`document.documentElement.scrollWidth - innerWidth`)
        assert.ok(Number(overflow) <= 0, `${name}: ${String(overflow)} px too wide`)
        assert.deepEqual(await axe(page), [], name)
        assert.deepEqual(complaints, [], name)
        if (theme === 'light' && name === 'desk') await picture(page, 'meter-network', true)
        await page.close()
      }
    })
  }

  it('says that what is shown is old when the uplink is away, and that it is back', async () => {
    const { page } = await open(browser, url, { view: 'network' })
    await page.waitForSelector('.paths tr.active')
    await roles.stop('uplink')
    // A minute passes for this page, and for nobody else.
    await page.evaluate(`{ const now = performance.now.bind(performance); globalThis.back = () => { performance.now = now }; performance.now = () => now() + 60_000 }`) // prettier-ignore
    await page.waitForSelector('.network-view > .alarm')
    assert.match(await textOf(page, '.network-view > .alarm'), /is silent/)
    roles.start('uplink')
    await page.evaluate(`back()`)
    await shows(page, `document.querySelector('.network-view > .alarm') === null`, 30_000)
  })

  if (makesPictures) {
    it('keeps a picture of the household behind this meter', async () => {
      await new Promise((resolve) => setTimeout(resolve, GROW_MS))
      const { page } = await open(browser, url, { view: 'household' })
      await page.waitForSelector('button.proof.verified', { timeout: 40_000 })
      await page.evaluate(`document.querySelector('.history .segments button').click()`)
      await new Promise((resolve) => setTimeout(resolve, 3000))
      await picture(page, 'meter-page', true)
    })
  }
})
