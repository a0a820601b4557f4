/** What gives way first when room is short, and what goes out first when there is a road again. */
export const PRIORITY = { alarm: 0, billing: 1, fine: 2, live: 3 } as const

/** The name of a priority. */
export type PriorityName = keyof typeof PRIORITY

/** The number of a priority; smaller is more urgent. */
export type Priority = (typeof PRIORITY)[PriorityName]

/** From here on unacknowledged objects may be dropped, the oldest first, to make room. */
export const PRIORITY_DROPPABLE_MIN: Priority = PRIORITY.fine

/** All priorities, the most urgent first. */
export const PRIORITIES: readonly Priority[] = [0, 1, 2, 3]
