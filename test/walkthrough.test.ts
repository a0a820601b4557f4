import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { DlmsHousehold, Household, SmlHousehold } from '@s3mp/meter/simulator'
import { after, before, describe, it } from 'mocha'
import { starterConfig } from '../firmware/src/config/starter.ts'
import { shellLines } from './support/documented.ts'
import { ROOT } from './support/source.ts'

const PROGRAMS = ['node_modules/.bin', 'firmware/bin', 'headend/bin'].map((dir) => join(ROOT, dir))

/** What a command said, and how it ended. */
interface Said {
  readonly code: number | null
  readonly output: string
}

/** A line of a page that was typed. */
class Typed {
  readonly ended: Promise<number | null>
  output = ''
  readonly #child: ChildProcess
  #heard: () => void = () => undefined

  constructor(folder: string, line: string) {
    const child = spawn('sh', ['-c', `exec ${line.replace(/^npx /, '')}`], {
      cwd: folder,
      env: { ...process.env, ...KEYS, PATH: [...PROGRAMS, process.env.PATH].join(delimiter) },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text
        this.#heard()
      })
    }
    this.#child = child
    this.ended = new Promise((resolve) => child.once('close', resolve))
  }

  /** Resolves when it has said so, or has ended. */
  async says(pattern: RegExp): Promise<void> {
    const said = new Promise<void>((resolve) => {
      this.#heard = () => {
        if (pattern.test(this.output)) resolve()
      }
      this.#heard()
    })
    await Promise.race([said, this.ended])
  }

  /** Ends it as Ctrl-C or systemd would. */
  end(): void {
    this.#child.kill('SIGTERM')
  }
}

/** Types a line as it stands on the page; a program that goes on is ended by `until`. */
async function type(folder: string, line: string, until?: RegExp): Promise<Said> {
  const typed = new Typed(folder, line)
  if (until !== undefined) {
    await typed.says(until)
    typed.end()
  }
  return { code: await typed.ended, output: typed.output }
}

const KEYS = { EK: '000102030405060708090a0b0c0d0e0f', AK: 'd0d1d2d3d4d5d6d7d8d9dadbdcdddedf' }

/** The line of a page that is this, or begins with it. */
function written(page: string, start: string): string {
  const lines = shellLines(page).map(({ line }) => line)
  const line =
    lines.find((one) => one === start) ?? lines.find((one) => one.startsWith(`${start} `))
  return line ?? assert.fail(`${page} no longer says ${start}`)
}

/** Runs the lines of a page that match, in their order, and holds each to its end. */
async function follow(
  folder: string,
  page: string,
  lines: readonly (readonly [start: string, until?: RegExp])[],
): Promise<readonly Said[]> {
  const said: Said[] = []
  for (const [start, until] of lines) {
    const line = written(page, start)
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

  it('runs a head-end as its page says', async () => {
    const here = mkdtempSync(join(folder, 'headend-'))
    await type(here, 's3mp keygen --state state')
    copyFileSync(join(here, 'state/device.json'), join(here, 'meter-card.json'))
    await follow(here, 'docs/headend.md', [['s3mp headend init']])
    await takeFreePorts(here)
    await follow(here, 'docs/headend.md', [
      ['s3mp headend card'],
      ['s3mp headend enroll'],
      ['s3mp headend', /http:\/\/127\.0\.0\.1:\d+/],
    ])
  })

  it('has a meter of their own in ten minutes, and checks what it said', async () => {
    const here = mkdtempSync(join(folder, 'owner-'))
    // What the doctor writes where nothing is there yet; a head it would put in place of the simulated one.
    writeFileSync(join(here, 'meter.toml'), starterConfig('meter.toml'))
    await follow(here, 'README.md', [['npx s3mp headend init']])
    await takeFreePorts(here)
    await follow(here, 'README.md', [
      ['npx s3mp headend card'],
      ['npx s3mp keygen'],
      ['npx s3mp headend enroll'],
      ['npx s3mp enroll'],
    ])
    const headend = new Typed(here, written('README.md', 'npx s3mp headend'))
    const meter = new Typed(here, written('README.md', 'npx s3mp run'))
    try {
      await headend.says(/its page is at http/)
      await meter.says(/meter-found/)
      for (let delivered = 0; delivered < 3;) {
        const { output } = await type(here, 's3mp status --json')
        delivered = Number(/"acknowledged":(\d+)/.exec(output)?.[1] ?? 0)
        await new Promise((resolve) => setTimeout(resolve, 200))
      }
    } finally {
      meter.end()
      headend.end()
      assert.deepEqual(
        [await meter.ended, await headend.ended],
        [0, 0],
        meter.output + headend.output,
      )
    }
    copyFileSync(join(here, 'state/device.json'), join(here, 'device.json'))
    const { ueid } = JSON.parse(readFileSync(join(here, 'device.json'), 'utf8')) as { ueid: string }
    const exported = written('docs/audit.md', 's3mp headend export').replace('DEVICE', ueid)
    assert.equal((await type(here, exported)).code, 0)
    const [verified] = await follow(here, 'docs/audit.md', [['s3mp verify']])
    assert.match(verified?.output ?? '', /Proven\./)
    await follow(here, 'docs/audit.md', [['s3mp headend audit']])
  })
})

/** Gives head-end and meter in a folder ports that nobody else of this machine has. */
async function takeFreePorts(folder: string): Promise<void> {
  const port = String(await freePort())
  for (const file of ['headend.toml', 'meter.toml']) {
    const path = join(folder, file)
    if (!existsSync(path)) continue
    const text = readFileSync(path, 'utf8')
    writeFileSync(path, text.replace('8470', port).replace('8480', '0'))
  }
}
