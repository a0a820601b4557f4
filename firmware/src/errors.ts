/**
 * Why the firmware could not do what it was asked to.
 *
 * - `config`: the configuration is wrong; the message names file, line, key and the remedy.
 * - `usage`: a command was given arguments that do not go together.
 * - `identity`: the device key or the head-end's card is missing, foreign or unreadable.
 * - `exists`: a file that must never be overwritten is already there.
 * - `spool`: the durable store refuses to open or to write.
 * - `spool-full`: nothing more may be stored until the head-end has acknowledged something.
 * - `channel`: the other role is not there, or speaks something else.
 * - `network`: the network, or whoever knows paths through it, cannot be reached; it is tried again.
 * - `malformed`: bytes from the other role or from a file are not what they should be.
 * - `source`: the meter's device cannot be opened or played.
 * - `unproven`: a record does not prove what it should.
 */
export type FirmwareErrorCode =
  | 'config'
  | 'usage'
  | 'identity'
  | 'exists'
  | 'spool'
  | 'spool-full'
  | 'channel'
  | 'network'
  | 'malformed'
  | 'source'
  | 'unproven'

/** The only error class that the firmware throws on purpose; what caused it rides in `cause`. */
export class FirmwareError extends Error {
  override readonly name = 'FirmwareError'
  readonly code: FirmwareErrorCode

  constructor(code: FirmwareErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** The sentence of any thrown thing, for logs and for people: never a stack, never empty. */
export function reasonOf(error: unknown): string {
  if (error instanceof Error) return error.message === '' ? error.name : error.message
  return String(error)
}

/** The `code` of any error that carries one (ours, another room's, Node's), else `unknown`. */
export function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code
  return 'unknown'
}

/** What the system says about a file, for people; whoever asks names the file. */
const FILE_WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'is not there',
  ENOTDIR: 'lies below something that is no folder',
  EISDIR: 'is a folder, where a file is expected',
  EEXIST: 'is there already',
  EACCES: 'may not be used by this user',
  EPERM: 'may not be used by this user',
  EROFS: 'lies on a disk that cannot be written',
  ENOSPC: 'finds no room on its disk',
}

/** Why something could not be done with a file: the system's reason in words, else the sentence itself. */
export function fileReasonOf(error: unknown): string {
  return FILE_WORDS[codeOf(error)] ?? reasonOf(error)
}
