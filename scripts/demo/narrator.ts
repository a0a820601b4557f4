import type { Log, LogFields } from '@s3mp/firmware'
import type { Failover, NetworkAnswer } from '@s3mp/web/api'

/** Says in plain words what happens, one line each, with the time in front. */
export interface Narrator {
  /** The opening: what runs, and where to look. */
  begin(facts: readonly (readonly [string, string])[], closing: string): void
  say(text: string): void
  problem(text: string): void
}

/** Writes to a terminal; colours only where it is one. */
export function createNarrator(
  write: (text: string) => void,
  colour: boolean,
  clock: () => string,
): Narrator {
  const paint = (code: number, text: string): string =>
    colour ? `\u001b[${code}m${text}\u001b[0m` : text
  return {
    begin: (facts, closing) => {
      const width = Math.max(...facts.map(([name]) => name.length))
      write(`\n${paint(1, 'S3MP demonstration')}\n\n`)
      for (const [name, what] of facts) write(`  ${paint(2, name.padEnd(width))}  ${what}\n`)
      write(`\n${closing}\n\n`)
    },
    say: (text) => {
      write(`${paint(2, clock())}  ${text}\n`)
    },
    problem: (text) => {
      write(`${paint(31, text)}\n`)
    },
  }
}

/** A link by the names of its ends. */
export function linkName(network: NetworkAnswer, id: string): string {
  const link = network.links.find((each) => each.id === id)
  const name = (ia: string): string => network.ases.find((as) => as.ia === ia)?.name ?? ia
  return link === undefined ? id : `${name(link.a.ia)} – ${name(link.b.ia)}`
}

/** A path by the names of the ASes on its way. */
export function wayOf(network: NetworkAnswer, id: string | undefined): string {
  const path = network.paths.find((each) => each.id === id)
  if (path === undefined) return 'no path'
  const ases = [...new Set(path.interfaces.map((each) => each.ia))]
  return ases.map((ia) => network.ases.find((as) => as.ia === ia)?.name ?? ia).join(' > ')
}

/** A change of path in a sentence. */
export function failoverSentence(network: NetworkAnswer, failover: Failover): string {
  if (failover.to === undefined) return 'no path is left; readings wait on the meter’s disk'
  const gap =
    failover.gapMs === undefined || failover.gapMs < 50
      ? 'without a pause'
      : `${failover.gapMs} ms longer than usual without an acknowledgement`
  return `moved to ${wayOf(network, failover.to)}, ${gap}`
}

/** What the firmware logs, in words a newcomer understands; the rest is for journals. */
const LOG_WORDS: Readonly<Record<string, (fields: LogFields) => string>> = {
  'head.opened': ({ path }) => `the optical head at ${String(path)} is open`,
  'head.lost': ({ path }) => `the optical head at ${String(path)} is gone; it is looked for`,
  'head.waiting': ({ path, reason }) =>
    `waiting for the optical head at ${String(path)}: ${String(reason)}`,
  'head.failed': ({ reason }) => `the optical head cannot be read: ${String(reason)}`,
  'meter.silent': () => 'nothing is heard from the meter; is the head on its optical port?',
  'records.dropped': () => 'the meter’s disk is full; the least important records give way',
}

/** A log that narrates, each event once until another one follows. */
export function narratedLog(say: (text: string) => void): Log {
  let last = ''
  const tell = (event: string, fields: LogFields = {}): void => {
    const text = LOG_WORDS[event]?.(fields)
    if (text === undefined || text === last) return
    last = text
    say(text)
  }
  return { error: tell, warn: tell, info: tell, debug: () => undefined }
}
