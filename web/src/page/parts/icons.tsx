import type { VNode } from 'preact'

const PATHS = {
  /** Into the house. */
  down: 'M12 4v14m0 0-6-6m6 6 6-6',
  /** Out to the grid. */
  up: 'M12 20V6m0 0-6 6m6-6 6 6',
  still: 'M5 12h14',
  check: 'M5 12.5 10 17.5 19 7',
  cross: 'M6 6l12 12M18 6 6 18',
  clock: 'M12 7v5l3 2M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18',
  question: 'M9 9a3 3 0 1 1 4.5 2.6c-1 .6-1.5 1.1-1.5 2.4m0 3v.01',
  sun: 'M12 7a5 5 0 1 0 0 10 5 5 0 0 0 0-10M12 1.5v2M12 20.5v2M4.6 4.6 6 6M18 18l1.4 1.4M1.5 12h2M20.5 12h2M4.6 19.4 6 18M18 6l1.4-1.4',
  moon: 'M20 14.5A8.5 8.5 0 1 1 9.5 4a7 7 0 0 0 10.5 10.5',
  half: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M12 3v18M15 4.5v15M18 7v10',
  meter: 'M5 4h14v16H5zM8 8h8v4H8zM9 16h6',
  server: 'M4 5h16v6H4zM4 13h16v6H4zM7.5 8h.01M7.5 16h.01',
  scissors:
    'M8 8l12 9M8 16 20 7M6 4.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5M6 14.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5',
  pause: 'M8 5v14M16 5v14',
  play: 'M7 5l12 7-12 7z',
  download: 'M12 4v11m0 0-5-5m5 5 5-5M5 20h14',
} as const

/** The name of an icon. */
export type IconName = keyof typeof PATHS

/** A line icon of the text's own size and colour; what it means is said beside it. */
export function Icon(props: { name: IconName; size?: number }): VNode {
  const size = props.size ?? 20
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[props.name]} />
    </svg>
  )
}
