import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'mocha'
import type { Browser, Page } from 'puppeteer-core'
import { axe, click, closePages, launch, open, picture, shows, textOf, WIDTHS } from './support.ts' // prettier-ignore
import type { Opened } from './support.ts'
import { FleetFixture, PASSWORD, USERS } from '../support/fleet-fixture.ts'
import { need } from '../support/outside.ts'

const DEVICES = 3
const NEXT = 'seven herons by the weir'

describe('people and programs at a head-end, in a browser', function () {
  this.timeout(60_000)
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

  async function logIn(name: string, password = PASSWORD): Promise<Opened> {
    // prettier-ignore
    for (const cookie of (await browser?.cookies()) ?? []) await browser?.deleteCookie(cookie)
    const opened = await open(browser, url, { view: 'access' })
    await opened.page.waitForSelector('input[name=password]')
    await opened.page.type('input[name=name]', name)
    await opened.page.type('input[name=password]', password)
    await opened.page.keyboard.press('Enter')
    await opened.page.waitForSelector('.account')
    return opened
  }

  /** The administrator logs in once; a server slows down whoever does so all the time. */
  let isIn = false
  async function administrator(look: Parameters<typeof open>[2] = {}): Promise<Opened> {
    if (!isIn) await (await logIn(USERS.administrator)).page.close()
    isIn = true
    return open(browser, url, { view: 'access', ...look })
  }

  /** Types anew into a field of the dialog. */
  async function fill(page: Page, name: string, text: string): Promise<void> {
    // A dialog that is just opening takes the focus.
    await page.waitForSelector('dialog[open]')
    await page.evaluate(`{
      const field = document.querySelector('dialog [name="${name}"]:not([hidden])')
      field.value = ''
      field.dispatchEvent(new Event('input', { bubbles: true }))
    }`)
    await page.type(`dialog [name="${name}"]:not([hidden])`, text)
  }
  const refused = (page: Page, words: string): Promise<void> =>
    shows(page, `[...document.querySelectorAll('.refusal')].some((each) => each.textContent.includes(${JSON.stringify(words)}))`) // prettier-ignore
  const row = (name: string): string => `[...document.querySelectorAll('.people tr')].find((row) => row.querySelector('b')?.textContent === '${name}')` // prettier-ignore
  const press = async (page: Page, label: string): Promise<void> => {
    await shows(page, `[...document.querySelectorAll('button')].some((b) => b.textContent === '${label}')`) // prettier-ignore
    await page.evaluate(`[...document.querySelectorAll('button')].filter((b) => b.textContent === '${label}').at(-1).click()`) // prettier-ignore
  }
  const openUser = async (page: Page, name: string): Promise<void> => {
    await shows(page, `${row(name)} !== undefined`)
    await page.evaluate(`${row(name)}.querySelector('button').click()`)
    await page.waitForSelector('dialog .action-buttons')
  }

  it('is not for those who may not administer', async () => {
    const { page } = await logIn(USERS.operator)
    await page.waitForSelector('.tabs a')
    assert.equal(await page.$('a[href="#/access"]'), null)
    assert.equal(await page.$('.access-view'), null)
  })

  it('changes one’s own password, and says what is wrong with what was typed', async () => {
    const { page, complaints } = await logIn(USERS.viewer)
    await click(page, '.account .quiet')
    await page.waitForSelector('dialog [name=current]')
    const type = async (current: string, next: string, again = next): Promise<void> => {
      await fill(page, 'current', current)
      await fill(page, 'next', next)
      await fill(page, 'again', again)
      await page.keyboard.press('Enter')
    }
    await type(PASSWORD, NEXT, 'something else')
    await refused(page, 'not the same')
    await type(PASSWORD, 'short')
    await refused(page, 'Too short')
    await type(PASSWORD, 'aaaaaaaaaaaaaaaa')
    await refused(page, 'Too plain')
    await type('not the password', NEXT)
    await refused(page, 'present password is wrong')
    assert.deepEqual(await axe(page), [])
    await type(PASSWORD, NEXT)
    await shows(page, `document.querySelector('dialog [role=status]')?.textContent.includes('is changed')`) // prettier-ignore
    const again = await logIn(USERS.viewer, NEXT)
    await again.page.waitForSelector('.tabs a')
    assert.deepEqual(
      complaints.filter((each) => !each.includes('status of 4')),
      [],
    )
  })

  it('lets somebody in, gives her another role and a new password, and shuts her out', async () => {
    const { page } = await administrator()
    await press(page, 'Let somebody in')
    await fill(page, 'user', 'Not A Name')
    await fill(page, 'next', NEXT)
    await page.keyboard.press('Enter')
    await refused(page, 'small letters')
    await fill(page, 'user', USERS.viewer)
    await page.keyboard.press('Enter')
    await refused(page, 'one of that name')
    await fill(page, 'user', 'nora')
    await page.keyboard.press('Enter')
    await shows(page, `${row('nora')}?.textContent.includes('viewer')`)
    await openUser(page, 'nora')
    await press(page, 'Change the role')
    await click(page, 'dialog input[value=operator]')
    await press(page, 'Change the role: yes, do it')
    await shows(page, `${row('nora')}?.textContent.includes('operator')`)
    await openUser(page, 'nora')
    await press(page, 'Set a new password')
    await fill(page, 'next', 'nora')
    await page.keyboard.press('Enter')
    await refused(page, 'Too short')
    await fill(page, 'next', `${NEXT} again`)
    await page.keyboard.press('Enter')
    await shows(page, `document.querySelector('dialog') === null`)
    await openUser(page, 'nora')
    await press(page, 'Disable')
    assert.match(await textOf(page, 'dialog .confirm'), /logged out at once/)
    assert.deepEqual(await axe(page), [])
    await press(page, 'Disable: yes, do it')
    await shows(page, `${row('nora')}?.textContent.includes('disabled')`)
    await shows(page, `document.querySelector('.audit').textContent.includes('adachanged nora')`)
  })

  it('keeps the last administrator', async () => {
    const { page } = await administrator()
    await openUser(page, USERS.administrator)
    await press(page, 'Disable')
    await press(page, 'Disable: yes, do it')
    await refused(page, 'Nobody would be left')
    await press(page, 'Change the role')
    await click(page, 'dialog input[value=viewer]')
    await press(page, 'Change the role: yes, do it')
    await refused(page, 'Nobody would be left')
  })

  it('makes a token whose secret is shown once and works, says when it was used, and revokes it', async () => {
    const { page } = await administrator()
    await press(page, 'Make a token')
    await fill(page, 'token', 'Grafana <b>')
    await fill(page, 'days', '999')
    await page.keyboard.press('Enter')
    await refused(page, '1 to 366')
    await fill(page, 'days', '30')
    assert.equal(await page.$('dialog [name="access:admin"]'), null)
    await click(page, 'dialog [name="metrics:read"]')
    assert.deepEqual(await axe(page), [])
    await press(page, 'Make a token')
    await page.waitForSelector('dialog .secret')
    const secret = await textOf(page, 'dialog .secret')
    assert.match(secret, /^s3mp_[0-9a-f]{16}_/)
    const headers = { authorization: `Bearer ${secret}` }
    assert.equal((await fetch(`${url}api/v1/devices`, { headers })).status, 200)
    assert.equal((await fetch(`${url}api/v1/users`, { headers })).status, 403)
    await press(page, 'Close')
    await shows(page, `document.querySelector('.tokens')?.textContent.includes('Grafana <b>used')`)
    assert.ok(!(await textOf(page, 'body')).includes(secret))
    await press(page, 'Revoke')
    await press(page, 'Revoke: yes, do it')
    await shows(page, `document.querySelector('.tokens') === null`)
    assert.equal((await fetch(`${url}api/v1/devices`, { headers })).status, 401)
  })

  for (const theme of ['light', 'dark'] as const) {
    it(`fits three widths and passes axe, ${theme}`, async () => {
      const look = { theme, language: theme === 'dark' ? 'de' : 'en' }
      for (const [name, width] of Object.entries({ ...WIDTHS, phone: 360 })) {
        const { page } = await administrator({ ...look, width })
        await page.waitForSelector('.people tbody tr')
        const overflow = await page.evaluate(`document.documentElement.scrollWidth - innerWidth`)
        assert.ok(Number(overflow) <= 0, `${name}: ${String(overflow)} px too wide`)
        assert.deepEqual(await axe(page), [], name)
        if (theme === 'light' && name === 'desk') await picture(page, 'access-light', true)
        await page.close()
      }
    })
  }
})
