/**
 * `npm run testnet -- TOPOLOGY [--version v0.15.1] [--slot N]` leaves a network of the reference
 * implementation running and takes commands until Ctrl-C.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { text } from './addresses.ts'
import { Testnet } from './network.ts'
import type { Version } from './programs.ts'
import { VERSIONS, whyNoPrograms } from './programs.ts'
import { readTopology } from './topology.ts'

const HELP = `usage: npm run testnet -- TOPOLOGY [--version ${VERSIONS.join('|')}] [--slot N]

TOPOLOGY is a file, or one of: ${topologies().join(', ')}
While it runs: cut LINK · mend LINK · delay LINK MS · loss LINK SHARE · kill AS router|control|daemon
               start AS router|control|daemon · links · quit`

function topologies(): readonly string[] {
  return readdirSync(join(import.meta.dirname, 'topologies')).map((name) =>
    name.replace(/\.json$/, ''),
  )
}

function topologyPath(name: string): string {
  return existsSync(name) ? name : join(import.meta.dirname, 'topologies', `${name}.json`)
}

async function main(): Promise<number> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { version: { type: 'string' }, slot: { type: 'string' }, help: { type: 'boolean' } },
  })
  const [name] = positionals
  const version = VERSIONS.find((one) => one === (values.version ?? VERSIONS[0]))
  if (name === undefined || values.help === true || version === undefined) {
    console.log(HELP)
    return values.help === true ? 0 : 2
  }
  if (!existsSync(topologyPath(name))) {
    console.error(`no topology ${name}; there are ${topologies().join(', ')}`)
    return 2
  }
  const excuse = whyNoPrograms(version)
  if (excuse !== undefined) {
    console.error(excuse)
    return 1
  }
  await serve(name, version, Number(values.slot ?? '1'))
  return 0
}

async function serve(name: string, version: Version, slot: number): Promise<void> {
  const topology = readTopology(topologyPath(name))
  console.log(`building the reference programs ${version} if they are not there yet …`)
  const net = await Testnet.start(topology, { version, slot, dispatcher: true })
  const over = new AbortController()
  const lines = createInterface({ input: process.stdin })
  const stopped = new Promise<void>((settle) => {
    const end = (): void => {
      over.abort()
      settle()
    }
    process.once('SIGINT', end)
    process.once('SIGTERM', end)
    lines.on('line', (line) => {
      if (line.trim() === 'quit') end()
      else void command(net, line.trim().split(/\s+/))
    })
  })
  try {
    describe(net)
    suggest(net, over.signal).catch((error: unknown) => {
      if (!over.signal.aborted) console.error(error instanceof Error ? error.message : error)
    })
    await stopped
  } finally {
    lines.close() // An open one would keep the process.
    console.log('ending (a control service takes up to 5 s) …')
    await net.stop()
  }
}

function describe(net: Testnet): void {
  console.log(`files: ${net.work}`)
  for (const { isdAs } of net.topology.ases) {
    const { router, control, daemon, host } = net.addresses(isdAs)
    const parts = [`router ${text(router)}`, `control ${text(control)}`, `daemon ${text(daemon)}`]
    console.log(`${isdAs}: ${parts.join(', ')}, hosts on ${host}`)
    console.log(`  --config-dir ${net.configDir(isdAs)} --local ${host}`)
  }
  console.log(`links: ${net.linkNames()}`)
}

/** Waits until there are paths between the last two ASes, and says what can be done with them. */
async function suggest(net: Testnet, over: AbortSignal): Promise<void> {
  const [from, to] = net.topology.ases.slice(-2)
  if (from === undefined || to === undefined) return
  await net.waitForPaths(from.isdAs, to.isdAs, 1, over)
  const [here, there] = [net.addresses(from.isdAs), net.addresses(to.isdAs)]
  const own = `--config-dir ${net.configDir(from.isdAs)} --local ${here.host}`
  console.log(`paths are there; in another terminal:
  npx s3mp-scion showpaths ${to.isdAs} ${own}
  npx s3mp-scion ping ${to.isdAs},${there.host} ${own} -c 3`)
}

async function command(net: Testnet, words: readonly string[]): Promise<void> {
  const [verb, subject = '', detail = ''] = words
  try {
    if (verb === 'cut') net.cut(subject)
    else if (verb === 'mend') net.mend(subject)
    else if (verb === 'delay') net.impair(subject, { delayMs: Number(detail) })
    else if (verb === 'loss') net.impair(subject, { loss: Number(detail) })
    else if (verb === 'links') console.log(net.linkNames())
    else if (verb === 'kill') await net.kill(subject, service(detail))
    else if (verb === 'start') net.startService(subject, service(detail))
    else console.log(HELP)
  } catch (error) {
    console.error((error as Error).message)
  }
}

function service(word: string): 'router' | 'control' | 'daemon' {
  if (word === 'router' || word === 'control' || word === 'daemon') return word
  throw new Error(`router, control or daemon, not ${word}`)
}

process.exitCode = await main()
