/** Which rows of a long list are drawn, and how much room those above and below take. */
export interface RowWindow {
  readonly first: number
  /** One past the last. */
  readonly end: number
  readonly abovePx: number
  readonly belowPx: number
}

/** Rows drawn beyond what can be seen, so that scrolling finds them there. */
const SPARE_ROWS = 8

/** Rows drawn at once at most, however tall the screen says it is. */
export const WINDOW_ROWS_MAX = 200

/** The rows of a list of `total` that can be seen from `topPx` on through a hole of `heightPx`. */
export function rowWindow(
  total: number,
  topPx: number,
  heightPx: number,
  rowPx: number,
): RowWindow {
  const first = Math.max(0, Math.min(total, Math.floor(topPx / rowPx)) - SPARE_ROWS)
  const seen = Math.min(WINDOW_ROWS_MAX, Math.ceil(heightPx / rowPx) + 2 * SPARE_ROWS)
  const end = Math.min(total, first + seen)
  return { first, end, abovePx: first * rowPx, belowPx: (total - end) * rowPx }
}

/** Pages of `size` rows that hold the rows from `first` up to `end`. */
export function pagesOf(first: number, end: number, size: number): readonly number[] {
  if (end <= first) return []
  const [from, to] = [Math.floor(first / size), Math.floor((end - 1) / size)]
  return Array.from({ length: to - from + 1 }, (_, index) => from + index)
}
