import { systemClock } from '@s3mp/hal'
import {
  FallbackPathSource,
  FilePathSource,
  findNetwork,
  formatHost,
  nodeUnderlay,
  openDaemon,
  openDrkeys,
  openStandalone,
  parseAddress,
  parseEndpoint,
  parseIsdAs,
  ScionError,
  trcFileName,
  type ControlOptions,
  type Jurisdiction,
  type NetworkPlace,
  type OpenDrkeys,
  type PathSource,
  type ScionAddress,
  type ScionEndpoint,
  type SourceCandidate,
} from '@s3mp/scion'

import { sourcesOf, type Config, type SourceName } from '../config/load.ts'
import { FirmwareError, reasonOf } from '../errors.ts'
import { silentLog, type Log } from '../log.ts'
import type { NatNews } from '../transport/nat.ts'
import { OwnerPolicy } from '../transport/policy.ts'
import { openScionTransport, type ScionTransport } from '../transport/scion.ts'
import { openPolicyFile, type PolicyFile } from './policy-file.ts'
import { systemRandom } from './system.ts'

/**
 * The SCION host that the configuration describes.
 *
 * @throws FirmwareError `config` where it is wrong, `network` where nobody tells us of our AS and its
 *   paths, or the address that is configured is not there.
 */
export async function openScion(config: Config, log: Log = silentLog): Promise<ScionTransport> {
  const { local, remote } = config['uplink.scion']
  if (local === undefined || remote === undefined) {
    throw new FirmwareError('config', 'uplink.scion: expected local and remote')
  }
  const opened: { close(): Promise<void> }[] = []
  const closeAll = async (): Promise<void> => {
    await Promise.all(opened.map((one) => one.close()))
  }
  let trouble: 'config' | 'network' = 'config'
  try {
    const ends = { local: parseAddress(local), remote: parseEndpoint(remote) }
    const jurisdiction = jurisdictionOf(config)
    const file = await policyOf(config, ends.local, ends.remote)
    trouble = 'network'
    const source = await openSources(config, ends.local, log)
    opened.push(source)
    const keys = await keysOf(config, ends.local)
    if (keys !== undefined) opened.push(keys)
    const transport = await open(config, {
      ...ends,
      source,
      keys,
      file,
      jurisdiction,
      log,
      closeAll,
    })
    file?.follow((document) => {
      transport.setPolicy(document)
    }, log)
    if (file !== undefined) opened.push(file)
    return transport
  } catch (error) {
    await closeAll()
    if (!(error instanceof ScionError)) throw error
    const message = `${config.file}: uplink.scion: ${reasonOf(error)}`
    throw new FirmwareError(trouble, message, { cause: error })
  }
}

interface Parts {
  readonly local: ScionAddress
  readonly remote: ScionEndpoint
  readonly source: PathSource
  readonly keys: OpenDrkeys | undefined
  readonly file: PolicyFile | undefined
  readonly jurisdiction: Jurisdiction | undefined
  readonly log: Log
  readonly closeAll: () => Promise<void>
}

async function open(config: Config, parts: Parts): Promise<ScionTransport> {
  const { port, nat, alarm_paths: alarmPaths, authentication, drkey_protocol: protocol } = config['uplink.scion'] // prettier-ignore
  const { local, remote, source, keys, file, jurisdiction, log, closeAll } = parts
  const nowMs = (): number => systemClock.nowMs()
  const document = file?.policy
  const policy = new OwnerPolicy({ document, jurisdiction, nowMs, random: systemRandom })
  const isRequired = authentication === 'require'
  return openScionTransport({
    source,
    policy,
    local,
    port,
    remote,
    underlay: nodeUnderlay,
    clock: systemClock,
    random: systemRandom,
    alarmPaths,
    nat,
    onNat: (news) => {
      tellNat(news, log)
    },
    ...(keys === undefined ? {} : { authentication: { keys, protocol, isRequired } }),
    onClose: closeAll,
  })
}

/** What is known about a NAT, in the log. */
function tellNat(news: NatNews, log: Log): void {
  if (news.type === 'none') log.info('nat.none')
  else if (news.type === 'unknown') {
    if (news.isTrouble) log.warn('nat.unknown', { reason: news.reason })
    else log.info('nat.unknown', { reason: news.reason })
  } else {
    log.info('nat.found', { outside: news.outside })
    if (news.warning !== undefined) log.warn('nat.port', { reason: news.warning })
  }
}

