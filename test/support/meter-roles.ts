import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeHeadendCard } from '@s3mp/envelope'
import { systemClock } from '@s3mp/hal'
import {
  createHeadend,
  Keyring,
  MemorySecrets,
  ScionTransport,
  SqliteStore,
  systemRandom,
  type Headend,
} from '@s3mp/headend'
import { formatPathFile, nodeUnderlay, parseIsdAs } from '@s3mp/scion'
import {
  DEMO_HEADEND_AS,
  DEMO_METER_AS,
  demoTopology,
  openNetwork,
  seededRandom,
  type Network,
} from '@s3mp/scion/testing'
import { until } from './demo-process.ts'

const S3MP = join(import.meta.dirname, '../../firmware/bin/s3mp')
const DAY_MS = 86_400_000
const PREKEYS = { validMs: 30 * DAY_MS, rotateBeforeMs: 7 * DAY_MS, graceMs: 7 * DAY_MS }

/** How long a role may take to say that it runs. */
const START_MS = 30_000

/** In the order in which they are started. */
const ROLES = ['uplink', 'meter', 'page'] as const

/**
 * A meter as systemd runs it, in three processes that meet on sockets (uplink, meter, page), over a
 * SCION network on loopback to a head-end in this process. Its paths come from a file.
 */
export class MeterRoles {
  readonly #folder = mkdtempSync(join(tmpdir(), 's3mp-roles-'))
  readonly #store = new SqliteStore(':memory:')
  readonly #children = new Map<string, ChildProcess>()
  #network: Network | undefined
  #headend: Headend | undefined
  #log = ''

  /** Everything that the roles have logged. */
  get log(): string {
    return this.#log
  }

  /** The network, whose links can be cut. */
  get network(): Network {
    if (this.#network === undefined) throw new Error('roles: expected `open` first')
    return this.#network
  }

  /** Starts everything; `policy` is what the owner wrote. Resolves with the page's address. */
  async open(name: string, policy: string): Promise<string> {
    const random = seededRandom(7)
    const network = await openNetwork(demoTopology(), { clock: systemClock, random, underlay: nodeUnderlay }) // prettier-ignore
    this.#network = network
    const [near, far] = [network.host(DEMO_METER_AS), network.host(DEMO_HEADEND_AS)]
    const headend = await createHeadend({
      access: 'open',
      store: this.#store,
      keyring: Keyring.create(new MemorySecrets(), PREKEYS, systemRandom),
      transports: [new ScionTransport({ open: () => far.openSocket(), source: far.source })],
    })
    this.#headend = headend
    const paths = await near.source.paths(parseIsdAs(DEMO_HEADEND_AS))
    const file = (path: string): string => join(this.#folder, path)
    writeFileSync(file('paths.json'), formatPathFile({ local: near.source.local, paths }))
    writeFileSync(file('policy.json'), policy)
    writeFileSync(file('headend.card'), headend.card())
    const remote = decodeHeadendCard(headend.card()).addresses.scion ?? ''
    writeFileSync(file('meter.toml'), config(name, `${DEMO_METER_AS},127.0.0.1`, remote))
    this.#once('keygen', '--state', file('state'))
    headend.enroll(readFileSync(file('state/device.json'), 'utf8'), { name })
    this.#once('enroll', '--card', file('headend.card'), '-c', file('meter.toml'))
    for (const role of ROLES) this.start(role)
    await until(() => this.#log.includes('page.started'), START_MS, 'the page')
    const url = /page\.started url=(\S+)/u.exec(this.#log)?.[1] ?? ''
    const told = async (): Promise<boolean> => (await fetch(`${url}api/v1/network`)).ok
    await until(told, START_MS, 'what the uplink tells')
    return url
  }

  /** Starts a role, again after {@link stop}. */
  start(role: (typeof ROLES)[number]): void {
    const child = spawn(S3MP, [role, '-c', join(this.#folder, 'meter.toml')], { stdio: ['ignore', 'ignore', 'pipe'] }) // prettier-ignore
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text
    })
    this.#children.set(role, child)
  }

  /** Ends a role and waits until it is gone. */
  async stop(role: (typeof ROLES)[number]): Promise<void> {
    const child = this.#children.get(role)
    this.#children.delete(role)
    if (child?.exitCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill()
    await gone
  }

  /** Ends everything and removes every file. */
  async close(): Promise<void> {
    for (const role of ROLES) await this.stop(role)
    await this.#headend?.close()
    this.#store.close()
    await this.#network?.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #once(...words: readonly string[]): void {
    const { status, stderr } = spawnSync(S3MP, words, { encoding: 'utf8' })
    assert.equal(status, 0, stderr)
  }
}

function config(name: string, local: string, remote: string): string {
  return `[meter]
device = "simulated:household"
[state]
folder = "state"
[streams]
seal_every = 5
[uplink]
transport = "scion"
socket = "uplink.sock"
[uplink.scion]
local = "${local}"
remote = "${remote}"
source = "file"
paths = "paths.json"
policy_file = "policy.json"
nat = "off"
[control]
socket = "control.sock"
[page]
listen = "127.0.0.1:0"
socket = "page.sock"
name = "${name}"
`
}
