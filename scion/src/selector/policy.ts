import type { Path } from '../path/path.ts'

/**
 * Says whether a path may be used at all: undefined where it may, else the reason in a few words
 * (`enters ISD 3`). Asked for each path that a lookup brings, each time; see `policy/` for policies that
 * are written down.
 */
export type PathPolicy = (path: Path) => string | undefined

/** Lets every path pass. */
export const anyPath: PathPolicy = () => undefined
