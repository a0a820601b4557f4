import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { HeadendError } from '../errors.ts'
import type { Output } from './output.ts'

/** Characters of a line that a password is read from. */
export const PASSWORD_LINE_CHARS_MAX = 1024

/**
 * A password from whoever sits there, twice and without an echo, or from a line of standard input. Never
 * from the command line, where every process of the machine could read it.
 *
 * @throws HeadendError `ERR_HEADEND_PASSWORD`.
 */
export async function askPassword(output: Output, fromStdin: boolean): Promise<string> {
  if (fromStdin) return readLine(process.stdin, PASSWORD_LINE_CHARS_MAX)
  if (!process.stdin.isTTY) {
    const message = 'password: there is no terminal to ask at; give it with --password-stdin'
    throw new HeadendError('ERR_HEADEND_PASSWORD', message)
  }
  output.note('Password (at least 12 characters; it is not shown):')
  const first = await readHidden()
  output.note('The same again:')
  if ((await readHidden()) === first) return first
  throw new HeadendError('ERR_HEADEND_PASSWORD', 'password: the two were not the same')
}

/** The first line of a stream, without its end. */
export async function readLine(
  stream: AsyncIterable<Uint8Array | string>,
  charsMax: number,
): Promise<string> {
  let text = ''
  for await (const part of stream) {
    text += typeof part === 'string' ? part : new TextDecoder().decode(part)
    if (text.includes('\n') || text.length > charsMax) break
  }
  const line = text.split(/\r?\n/)[0] ?? ''
  if (text.length > charsMax) {
    throw new HeadendError(
      'ERR_HEADEND_PASSWORD',
      `password: expected at most ${charsMax} characters`,
    )
  }
  return line
}

function readHidden(): Promise<string> {
  const nowhere = new Writable({
    write: (_chunk, _encoding, done) => {
      done()
    },
  })
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true })
  return new Promise((resolve, reject) => {
    let answered = false
    lines.once('line', (line) => {
      answered = true
      lines.close()
      resolve(line)
    })
    lines.once('close', () => {
      if (!answered) reject(new HeadendError('ERR_HEADEND_PASSWORD', 'password: none was given'))
    })
  })
}
