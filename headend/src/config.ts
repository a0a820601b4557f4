import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { isLoopback } from '@s3mp/web/http'
import { TomlError, parse } from 'smol-toml'
import { z } from 'zod'
import { HeadendError } from './errors.ts'

/** Largest configuration file read; a configuration is a page of text. */
export const CONFIG_BYTES_MAX = 65_536

/** Where the head-end's configuration lies unless `--config` names another. */
export const CONFIG_PATH_DEFAULT = '/etc/s3mp/headend.toml'

const port = z.int().min(0).max(65_535)
const host = z.string().min(1).max(253)
const isdAs = z
  .string()
  .regex(/^[0-9]{1,5}-([0-9]{1,10}|[0-9a-f]{1,4}(:[0-9a-f]{1,4}){2})$/i, 'an ISD-AS number')

const filePath = z.string().min(1).max(1024)
const hostPort = z
  .string()
  .regex(/^(?:\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z.-]{1,253}):[0-9]{1,5}$/, 'HOST:PORT')

const schema = z.strictObject({
  name: z.string().min(1).max(100).default('S3MP head-end'),
  data: z.string().min(1),
  log: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  udp: z.strictObject({ host: host.default('127.0.0.1'), port }).optional(),
  scion: z
    .strictObject({
      isd_as: isdAs,
      host,
      port,
      listen: host.optional(),
      daemon: hostPort.optional(),
      config_dir: filePath.optional(),
      control: z.array(hostPort).min(1).max(16).optional(),
      trust: z.enum(['strict', 'first-use', 'insecure']).default('strict'),
      authentication: z.enum(['off', 'prefer', 'require']).default('off'),
      drkey_protocol: z.int().min(1).max(65_535).default(5342),
    })
    .refine(
      ({ authentication, daemon, config_dir: folder }) =>
        authentication === 'off' || daemon !== undefined || folder !== undefined,
      {
        path: ['authentication'],
        message: 'keys come from a daemon or a control service; add daemon or config_dir',
      },
    )
    .optional(),
  http: z
    .strictObject({
      host: host.default('127.0.0.1'),
      port: port.default(8480),
      next_port: z.boolean().default(false),
      auth: z.enum(['password', 'none']).default('password'),
      origin: z
        .string()
        .regex(/^https?:\/\/[0-9A-Za-z.-]{1,253}(:[0-9]{1,5})?$/, 'https://HOST, without a path')
        .optional(),
    })
    .refine(({ auth, origin }) => auth === 'password' || origin === undefined, {
      path: ['auth'],
      message: 'without a log-in nothing may stand in front of the page; remove auth or origin',
    })
    .refine(({ auth, host: name }) => auth === 'password' || isLoopback(name), {
      path: ['auth'],
      message:
        'without a log-in only a loopback address is served; remove it, or listen on 127.0.0.1',
    })
    .prefault({}),
  prekeys: z
    .strictObject({
      valid_days: z.number().min(1).max(92).default(30),
      rotate_before_days: z.number().min(0.1).max(91).default(7),
      grace_days: z.number().min(0).max(7).default(7),
    })
    .refine((days) => days.rotate_before_days < days.valid_days, {
      path: ['rotate_before_days'],
      message: 'must be less than valid_days, or every prekey is due for rotation when it is made',
    })
    .prefault({}),
})

/** What a head-end is told: where it keeps things, where it listens, how long prekeys live. */
export interface HeadendConfig {
  /** Shown on the page and in the card that meters get. */
  readonly name: string
  /** Folder of the store and the keys, absolute. */
  readonly dataFolder: string
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error'
  /** Plain UDP, also what a SCION-IP gateway delivers to. */
  readonly udp: { readonly host: string; readonly port: number } | undefined
  /** The head-end as a native SCION host; `listen` is the underlay's local address. */
  readonly scion: ScionConfig | undefined
  readonly http: HttpConfig
  readonly prekeys: PrekeyPolicy
}

/** The page and the API. */
export interface HttpConfig {
  readonly host: string
  readonly port: number
  readonly nextPort: boolean
  /** Whether people log in; `open` only on this machine. */
  readonly access: 'password' | 'open'
  /** `https://…` of a proxy in front. */
  readonly origin: string | undefined
}

/** The head-end as a SCION host. */
export interface ScionConfig {
  readonly isdAs: string
  readonly host: string
  readonly port: number
  readonly listen: string
  /** A daemon, which knows paths and keys. */
  readonly daemon: string | undefined
  /** The folder with `topology.json` and `certs/*.trc` of the own AS, absolute. */
  readonly configFolder: string | undefined
  /** Control services to ask instead of those of the topology. */
  readonly control: readonly string[] | undefined
  readonly trust: 'strict' | 'first-use' | 'insecure'
  /** Whether packets prove their sender by DRKey. */
  readonly authentication: 'off' | 'prefer' | 'require'
  readonly drkeyProtocol: number
}

/** How long a prekey may be used, when its successor is made, and how long it still opens. */
export interface PrekeyPolicy {
  readonly validMs: number
  /** The next prekey is made this long before the current one ends. */
  readonly rotateBeforeMs: number
  /** The private part is deleted this long after the end: what offline meters may still use. */
  readonly graceMs: number
}

const DAY_MS = 86_400_000

/**
 * Reads and checks a configuration file.
 *
 * @throws HeadendError `ERR_HEADEND_CONFIG` naming file, line, key, what was expected and found.
 */
