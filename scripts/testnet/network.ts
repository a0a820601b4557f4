import type { ChildProcess } from 'node:child_process'
import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { AsAddresses, Ground } from './addresses.ts'
import { AddressPlan, text } from './addresses.ts'
import type { BfdSettings } from './files.ts'
import { namesOf, writeFiles } from './files.ts'
import type { Version } from './programs.ts'
import { programs } from './programs.ts'
import type { Impairment } from './relay.ts'
import { PERFECT, Relay } from './relay.ts'
import type { Topology } from './topology.ts'

/** A program of an AS that can be ended and started again. */
export type Service = 'router' | 'control' | 'daemon'

/** How a test network is started. */
export interface TestnetOptions {
  readonly version: Version
  /** The second part of its loopback addresses, 1..254: networks of different slots coexist. */
  readonly slot?: number
  readonly bfd?: BfdSettings
  /** In [0, 1): decides loss and jitter of the links. */
  readonly random?: () => number
  /** Whether the reference's responder for SCMP requests on port 30041 runs. */
  readonly dispatcher?: boolean
  /** Where the network stands; the loopback where it is left out. */
  readonly ground?: Ground
  /** ASes whose topology names a SCION-IP gateway; `Gateway` starts it. */
  readonly gateways?: readonly string[]
}

/** What a tool of the reference printed, and its exit status. */
export interface Printed {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** A control service panics 5 s after SIGTERM if a stream is still open; then it is killed. */
const END_MS_MAX = 7000
const PATHS_MS_MAX = 60_000
const BFD_DEFAULT: BfdSettings = { detectMult: 3, intervalMs: 200 }

const run = promisify(execFile)

/**
 * A SCION network of the reference implementation's own programs on this machine's loopback, with a
 * relay of ours in the middle of every link.
 */
export class Testnet {
  readonly topology: Topology
  readonly plan: AddressPlan
  /** The folder of the network's files: `gen/`, `run/`, `logs/`. Gone after `stop`. */
  readonly work: string
  readonly #bin: string
  readonly #options: TestnetOptions
  readonly #relays = new Map<string, Relay>()
  readonly #processes = new Map<string, ChildProcess>()
  #addedAddresses: readonly string[] = []

  private constructor(topology: Topology, options: TestnetOptions) {
    this.topology = topology
    this.plan = new AddressPlan(topology, options.slot ?? 1, options.ground)
    this.#options = options
    this.#bin = programs(options.version)
    this.work = mkdtempSync(join(tmpdir(), 's3mp-testnet-'))
  }

  /** Writes the files, starts every program and link, and returns at once: paths take about 7 s. */
  static async start(topology: Topology, options: TestnetOptions): Promise<Testnet> {
    const net = new Testnet(topology, options)
    try {
      await net.#start()
    } catch (error) {
      await net.stop()
      throw error
    }
    return net
  }

  /** The addresses in the AS `isdAs`. */
  addresses(isdAs: string): AsAddresses {
    return this.plan.as(isdAs)
  }

  /** The configuration folder of the AS `isdAs`: topology.json, certs/, keys/. */
  configDir(isdAs: string): string {
    return join(this.work, 'gen', namesOf(isdAs).folder)
  }

  /** Changes what the link called `name` does to packets. */
  impair(name: string, change: Partial<Impairment>): void {
    this.#relay(name).impair(change)
  }

  /** Nothing crosses the link any more, in silence; routers notice by their own probes. */
  cut(name: string): void {
    this.impair(name, { cut: true })
  }

  /** The link is perfect again. */
  mend(name: string): void {
    this.impair(name, PERFECT)
  }

  /** Packets and bytes that crossed the link called `name`. */
  counts(name: string): Relay['counts'] {
    return this.#relay(name).counts
  }

  /** Ends one program of an AS at once, as a crash would. */
  async kill(isdAs: string, service: Service): Promise<void> {
    const child = this.#processes.get(`${service} ${isdAs}`)
    if (child === undefined) throw new Error(`no ${service} runs in ${isdAs}`)
    await end(child, 'SIGKILL')
  }

  /** Starts a program of an AS that was ended. */
  startService(isdAs: string, service: Service): void {
    const names = namesOf(isdAs)
    const file = { router: 'br', control: 'cs', daemon: 'sd' }[service]
    this.#spawn(`${service} ${isdAs}`, service, `gen/${names.folder}/${file}.toml`)
  }

  /** Runs the reference's `scion` tool in this network and returns what it printed. */
  async scion(words: readonly string[]): Promise<Printed> {
    return await this.#tool('scion', words)
  }

  /** Likewise `scion-pki`. Paths are relative to `work`. Throws with what it said when it fails. */
  async pki(words: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.#tool('scion-pki', words)
    if (code !== 0) throw new Error(`scion-pki ${words.join(' ')}: ${stderr}${stdout}`)
    return stdout
  }

