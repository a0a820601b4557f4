import assert from 'node:assert/strict'
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  decodePublicKeyFile,
  parseExportLine,
  readSignedObject,
  decodeRecord,
} from '@s3mp/envelope'
import { verifyExport } from '@s3mp/envelope/verify'
import { after, before, describe, it } from 'mocha'
import { ROOT } from './support/source.ts'

const S3MP = join(ROOT, 'firmware/bin/s3mp')
const ROLES = ['headend', 'uplink', 'meter'] as const

type Role = (typeof ROLES)[number]

/** Three processes, as on a real machine; each is killed without warning and started again. */
describe('kill -9 of each process in turn', function () {
  this.timeout(120_000)
  const folder = mkdtempSync(join(tmpdir(), 's3mp-'))
  const running = new Map<Role, ChildProcess>()
  let device = ''

  const s3mp = (...words: readonly string[]): string =>
    execFileSync(S3MP, words, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

  before(async () => {
    const port = await freePort()
    writeFileSync(
      join(folder, 'headend.toml'),
      `data = "headend"\n[udp]\nport = ${port}\n[http]\nport = 0\n`,
    )
    writeFileSync(
      join(folder, 'meter.toml'),
      `[meter]\ndevice = "simulated:household"\n[state]\nfolder = "state"\n` +
        `[streams]\nminute = "2s"\nseal_every = 3\nheartbeat = "1s"\n` +
        `[uplink]\ntransport = "udp"\nsocket = "uplink.sock"\n` +
        `[uplink.udp]\nremote = "127.0.0.1:${port}"\n[control]\nsocket = "control.sock"\n`,
    )
    s3mp('headend', 'init', '--config', 'headend.toml')
    const { ueid } = JSON.parse(s3mp('keygen', '--state', 'state', '--json')) as { ueid: string }
    device = ueid
    s3mp('headend', 'enroll', 'state/device.json', '--config', 'headend.toml')
    writeFileSync(join(folder, 'card.json'), s3mp('headend', 'card', '--config', 'headend.toml'))
    s3mp('enroll', '--card', 'card.json', '--config', 'meter.toml')
    for (const role of ROLES) start(role)
  })

  after(async () => {
    for (const role of ROLES) await end(role, 'SIGTERM')
    rmSync(folder, { recursive: true, force: true })
  })

  function start(role: Role): void {
    const words =
      role === 'headend'
        ? ['headend', 'run', '--config', 'headend.toml']
        : [role, '--config', 'meter.toml']
    running.set(role, spawn(S3MP, words, { cwd: folder, stdio: 'ignore' }))
  }

  async function end(role: Role, signal: NodeJS.Signals): Promise<number | null> {
    const child = running.get(role)
    running.delete(role)
    if (child?.exitCode !== null) return child?.exitCode ?? null
    const closed = new Promise<number | null>((resolve) => child.once('close', resolve))
    child.kill(signal)
    return closed
  }

  interface Status {
    readonly epoch: number
    readonly isEpochConfirmed: boolean
    readonly spool: { readonly objects: number }
    readonly delivery: { readonly acknowledged: number }
  }

  /** Waits until the meter says something of itself. */
  async function until(what: string, isSo: (status: Status) => boolean): Promise<void> {
    for (let tries = 0; tries < 100; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 150))
      try {
        if (isSo(JSON.parse(statusText()) as Status)) return
      } catch {
        // Not there yet.
      }
    }
    assert.fail(`in time: ${what}`)
  }

  /** `s3mp status` says by its exit status whether all is well; here only its words count. */
  function statusText(): string {
    try {
      return s3mp('status', '--json', '--config', 'meter.toml')
    } catch (error) {
      return String((error as { stdout?: unknown }).stdout)
    }
  }

  const isGoing = ({ isEpochConfirmed, delivery }: Status): boolean =>
    isEpochConfirmed && delivery.acknowledged >= 3

  it('delivers before', async () => {
    await until('the first acknowledgements', isGoing)
  })

  for (const role of ['meter', 'headend', 'uplink', 'meter', 'headend'] as const) {
    it(`goes on after the ${role} was killed`, async () => {
      await end(role, 'SIGKILL')
      await new Promise((resolve) => setTimeout(resolve, 700))
      start(role)
      let from: number | undefined
      await until('acknowledgements go on', (status) => {
        from ??= status.delivery.acknowledged
        return isGoing(status) && (role === 'meter' || status.delivery.acknowledged > from)
      })
    })
  }

  it('has lost nothing, stored nothing twice, and broken no chain', async () => {
    await until('everything is delivered', ({ spool }) => spool.objects === 0)
    assert.equal(await end('meter', 'SIGTERM'), 0, 'the meter ends cleanly')
    // Its last words are delivered by the next start; what came before must all be there.
    const lines = s3mp('headend', 'export', device.slice(0, 12), '--config', 'headend.toml')
      .split('\n')
      .filter((line) => line !== '')
    const key = decodePublicKeyFile(readFileSync(join(folder, 'state/device.json'), 'utf8'))
    const report = await verifyExport(lines, { key })
    assert.deepEqual(report.problems, [])
    for (const code of ['signatures', 'chain', 'complete', 'beginning']) {
      assert.equal(report.steps.find((step) => step.code === code)?.result, 'proven', code)
    }
    const places = lines.slice(1).map((line) => {
      const { kind, object } = parseExportLine(line)
      const payload = kind === 'fast' ? object : readSignedObject(object).payload
      const { stream, seq } = decodeRecord(kind, payload)
      return `${stream}/${seq}`
    })
    assert.deepEqual(places.length, new Set(places).size, 'each record once')
    assert.ok(places.filter((place) => place.startsWith('3/')).length >= 5, 'live readings')
    const boots = report.streams.find(({ stream }) => stream === 8)
    assert.ok((boots?.records ?? 0) >= 3, 'three starts were told')
  })
})

/** A UDP port that nobody uses at this moment. */
function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4')
    socket.bind(0, '127.0.0.1', () => {
      const { port } = socket.address()
      socket.close(() => {
        resolve(port)
      })
    })
  })
}
