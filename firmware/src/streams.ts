import { PRIORITY, type Priority } from './spool/priority.ts'
import type { DeadlineClass } from './channel/message.ts'

/** Numbers of the streams of the first place, and of the device's own. */
export const STREAM = { billing: 1, minute: 2, live: 3, events: 8, health: 9 } as const

/** The name of a stream. */
export type StreamName = keyof typeof STREAM

/** The streams that carry readings: every place has these three. */
export type ReadingStream = 'billing' | 'minute' | 'live'

/**
 * Metering devices that one meter can have heard in its life: electricity, gas, each one that took
 * another's place. Three streams each and two of the device's own are what a verifier follows.
 */
export const PLACES_MAX = 20

/** Stream numbers kept for each place. */
export const STREAMS_PER_PLACE = 16

/** The number of a stream of readings of a place, counted from 0. */
export function streamOf(place: number, name: ReadingStream): number {
  return place * STREAMS_PER_PLACE + STREAM[name]
}

/** Whether a stream carries readings, not the device's own events and heartbeats. */
export function isReadingStream(stream: number): boolean {
  return stream !== STREAM.events && stream !== STREAM.health
}

/** The priority at which the records of a stream are kept. Events have one each, by severity. */
export const STREAM_PRIORITY: Readonly<Record<Exclude<StreamName, 'events'>, Priority>> = {
  billing: PRIORITY.billing,
  minute: PRIORITY.fine,
  live: PRIORITY.live,
  // A heartbeat tells the head-end which numbers will never come: it must get through, in the end.
  health: PRIORITY.fine,
}

/** How soon an object of a priority is needed at the other end. */
export const DEADLINE_OF: Readonly<Record<Priority, DeadlineClass>> = {
  [PRIORITY.alarm]: 'alarm',
  [PRIORITY.billing]: 'billing',
  [PRIORITY.fine]: 'billing',
  [PRIORITY.live]: 'live',
}
