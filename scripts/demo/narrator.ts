import type { Log, LogFields } from '@s3mp/firmware'
import type { Failover, NetworkAnswer } from '@s3mp/web/api'

/** Says in plain words what happens, one line each, with the time in front. */
export interface Narrator {
  /** The first line, before anything is built. */
  open(): void
  /** What runs, and where to look. */
  begin(facts: readonly (readonly [string, string])[], closing: string): void
  /** One thing that happened; what happens before `begin` is told after it. */
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
  let early: string[] | undefined = []
  return {
    open: () => {
      write(`\n${paint(1, 'S3MP demonstration')} is starting …\n\n`)
    },
    begin: (facts, closing) => {
      const width = Math.max(...facts.map(([name]) => name.length))
      for (const [name, what] of facts) write(`  ${paint(2, name.padEnd(width))}  ${what}\n`)
      write(`\n${closing}\n\n`)
      for (const line of early ?? []) write(line)
      early = undefined
    },
    say: (text) => {
      const line = `${paint(2, clock())}  ${text}\n`
      if (early === undefined) write(line)
      else early.push(line)
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

/** Why the path before failed, where it did. */
const FAILED: Readonly<Record<string, string>> = {
  revoked: 'a router reports a link of the old path down',
  silent: 'nothing came back over the old path',
  unreachable: 'the first router of the old path is not there',
  faulty: 'a router finds the old path wrong',
}

/** Why another one is wanted although the path before works. */
const WANTED: Readonly<Record<string, string>> = {
  slower: 'which is quicker',
  lossy: 'which loses less',
  outranked: 'which the policy prefers',
  expired: 'before the old path expires',
  refused: 'for the policy forbids the old path',
}

/** A change of path in a sentence: where to, why, and what a failure cost. */
export function failoverSentence(network: NetworkAnswer, failover: Failover): string {
  const { to, cause, gapMs = 0 } = failover
  if (to === undefined) return 'no path is left; readings wait on the meter’s disk'
  const now = `readings now go over ${wayOf(network, to)}`
  const why = FAILED[cause]
  if (why === undefined) return WANTED[cause] === undefined ? now : `${now}, ${WANTED[cause]}`
  const gap = gapMs < 50 ? 'without a pause' : `${gapMs} ms later than usual`
  return `${now}, ${gap}: ${why}`
}

/** What the firmware logs, in words a newcomer understands; the rest is for journals. */
const LOG_WORDS: Readonly<Record<string, (fields: LogFields) => string>> = {
  'head.opened': ({ path }) => `the optical head at ${String(path)} is open`,
  'head.lost': ({ path }) => `the optical head at ${String(path)} is gone; it is looked for`,
  'head.waiting': ({ path, code, reason }) =>
    code === 'not-found'
      ? `no optical head at ${String(path)} yet: plug it in; npx s3mp doctor says what is there`
      : `waiting for the optical head: ${String(reason)}`,
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
