import type { Path } from '../path/path.ts'

/**
 * Says whether a path may be used at all: undefined where it may, else the reason in a few words
 * (`enters ISD 3`). Asked for each path that a lookup brings, each time; see `policy/` for policies that
 * are written down.
 */
export type PathPolicy = (path: Path) => string | undefined

/**
 * Which paths are wanted more than others: the place of each of `paths`, 0 for the most wanted, the
 * same number for equals. Asked with each lookup and each change of policy; see `rankingOf`.
 */
export type PathRanking = (paths: readonly Path[]) => readonly number[]

/** Lets every path pass. */
export const anyPath: PathPolicy = () => undefined
