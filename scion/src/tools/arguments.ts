import { parseArgs } from 'node:util'
import { ScionError } from '../errors.ts'
import { readGoDuration, withoutGoisms } from './go-flags.ts'

/** The tools, named as the reference's `scion` names them. */
export type ToolName = 'address' | 'showpaths' | 'ping' | 'traceroute'

/** How results are written. */
export type OutputFormat = 'human' | 'json' | 'yaml'

/** What was asked for on the command line. */
export interface ToolArguments {
  readonly tool: ToolName
  /** What the tool is to look at: an AS or an address. */
  readonly target: string | undefined
  readonly sciond: string | undefined
  readonly configDir: string | undefined
  readonly control: readonly string[]
  /** Discovery servers. */
  readonly discovery: readonly string[]
  /** Domains whose DNS names discovery servers. */
  readonly domain: readonly string[]
  /** Whether to follow the hints of this host and its network. */
  readonly discover: boolean
  /** Endhost APIs, which stand in for each other. */
  readonly endhostApi: readonly string[]
  /** Discovery services of endhost APIs. */
  readonly endhostDiscovery: readonly string[]
  /** The AS of this host, where it could be several. */
  readonly isdAs: string | undefined
  /** Folder of TRCs that are believed whatever a server offers; updates of them are kept there. */
  readonly trcs: string | undefined
  /** With a folder of TRCs: an ISD that is not in it is believed when first seen. */
  readonly firstUse: boolean
  readonly local: string | undefined
  readonly insecure: boolean
  readonly format: OutputFormat
  readonly sequence: string
  /** Lines of an access control list, the first that matches decides. */
  readonly acl: readonly string[]
  /** A file with a policy document. */
  readonly policy: string | undefined
  /** Orders of metadata, the first weighs most. */
  readonly ordering: readonly string[]
  readonly explain: boolean
  readonly healthyOnly: boolean
  /** Payload of an echo request; the socket sends 16 bytes at least. */
  readonly payloadBytes: number
  /** Size of a whole packet, headers included; undefined where only the payload's is given. */
  readonly packetBytes: number | undefined
  /** Whether to fill packets to the path's MTU. */
  readonly maxMtu: boolean
  readonly refresh: boolean
  readonly extended: boolean
  readonly probe: boolean
  readonly pathsMax: number
  /** Packets to send; 0 until interrupted. */
  readonly count: number
  readonly intervalMs: number
  readonly timeoutMs: number
}

/** What the tool prints for `--help`. */
export const HELP = `Usage: s3mp scion TOOL [flags] [TARGET]

  address                  the SCION address of this host
  showpaths ISD-AS         the paths to an AS, and whether they are alive (sp)
  ping ISD-AS,HOST         ask a host for an answer
  traceroute ISD-AS,HOST   ask every router on the way (tr)

In place of ISD-AS,HOST a name may stand that /etc/scion/hosts or a DNS TXT record scion=… has.

Where paths come from (those given, in this order, until one answers; else the daemon of SCION_DAEMON or
/etc/scion/environment.json, else the folder /etc/scion):
      --sciond HOST:PORT      a daemon; default for 127.0.0.1:30255
      --config-dir FOLDER     topology.json and certs/*.trc; no daemon is needed
      --discovery SERVER      a discovery server: URL, HOST or HOST:PORT (8041); repeatable
      --domain NAME           a domain whose DNS names discovery servers (SRV, NAPTR, TXT); repeatable
      --discover              what DHCP leases, search domains and multicast DNS hint at
      --endhost-api URL       an endhost API; several stand in for each other
      --endhost-discovery URL a discovery service of endhost APIs; repeatable
      --isd-as ISD-AS         the AS of this host, where it could be several
      --trcs FOLDER           believe these TRCs, not those that a server offers; updates are kept there
      --first-use             with --trcs: believe an ISD that is not in the folder when first seen, keep it
      --control HOST:PORT     without daemon: a control service instead of the topology's; repeatable
      --insecure              without daemon: take segments without verifying them
  -l, --local IP              the address of this host (SCION_LOCAL_ADDR)

  -r, --refresh               ask the network although paths are known
      --sequence TEXT         only paths that match, such as "1-ff00:0:111 0* 1-ff00:0:112"
      --acl "LINE, …"         only paths that an access list lets pass, such as "- 1-ff00:0:120, +"
      --policy FILE           only paths that a policy document takes (JPAN's or Scitra's format)
      --ordering LIST         hops_asc, meta_latency_asc, meta_bandwidth_desc … : which to put first
      --explain               showpaths: also the paths left out, and why each is in or out
  -m, --maxpaths N            showpaths: at most so many (10)
  -e, --extended              showpaths: expiry and what the ASes say about the path
      --no-probe              showpaths: do not try whether the paths are alive
  -c, --count N               ping: so many packets (until interrupted)
      --interval TIME         ping: time between packets (1s)
  -s, --payload-size N        ping: so many bytes of payload, at least 16
      --packet-size N         ping: so many bytes in all, headers included
      --max-mtu               ping: packets as large as the path carries
      --healthy-only          ping, traceroute: only a path that is alive
      --timeout TIME          patience with one answer (1s; showpaths 5s)
      --format human|json|yaml
  -j, --json                  the same as --format json
  -h, --help

Examples:
  s3mp scion showpaths 1-ff00:0:112 --sciond 127.0.0.1:30255
  s3mp scion ping 1-ff00:0:112,192.0.2.7 --config-dir /etc/scion -c 3

Exit status: 0 done; 1 no path, none alive, or no answer; 2 anything else. As with the reference,
showpaths says in JSON and YAML what it found, and ends with 0 though that may be nothing.
`

