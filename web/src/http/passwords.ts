import { argon2, createHash, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { HttpError } from './errors.ts'

/** Shortest password taken. */
export const PASSWORD_CHARS_MIN = 12
/** Longest password taken. */
export const PASSWORD_CHARS_MAX = 256
/** Passwords hashed at once; each takes a core and 19 MiB for a moment. */
export const HASHES_AT_ONCE_MAX = 2
/** Log-ins that wait for their turn; a further one is told to come back. */
export const HASHES_WAITING_MAX = 32

// OWASP Password Storage Cheat Sheet: argon2id with 19 MiB, 2 passes, 1 lane; RFC 9106 §3.1.
const COST = { memory: 19_456, passes: 2, parallelism: 1 }
const SALT_BYTES = 16
const TAG_BYTES = 32
/** Costs that a stored password may name; dearer ones could only have been planted. */
const COST_MAX = { memory: 1_048_576, passes: 16, parallelism: 16 }

const derive = promisify(argon2)
const turns: (() => void)[] = []
let running = 0

/** The password for a stranger's name: checking it costs what checking a real one costs. */
const NOBODY = phc(COST, new Uint8Array(SALT_BYTES), new Uint8Array(TAG_BYTES))

/** Why a password will not do, in a closed word; undefined where it will. */
export function passwordProblem(
  password: string,
  name: string,
): 'too-short' | 'too-long' | 'too-plain' | undefined {
  const text = password.normalize('NFKC')
  if (Array.from(text).length < PASSWORD_CHARS_MIN) return 'too-short'
  if (text.length > PASSWORD_CHARS_MAX) return 'too-long'
  const plain = new Set(text.toLowerCase()).size < 5
  const named = name.length > 3 && text.toLowerCase().includes(name.toLowerCase())
  return plain || named ? 'too-plain' : undefined
}

/**
 * Hashes a password for keeping, as a PHC string: argon2id (RFC 9106), cost and salt included.
 *
 * @throws HttpError `ERR_HTTP_BUSY` when too many are waiting.
 */
export async function hashPassword(
  password: string,
  random: (length: number) => Uint8Array,
): Promise<string> {
  const salt = random(SALT_BYTES)
  return phc(COST, salt, await inTurn(() => tagOf(password, salt, COST)))
}

/**
 * Whether a password is the kept one. Without a kept one (nobody has that name) it costs the same and
 * is false.
 *
 * @throws HttpError `ERR_HTTP_BUSY`, or `ERR_HTTP_PASSWORD` where what was kept is no PHC string.
 */
export async function checkPassword(password: string, kept: string | undefined): Promise<boolean> {
  const { cost, salt, tag } = read(kept ?? NOBODY)
  const long = password.length > PASSWORD_CHARS_MAX
  const found = await inTurn(() => tagOf(long ? '' : password, salt, cost))
  return timingSafeEqual(found, tag) && kept !== undefined && !long
}

/** Whether two texts are the same, in a time that says nothing about where they differ. */
export function sameText(left: string, right: string): boolean {
  const digest = (text: string): Uint8Array => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(left), digest(right))
}

async function tagOf(
  password: string,
  salt: Uint8Array,
  { memory, passes, parallelism }: typeof COST,
): Promise<Uint8Array> {
  const message = new TextEncoder().encode(password.normalize('NFKC'))
  const settings = { message, nonce: salt, parallelism, tagLength: TAG_BYTES, memory, passes }
  return new Uint8Array(await derive('argon2id', settings))
}

async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (running >= HASHES_AT_ONCE_MAX) {
    if (turns.length >= HASHES_WAITING_MAX) {
      throw new HttpError('ERR_HTTP_BUSY', `passwords: ${HASHES_WAITING_MAX} are waiting already`)
    }
    // Whoever ends hands its place over, so that nobody new can slip in between.
    await new Promise<void>((resolve) => turns.push(resolve))
  } else running++
  try {
    return await work()
  } finally {
    const next = turns.shift()
    if (next === undefined) running--
    else next()
  }
}

function phc(cost: typeof COST, salt: Uint8Array, tag: Uint8Array): string {
  const { memory, passes, parallelism } = cost
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${base64(salt)}$${base64(tag)}`
}

function read(text: string): { cost: typeof COST; salt: Uint8Array; tag: Uint8Array } {
  const match =
    /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d{1,2})\$([\w+/]{22})\$([\w+/]{43})$/.exec(text)
  const [, memory, passes, parallelism, salt = '', tag = ''] = match ?? []
  const cost = { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) }
  const known =
    match !== null &&
    cost.memory <= COST_MAX.memory &&
    cost.passes <= COST_MAX.passes &&
    cost.parallelism <= COST_MAX.parallelism
  if (!known) {
    throw new HttpError('ERR_HTTP_PASSWORD', 'password: expected an argon2id PHC string')
  }
  return { cost, salt: Buffer.from(salt, 'base64'), tag: Buffer.from(tag, 'base64') }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '')
}
