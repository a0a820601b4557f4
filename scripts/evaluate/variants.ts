/** The ways of sending that are held against each other. */
export const VARIANTS = ['single', 'redundant', 'gateway', 'fixed', 'passive'] as const

/** One of `VARIANTS`. */
export type Variant = (typeof VARIANTS)[number]

/** What a reader of the evaluation is told about each. */
export const DESCRIPTIONS: Readonly<Record<Variant, { title: string; text: string }>> = {
  single: {
    title: 'native, single path',
    text: 'this project’s stack: every reading once, over the path that `PathPilot` holds best, and twice while an answer is missing; it moves by itself on missing acknowledgements, SCMP, lost probes and better round trips (plan `LIVELY_PLAN`)',
  },
  redundant: {
    title: 'native, redundant',
    text: 'the same with `copies: 2`: every reading over two paths that share no link',
  },
  gateway: {
    title: 'IP through the gateway',
    text: 'plain UDP between two hosts, carried by the reference implementation’s SCION-IP gateway at both leaves; the gateways choose and watch the paths',
  },
  fixed: {
    title: 'one fixed path',
    text: 'this project’s socket over the first path of one look-up, for ever',
  },
  passive: {
    title: 'passive failover',
    text: 'this project’s socket under a policy like that of the PAN library: keep to a path until a router reports a link down by SCMP, then take the first path without it, and remember the link for 10 s',
  },
}

/** How an agent reaches the other one. */
export type Place =
  | { readonly kind: 'scion'; readonly configDir: string; readonly isdAs: string }
  | { readonly kind: 'ip' }

/** Where the two ends are, told to an agent by `open`. */
export interface OpenRequest {
  readonly variant: Variant
  readonly place: Place
  /** Own IP address. */
  readonly host: string
  /** The other end's IP address; a head-end needs none. */
  readonly remoteHost: string
  /** The other end's AS; empty on plain IP. */
  readonly remoteIsdAs: string
}

/** The UDP port of the head-end, in the range that routers deliver to hosts. */
export const HEADEND_PORT = 31_100
/** A reading, in bytes: what a signed and sealed one takes. */
export const READING_BYTES = 300

/** When something happened: a reading's number, and monotonic milliseconds of this machine. */
export type Stamp = readonly [sequence: number, atMs: number]

/** Monotonic milliseconds that all processes of this machine share (CLOCK_MONOTONIC). */
export function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
