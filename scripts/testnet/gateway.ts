import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from './addresses.ts'
import { GATEWAY_PORTS } from './files.ts'
import { Namespace } from './namespaces.ts'
import type { Testnet } from './network.ts'

/** Between which ASes a gateway carries IP. */
export interface GatewayOptions {
  readonly isdAs: string
  /** The AS of the gateway at the other end. */
  readonly remote: string
  /** The /24 on this side, by its third part: 10.100.SIDE.0/24. */
  readonly side: number
  readonly remoteSide: number
  /** The program, as `programs` built it. */
  readonly program: string
}

const END_MS_MAX = 3000
/** Units of /proc/PID/stat: clock ticks a second, on every Linux that Node.js runs on. */
const TICKS_PER_SECOND = 100

/**
 * The reference implementation's SCION-IP gateway at one leaf, in a namespace of its own together
 * with the hosts that it serves.
 */
export class Gateway {
  readonly namespace: Namespace
  /** The address of the host that the gateway serves. */
  readonly host: string
  readonly #net: Testnet
  readonly #options: GatewayOptions
  #child: ChildProcess | undefined

  private constructor(net: Testnet, options: GatewayOptions, namespace: Namespace) {
    this.#net = net
    this.#options = options
    this.namespace = namespace
    this.host = hostOf(options.side)
  }

  /** Makes the namespace and writes the configuration; `start` starts the program. */
  static async create(net: Testnet, options: GatewayOptions): Promise<Gateway> {
    const namespace = await Namespace.create({
      name: `s3mp-gw${options.side}`,
      address: net.addresses(options.isdAs).gateway,
      reaches: '198.18.0.0/16',
      inside: [hostOf(options.side)],
    })
    const gateway = new Gateway(net, options, namespace)
    gateway.#writeFiles()
    return gateway
  }

  /** Starts the program; it finds its peer some 6 s after that. */
  start(): void {
    const [command, ...words] = this.namespace.command([
      this.#options.program,
      '--config',
      join(this.#folder(), 'gw.toml'),
    ])
    const log = createWriteStream(join(this.#net.work, 'logs', `${this.#id()}.log`), { flags: 'a' })
    const child = spawn(command, words, { cwd: this.#net.work, stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.pipe(log, { end: false })
    child.stderr.pipe(log, { end: false })
    child.once('close', () => log.end())
    child.on('error', () => undefined)
    this.#child = child
  }

  /** Processor time that the program has used so far, in microseconds. */
  cpuMicros(): number {
    const stat = readFileSync(`/proc/${this.#child?.pid ?? 0}/stat`, 'utf8')
    // The name in parentheses may contain anything; user and system time are fields 14 and 15.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return ((Number(fields[11]) + Number(fields[12])) * 1e6) / TICKS_PER_SECOND
  }

  /** Ends the program; safe to call twice. */
  async stop(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child?.exitCode !== null || child.signalCode !== null) return
    const closed = once(child, 'close')
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), END_MS_MAX)
    await closed
    clearTimeout(timer)
  }

  /** Ends the program and removes the namespace. */
  async remove(): Promise<void> {
    await this.stop()
    await this.namespace.remove()
  }

  #id(): string {
    return `gw${this.#options.side}`
  }

  #folder(): string {
    return join(this.#net.work, 'gen', this.#id())
  }

  #writeFiles(): void {
    const { isdAs, remote, side, remoteSide } = this.#options
    const folder = this.#folder()
    mkdirSync(folder, { recursive: true })
    const { gateway, daemon } = this.#net.addresses(isdAs)
    const at = (port: number): string => text({ host: gateway, port })
    const traffic = {
      ASes: { [remote]: { Nets: [`10.100.${remoteSide}.0/24`] } },
      ConfigVersion: 1,
    }
    writeFileSync(join(folder, 'traffic.json'), JSON.stringify(traffic))
    const routing = [
      `accept ${remote} ${isdAs} 10.100.0.0/16`,
      `advertise ${isdAs} ${remote} 10.100.${side}.0/24`,
    ]
    writeFileSync(join(folder, 'routing.txt'), `${routing.join('\n')}\n`)
    writeFileSync(
      join(folder, 'gw.toml'),
      `[gateway]
id = "sig"
traffic_policy_file = "${join(folder, 'traffic.json')}"
ip_routing_policy_file = "${join(folder, 'routing.txt')}"
ctrl_addr = "${at(GATEWAY_PORTS.control)}"
data_addr = "${at(GATEWAY_PORTS.data)}"
probe_addr = "${at(GATEWAY_PORTS.probe)}"
[sciond_connection]
address = "${text(daemon)}"
[tunnel]
name = "sig"
src_ipv4 = "${hostOf(side)}"
[log.console]
level = "info"
`,
    )
  }
}

function hostOf(side: number): string {
  return `10.100.${side}.1`
}