const OPTIONS = {
  sciond: { type: 'string' },
  'config-dir': { type: 'string' },
  control: { type: 'string', multiple: true },
  discovery: { type: 'string', multiple: true },
  domain: { type: 'string', multiple: true },
  trcs: { type: 'string' },
  discover: { type: 'boolean' },
  'endhost-api': { type: 'string', multiple: true },
  'endhost-discovery': { type: 'string', multiple: true },
  'isd-as': { type: 'string' },
  'first-use': { type: 'boolean' },
  insecure: { type: 'boolean' },
  local: { type: 'string', short: 'l' },
  refresh: { type: 'boolean', short: 'r' },
  sequence: { type: 'string' },
  acl: { type: 'string' },
  policy: { type: 'string' },
  ordering: { type: 'string' },
  explain: { type: 'boolean' },
  'healthy-only': { type: 'boolean' },
  'payload-size': { type: 'string', short: 's' },
  'packet-size': { type: 'string' },
  'max-mtu': { type: 'boolean' },
  maxpaths: { type: 'string', short: 'm' },
  extended: { type: 'boolean', short: 'e' },
  'no-probe': { type: 'boolean' },
  // Of the reference's tools, for scripts that were written for them: nothing is coloured or traced here.
  'no-color': { type: 'boolean' },
  'log.level': { type: 'string' },
  'tracing.agent': { type: 'string' },
  epic: { type: 'boolean' },
  interactive: { type: 'boolean', short: 'i' },
  count: { type: 'string', short: 'c' },
  interval: { type: 'string' },
  timeout: { type: 'string' },
  format: { type: 'string' },
  json: { type: 'boolean', short: 'j' },
  help: { type: 'boolean', short: 'h' },
} as const

const TOOLS: readonly ToolName[] = ['address', 'showpaths', 'ping', 'traceroute']
const ALIASES: Readonly<Record<string, ToolName>> = { sp: 'showpaths', tr: 'traceroute' }
const FORMATS: readonly OutputFormat[] = ['human', 'json', 'yaml']
/** Flags that take no value. */
const SWITCHES = Object.entries(OPTIONS).flatMap(([name, { type }]) =>
  type === 'boolean' ? [name] : [],
)

