import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'mocha'
import type { Browser, Page } from 'puppeteer-core'
import { axe, click, closePages, launch, open, picture, shows, textOf } from './support.ts'
import type { Opened } from './support.ts'
import { FleetFixture, PASSWORD, USERS } from '../support/fleet-fixture.ts'
import { need } from '../support/outside.ts'

const DEVICES = 10_000

/** Rows that may exist however long the list is. */
const ROWS_DRAWN_MAX = 60

describe('the page of a head-end with ten thousand meters, in a browser', function () {
  this.timeout(90_000)
  let browser: Browser | undefined
  const fixture = new FleetFixture()
  let url: string

  before(async function () {
    browser = await launch(need(this, 'chromium'))
    url = await fixture.open(DEVICES)
  })

  afterEach(() => closePages(browser))

  after(async () => {
    await browser?.close()
    await fixture.close()
  })

  /** Opens the page as somebody who is not logged in, whoever was before. */
  async function stranger(how: Parameters<typeof open>[2] = {}): Promise<Opened> {
    for (const cookie of (await browser?.cookies()) ?? []) await browser?.deleteCookie(cookie)
    const opened = await open(browser, url, { view: 'fleet', ...how })
    await opened.page.waitForSelector('input[name=password]')
    return opened
  }

  async function enter(page: Page, name: string, password = PASSWORD): Promise<void> {
    await page.evaluate(`document.querySelectorAll('.login input').forEach((each) => {
      each.value = ''
      each.dispatchEvent(new Event('input', { bubbles: true }))
    })`)
    await page.type('input[name=name]', name)
    await page.type('input[name=password]', password)
    await page.keyboard.press('Enter')
  }

  async function logIn(
    role: keyof typeof USERS,
    how: Parameters<typeof open>[2] = {},
  ): Promise<Opened> {
    const opened = await stranger(how)
    await enter(opened.page, USERS[role])
    await opened.page.waitForSelector('.account')
    return opened
  }

  it('lets nobody in with a wrong password, and says so in words', async () => {
    const { page, complaints } = await stranger()
    await enter(page, USERS.viewer, 'not the password')
    await shows(page, `document.querySelector('.refusal').textContent.includes('wrong')`)
    assert.deepEqual(await axe(page), [])
    await picture(page, 'login')
    await enter(page, USERS.viewer)
    await page.waitForSelector('.fleet-row .in-name a')
    assert.match(await textOf(page, '.account'), /vera viewer/)
    assert.deepEqual(complaints, [])
  })

  it('hides what a viewer may not do', async () => {
    const { page } = await logIn('viewer')
    await click(page, '.fleet-rows .in-alarms button')
    await page.waitForSelector('dialog .events li')
    assert.equal(await page.$('dialog .button.danger'), null)
    assert.equal(await page.$('dialog .audit'), null)
    assert.equal(
      await page.evaluate(`[...document.querySelectorAll('button')].some((b) => b.textContent === 'Enrol a meter')`), // prettier-ignore
      false,
    )
  })

  it('scrolls through ten thousand devices with a screenful of rows, alarms first', async () => {
    const { page, complaints } = await logIn('viewer')
    await page.waitForSelector('.fleet-row.alarming')
    assert.match(await textOf(page, '.fleet-tools [role=status]'), /10,000/)
    // Every frame of a scroll to the end, a screen at a time: never more rows than fit.
    const seen = (await page.evaluate(`(async () => {
      const rows = document.querySelector('.fleet-rows')
      const frame = () => new Promise((done) => requestAnimationFrame(done))
      let most = 0, frames = 0
      for (let at = 0; at < rows.scrollHeight; at += 9000) {
        rows.scrollTop = at
        await frame()
        frames += 1
        most = Math.max(most, rows.querySelectorAll('.fleet-row').length)
      }
      rows.scrollTop = rows.scrollHeight
      return { most, frames, nodes: document.querySelectorAll('*').length }
    })()`)) as { most: number; frames: number; nodes: number }
    assert.ok(seen.most > 0 && seen.most <= ROWS_DRAWN_MAX, `${seen.most} rows`)
    assert.ok(seen.frames > 60 && seen.nodes < 2000, `${seen.nodes} elements`)
    await shows(page, `[...document.querySelectorAll('.fleet-row')].some((row) => row.getAttribute('aria-rowindex') === '10001' && row.querySelector('a'))`) // prettier-ignore
    assert.deepEqual(complaints, [])
  })

  it('finds, sorts and narrows the list on the server', async () => {
    const { page } = await logIn('viewer')
    await page.waitForSelector('.fleet-row .in-name a')
    await page.type('input[type=search]', 'meter 0777')
    await shows(page, `document.querySelector('.fleet-tools [role=status]').textContent === 'Devices: 10'`) // prettier-ignore
    await click(page, '.headings .in-name button')
    await shows(page, `document.querySelector('.fleet-row .in-name a')?.textContent === 'Meter 07770'`) // prettier-ignore
    await click(page, '.headings .in-name button')
    await shows(page, `document.querySelector('.fleet-row .in-name a')?.textContent === 'Meter 07779'`) // prettier-ignore
    await page.evaluate(`(() => {
      const search = document.querySelector('input[type=search]')
      search.value = ''
      search.dispatchEvent(new Event('input', { bubbles: true }))
    })()`)
    await click(page, '.fleet-tools .segments button:nth-child(2)')
    await shows(page, `document.querySelector('.fleet-tools [role=status]').textContent === 'Devices: 8'`) // prettier-ignore
  })

  it('puts a device in quarantine after a confirmation with a reason, and names who did it', async () => {
    const { page, complaints } = await logIn('operator')
    await click(page, '.fleet-rows .in-alarms button')
    await click(page, 'dialog .button.danger')
    await page.waitForSelector('.confirm textarea')
    assert.match(await textOf(page, '.confirm code'), /^([0-9a-f]{4} ){15}/)
    assert.equal(await page.$('.confirm button:not(:disabled)'), null)
    await page.type('.confirm textarea', 'its case was open at noon')
    assert.deepEqual(await axe(page), [])
    await picture(page, 'quarantine')
    await click(page, '.confirm button')
    await shows(page, `document.querySelector('.audit')?.textContent.includes('otto')`)
    assert.match(await textOf(page, '.audit'), /put in quarantine its case was open at noon/)
    assert.deepEqual(complaints, [])
  })

  it('enters a tariff, and tells the month in money; offers the readings as a file', async () => {
    const { page, complaints } = await logIn('administrator', { view: `household/${fixture.householdId}` }) // prettier-ignore
    await click(page, '.tariff summary')
    await page.type('input[name="1-0:1.8.0*255"]', '0,3187')
    await page.type('input[name="1-0:2.8.0*255"]', '0.082')
    await click(page, '.tariff-form button')
    await shows(page, `document.querySelectorAll('.summary dt').length === 6`)
    assert.match(await textOf(page, '.summaries'), /Cost-?\$-?\d/)
    await click(page, '.history .segments button:nth-child(4)')
    const file = String(await page.evaluate(`document.querySelector('.history a.button').href`))
    const answer = (await page.evaluate(`fetch(${JSON.stringify(file)}).then((r) => r.text())`)) as string // prettier-ignore
    assert.match(answer.split('\n')[1] ?? '', /^"2\d{3}-\d\d-\d\dT/)
    assert.deepEqual(complaints, [])
  })

  it('goes on where it was when the head-end has been away', async () => {
    const { page } = await logIn('viewer')
    await page.waitForSelector('.connection.live')
    const { port } = fixture
    await fixture.stop()
    await page.waitForSelector('.connection.lost', { timeout: 20_000 })
    await fixture.start(port)
    await page.waitForSelector('.connection.live', { timeout: 40_000 })
    await click(page, '.headings .in-name button')
    await shows(page, `document.querySelector('.fleet-row .in-name a')?.textContent === 'Lindenweg 12'`) // prettier-ignore
  })

  it('asks to log in again when the session has ended, and then goes on', async () => {
    const { page } = await logIn('viewer')
    await page.waitForSelector('.fleet-row .in-name a')
    fixture.aheadMs = 40 * 86_400_000
    await page.waitForSelector('input[name=password]', { timeout: 20_000 })
    assert.match(await textOf(page, '.login'), /session has ended/)
    await enter(page, USERS.viewer)
    await page.waitForSelector('.fleet-row .in-name a')
    await page.evaluate(`[...document.querySelectorAll('.account button')].at(-1).click()`)
    await page.waitForSelector('input[name=password]')
    assert.equal(await page.$('.fleet-row'), null)
    assert.doesNotMatch(await textOf(page, '.login'), /session has ended/)
  })
})
