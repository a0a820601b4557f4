import type { Lab } from './lab.ts'
import { METER_LINKS } from './lab.ts'

/** What is done to the network, in the order of the tables. */
export const FAULTS = ['silent', 'reported', 'router', 'lossy', 'better'] as const

/** One of `FAULTS`. */
export type FaultName = (typeof FAULTS)[number]

/** What happens to the network while readings flow. */
export interface Fault {
  readonly title: string
  readonly text: string
  /** How long the readings go on after it. */
  readonly windowMs: number
  /** Done to the healed network before the meter opens. */
  readonly prepare?: (lab: Lab) => void
  /** The fault itself; `link` is the meter's link in use. */
  readonly strike: (lab: Lab, link: string) => Promise<void> | void
}

/** Delay of every link while faults are tried: four links make the way there and back. */
export const LINK_DELAY_MS = 5
/** Delay of both links of the meter before the better path appears. */
const SLOW_LINK_MS = 40
/** A round trip below this many milliseconds is one over the better path. */
export const IMPROVED_MS = 70

/** All faults by name. */
export const FAULT_OF: Readonly<Record<FaultName, Fault>> = {
  silent: {
    title: 'link in use cut silently',
    text: 'the link in use drops every packet in both directions but the routers’ own liveness probes (BFD), so that nobody ever reports it',
    windowMs: 3500,
    strike: (lab, link) => {
      lab.impair(link, { deaf: true })
    },
  },
  reported: {
    title: 'link in use cut, routers report it',
    text: 'the link in use drops everything; the routers notice after three lost BFD intervals of 200 ms and answer the next packets with SCMP',
    windowMs: 2500,
    strike: (lab, link) => {
      lab.impair(link, { cut: true })
    },
  },
  router: {
    title: 'router dies',
    text: 'the core AS’s border router on the path in use is killed; all its links are dead',
    windowMs: 2500,
    strike: (lab, link) => lab.killRouterBehind(link),
  },
  lossy: {
    title: 'preferred path loses 20 %',
    text: 'the link in use loses every fifth packet, by chance, in each direction',
    windowMs: 4000,
    strike: (lab, link) => {
      lab.impair(link, { loss: 0.2 })
    },
  },
  better: {
    title: 'better path appears',
    text: `both links of the meter delay by ${SLOW_LINK_MS} ms; then the one that is not in use comes down to ${LINK_DELAY_MS} ms`,
    windowMs: 8_000,
    prepare: (lab) => {
      for (const name of METER_LINKS) lab.impair(name, { delayMs: SLOW_LINK_MS })
    },
    strike: (lab, link) => {
      for (const name of METER_LINKS) {
        if (name !== link) lab.impair(name, { delayMs: LINK_DELAY_MS })
      }
    },
  },
}
