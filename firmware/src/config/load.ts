import { dirname, isAbsolute, join, resolve } from 'node:path'

import { parse, TomlError } from 'smol-toml'

import { FirmwareError } from '../errors.ts'
import { lineOf } from './locate.ts'
import { checkMeters, withMeterPaths } from './meters.ts'
import { METER_SECTIONS } from './meter-schema.ts'
import type { ConfigValues, SectionName } from './schema.ts'
import {
  checkSection,
  fieldsOf,
  SECTION_NAMES,
  tableOf,
  unknown,
  type Report,
  type Tree,
} from './section.ts'

/** Bytes of a configuration file; a longer one is not a configuration. */
export const CONFIG_BYTES_MAX = 256 * 1024

/** Faults reported at once; the reader mends these first. */
export const CONFIG_FAULTS_MAX = 20

/** A checked configuration. */
export interface Config extends ConfigValues {
  /** The file it came from, for messages. */
  readonly file: string
}

/** One thing that is wrong with a configuration. */
export interface ConfigFault {
  /** Line counted from 1; undefined when the fault is about something that is not there. */
  readonly line: number | undefined
  /** `section.key`. */
  readonly key: string
  readonly message: string
}

/** Raised with every fault found; its message is one line per fault. */
export class ConfigError extends FirmwareError {
  readonly faults: readonly ConfigFault[]

  constructor(file: string, faults: readonly ConfigFault[]) {
    const shown = faults.slice(0, CONFIG_FAULTS_MAX).map((fault) => {
      const place = fault.line === undefined ? file : `${file}:${String(fault.line)}`
      return `${place}: ${fault.key === '' ? '' : `${fault.key}: `}${fault.message}`
    })
    const rest = faults.length - shown.length
    if (rest > 0) shown.push(`${file}: and ${String(rest)} more`)
    super('config', shown.join('\n'))
    this.faults = faults
  }
}

/**
 * Checks the text of a configuration file. Relative paths in it start at the file's own folder.
 *
 * @throws ConfigError with every fault, each with its line, what was expected and what was found.
 */
export function parseConfig(toml: string, file: string): Config {
  if (toml.length > CONFIG_BYTES_MAX) {
    const message = `expected at most ${String(CONFIG_BYTES_MAX)} characters, found ${String(toml.length)}`
    throw new ConfigError(file, [{ line: undefined, key: '', message }])
  }
  const tree = parseToml(toml, file)
  const faults: ConfigFault[] = []
  const report: Report = (path, message) => {
    faults.push({ line: lineOf(toml, path), key: path.join('.'), message })
  }
  const values: Record<string, unknown> = {}
  for (const section of SECTION_NAMES) {
    if (section in METER_SECTIONS) continue
    const path = section.split('.')
    values[section] = checkSection(section, tableOf(tree, path, report), path, report)
  }
  values.meters = checkMeters(tree.meter, report)
  for (const name of Object.keys(tree)) {
    if (SECTION_NAMES.some((known) => known.split('.')[0] === name)) continue
    report([name], unknown('section', name, SECTION_NAMES))
  }
  if (faults.length > 0) {
    throw new ConfigError(
      file,
      faults.sort((a, b) => (a.line ?? 0) - (b.line ?? 0)),
    )
  }
  // Each value went through the schema that ConfigValues is inferred from.
  const config = { file, ...(values as unknown as ConfigValues) }
  checkTogether(config, toml)
  return withAbsolutePaths(config)
}

/**
 * A configuration file's text as a tree.
 *
 * @throws ConfigError with the line that is no TOML.
 */
export function parseToml(toml: string, file: string): Tree {
  try {
    return parse(toml)
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const [first = ''] = error.message.split('\n')
    const what = first.replace(/^Invalid TOML document:/u, 'not TOML:')
    throw new ConfigError(file, [{ line: error.line, key: '', message: what }])
  }
}