/** The sources of paths in their order; what one of them lacks is said once, not at every lookup. */
async function openSources(config: Config, local: ScionAddress, log: Log): Promise<PathSource> {
  const told = new Map<string, string>()
  const candidates = sourcesOf(config['uplink.scion']).map((name) => candidateOf(name, config, local, log)) // prettier-ignore
  return FallbackPathSource.open(candidates, ({ name, reason }) => {
    if (told.get(name) === reason) return
    told.set(name, reason)
    log.warn('paths.source-failed', { source: name, reason })
  })
}

function candidateOf(
  name: SourceName,
  config: Config,
  local: ScionAddress,
  log: Log,
): SourceCandidate {
  const { daemon = '', config_dir: configDir = '', paths = '' } = config['uplink.scion']
  if (name === 'daemon') {
    return { name: `daemon ${daemon}`, open: () => openDaemon({ daemon }) }
  }
  if (name === 'file') return { name: `file ${paths}`, open: () => FilePathSource.open(paths) }
  const options = trustOf(config, local, log)
  if (name === 'control') {
    return { name: `control ${configDir}`, open: () => openStandalone({ configDir, ...options }) }
  }
  const places = placesOf(name, config, local)
  const open = async (): Promise<PathSource> => {
    const { source } = await findNetwork(places, { ...options, random: systemRandom })
    return source
  }
  return { name, open }
}

/** The servers that a source names, which are tried one after the other. */
function placesOf(
  name: 'endhost' | 'discovery' | 'domain',
  config: Config,
  { isdAs }: ScionAddress,
): readonly NetworkPlace[] {
  const { endhost_apis: endhostApis = [], discovery = [], domains = [] } = config['uplink.scion']
  if (name === 'endhost') return [{ endhostApis, isdAs }]
  if (name === 'discovery') return discovery.map((one) => ({ discovery: one }))
  return domains.map((domain) => ({ domain }))
}

/** How the control plane is asked, whom it is believed, and what is told of it. */
function trustOf(config: Config, local: ScionAddress, log: Log): ControlOptions {
  const { control, trust, trcs: keepDir } = config['uplink.scion']
  return {
    clock: systemClock,
    localAddress: formatHost(local.host),
    trust,
    ...(control === undefined ? {} : { controlServices: control }),
    ...(keepDir === undefined ? {} : { keepDir }),
    onTrc: (trc) => {
      log.info('trc.accepted', { trc: trcFileName(trc) })
    },
    onTrouble: (error) => {
      log.error('trc.not-kept', { reason: error.message })
    },
    onLookup: ({ problems }) => {
      const [problem] = problems
      if (problem !== undefined) log.warn('paths.left-out', { problem, problems: problems.length })
    },
  }
}

/** Keys come from the daemon where one is named, and from the control services where it fails. */
async function keysOf(config: Config, local: ScionAddress): Promise<OpenDrkeys | undefined> {
  const { authentication, daemon, config_dir: configDir, control } = config['uplink.scion']
  if (authentication === 'off') return undefined
  const controlServices = control === undefined ? {} : { controlServices: control }
  const localAddress = formatHost(local.host)
  const [first, ...others] = [
    ...(daemon === undefined ? [] : [{ daemon }]),
    ...(configDir === undefined ? [] : [{ configDir, localAddress, ...controlServices }]),
  ]
  return first && openDrkeys(first, ...others)
}

function jurisdictionOf(config: Config): Jurisdiction | undefined {
  const { isds, ases, countries, country_of: countryOf } = config['uplink.scion.jurisdiction']
  if (isds === undefined && ases === undefined && countries === undefined) return undefined
  return {
    ...(isds === undefined ? {} : { isds }),
    ...(ases === undefined ? {} : { isdAses: ases.map(parseIsdAs) }),
    ...(countries === undefined ? {} : { countries }),
    ...(countryOf === undefined
      ? {}
      : {
          countryOf: new Map(
            Object.entries(countryOf).map(([isdAs, country]) => [parseIsdAs(isdAs), country]),
          ),
        }),
  }
}

async function policyOf(
  config: Config,
  local: ScionAddress,
  remote: ScionEndpoint,
): Promise<PolicyFile | undefined> {
  const { policy_file: file } = config['uplink.scion']
  if (file === undefined) return undefined
  const destination = { isdAs: remote.isdAs, host: formatHost(remote.host), port: remote.port }
  const source = { isdAs: local.isdAs, host: formatHost(local.host) }
  const hangUp = !process.stdout.isTTY
  return openPolicyFile({ file, ends: { source, destination }, clock: systemClock, hangUp })
}
