/** One measured figure, with the peer it stands beside. */
export interface Figure {
  /** What was measured: "SML decode, 8-byte chunks". */
  readonly name: string
  readonly value: number
  /** "ms/telegram", "objects/s", "MiB" … */
  readonly unit: string
  /** What the ratio compares with, measured in the same run: "open-sml". */
  readonly peer?: string
  /** This figure divided by the peer's. */
  readonly ratio?: number
  /** The aim in words, where one was set: "<= 0.010". */
  readonly aim?: string
  /** Whether the aim was met in this run. */
  readonly met?: boolean
  /** Anything the reader must know, such as a peer that was absent. */
  readonly note?: string
}

/** What every file of this folder that measures something exports as `run`. */
export type Bench = () => Promise<readonly Figure[]>

/** The median of samples, which a noisy machine disturbs least. */
export function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2
}

/** Milliseconds that `work` takes, the median of `runs` after one run that is not counted. */
export async function medianMs(runs: number, work: () => unknown): Promise<number> {
  await work()
  const samples: number[] = []
  for (let run = 0; run < runs; run++) {
    const started = performance.now()
    await work()
    samples.push(performance.now() - started)
  }
  return median(samples)
}

/** Writes figures as an aligned table. */
export function printFigures(figures: readonly Figure[]): void {
  const rows = figures.map((figure) => [
    figure.name,
    format(figure.value),
    figure.unit,
    figure.ratio === undefined ? '' : `${format(figure.ratio)} × ${figure.peer ?? ''}`,
    figure.aim === undefined ? '' : `${figure.aim} ${figure.met === false ? 'MISSED' : 'met'}`,
    figure.note ?? '',
  ])
  const head = ['what', 'value', 'unit', 'ratio', 'aim', 'note']
  const widths = head.map((word, column) =>
    Math.max(word.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  for (const row of [head, ...rows]) {
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
  }
}

function format(value: number): string {
  return value >= 1000
    ? Math.round(value).toLocaleString('en')
    : String(Number(value.toPrecision(3)))
}