/** What no single key can know. */
function checkTogether(config: Config, toml: string): void {
  const faults: ConfigFault[] = []
  const need = (section: SectionName, key: string, value: unknown, why: string): void => {
    if (value !== undefined) return
    const field = fieldsOf(section)[key]
    const cure = `add ${key} = ${field?.example ?? '…'} to [${section}]`
    faults.push({
      line: lineOf(toml, section.split('.')),
      key: `${section}.${key}`,
      message: `missing: ${why}; ${cure}`,
    })
  }
  if (config.uplink.transport === 'udp') {
    need('uplink.udp', 'remote', config['uplink.udp'].remote, 'uplink.transport is "udp"')
  } else {
    const why = 'uplink.transport is "scion"'
    need('uplink.scion', 'local', config['uplink.scion'].local, why)
    need('uplink.scion', 'remote', config['uplink.scion'].remote, why)
  }
  faults.push(...checkScion(config, toml, need))
  const { billing, minute } = config.streams
  if (minute !== undefined && minute > billing) {
    const message = 'expected a span no longer than streams.billing; swap the two or write "off"'
    faults.push({ line: lineOf(toml, ['streams', 'minute']), key: 'streams.minute', message })
  }
  if (faults.length > 0) throw new ConfigError(config.file, faults)
}

type Need = (section: SectionName, key: string, value: unknown, why: string) => void

/** What the sources of paths and keys need of each other. */
function checkScion(config: Config, toml: string, need: Need): readonly ConfigFault[] {
  if (config.uplink.transport !== 'scion') return []
  const section = 'uplink.scion'
  const scion = config[section]
  const sources = sourcesOf(scion)
  const faults: ConfigFault[] = []
  const fault = (key: string, message: string): void => {
    faults.push({
      line: lineOf(toml, [...section.split('.'), key]),
      key: `${section}.${key}`,
      message,
    })
  }
  if (sources.length === 0) {
    fault(
      'source',
      'missing: nothing says where paths come from; add daemon, config_dir, endhost_apis, discovery, domains or paths',
    )
  }
  for (const source of sources) {
    const key = KEY_OF_SOURCE[source]
    need(section, key, scion[key], `${section}.source names "${source}"`)
  }
  if (
    scion.authentication !== 'off' &&
    scion.daemon === undefined &&
    scion.config_dir === undefined
  ) {
    fault(
      'authentication',
      'keys come from a daemon or a control service; add daemon or config_dir',
    )
  }
  return faults
}

/** The key that each source of paths reads. */
const KEY_OF_SOURCE = {
  daemon: 'daemon',
  control: 'config_dir',
  endhost: 'endhost_apis',
  discovery: 'discovery',
  domain: 'domains',
  file: 'paths',
} as const

/** The name of a source of paths. */
export type SourceName = keyof typeof KEY_OF_SOURCE

/** The sources of paths to ask, in this order. */
export function sourcesOf(scion: ConfigValues['uplink.scion']): readonly SourceName[] {
  const all = ['daemon', 'control', 'endhost', 'discovery', 'domain', 'file'] as const
  return scion.source ?? all.filter((name) => scion[KEY_OF_SOURCE[name]] !== undefined)
}

function withAbsolutePaths(config: Config): Config {
  const here = dirname(resolve(config.file))
  const at = (base: string, path: string): string => (isAbsolute(path) ? path : join(base, path))
  const folder = at(here, config.state.folder)
  const scion = config['uplink.scion']
  const files = (['paths', 'config_dir', 'policy_file', 'trcs'] as const).flatMap((key) => {
    const path = scion[key]
    return path === undefined ? [] : [[key, at(here, path)] as const]
  })
  const { socket } = config.control
  const { page } = config
  return {
    ...config,
    meters: config.meters.map((meter) => withMeterPaths(meter, here)),
    state: { ...config.state, folder },
    headend: { card: at(folder, config.headend.card) },
    uplink: { ...config.uplink, socket: at(here, config.uplink.socket) },
    'uplink.scion': { ...scion, ...Object.fromEntries(files) },
    control: { socket: socket === 'off' ? 'off' : at(here, socket) },
    page: {
      ...page,
      socket: at(here, page.socket),
      folder: page.folder === undefined ? undefined : at(here, page.folder),
    },
  }
}
