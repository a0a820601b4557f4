import { LIVELY_PLAN } from '@s3mp/scion'
import type { FaultName } from './faults.ts'
import { FAULTS, FAULT_OF, IMPROVED_MS, LINK_DELAY_MS } from './faults.ts'
import { ANSWER_WAIT_MS_MIN, DOUBT_MARGIN_MS_MIN } from '../../scion/src/selector/scoring.ts'
import { findings } from './findings.ts'
import type { Figures, Trial } from './measure.ts'
import { FAULT_INTERVAL_MS, STREAM_INTERVAL_MS } from './measure.ts'
import { quantile } from './statistics.ts'
import { DESCRIPTIONS, READING_BYTES, VARIANTS } from './variants.ts'

/** All that was measured, and on what. */
export interface Evaluation {
  readonly figures: readonly Figures[]
  readonly machine: string
  readonly rounds: number
  readonly echoes: number
  readonly streamMs: number
  readonly version: string
  readonly gatewayExcuse: string | undefined
  readonly idleBytes: number
}

/** The page that tells of an evaluation. */
export function report(evaluation: Evaluation): string {
  const { figures, gatewayExcuse } = evaluation
  const skipped =
    gatewayExcuse === undefined ? '' : `\n**The gateway was not measured: ${gatewayExcuse}.**\n`
  return `# Evaluation

${HEAD}
${skipped}
## What was found

${findings(figures)
  .map((sentence) => `- ${sentence}`)
  .join('\n')}

Why, where the code says so: the native stack misses an acknowledgement ${DOUBT_MARGIN_MS_MIN} ms after it usually comes at the earliest (\`DOUBT_MARGIN_MS_MIN\`, or four mean deviations). From then on readings go over a second path as well, and the one whose acknowledgement is missing goes there once more; whether the path has failed is decided ${ANSWER_WAIT_MS_MIN} ms later at the earliest (\`ANSWER_WAIT_MS_MIN\`, [decision 0452](decisions/0452-silence-is-a-question.md)). So a gap is one round trip, that margin, a sending interval and what the machine adds. Standby paths are measured every ${LIVELY_PLAN.standbyMs / 1000} s (\`LIVELY_PLAN\`); an answer that surprises is followed by two more at once ([decision 0455](decisions/0455-surprises-are-looked-into.md)). The passive policy cannot learn of a fault that no router reports, and moves on nothing else. The machine itself now and then falls silent for as long as the last row of the tables says (\`longest silence before the events\`): where nothing is lost, as when a better path appears, the silences are its own, and their order means nothing.

## Without faults

${table(evaluation, NORMAL_ROWS)}

![Share of echoes back within a time](pictures/evaluation-round-trip.svg)

## When something breaks or mends

Longest silence at the head-end after the event, in milliseconds; one reading is sent every ${FAULT_INTERVAL_MS} ms, so about ${FAULT_INTERVAL_MS} is none. \`≥\`: silent until the observation ended.

${table(evaluation, FAULTS.map(gapRow))}

Readings sent after the event that never arrived, in per cent. What the meter's spool repeats in earnest is left out here, so that the paths are seen and not the repetition; what the native stack sends a second time while an answer is missing is its way of using them, and is in.

${table(evaluation, FAULTS.map(lossRow))}

How the traffic settled:

${table(evaluation, SETTLED_ROWS)}

![Longest silence at the head-end](pictures/evaluation-gaps.svg)

![Round trips around a silent cut](pictures/evaluation-silent.svg)

![Round trips around a better path](pictures/evaluation-better.svg)

${method(evaluation)}
`
}

const HEAD = `Ways of getting readings from a meter to a head-end, side by side in one network of the reference implementation's own routers and control services. This page and its plots are written by \`npm run evaluate\`; edit \`scripts/evaluate/report.ts\`, not the page. Every cell is the median of the rounds, with the least and the greatest in parentheses.

| variant | what it is |
|---|---|
${VARIANTS.map((name) => `| ${DESCRIPTIONS[name].title} | ${DESCRIPTIONS[name].text} |`).join('\n')}`

/** A row of a table: its name, and what a variant shows in it. */
type Row = readonly [title: string, cell: (figures: Figures) => string]

const NORMAL_ROWS: readonly Row[] = [
  [
    `round trip of ${READING_BYTES} bytes, p50, ms`,
    ({ echoesMs }) => quantile(echoesMs, 0.5).toFixed(2),
  ],
  ['round trip, p99, ms', ({ echoesMs }) => quantile(echoesMs, 0.99).toFixed(2)],
  ['bytes on the meter’s links, a reading and its echo', ({ wireBytes }) => spread(wireBytes)],
  ['first acknowledged reading after the program’s start, ms', ({ startMs }) => spread(startMs)],
  [
    '… after opening the stack in a running program, ms',
    ({ variant, openMs }) => (variant === 'gateway' ? '–' : spread(openMs)),
  ],
  ['processor time a reading and its echo, µs', ({ cpuMicros }) => spread(cpuMicros)],
]

