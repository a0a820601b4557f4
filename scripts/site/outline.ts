/** A page of the site: where its text is, and what the way to it is called. */
export interface Entry {
  /** From the project's root. */
  readonly file: string
  readonly name: string
}

/** A group of pages for one kind of reader. */
export interface Section {
  readonly title: string
  readonly entries: readonly Entry[]
}

const page = (file: string, name: string): Entry => ({ file, name })

/** Every page of the site, in the order in which a newcomer would want them. */
export const OUTLINE: readonly Section[] = [
  {
    title: 'Start',
    entries: [
      page('README.md', 'S3MP'),
      page('docs/quick-start.md', 'Quick start'),
      page('docs/how-it-works.md', 'How it works'),
      page('docs/faq.md', 'Questions people ask'),
      page('docs/troubleshooting.md', 'When something is wrong'),
      page('docs/glossary.md', 'Glossary'),
    ],
  },
  {
    title: 'A meter at home',
    entries: [
      page('docs/wiring.md', 'Wiring a head'),
      page('docs/deploy.md', 'Installing'),
      page('docs/meters/README.md', 'Meters'),
      page('docs/meters/sml.md', 'SML'),
      page('docs/meters/dlms.md', 'DLMS/COSEM'),
      page('docs/meters/iec62056-21.md', 'IEC 62056-21'),
      page('docs/meters/dsmr.md', 'DSMR P1'),
      page('docs/meters/s0.md', 'S0 pulses'),
      page('docs/meters/modbus.md', 'Modbus'),
      page('docs/meters/adapter.md', 'Wireless M-Bus and others'),
      page('docs/meters/adding.md', 'Adding a meter'),
      page('docs/configuration.md', 'Configuration'),
      page('docs/codes.md', 'Codes'),
    ],
  },
  {
    title: 'A head-end',
    entries: [
      page('docs/headend.md', 'Operating a head-end'),
      page('docs/metrics.md', 'Metrics'),
      page('docs/api.md', 'API'),
      page('docs/audit.md', 'Checking a reading yourself'),
      page('docs/threat-model.md', 'Threat model'),
    ],
  },
  {
    title: 'The network',
    entries: [
      page('scion/README.md', '@s3mp/scion'),
      page('docs/scion.md', 'The SCION host'),
      page('docs/evaluation.md', 'Evaluation'),
      page('docs/scion-notes.md', 'Texts and programs'),
    ],
  },
  {
    title: 'The house',
    entries: [
      page('docs/architecture.md', 'Architecture'),
      page('docs/wire.md', 'On the wire'),
      page('docs/hal.md', 'Hardware'),
      page('docs/meter.md', 'Decoders'),
      page('docs/envelope.md', 'Envelope'),
      page('docs/firmware.md', 'Firmware'),
      page('docs/web.md', 'Pages'),
      page('docs/limits.md', 'Limits'),
      page('CONTRIBUTING.md', 'Contributing'),
      page('SECURITY.md', 'Reporting a hole'),
      page('CHANGELOG.md', 'Changes'),
    ],
  },
]
