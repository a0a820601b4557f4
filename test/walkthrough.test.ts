import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { DlmsHousehold, Household, SmlHousehold } from '@s3mp/meter/simulator'
import { after, before, describe, it } from 'mocha'
import { shellLines } from './support/documented.ts'
import { ROOT } from './support/source.ts'

const PROGRAMS = ['node_modules/.bin', 'firmware/bin', 'headend/bin'].map((dir) => join(ROOT, dir))

/** What a command said, and how it ended. */
interface Said {
  readonly code: number | null
  readonly output: string
}

/** Types a line as it stands on the page; a program that goes on is ended by `until`. */
async function type(folder: string, line: string, until?: RegExp): Promise<Said> {
  const child = spawn('sh', ['-c', `exec ${line.replace(/^npx /, '')}`], {
    cwd: folder,
    env: { ...process.env, ...KEYS, PATH: [...PROGRAMS, process.env.PATH].join(delimiter) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
      if (!child.killed && until?.test(output)) child.kill('SIGTERM')
    })
  }
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, output }
}

const KEYS = { EK: '000102030405060708090a0b0c0d0e0f', AK: 'd0d1d2d3d4d5d6d7d8d9dadbdcdddedf' }

/** Runs the lines of a page that match, in their order, and holds each to its end. */
async function follow(
  folder: string,
  page: string,
  lines: readonly (readonly [start: string, until?: RegExp])[],
): Promise<readonly Said[]> {
  const written = shellLines(page).map(({ line }) => line)
  const said: Said[] = []
  for (const [start, until] of lines) {
    const line =
      written.find((one) => one === start) ?? written.find((one) => one.startsWith(`${start} `))
    assert.ok(line, `${page} no longer says ${start}`)
    const answer = await type(folder, line, until)
    assert.equal(answer.code, 0, `${line}\n${answer.output}`)
    if (until !== undefined) assert.match(answer.output, until)
    said.push(answer)
  }
  return said
}

/** A UDP port of this machine that nobody uses just now. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  return port
}

/** The pages' command lines, typed as they stand, in a folder like their reader's. */
describe('a reader who types what the pages say', function () {
  this.timeout(60_000)
  let folder: string

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 's3mp-reader-'))
  })

  after(() => {
    rmSync(folder, { recursive: true, force: true })
  })

  it('decodes captures, plain, from standard input and with keys', async () => {
    const household = new Household({ seed: 3, startMs: 0 })
    const sml = new SmlHousehold({ household }).telegram(60_000)
    writeFileSync(join(folder, 'capture.bin'), sml)
    writeFileSync(join(folder, 'telegram.hex'), Buffer.from(sml).toString('hex'))
    const [tables, lines] = await follow(folder, 'docs/meter.md', [
      ['s3mp decode capture.bin'],
      ['s3mp decode --json -'],
    ])
    assert.match(tables?.output ?? '', /16\.7\.0/)
    assert.equal((JSON.parse(lines?.output ?? '') as { protocol: string }).protocol, 'sml')
  })

  it('decodes what a ciphering meter pushes', async () => {
    const protection = {
      // Suite 0, with a tag, encrypted.
      control: 0x30,
      systemTitle: Buffer.from('5333500000000001', 'hex'),
      encryptionKey: Buffer.from(KEYS.EK, 'hex'),
      authenticationKey: Buffer.from(KEYS.AK, 'hex'),
    } as const
    const startMs = Date.UTC(2026, 5, 1, 12)
    const household = new Household({ seed: 3, startMs })
    const meter = new DlmsHousehold({ household, protection })
    writeFileSync(join(folder, 'push.bin'), meter.telegram(startMs + 60_000))
    const [said] = await follow(folder, 'docs/meters/dlms.md', [['s3mp decode --protocol dlms']])
    assert.match(said?.output ?? '', /1\.8\.0/)
  })

  it('runs a head-end and a meter', async () => {
    const port = await freePort()
    await follow(folder, 'docs/headend.md', [['s3mp headend init']])
    writeFileSync(
      join(folder, 'headend.toml'),
      `data = "headend-data"\n[udp]\nport = ${port}\n[http]\nport = 0\n`,
    )
    const toml =
      '[meter]\ndevice = "simulated:household"\n[state]\nfolder = "state"\n' +
      '[page]\nlisten = "127.0.0.1:0"\n' +
      `[uplink]\ntransport = "udp"\n[uplink.udp]\nremote = "127.0.0.1:${port}"\n`
    writeFileSync(join(folder, 'meter.toml'), toml)
    await follow(folder, 'README.md', [['npx s3mp keygen']])
    copyFileSync(join(folder, 'state/device.json'), join(folder, 'meter-card.json'))
    await follow(folder, 'docs/headend.md', [
      ['s3mp headend card'],
      ['s3mp headend enroll'],
      ['s3mp headend', /http:\/\/127\.0\.0\.1:\d+/],
    ])
    await follow(folder, 'README.md', [['npx s3mp enroll'], ['npx s3mp run', /meter-found/]])
  })
})
