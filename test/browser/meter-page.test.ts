import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPrekey, encodeHeadendCard, SoftwareSigner } from '@s3mp/envelope'
import { after, before, describe, it } from 'mocha'
import puppeteer, { type Browser } from 'puppeteer-core'
import { until } from '../support/demo-process.ts'
import { need } from '../support/outside.ts'

const S3MP = join(import.meta.dirname, '../../firmware/bin/s3mp')
const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length))

/** A head-end's card; nobody answers at its address, and the page needs nobody. */
async function writeCard(file: string): Promise<void> {
  const signer = SoftwareSigner.generate('Ed25519', random)
  const notBeforeMs = Date.now() - 3_600_000
  const times = { notBeforeMs, notAfterMs: notBeforeMs + 30 * 86_400_000 }
  const { prekey } = await createPrekey({ signer, suite: 1, ...times, policyVersion: 1, random })
  const addresses = { udp: '127.0.0.1:9' }
  writeFileSync(
    file,
    encodeHeadendCard({ name: 'x', key: signer, prekeys: [prekey.object], addresses }),
  )
}

describe('the meter’s own page, opened to the network, in a browser', function () {
  this.timeout(90_000)
  const folder = mkdtempSync(join(tmpdir(), 's3mp-page-'))
  const config = join(folder, 'meter.toml')
  let browser: Browser | undefined
  let meter: ChildProcess | undefined
  let log = ''

  before(async function () {
    browser = await puppeteer.launch({
      executablePath: need(this, 'chromium'),
      headless: true,
      args: ['--no-sandbox'],
    })
    await writeCard(join(folder, 'headend.card'))
    writeFileSync(
      config,
      `[meter]\ndevice = "simulated:household"\n[state]\nfolder = "state"\n[streams]\nseal_every = 5\n` +
        `[uplink]\ntransport = "udp"\n[uplink.udp]\nremote = "127.0.0.1:9"\n` +
        `[control]\nsocket = "control.sock"\n[page]\nlisten = "0.0.0.0:0"\nname = "<b>Cellar</b>"\n`,
    )
    for (const words of [['keygen'], ['enroll', '--card', join(folder, 'headend.card')]]) {
      const { status, stderr } = spawnSync(S3MP, [...words, '-c', config], { encoding: 'utf8' })
      assert.equal(status, 0, stderr)
    }
    meter = spawn(S3MP, ['run', '-c', config], { stdio: ['ignore', 'ignore', 'pipe'] })
    meter.stderr?.setEncoding('utf8').on('data', (text: string) => {
      log += text
    })
    await until(() => log.includes('page.started'), 30_000, 'the page')
  })

  after(async () => {
    await browser?.close()
    meter?.kill()
    rmSync(folder, { recursive: true, force: true })
  })

  it('asks for the code from the log, then shows readings that the browser verifies itself', async () => {
    const code = /page\.code code=(\S+)/u.exec(log)?.[1]
    const port = /page\.started url=http:\/\/0\.0\.0\.0:(\d+)/u.exec(log)?.[1]
    assert.ok(code !== undefined && port !== undefined && browser !== undefined, log)
    const page = await browser.newPage()
    const complaints: string[] = []
    page.on('pageerror', (error) => complaints.push(String(error)))
    await page.goto(`http://127.0.0.1:${port}/`, { waitUntil: 'domcontentloaded' })
    await page.waitForSelector('form input', { timeout: 20_000 })
    await page.type('form input', code)
    await page.keyboard.press('Enter')
    await page.waitForSelector('.now-value .digits', { timeout: 20_000 })
    await page.waitForSelector('button.proof.verified', { timeout: 40_000 })
    const text = String(await page.evaluate('document.body.textContent'))
    assert.ok(text.includes('<b>Cellar</b>'), 'a name from a file is shown as text')
    assert.deepEqual(complaints, [])
  })
})