const SETTLED_ROWS: readonly Row[] = [
  [
    '20 % loss: last lost reading after the event, ms',
    ({ trials }) => spread(trials.lossy.map((trial) => trial.lastLostMs)),
  ],
  ['better path: readings go over it after, ms', ({ trials }) => movedCell(trials.better)],
  [
    'round trip before the events, ms',
    ({ trials }) => spread(FAULTS.slice(0, 4).flatMap((name) => trials[name].map(roundTripOf))),
  ],
  [
    'longest silence before the events (0.8 s each), ms',
    ({ trials }) => spread(FAULTS.flatMap((name) => trials[name].map(calmOf))),
  ],
]

function roundTripOf(trial: Trial): number {
  return trial.roundTripMs
}

function calmOf(trial: Trial): number {
  return trial.calmGapMs
}

function gapRow(name: FaultName): Row {
  return [
    FAULT_OF[name].title,
    ({ trials }) => {
      const ends = trials[name].filter((trial) => trial.silentAtEnd).length
      const cell = spread(trials[name].map((trial) => trial.gapMs))
      return ends * 2 > trials[name].length ? `≥ ${cell}` : cell
    },
  ]
}

function lossRow(name: FaultName): Row {
  return [
    FAULT_OF[name].title,
    ({ trials }) =>
      spread(
        trials[name].map(({ lost, sent }) => (100 * lost) / sent),
        1,
      ),
  ]
}

function movedCell(trials: readonly Trial[]): string {
  const moved = trials.map((trial) => trial.movedMs ?? Infinity)
  const median = quantile(moved, 0.5)
  const count = moved.filter(Number.isFinite).length
  if (!Number.isFinite(median)) return `never (${count} of ${moved.length} moved)`
  return `${spread(moved.filter(Number.isFinite))}, ${count} of ${moved.length} moved`
}

/** "median (least – greatest)". */
function spread(samples: readonly number[], digits = 0): string {
  const [middle, least, most] = [0.5, 0, 1].map((share) => quantile(samples, share).toFixed(digits))
  return `${middle} (${least} – ${most})`
}

function table({ figures }: Evaluation, rows: readonly Row[]): string {
  const shown = VARIANTS.map((name) => figures.find(({ variant }) => variant === name))
  const head = VARIANTS.map((name) => DESCRIPTIONS[name].title)
  const lines = rows.map(([title, cell]) => {
    const cells = shown.map((one) => (one === undefined ? 'not measured' : cell(one)))
    return `| ${[title, ...cells].join(' | ')} |`
  })
  return [`| | ${head.join(' | ')} |`, `|${'---|'.repeat(head.length + 1)}`, ...lines].join('\n')
}

function method(evaluation: Evaluation): string {
  const { machine, rounds, echoes, streamMs, version, idleBytes } = evaluation
  const faults = FAULTS.map((name) => `| ${FAULT_OF[name].title} | ${FAULT_OF[name].text} |`)
  return `## How it was measured

\`\`\`sh
npm run evaluate -- --rounds ${rounds} --echoes ${echoes} --stream-ms ${streamMs} --reference ${version}
\`\`\`

Machine: ${machine}. Reference implementation ${version}; the network is \`scripts/testnet/topologies/diamond.json\`, started once, with BFD at its defaults (3 × 200 ms). Every round measures every variant once, turn about.

- Meter and head-end are processes of their own (\`scripts/evaluate/agent.ts\`) on one machine with one clock; a relay on each link delays, drops and counts. The head-end sends every reading of ${READING_BYTES} bytes back as its acknowledgement.
- Round trips, bytes, start and processor time are taken without any delay on the links: ${echoes} echoes a round one after the other, then ${streamMs / 1000} s of one reading every ${STREAM_INTERVAL_MS} ms. Bytes include IP and UDP headers and the variant's own probes, and not the ${Math.round(idleBytes)} bytes a second that the routers and control services put on the links anyway.
- The start of a native program includes the start of Node.js, reading the source, looking paths up and verifying their segments. That of the gateway is the start of the meter's gateway, with the head-end's running already. The path segments were in the control services by then.
- Processor time is that of the meter's process, and of the meter's gateway where there is one; not of the head-end's, and not of the system's interrupts.
- The gateways have a network namespace each, in which the two hosts run, with a cable to the rest.
- While something breaks, every link delays by ${LINK_DELAY_MS} ms and more, as timers are coarse. A reading counts as one over the better path when it is acknowledged within ${IMPROVED_MS} ms, ten in a row.
- The passive policy is written for this evaluation (\`scripts/evaluate/passive.ts\`) after what that library documents; the library itself did not run.

| event | what is done |
|---|---|
${faults.join('\n')}

What this does not show: a real radio line, more than one meter, hosts on machines of their own, or a network with hundreds of paths. The processors are shared by routers, relays and both ends, so single round trips are longer than they need be, for all variants alike.`
}
