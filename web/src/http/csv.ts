/** How numbers and columns are written: `point` as programs like it, `comma` as spreadsheets in much of Europe do. */
export type CsvStyle = 'point' | 'comma'

/** A cell: a text of whatever origin, an exact decimal, or nothing. */
export type CsvCell =
  { readonly text: string } | { readonly number: string } | { readonly empty: true }

/**
 * One line of a CSV file (RFC 4180), CRLF included.
 *
 * A text that a spreadsheet would take for a formula gets an apostrophe in front, which the
 * spreadsheet shows as text (OWASP, CSV injection): what a meter sends must not run in an office.
 * Numbers are written as they are, and only if they are numbers.
 */
export function csvLine(cells: readonly CsvCell[], style: CsvStyle = 'point'): string {
  const separator = style === 'comma' ? ';' : ','
  return `${cells.map((cell) => csvCell(cell, style)).join(separator)}\r\n`
}

function csvCell(cell: CsvCell, style: CsvStyle): string {
  if ('empty' in cell) return ''
  if ('number' in cell && /^-?[0-9]+(\.[0-9]+)?$/.test(cell.number)) {
    return style === 'comma' ? cell.number.replace('.', ',') : cell.number
  }
  const text = 'number' in cell ? cell.number : cell.text
  // A tab or a line end in front hides a formula from whoever looks at the first character only.
  const harmless = /^[\s]*[=+\-@|%]/.test(text) || /^[\t\r\n]/.test(text) ? `'${text}` : text
  return `"${harmless.replaceAll('"', '""')}"`
}