export function readConfig(path: string): HeadendConfig {
  let text: string
  try {
    const bytes = readFileSync(path)
    if (bytes.length > CONFIG_BYTES_MAX) {
      throw configError(
        `${path}: expected at most ${CONFIG_BYTES_MAX} bytes, found ${bytes.length}`,
      )
    }
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    if (error instanceof HeadendError) throw error
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    const reason = error instanceof Error ? error.message : String(error)
    throw configError(
      `${path}: ${isMissing ? 'is not there' : `cannot be read (${reason})`}; make one: s3mp headend init --config headend.toml, or name yours with --config`,
      error,
    )
  }
  return parseConfig(text, path)
}

/**
 * Checks the text of a configuration; relative paths in it are relative to the file.
 *
 * @throws HeadendError `ERR_HEADEND_CONFIG`.
 */
export function parseConfig(text: string, path: string): HeadendConfig {
  let value: unknown
  try {
    value = parse(text)
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const reason = error.message.split('\n')[0]?.replace('Invalid TOML document: ', '') ?? ''
    throw configError(`${path}:${error.line}:${error.column}: not TOML: ${reason}`, error)
  }
  const parsed = schema.safeParse(value)
  if (!parsed.success) {
    throw configError(parsed.error.issues.map((issue) => explain(issue, text, path)).join('\n'))
  }
  const { name, data, log, udp, scion, http, prekeys } = parsed.data
  if (udp === undefined && scion === undefined) {
    throw configError(
      `${path}: nothing to listen on: expected a table [udp] or [scion]; add [udp] with a port`,
    )
  }
  return {
    name,
    dataFolder: resolve(dirname(path), data),
    logLevel: log,
    udp,
    scion: scion && {
      isdAs: scion.isd_as,
      host: scion.host,
      port: scion.port,
      listen: scion.listen ?? scion.host,
      daemon: scion.daemon,
      configFolder: scion.config_dir && resolve(dirname(path), scion.config_dir),
      control: scion.control,
      trust: scion.trust,
      authentication: scion.authentication,
      drkeyProtocol: scion.drkey_protocol,
    },
    http: {
      host: http.host,
      port: http.port,
      nextPort: http.next_port,
      access: http.auth === 'none' ? 'open' : 'password',
      origin: http.origin,
    },
    prekeys: {
      validMs: prekeys.valid_days * DAY_MS,
      rotateBeforeMs: prekeys.rotate_before_days * DAY_MS,
      graceMs: prekeys.grace_days * DAY_MS,
    },
  }
}

function configError(message: string, cause?: unknown): HeadendError {
  return new HeadendError('ERR_HEADEND_CONFIG', message, { cause })
}

function explain(issue: z.core.$ZodIssue, text: string, path: string): string {
  const keys = issue.path.map(String)
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0] ?? ''
    const line = lineOf(text, [...keys, key])
    const known = knownKeys(keys)
    const near = nearest(key, known)
    const remedy =
      near === undefined ? `known here: ${known.join(', ')}` : `did you mean '${near}'?`
    return `${path}:${line}: ${[...keys, key].join('.')}: unknown key; ${remedy}`
  }
  const name = keys.length === 0 ? 'the file' : keys.join('.')
  const reason = issue.message.replace(/^Invalid input: /, '')
  const missing = issue.code === 'invalid_type' && issue.input === undefined
  const remedy = missing && reason.includes('received undefined') ? '; add the key' : ''
  return `${path}:${lineOf(text, keys)}: ${name}: ${reason}${remedy}`
}

function knownKeys(table: readonly string[]): readonly string[] {
  const tables: Readonly<Record<string, readonly string[]>> = {
    '': ['name', 'data', 'log', 'udp', 'scion', 'http', 'prekeys'],
    udp: ['host', 'port'],
    scion: [
      ...['isd_as', 'host', 'port', 'listen', 'daemon', 'config_dir', 'control', 'trust'],
      ...['authentication', 'drkey_protocol'],
    ],
    http: ['host', 'port', 'next_port', 'auth', 'origin'],
    prekeys: ['valid_days', 'rotate_before_days', 'grace_days'],
  }
  return tables[table.join('.')] ?? []
}

/** The line, from 1, on which a key stands; its table's line, or 1, when the key is missing. */
export function lineOf(text: string, keys: readonly string[]): number {
  let table = ''
  let best = 1
  const wanted = keys.join('.')
  for (const [index, line] of text.split('\n').entries()) {
    const header = /^\s*\[\s*([^\]]+?)\s*\]/.exec(line)?.[1]
    if (header !== undefined) {
      table = header.replace(/["'\s]/g, '')
      if (wanted === table || wanted.startsWith(`${table}.`)) best = index + 1
      continue
    }
    const key = /^\s*([A-Za-z0-9_."'-]+)\s*=/.exec(line)?.[1]?.replace(/["']/g, '')
    if (key === undefined) continue
    const full = table === '' ? key : `${table}.${key}`
    if (full === wanted) return index + 1
  }
  return best
}

/** The known name within two edits of a mistyped one, if there is one. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const distances = known.map((name) => ({ name, edits: edits(word, name) }))
  const best = distances.sort((left, right) => left.edits - right.edits)[0]
  return best !== undefined && best.edits <= 2 ? best.name : undefined
}

/** Levenshtein's distance; both words are short, one by the schema and one by a line's length. */
function edits(left: string, right: string): number {
  if (Math.abs(left.length - right.length) > 2) return 3
  let row = Array.from({ length: right.length + 1 }, (_, column) => column)
  for (let i = 1; i <= left.length; i++) {
    const next = [i]
    for (let j = 1; j <= right.length; j++) {
      const same = left[i - 1] === right[j - 1] ? 0 : 1
      next.push(Math.min((next[j - 1] ?? 0) + 1, (row[j] ?? 0) + 1, (row[j - 1] ?? 0) + same))
    }
    row = next
  }
  return row[right.length] ?? 0
}
