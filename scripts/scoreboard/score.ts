/** What decoding one file came to, beside what was expected of it. */
export interface Score {
  readonly protocol: string
  readonly vendor: string
  readonly file: string
  /** Telegrams that must yield a reading, and the readings that came. */
  readonly telegrams: number
  readonly readings: number
  /** Values compared with an expectation. */
  readonly compared: number
  /** What is not as expected, in words: a missing or extra reading, another value. */
  readonly differences: readonly string[]
  /** Expectations known to be wrong, each by the rule that says so. */
  readonly exceptions: readonly string[]
}

/** What is found out about a capture while its values are compared. */
export interface Tally {
  readonly name: string
  compared: number
  readonly differences: string[]
  readonly exceptions: string[]
}

/** A line of the table: the scores of one vendor in one protocol. */
export interface Row {
  readonly protocol: string
  readonly vendor: string
  readonly files: number
  readonly telegrams: number
  readonly readings: number
  readonly compared: number
  readonly differences: number
  readonly exceptions: number
}

/** Adds scores up by protocol and vendor, a total below each protocol. */
export function tabulate(scores: readonly Score[]): readonly Row[] {
  const rows: Row[] = []
  for (const protocol of [...new Set(scores.map((score) => score.protocol))].sort()) {
    const own = scores.filter((score) => score.protocol === protocol)
    const vendors = [...new Set(own.map((score) => score.vendor))].sort((a, b) =>
      a.localeCompare(b),
    )
    for (const vendor of vendors) {
      rows.push(
        sum(
          protocol,
          vendor,
          own.filter((score) => score.vendor === vendor),
        ),
      )
    }
    rows.push(sum(protocol, 'all', own))
  }
  return rows
}

function sum(protocol: string, vendor: string, scores: readonly Score[]): Row {
  const add = (value: (score: Score) => number): number =>
    scores.reduce((total, score) => total + value(score), 0)
  return {
    protocol,
    vendor,
    files: scores.length,
    telegrams: add((score) => score.telegrams),
    readings: add((score) => score.readings),
    compared: add((score) => score.compared),
    differences: add((score) => score.differences.length),
    exceptions: add((score) => score.exceptions.length),
  }
}

/** The rows as aligned text. */
export function formatRows(rows: readonly Row[]): string {
  const head = [
    'protocol',
    'vendor',
    'files',
    'telegrams',
    'readings',
    'values',
    'differences',
    'exceptions',
  ]
  const cells = rows.map((row) => [
    row.protocol,
    row.vendor,
    row.files,
    row.telegrams,
    row.readings,
    row.compared,
    row.differences,
    row.exceptions,
  ])
  const widths = head.map((word, column) =>
    Math.max(word.length, ...cells.map((row) => String(row[column]).length)),
  )
  return [head, ...cells]
    .map((row) =>
      row
        .map((cell, column) => {
          const width = widths[column] ?? 0
          return column < 2 ? String(cell).padEnd(width) : String(cell).padStart(width)
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/**
 * The scores as a table for docs/meters/README.md: what was tried on what, without the differences.
 * `models` names the model of a file, where it is known.
 */
export function markdownTable(
  scores: readonly Score[],
  models: ReadonlyMap<string, string>,
): string {
  const lines = tabulate(scores)
    .filter(({ vendor }) => vendor !== 'all')
    .map(({ protocol, vendor, files, readings, compared }) => {
      const own = scores.filter((score) => score.protocol === protocol && score.vendor === vendor)
      const names = new Map(
        own.flatMap(({ file }) => {
          const model = models.get(file)
          return model === undefined ? [] : [[model.toLowerCase(), model] as const]
        }),
      )
      const list = [...names.values()].sort((a, b) => a.localeCompare(b)).join(', ')
      return `| ${protocol} | ${vendor} | ${list} | ${files} | ${readings} | ${compared} |`
    })
  return [
    '| protocol | maker | models | files | readings | values compared |',
    '| --- | --- | --- | --: | --: | --: |',
    ...lines,
  ].join('\n')
}
