import { PRIORITY, type Priority } from './spool/priority.ts'
import type { DeadlineClass } from './channel/message.ts'

/** Numbers of the streams of the first head; a further head takes the next sixteen. */
export const STREAM = { billing: 1, minute: 2, live: 3, events: 8, health: 9 } as const

/** The name of a stream. */
export type StreamName = keyof typeof STREAM

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
