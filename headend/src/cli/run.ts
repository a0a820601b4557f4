import { loadPage, type Page } from '@s3mp/web'
import { isLoopback, serveHttp } from '@s3mp/web/http'
import type { Command } from 'commander'
import type { HeadendConfig } from '../config.ts'
import { HeadendError } from '../errors.ts'
import { createHeadend, systemRandom } from '../headend.ts'
import { Keyring } from '../keys/keyring.ts'
import { createLog, type Log } from '../log.ts'
import type { SqliteStore } from '../store/store.ts'
import type { Transport } from '../transport/transport.ts'
import { UdpTransport } from '../transport/udp.ts'
import { Supervisor } from './notify.ts'
import type { Output } from './output.ts'
import { openScionTransport } from './scion.ts'
import { configOf, lockDataFolder, openStore, secretsOf } from './place.ts'

interface RunOptions {
  readonly config?: string
  readonly port?: string
  readonly json?: true
}

/** Adds `run`, which is also what no command means. */
export function addRunCommand(program: Command, output: Output, signal: AbortSignal): void {
  program
    .command('run')
    .description('receive, verify, store, acknowledge; serve the API and the page (the default)')
    .option('-c, --config <file>', 'the configuration')
    .option('--port <number>', 'port of the page instead of the configured one; 0 takes any')
    .option('--json', 'say where it listens as JSON')
    .addHelpText('after', '\nEnds cleanly on SIGTERM and Ctrl-C. Logs go to standard error.')
    .action(async (options: RunOptions) => {
      await run(options, output, signal)
    })
}

async function run(options: RunOptions, output: Output, signal: AbortSignal): Promise<void> {
  const config = configOf(options)
  const port = portOf(options, config)
  const log = createLog(config.logLevel)
  const keyring = Keyring.open(secretsOf(config), config.prekeys, systemRandom)
  const lock = lockDataFolder(config)
  const store = openStore(config)
  const supervisor = new Supervisor(log)
  if (process.stderr.isTTY) output.note('Starting …')
  try {
    const page = await pageOrNot(log)
    const transports = await transportsOf(config, log)
    const { name } = config
    const headend = await createHeadend({
      store,
      keyring,
      transports,
      log,
      name,
      ...(page !== undefined && { page }),
      access: config.http.access,
      origin: config.http.origin,
    })
    try {
      const { host, nextPort, origin } = config.http
      const http = await serveHttp(headend.app, { host, port, nextPort, origin })
      const listening = transports.map(({ kind, address }) => `${kind} ${address}`)
      output.line(
        options.json
          ? JSON.stringify({ page: http.url, listening })
          : `The head-end receives on ${listening.join(' and ')}; its page is at ${http.url}`,
      )
      tellAccess(config, store, output)
      supervisor.ready(() => headend.working)
      await aborted(signal)
      supervisor.stopping()
      await http.close()
    } finally {
      await headend.close()
    }
  } finally {
    store.close()
    lock.release()
  }
}

function portOf({ port }: RunOptions, config: HeadendConfig): number {
  if (port === undefined) return config.http.port
  const number = /^[0-9]{1,5}$/.test(port) ? Number(port) : Number.NaN
  if (number >= 0 && number <= 65_535) return number
  const message = `--port: expected a number from 0 to 65535, found '${port}'`
  throw new HeadendError('ERR_HEADEND_USAGE', message)
}

async function transportsOf(
  { udp, scion }: HeadendConfig,
  log: Log,
): Promise<readonly Transport[]> {
  return [
    ...(udp === undefined ? [] : [new UdpTransport(udp.host, udp.port)]),
    ...(scion === undefined ? [] : [await openScionTransport(scion, log)]),
  ]
}

/** What whoever started it should know about who may see the page. */
function tellAccess({ http }: HeadendConfig, store: SqliteStore, output: Output): void {
  if (http.access === 'open') {
    output.note('The page asks nobody to log in: everybody on this machine may do everything.')
  } else if (store.people.administrators() === 0) {
    output.note(
      "Nobody can log in yet: add somebody with 's3mp headend user add NAME --role administrator'.",
    )
  }
  if (!isLoopback(http.host) && http.origin?.startsWith('https:') !== true) {
    output.note(
      'Passwords would travel in clear: put a proxy with TLS in front, and name it as http.origin.',
    )
  }
}

/** The API works without its page. */
async function pageOrNot(log: Log): Promise<Page | undefined> {
  try {
    return await loadPage()
  } catch (error) {
    log.warn('page.missing', { reason: error instanceof Error ? error.message : String(error) })
    return undefined
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => {
      resolve()
    })
  })
}
