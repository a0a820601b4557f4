import { readFile } from 'node:fs/promises'
import { formatIsdAs, parseIsdAs } from '../addr/isd-as.ts'
import { DAEMON_ADDRESS } from '../control/daemon.ts'
import { ScionError } from '../errors.ts'
import { Json } from '../json.ts'

/** Where the reference's tools look for the settings of a host. */
export const ENVIRONMENT_FILE = '/etc/scion/environment.json'
/** ASes that such a file may tell of. */
export const ENVIRONMENT_ASES_MAX = 256

/** What is asked of the environment. */
export interface EnvironmentQuestion {
  readonly variables: Readonly<Record<string, string | undefined>>
  /** The AS of this host, where it was named. */
  readonly isdAs: string | undefined
}

/** The address behind `--sciond`: the word `default` stands for the usual one. */
export function daemonAddress(text: string): string {
  return text === 'default' ? DAEMON_ADDRESS : text
}

/**
 * The daemon that the environment names, as the reference's tools find it: by `SCION_DAEMON`, else by
 * the file `/etc/scion/environment.json` (`SCION_ENVIRONMENT` names another) for the AS that is named,
 * or that is the default there. Undefined where neither names one; `ERR_SCION_CONFIG` for a file that
 * is wrong.
 */
export async function daemonOfEnvironment({
  variables,
  isdAs,
}: EnvironmentQuestion): Promise<string | undefined> {
  if (variables.SCION_DAEMON !== undefined) return daemonAddress(variables.SCION_DAEMON)
  const path = variables.SCION_ENVIRONMENT ?? ENVIRONMENT_FILE
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new ScionError('ERR_SCION_IO', `${path}: ${reason}`, { cause })
  }
  const file = Json.parse(text, path, 'ERR_SCION_CONFIG')
  const [general, ases] = [file.get('general'), file.get('ases')]
  const named =
    isdAs ?? (general.exists ? general.get('default_isd_as').optionalString() : undefined)
  if (named === undefined || !ases.exists) return undefined
  const wanted = formatIsdAs(parseIsdAs(named))
  for (const [key, as] of ases.entries(ENVIRONMENT_ASES_MAX)) {
    if (formatIsdAs(parseIsdAs(key)) === wanted) return as.get('daemon_address').optionalString()
  }
  return undefined
}
