/**
 * The whole system on one machine, to watch: `npm start`. Help: `npm start -- --help`.
 */
import { spawn } from 'node:child_process'
import { systemClock } from '@s3mp/hal'
import type { DemoSwitch } from '@s3mp/web/api'
import { serveHttp } from '@s3mp/web/http'
import { createNarrator, failoverSentence, linkName, narratedLog } from './demo/narrator.ts'
import type { Narrator } from './demo/narrator.ts'
import { HELP, parseOptions, UsageError } from './demo/options.ts'
import type { DemoOptions } from './demo/options.ts'
import { openWorld } from './demo/world.ts'
import type { World } from './demo/world.ts'

const SWITCH_WORDS: Readonly<Record<DemoSwitch, readonly [string, string]>> = {
  headend: [
    'the head-end is back',
    'the head-end is switched off; readings wait on the meter’s disk',
  ],
  noise: [
    'noise on the optical head: telegrams arrive spoiled',
    'the optical head hears clearly again',
  ],
  head: ['the optical head is plugged in', 'the optical head is unplugged'],
  case: ['the meter’s case is open', 'the meter’s case is closed'],
  clouds: ['clouds before the sun', 'the sun is out'],
}

const narrator = createNarrator(
  (text) => process.stdout.write(text),
  process.stdout.isTTY && process.stdout.hasColors(),
  () => new Date().toLocaleTimeString('en-GB'),
)

process.exitCode = await main(process.argv.slice(2))

/** Runs until it is interrupted; the exit code. */
async function main(args: readonly string[]): Promise<number> {
  try {
    const options = parseOptions(args)
    if (options === undefined) {
      process.stdout.write(HELP)
      return 0
    }
    narrator.open()
    await run(options)
    return 0
  } catch (error) {
    narrator.problem(wordsOf(error))
    if (!(error instanceof UsageError)) return 1
    process.stderr.write('See npm start -- --help.\n')
    return 2
  }
}

/** What went wrong, and what to do about it where that is known. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const isFolder = 'syscall' in error && error.syscall === 'mkdtemp'
  const cure = '; name a folder that can be written: TMPDIR=FOLDER npm start'
  return `${error.message}${isFolder ? cure : ''}`
}

async function run(options: DemoOptions): Promise<void> {
  const interrupted = interruption()
  const world: World = await openWorld(options, systemClock, Math.random, {
    log: narratedLog((text) => {
      narrator.say(text)
    }),
    onFirstReading: () => {
      narrator.say('the first reading is stored, verified and acknowledged')
    },
    onFailover: (failover) => {
      narrator.say(failoverSentence(world.view.answer(), failover))
    },
    onLink: (id, up) => {
      narrator.say(`link ${linkName(world.view.answer(), id)} ${up ? 'mended' : 'cut'}`)
    },
    onSwitch: (name, on) => {
      narrator.say(SWITCH_WORDS[name][on ? 0 : 1])
    },
  })
  try {
    const server = await serveHttp(
      { fetch: world.fetch },
      { host: '127.0.0.1', port: options.port, nextPort: true },
    )
    try {
      tell(narrator, world, server.url, options.port !== server.port && options.port !== 0)
      if (options.open) showInBrowser(server.url)
      await interrupted
      process.stdout.write('\n')
      narrator.say('ending; nothing is kept')
    } finally {
      world.headend.live.close()
      await server.close()
    }
  } finally {
    await world.close()
  }
}

function tell(to: Narrator, world: World, url: string, steppedOver: boolean): void {
  const { input } = world
  const network = world.view.answer()
  const isds = new Set(network.ases.map((as) => as.isd)).size
  const source = {
    simulated: input.words ?? 'a simulated household',
    replay: `captured telegrams from ${input.name}`,
    serial: `the optical head at ${input.name}`,
  }[input.kind]
  to.begin(
    [
      ['meter', source],
      [
        'network',
        `SCION: ${network.ases.length} ASes in ${isds} ISDs, ${network.links.length} links, all on loopback`,
      ],
      ['head-end', 'stores in a temporary folder, acknowledges what is on disk'],
      ['page', steppedOver ? `${url}  (the usual port is in use)` : url],
    ],
    'Open the page and click a link of the map to cut it. Ctrl-C ends everything.',
  )
}

/** Resolves at the first Ctrl-C or polite end, or when nobody reads any more; a second ends at once. */
function interruption(): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.on('error', () => {
      resolve()
    })
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.once(signal, () => {
        resolve()
      })
  })
}

/** Shows the page where somebody sits in front of a desktop; that it cannot is no error. */
function showInBrowser(url: string): void {
  const desktop = process.env.DISPLAY ?? process.env.WAYLAND_DISPLAY
  if (!process.stdout.isTTY || desktop === undefined) return
  const child = spawn('xdg-open', [url], { stdio: 'ignore', detached: true })
  child.on('error', () => undefined)
  child.unref()
}
