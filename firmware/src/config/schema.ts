import type { OwnList } from '@s3mp/meter'
import { z } from 'zod'

import type { Field } from './field.ts'
import { METER_SECTIONS } from './meter-schema.ts'
import {
  hostPort,
  hostPortText,
  ipPort,
  listOf,
  size,
  span,
  spanOrOff,
  text,
  whole,
} from './values.ts'

/** Entries of one list of a jurisdiction. */
export const JURISDICTION_ENTRIES_MAX = 256

const sourceName = z.enum(['daemon', 'control', 'endhost', 'discovery', 'domain', 'file'])
const country = z.string().regex(/^[A-Z]{2}$/u)
const countryTable = z
  .record(text, country)
  .refine((table) => Object.keys(table).length <= JURISDICTION_ENTRIES_MAX)

const SECOND = 1000
const MINUTE = 60 * SECOND
const DAY = 24 * 60 * MINUTE

/** Every section of the file with every key in it. `[uplink.scion]` is written `uplink.scion`. */
export const SECTIONS = {
  ...METER_SECTIONS,
  state: {
    doc: 'Where the meter keeps what must survive a power cut.',
    fields: {
      folder: {
        schema: text,
        fallback: '"/var/lib/s3mp"',
        expected: 'a folder',
        doc: "Holds the device key, the spool, the counters and the head-end's card. A relative path starts at this file's folder.",
      },
      bytes: {
        schema: size(2 ** 20, 64 * 2 ** 30),
        fallback: '"256MiB"',
        expected: 'a size from "1MiB" to "64GiB"',
        doc: 'Most that unacknowledged objects may take. When it is reached live readings give way first; a billing reading that was not acknowledged is never overwritten.',
      },
      rows: {
        schema: whole(100, 10_000_000),
        fallback: '1_000_000',
        expected: 'a whole number from 100 to 10_000_000',
        doc: 'Most objects that may wait for their acknowledgement.',
      },
    },
  },
  streams: {
    doc: 'Which readings are made. Every stream is a hash chain of its own.',
    fields: {
      billing: {
        schema: span(MINUTE, DAY),
        fallback: '"15m"',
        expected: 'a span from "1m" to "1d"',
        doc: 'Registration period of the billing stream; each of its readings is signed.',
      },
      minute: {
        schema: spanOrOff(SECOND, DAY),
        fallback: '"1m"',
        expected: 'a span from "1s" to "1d", or "off"',
        doc: 'Registration period of the fine stream; each of its readings is signed.',
      },
      live: {
        schema: z.boolean(),
        fallback: 'true',
        expected: 'true or false',
        doc: 'Whether every telegram becomes a reading at once; these are sealed in groups by one signature.',
      },
      seal_every: {
        schema: whole(1, 1000),
        fallback: '60',
        expected: 'a whole number from 1 to 1000',
        doc: 'Live readings covered by one signature at most.',
      },
      seal_after: {
        schema: span(SECOND, 60 * MINUTE),
        fallback: '"60s"',
        expected: 'a span from "1s" to "60m"',
        doc: 'The longest that a live reading stays without a signature over it.',
      },
      heartbeat: {
        schema: span(SECOND, DAY),
        fallback: '"5m"',
        expected: 'a span from "1s" to "1d"',
        doc: 'How often the meter reports its own state.',
      },
    },
  },
  headend: {
    doc: 'Who may read. The card is what `s3mp enroll --card FILE` brings in.',
    fields: {
      card: {
        schema: text,
        fallback: '"headend.card"',
        expected: 'a file',
        doc: "The head-end's card: its public key and its current prekey. A relative path starts at `state.folder`.",
      },
    },
  },
  uplink: {
    doc: 'The road to the head-end. Only the uplink touches the network; it holds no key.',
    fields: {
      transport: {
        schema: z.enum(['scion', 'udp']),
        fallback: '"scion"',
        expected: '"scion" or "udp"',
        doc: '`scion`: a native SCION host. `udp`: plain datagrams, for a SCION-IP gateway or for a test bench.',
      },
      socket: {
        schema: text,
        fallback: '"/run/s3mp/uplink/uplink.sock"',
        expected: 'a path for a Unix socket',
        doc: 'Where the roles `s3mp meter` and `s3mp uplink` meet. Not used by `s3mp run`.',
      },
    },
  },
  'uplink.udp': {
    doc: 'Read when `transport = "udp"`.',
    fields: {
      remote: {
        schema: hostPort.optional(),
        example: '"192.0.2.10:8470"',
        expected: 'HOST:PORT',
        doc: 'The head-end.',
      },
    },
  },
  'uplink.scion': {
    doc: 'Read when `transport = "scion"`.',
    fields: {
      local: {
        schema: text.optional(),
        example: '"1-ff00:0:111,192.0.2.20"',
        expected: 'ISD-AS,HOST',
        doc: 'Our own SCION address.',
      },
      port: {
        schema: whole(0, 65_535),
        fallback: '0',
        expected: 'a port, or 0 for any',
        doc: 'Our UDP port.',
      },
      nat: {
        schema: z.union([z.enum(['auto', 'on', 'off']), ipPort]),
        fallback: '"auto"',
        expected: '"auto", "on", "off" or IP:PORT',
        doc: 'Whether other ASes see us under another address, as behind the router of a home. `auto`: border routers are asked (STUN), and where none answers there is taken to be no NAT. `on`: the same, and a router that does not answer is told as a fault. IP:PORT: the address that somebody has forwarded to our `local` and `port`; needed where routers do not answer, as those before v0.15 do not.',
      },
      remote: {
        schema: text.optional(),
        example: '"2-ff00:0:211,192.0.2.10:8470"',
        expected: 'ISD-AS,HOST:PORT',
        doc: 'The head-end.',
      },
      source: {
        schema: z.union([sourceName.transform((name) => [name]), listOf(sourceName, 6)]).optional(),
        example: '["daemon", "control", "file"]',
        expected:
          '"daemon", "control", "endhost", "discovery", "domain", "file", or a list of these',
        doc: 'Where paths come from; of several the next is asked when the one before fails or knows no path. Left out: whichever of `daemon`, `config_dir`, `endhost_apis`, `discovery`, `domains` and `paths` are written, in this order.',
      },
      daemon: {
        schema: hostPortText.optional(),
        example: '"127.0.0.1:30255"',
        expected: 'HOST:PORT',
        doc: 'The SCION daemon of `source = "daemon"`.',
      },
      config_dir: {
        schema: text.optional(),
        example: '"/etc/scion"',
        expected: 'a folder',
        doc: 'For `source = "control"`: the folder with `topology.json` and `certs/*.trc` of our AS. Its control services are asked, no daemon is needed.',
      },
      control: {
        schema: listOf(hostPortText, 16).optional(),
        example: '["192.0.2.2:30252"]',
        expected: 'a list of HOST:PORT',
        doc: 'Control services to ask instead of those that the topology names.',
      },
      endhost_apis: {
        schema: listOf(text, 16).optional(),
        example: '["https://scion.example.org"]',
        expected: 'a list of URLs',
        doc: 'For `source = "endhost"`: endhost APIs that stand in for each other. Certificates come from `control`, else from the same servers.',
      },
      discovery: {
        schema: listOf(text, 8).optional(),
        example: '["https://bootstrap.example.org"]',
        expected: 'a list of URLs, HOST or HOST:PORT',
        doc: 'For `source = "discovery"`: discovery servers that tell of our AS.',
      },
      domains: {
        schema: listOf(text, 8).optional(),
        example: '["example.org"]',
        expected: 'a list of domains',
        doc: 'For `source = "domain"`: domains whose DNS names discovery servers.',
      },
      trcs: {
        schema: text.optional(),
        example: '"/var/lib/s3mp/trcs"',
        expected: 'a folder',
        doc: 'TRCs (`*.trc`) that are believed, beside those of `config_dir`. Those that are accepted later, by votes or on first use, are kept there.',
      },
      trust: {
        schema: z.enum(['strict', 'first-use', 'insecure']),
        fallback: '"strict"',
        expected: '"strict", "first-use" or "insecure"',
        doc: 'Unless paths come from a daemon or a file: believe only the TRCs of `config_dir` and `trcs` and their updates, or also the first one seen of an ISD, or verify nothing.',
      },
      paths: {
        schema: text.optional(),
        example: '"/etc/s3mp/paths.json"',
        expected: 'a file',
        doc: 'For `source = "file"`: a file as the test network and `showpaths` tools write it. Read again when it changes.',
      },
      policy_file: {
        schema: text.optional(),
        example: '"/etc/s3mp/policy.json"',
        expected: 'a file',
        doc: 'Which paths may be used: a policy in the format of JPAN or of Scitra, told apart by content. Read again when it changes, or on SIGHUP; what is no policy changes nothing. Its `ordering` says which proven path is wanted most, measurements decide among equals.',
      },
      authentication: {
        schema: z.enum(['off', 'prefer', 'require']),
        fallback: '"off"',
        expected: '"off", "prefer" or "require"',
        doc: 'Whether packets carry an authenticator made with a DRKey from the daemon or the control services. `prefer`: plain while there is no key. `require`: nothing is sent without one, and nothing heard. The same on both ends.',
      },
      drkey_protocol: {
        schema: whole(1, 65_535),
        fallback: '5342',
        expected: 'a whole number from 1 to 65535',
        doc: 'The DRKey protocol that keys are made for; the same on both ends.',
      },
      alarm_paths: {
        schema: whole(1, 4),
        fallback: '2',
        expected: 'a whole number from 1 to 4',
        doc: 'On how many link-disjoint paths an alarm is sent at once.',
      },
    },
  },
  'uplink.scion.jurisdiction': {
    doc: 'Where packets may be: every given list must hold for every AS of a path, both ends included. What nobody states is not allowed, and without an allowed path nothing is sent.',
    fields: {
      isds: {
        schema: listOf(whole(1, 65_535), JURISDICTION_ENTRIES_MAX).optional(),
        example: '[1, 2]',
        expected: 'a list of ISD numbers',
        doc: 'Isolation domains that may be entered.',
      },
      ases: {
        schema: listOf(text, JURISDICTION_ENTRIES_MAX).optional(),
        example: '["1-ff00:0:110", "2-0"]',
        expected: 'a list of ISD-AS',
        doc: 'ASes that may be entered; 0 stands for any.',
      },
      countries: {
        schema: listOf(country, JURISDICTION_ENTRIES_MAX).optional(),
        example: '["CH", "DE"]',
        expected: 'a list of two-letter country codes',
        doc: 'Countries that may be entered, as the ASes on the path state them or as `country_of` has it.',
      },
      country_of: {
        schema: countryTable.optional(),
        example: '{ "1-ff00:0:110" = "CH" }',
        expected: 'a table of country codes by ISD-AS',
        doc: 'Countries of ASes that state none, or whose word is not to be believed: what is written here counts.',
      },
    },
  },
  tamper: {
    doc: 'A switch in the device’s own case. Opening it is an alarm, and marks every record until it is closed.',
    fields: {
      line: {
        schema: whole(0, 57).optional(),
        example: '22',
        expected: 'a BCM number from 0 to 57',
        doc: 'The pin of the switch.',
      },
      active_low: {
        schema: z.boolean(),
        fallback: 'false',
        expected: 'true or false',
        doc: 'Whether the open case pulls the line to ground.',
      },
    },
  },
  control: {
    doc: 'How `s3mp status` asks a running meter.',
    fields: {
      socket: {
        schema: text,
        fallback: '"/run/s3mp/meter/control.sock"',
        expected: 'a path for a Unix socket, or "off"',
        doc: 'A Unix socket for the owner of the state folder only; `"off"` for none.',
      },
    },
  },
  page: {
    doc: "The meter's own page: power now, curves, costs, and what proves them, for its owner. It reads what the meter remembers and needs no head-end.",
    fields: {
      listen: {
        schema: z.union([z.literal('off').transform(() => undefined), hostPort]),
        fallback: '"127.0.0.1:8490"',
        expected: 'HOST:PORT or "off"',
        doc: 'Where it is served. On loopback everybody on this machine may see it, nobody else. On another address (`"0.0.0.0:8490"`) a code is needed, which is shown once in the log; the connection itself is not encrypted, so keep it within your own network or put a TLS proxy in front.',
      },
      socket: {
        schema: text,
        fallback: '"/run/s3mp/meter/page.sock"',
        expected: 'a path for a Unix socket',
        doc: 'Where the roles `s3mp meter` and `s3mp page` meet, for their common group. Not used by `s3mp run`.',
      },
      folder: {
        schema: text.optional(),
        example: '"/var/lib/s3mp-page"',
        expected: 'a folder',
        doc: "Where the code is kept, hashed. Left out: the service's own state folder, else `state.folder`.",
      },
      name: {
        schema: text,
        fallback: '"Meter"',
        expected: 'a text',
        doc: 'What the page calls this meter.',
      },
    },
  },
  log: {
    doc: 'One line an event; each event is limited in rate.',
    fields: {
      level: {
        schema: z.enum(['error', 'warn', 'info', 'debug']),
        fallback: '"info"',
        expected: '"error", "warn", "info" or "debug"',
        doc: 'What is worth a line.',
      },
    },
  },
} as const satisfies Readonly<
  Record<string, { doc: string; fields: Readonly<Record<string, Field<z.ZodType>>> }>
>

type Sections = typeof SECTIONS

/** The name of a section as it is written between brackets. */
export type SectionName = keyof Sections

/** The sections that each meter has for itself. */
export type MeterSectionName = keyof typeof METER_SECTIONS

type Values<Name extends SectionName> = {
  readonly [Key in keyof Sections[Name]['fields']]: Sections[Name]['fields'][Key] extends Field<
    infer Schema
  >
    ? z.output<Schema>
    : never
}

/** One meter after every check. */
export interface MeterConfig extends Values<'meter'> {
  /** Never left out here. */
  readonly name: string
  readonly keys: Values<'meter.keys'>
  readonly d0: Values<'meter.d0'>
  readonly dlms: Values<'meter.dlms'>
  /** Lists without codes whose places are named; every one has places. */
  readonly lists: readonly OwnList[]
  readonly s0: Values<'meter.s0'>
  readonly modbus: Values<'meter.modbus'>
  readonly adapter: Values<'meter.adapter'>
}

/** The configuration after every check: spans in milliseconds, sizes in bytes, by section. */
export type ConfigValues = {
  readonly [Name in Exclude<SectionName, MeterSectionName>]: Values<Name>
} & { readonly meters: readonly MeterConfig[] }