/** Reads the command line; `'help'` when that is asked for. Throws `ERR_SCION_CONFIG`. */
export function parseArguments(words: readonly string[]): ToolArguments | 'help' {
  let parsed
  try {
    const args = joinAcl(withoutGoisms(words, SWITCHES))
    parsed = parseArgs({ args, options: OPTIONS, allowPositionals: true })
  } catch (cause) {
    throw usage(explain(cause))
  }
  const { values, positionals } = parsed
  const [name, target, ...others] = positionals
  if (values.help === true) return 'help'
  const tool = TOOLS.find((one) => one === name) ?? ALIASES[name ?? '']
  if (tool === undefined)
    throw usage(`tool: expected one of ${TOOLS.join(', ')}, found ${name ?? 'nothing'}`)
  const wantsTarget = tool !== 'address'
  if (others.length > 0 || wantsTarget !== (target !== undefined)) {
    const found = [target, ...others].filter((one) => one !== undefined).join(' ')
    const wanted = tool === 'showpaths' ? 'an ISD-AS' : 'ISD-AS,HOST or a name'
    throw usage(
      `${tool}: expected ${wantsTarget ? wanted : 'no target'}, found ${found || 'nothing'}`,
    )
  }
  if (values.epic === true) throw usage('--epic: EPIC is not offered')
  if (values.interactive === true) {
    throw usage('--interactive: not offered; choose by --sequence, --acl or --policy')
  }
  const format = values.format ?? (values.json === true ? 'json' : 'human')
  const known = FORMATS.find((one) => one === format)
  if (known === undefined) throw usage(`--format: expected ${FORMATS.join(', ')}, found ${format}`)
  return {
    tool,
    target,
    sciond: values.sciond,
    configDir: values['config-dir'],
    control: values.control ?? [],
    discovery: values.discovery ?? [],
    domain: values.domain ?? [],
    trcs: values.trcs,
    firstUse: values['first-use'] === true,
    discover: values.discover === true,
    endhostApi: values['endhost-api'] ?? [],
    endhostDiscovery: values['endhost-discovery'] ?? [],
    isdAs: values['isd-as'],
    local: values.local,
    insecure: values.insecure === true,
    format: known,
    sequence: values.sequence ?? '',
    acl: readList(values.acl),
    policy: values.policy,
    ordering: readList(values.ordering),
    explain: values.explain === true,
    healthyOnly: values['healthy-only'] === true,
    payloadBytes: readCount('payload-size', values['payload-size'], 0),
    packetBytes:
      values['packet-size'] === undefined
        ? undefined
        : readCount('packet-size', values['packet-size'], 0),
    maxMtu: values['max-mtu'] === true,
    refresh: values.refresh === true,
    extended: values.extended === true,
    probe: values['no-probe'] !== true,
    pathsMax: readCount('maxpaths', values.maxpaths, 10),
    count: readCount('count', values.count, 0),
    intervalMs: readDuration('interval', values.interval, 1000),
    timeoutMs: readDuration('timeout', values.timeout, tool === 'showpaths' ? 5000 : 1000),
  }
}

/** The lines of an access list begin with a sign, which would be taken for another flag. */
function joinAcl(words: readonly string[]): string[] {
  const at = words.indexOf('--acl')
  const value = words[at + 1]
  if (at < 0 || value === undefined || value.startsWith('--')) return [...words]
  return [...words.slice(0, at), `--acl=${value}`, ...words.slice(at + 2)]
}

/** Node's sentence about a flag, without its advice about words that begin with a dash. */
function explain(cause: unknown): string {
  const [sentence = ''] = (cause instanceof Error ? cause.message : String(cause)).split(/\. |\n/)
  const unknown = /^Unknown option '--([a-z-]+)'/.exec(sentence)?.[1]
  const near = Object.keys(OPTIONS).find(
    (name) => unknown !== undefined && (name.startsWith(unknown) || unknown.startsWith(name)),
  )
  return near === undefined ? sentence : `${sentence}; did you mean --${near}?`
}

function readList(text: string | undefined): readonly string[] {
  return text === undefined ? [] : text.split(',').map((one) => one.trim())
}

function readCount(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise
  if (!/^[0-9]{1,6}$/.test(text)) throw usage(`--${name}: expected a number, found ${text}`)
  return Number(text)
}

function readDuration(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise
  const durationMs = readGoDuration(text)
  if (durationMs !== undefined) return durationMs
  throw usage(`--${name}: expected a time such as 500ms or 1s, found ${text.slice(0, 40)}`)
}

function usage(message: string): ScionError {
  return new ScionError('ERR_SCION_CONFIG', `${message} (see s3mp scion --help)`)
}