  async #tool(name: string, words: readonly string[]): Promise<Printed> {
    try {
      const { stdout, stderr } = await run(join(this.#bin, name), [...words], { cwd: this.work })
      return { code: 0, stdout, stderr }
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
      return { code, stdout, stderr }
    }
  }

  /**
   * Waits until the daemon of `from` knows at least `count` live paths to `to`.
   * Throws after a minute, with what the tool said last.
   */
  async waitForPaths(from: string, to: string, count = 1, signal?: AbortSignal): Promise<void> {
    const sciond = text(this.plan.as(from).daemon)
    const deadline = performance.now() + PATHS_MS_MAX
    let last = ''
    while (performance.now() < deadline) {
      signal?.throwIfAborted()
      const answer = await this.scion([
        ...['showpaths', '--sciond', sciond, '--format', 'json', '--refresh', '-m', '50'],
        ...['--no-probe', to],
      ])
      last = answer.stdout + answer.stderr
      if (answer.code === 0 && pathCount(answer.stdout) >= count) return
      await sleep(500, undefined, signal === undefined ? {} : { signal })
    }
    throw new Error(`no ${count} paths from ${from} to ${to} after a minute: ${last}`)
  }

  /** Ends everything that was started and removes every file. Safe to call twice. */
  async stop(): Promise<void> {
    const children = [...this.#processes.values()]
    this.#processes.clear()
    await Promise.all(children.map((child) => end(child, 'SIGTERM')))
    await Promise.all([...this.#relays.values()].map((relay) => relay.close()))
    this.#relays.clear()
    for (const address of this.#addedAddresses) {
      await run('ip', ['addr', 'del', ...onLoopback(address)]).catch(() => undefined)
    }
    this.#addedAddresses = []
    rmSync(this.work, { recursive: true, force: true })
  }

  async #start(): Promise<void> {
    await this.#addAddresses()
    const bfd = this.#options.bfd ?? BFD_DEFAULT
    const gateways = this.#options.gateways ?? []
    const randomOf = (bytes: number): Uint8Array => randomBytes(bytes)
    writeFiles(this.work, this.#bin, this.topology, this.plan, randomOf, { bfd, gateways })
    // Link quality need not be secret, only repeatable where a test passes its own source.
    const random = this.#options.random ?? Math.random
    for (const link of this.topology.links) {
      const relay = new Relay(this.plan.link(link.name), random)
      this.#relays.set(link.name, relay)
      await relay.open()
    }
    if (this.#options.dispatcher === true) this.#spawn('dispatcher', 'dispatcher', 'gen/disp.toml')
    for (const as of this.topology.ases) {
      for (const service of ['router', 'control', 'daemon'] as const) {
        this.startService(as.isdAs, service)
      }
    }
  }

  async #addAddresses(): Promise<void> {
    const wanted = this.plan.addressesToAdd()
    if (wanted.length === 0) return
    const present = new Set((networkInterfaces().lo ?? []).map((one) => one.address))
    for (const address of wanted) {
      if (present.has(address)) continue
      await run('ip', ['addr', 'add', ...onLoopback(address)])
      this.#addedAddresses = [...this.#addedAddresses, address]
    }
  }

  #spawn(key: string, program: string, config: string): void {
    const log = createWriteStream(join(this.work, 'logs', `${key.replace(' ', '-')}.log`), {
      flags: 'a',
    })
    const child = spawn(join(this.#bin, program), ['--config', config], {
      cwd: this.work,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child.stdout.pipe(log, { end: false })
    child.stderr.pipe(log, { end: false })
    child.once('close', () => {
      log.end()
    })
    child.on('error', () => undefined)
    this.#processes.set(key, child)
  }

  #relay(name: string): Relay {
    const relay = this.#relays.get(name)
    if (relay === undefined) throw new Error(`no link ${name}; there are ${this.linkNames()}`)
    return relay
  }

  /** The names of all links, for messages. */
  linkNames(): string {
    return this.topology.links.map((link) => link.name).join(', ')
  }
}

function onLoopback(address: string): readonly string[] {
  return address.includes(':')
    ? [`${address}/128`, 'dev', 'lo', 'nodad']
    : [`${address}/32`, 'dev', 'lo']
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const closed = once(child, 'close')
  child.kill(signal)
  const timer = setTimeout(() => child.kill('SIGKILL'), END_MS_MAX)
  await closed
  clearTimeout(timer)
}

function pathCount(json: string): number {
  try {
    return (JSON.parse(json) as { paths?: unknown[] }).paths?.length ?? 0
  } catch {
    return 0
  }
}

/** Whether this machine can give a network IPv6 addresses on its loopback. */
export function ipv6Possible(): boolean {
  return existsSync('/proc/net/if_inet6') && process.getuid?.() === 0
}
