import { FirmwareError } from './errors.ts'

/** Characters of one line of a file that is read line by line. */
export const LINE_CHARS_MAX = 65_536

/**
 * The lines of a stream of bytes, without their ends; holds one line at most.
 *
 * @throws FirmwareError `malformed` when a line is longer than LINE_CHARS_MAX.
 */
export async function* linesOf(input: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of input) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) yield checked(line)
    checked(rest)
  }
  if (rest !== '') yield checked(rest)
}

function checked(line: string): string {
  if (line.length <= LINE_CHARS_MAX) return line
  const expected = `expected at most ${String(LINE_CHARS_MAX)} characters`
  throw new FirmwareError('malformed', `line: ${expected}, found more`)
}
