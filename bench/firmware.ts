/**
 * The firmware as processes: resident memory of each role beside an empty Node process, and the time
 * from starting `s3mp run` to the first reading that is sealed and on the disk.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createPrekey, encodeHeadendCard, SoftwareSigner } from '@s3mp/envelope'
import { Spool } from '@s3mp/firmware'
import { systemClock } from '@s3mp/hal'
import { randomFillSync } from 'node:crypto'
import { median, type Figure } from './table.ts'

/** The program: this tree's, or the one of a release that `S3MP_COMMAND` names. */
const S3MP = process.env.S3MP_COMMAND ?? join(dirname(import.meta.dirname), 'firmware/bin/s3mp')
const RUNS = 3
const EMPTY = 'an empty Node process'

const random = (length: number): Uint8Array => randomFillSync(new Uint8Array(length))

/** Resident memory of a process in MiB, as the kernel counts it. */
function residentMiB(child: ChildProcess): number {
  const status = readFileSync(`/proc/${child.pid ?? 0}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const closed = new Promise((resolve) => child.once('close', resolve))
  child.kill('SIGTERM')
  await closed
}

/** A state folder with a key, a card and a configuration; nobody answers at the head-end's address. */
async function prepare(folder: string): Promise<void> {
  const signer = SoftwareSigner.generate('Ed25519', random)
  const nowMs = systemClock.nowMs()
  const { prekey } = await createPrekey({
    signer,
    suite: 1,
    notBeforeMs: nowMs - 1000,
    notAfterMs: nowMs + 86_400_000,
    policyVersion: 1,
    random,
  })
  const card = { name: 'bench', key: signer, prekeys: [prekey.object], addresses: {} }
  writeFileSync(join(folder, 'headend.card'), encodeHeadendCard(card))
  writeFileSync(
    join(folder, 'meter.toml'),
    `[meter]\ndevice = "simulated:household"\n[state]\nfolder = "."\n[uplink]\ntransport = "udp"\n` +
      `socket = "uplink.sock"\n[uplink.udp]\nremote = "127.0.0.1:9"\n[control]\nsocket = "off"\n`,
  )
  await done(start(folder, ['keygen', '--state', '.']))
}

function start(folder: string, words: readonly string[]): ChildProcess {
  return spawn(S3MP, words, { cwd: folder, stdio: 'ignore' })
}

async function done(child: ChildProcess): Promise<void> {
  await new Promise((resolve) => child.once('close', resolve))
}

/** Milliseconds from starting the program until the spool's log has grown by a first reading. */
async function firstReadingMs(folder: string): Promise<number> {
  const startedMs = systemClock.monotonicMs()
  const child = spawn(S3MP, ['run', '--config', 'meter.toml'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  // The log says when the head was opened; the records themselves are counted afterwards.
  await new Promise<void>((resolve) => {
    child.stderr.on('data', (chunk: Uint8Array) => {
      if (Buffer.from(chunk).toString().includes('head.opened')) resolve()
    })
  })
  const openedMs = systemClock.monotonicMs() - startedMs
  await sleep(2500)
  await end(child)
  const spool = Spool.open({ folder, bytesMax: 1e9, objectsMax: 1e6, nowMs: systemClock.nowMs() })
  const first = spool.waiting(1, 0, 10).find(({ kind }) => kind === 'reading')
  const boot = spool.waiting(1, 0, 1)[0]
  spool.close()
  if (first === undefined || boot === undefined) throw new Error('no reading was stored')
  return openedMs + Math.max(0, first.madeMs - boot.madeMs)
}

/** Memory per role and the time to the first stored reading. */
export async function run(): Promise<readonly Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 's3mp-'))
  const children: ChildProcess[] = []
  try {
    await prepare(folder)
    const empty = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {
      stdio: 'ignore',
    })
    const config = ['--config', 'meter.toml']
    children.push(empty, start(folder, ['uplink', ...config]))
    await sleep(500)
    children.push(start(folder, ['meter', ...config]))
    await sleep(6000)
    const [emptyMiB = NaN, uplinkMiB = NaN, meterMiB = NaN] = children.map(residentMiB)
    for (const child of children.splice(0)) await end(child)
    const both = start(folder, ['run', ...config])
    children.push(both)
    await sleep(6000)
    const bothMiB = residentMiB(both)
    await end(both)
    const startsMs: number[] = []
    for (let turn = 0; turn < RUNS; turn += 1) {
      const fresh = mkdtempSync(join(tmpdir(), 's3mp-'))
      await prepare(fresh)
      startsMs.push(await firstReadingMs(fresh))
      rmSync(fresh, { recursive: true, force: true })
    }
    const memory = (name: string, value: number): Figure => ({
      name: `resident memory, ${name}`,
      value,
      unit: 'MiB',
      peer: EMPTY,
      ratio: value / emptyMiB,
    })
    return [
      { name: `resident memory, ${EMPTY}`, value: emptyMiB, unit: 'MiB' },
      memory('s3mp uplink', uplinkMiB),
      memory('s3mp meter', meterMiB),
      memory('s3mp run', bothMiB),
      {
        name: 'start to first sealed reading on disk',
        value: median(startsMs),
        unit: 'ms',
        note: 'of it up to 1 s until the simulated meter speaks again',
      },
    ]
  } finally {
    for (const child of children) child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}
