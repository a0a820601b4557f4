/**
 * `npm run evaluate` holds ways of sending readings against each other in a network of the reference
 * implementation, and writes docs/evaluation.md with its plots.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { format, resolveConfig } from 'prettier'
import { Lab } from './evaluate/lab.ts'
import { describeMachine } from './evaluate/machine.ts'
import type { Figures } from './evaluate/measure.ts'
import { emptyFigures, idleBytesPerSecond, measureRound } from './evaluate/measure.ts'
import { echoPlot, gapPlot, roundTripPlot } from './evaluate/plots.ts'
import type { Evaluation } from './evaluate/report.ts'
import { report } from './evaluate/report.ts'
import type { Variant } from './evaluate/variants.ts'
import { VARIANTS } from './evaluate/variants.ts'
import type { Version } from './testnet/programs.ts'
import { VERSIONS, whyNoPrograms } from './testnet/programs.ts'
import { readTopology } from './testnet/topology.ts'

const HELP = `usage: npm run evaluate -- [--rounds N] [--echoes N] [--stream-ms MS] [--out DIR]
                           [--reference ${VERSIONS.join('|')}] [--slot N] [--only VARIANT,…] [--redraw]

Measures every variant once a round, turn about; 5 rounds take some 20 minutes. Writes
DIR/evaluation.md and DIR/pictures/evaluation-*.svg; DIR is docs. The gateway needs root,
/dev/net/tun and network namespaces; without them its column says so.
The samples are kept in run/evaluation.json; --redraw writes the page of them anew.
VARIANT is one of ${VARIANTS.join(', ')}.`

const ROOT = join(import.meta.dirname, '..')
const SAMPLES = join(ROOT, 'run/evaluation.json')
const IDLE_MS = 10_000

interface Arguments {
  readonly rounds: number
  readonly echoes: number
  readonly streamMs: number
  readonly slot: number
  readonly out: string
  readonly version: Version
  readonly variants: readonly Variant[]
  readonly redraw: boolean
}

function readArguments(): Arguments | undefined {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '5' },
      echoes: { type: 'string', default: '500' },
      'stream-ms': { type: 'string', default: '5000' },
      slot: { type: 'string', default: '53' },
      out: { type: 'string', default: join(ROOT, 'docs') },
      reference: { type: 'string', default: VERSIONS[0] },
      only: { type: 'string', default: VARIANTS.join(',') },
      redraw: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const version = VERSIONS.find((one) => one === values.reference)
  const [rounds, echoes, streamMs, slot] = [
    ...[values.rounds, values.echoes, values['stream-ms'], values.slot],
  ].map(Number)
  const numbers = [rounds, echoes, streamMs, slot]
  const only = values.only.split(',')
  if (values.help || version === undefined || !numbers.every(isCount)) return undefined
  return {
    rounds: rounds ?? 1,
    echoes: echoes ?? 1,
    streamMs: streamMs ?? 1,
    slot: slot ?? 1,
    version,
    out: values.out,
    redraw: values.redraw,
    variants: VARIANTS.filter((one) => only.includes(one)),
  }
}

function isCount(value: number | undefined): boolean {
  return Number.isSafeInteger(value) && Number(value) > 0
}

async function main(): Promise<number> {
  const args = readArguments()
  if (args === undefined) {
    console.log(HELP)
    return 2
  }
  if (args.redraw) {
    await write(args.out, readSamples())
    return 0
  }
  const excuse = whyNoPrograms(args.version)
  if (excuse !== undefined) {
    console.error(excuse)
    return 1
  }
  const calledOff = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      calledOff.abort(new Error(`called off by ${signal}`))
    })
  }
  const topology = readTopology(join(ROOT, 'scripts/testnet/topologies/diamond.json'))
  const { version, slot } = args
  const lab = new Lab({ topology, version, slot, signal: calledOff.signal })
  try {
    const evaluation = await evaluate(lab, args)
    mkdirSync(dirname(SAMPLES), { recursive: true })
    writeFileSync(SAMPLES, JSON.stringify(evaluation))
    await write(args.out, evaluation)
    return 0
  } catch (error) {
    if (!calledOff.signal.aborted) throw error
    console.error((calledOff.signal.reason as Error).message)
    return 130
  } finally {
    console.log('ending (a control service takes up to 5 s) …')
    await lab.close()
  }
}

async function evaluate(lab: Lab, args: Arguments): Promise<Evaluation> {
  const { gatewayExcuse } = lab
  if (gatewayExcuse !== undefined) console.error(`no gateway: ${gatewayExcuse}`)
  console.log('starting the network …')
  const machine = describeMachine()
  await lab.start()
  const idleBytes = await idleBytesPerSecond(lab, IDLE_MS)
  const figures: readonly Figures[] = args.variants
    .filter((variant) => variant !== 'gateway' || gatewayExcuse === undefined)
    .map(emptyFigures)
  for (let round = 1; round <= args.rounds; round++) {
    for (const one of figures) {
      await measureRound(lab, one, args, idleBytes, (text) => {
        console.log(`round ${round}/${args.rounds} · ${text}`)
      })
    }
  }
  const { rounds, echoes, streamMs, version } = args
  return { figures, machine, rounds, echoes, streamMs, version, gatewayExcuse, idleBytes }
}

/** The samples of the last run. JSON has no Infinity, which stands for a lost echo. */
function readSamples(): Evaluation {
  const evaluation = JSON.parse(readFileSync(SAMPLES, 'utf8')) as Evaluation
  const figures = evaluation.figures.map((one) => ({
    ...one,
    echoesMs: one.echoesMs.map((ms: number | null) => ms ?? Infinity),
  }))
  return { ...evaluation, figures }
}

async function write(folder: string, evaluation: Evaluation): Promise<void> {
  mkdirSync(join(folder, 'pictures'), { recursive: true })
  const picture = (name: string, svg: string): void => {
    writeFileSync(join(folder, `pictures/evaluation-${name}.svg`), svg)
  }
  picture('gaps', gapPlot(evaluation.figures))
  picture('round-trip', echoPlot(evaluation.figures))
  picture('better', roundTripPlot(evaluation.figures, 'better'))
  picture('silent', roundTripPlot(evaluation.figures, 'silent'))
  const style = await resolveConfig(join(ROOT, 'docs/evaluation.md'))
  const text = await format(report(evaluation), { ...style, parser: 'markdown' })
  writeFileSync(join(folder, 'evaluation.md'), text)
  console.log(text)
}

process.exitCode = await main()
