import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { encodeHeadendCard, fingerprintOf, toHex } from '@s3mp/envelope'
import type { Command } from 'commander'
import { systemClock } from '../clock.ts'
import { CONFIG_PATH_DEFAULT, readConfig, type HeadendConfig } from '../config.ts'
import { HeadendError } from '../errors.ts'
import { systemRandom } from '../headend.ts'
import { Keyring } from '../keys/keyring.ts'
import { commandLine, configOf, findConfig, makeDataFolder, openStore, secretsOf } from './place.ts'
import type { Output } from './output.ts'

const TEMPLATE = `# The head-end's configuration. Every key is described in docs/headend.md.
name = "S3MP head-end"
data = "DATA"

[udp]
# On 127.0.0.1 only this machine is heard; meters elsewhere need an address of yours here.
host = "127.0.0.1"
port = 8470

# As a native SCION host:
# [scion]
# isd_as = "1-ff00:0:110"
# host = "192.0.2.10"
# port = 8471

# The page and the API. 's3mp headend user add' lets people in. Behind a proxy with TLS, name its address:
[http]
host = "127.0.0.1"
port = 8480
# origin = "https://meters.example"
`

/** Adds `init` and `card`. */
export function addInitCommands(program: Command, output: Output): void {
  program
    .command('init')
    .description('make keys, prekey and, where there is none, a configuration; print what is next')
    .option('-c, --config <file>', 'the configuration')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Examples:
  s3mp headend init --config ./headend.toml    try it in this folder
  sudo s3mp headend init                       ${CONFIG_PATH_DEFAULT}, data in /var/lib/s3mp-headend`,
    )
    .action(async (options: { config?: string; json?: true }) => {
      await init(options, output)
    })
  program
    .command('card')
    .description('print the card that meters are configured with: key, prekey, addresses')
    .option('-c, --config <file>', 'the configuration')
    .addHelpText('after', '\nExample:\n  s3mp headend card > headend-card.json')
    .action((options: { config?: string }) => {
      output.line(cardOf(configOf(options)).trimEnd())
    })
}

async function init(
  options: { readonly config?: string; readonly json?: true },
  output: Output,
): Promise<void> {
  const path = findConfig(options.config)
  const isNew = !existsSync(path)
  if (isNew) writeTemplate(path)
  const config = readConfig(path)
  makeDataFolder(config)
  const keyring = Keyring.create(secretsOf(config), config.prekeys, systemRandom)
  await keyring.rotate(systemClock.nowMs())
  const store = openStore(config)
  store.audit(systemClock.nowMs(), 'headend.created', toHex(keyring.ueid), { who: commandLine() })
  store.close()
  const { algorithm, publicKey } = keyring.signer
  const fingerprint = fingerprintOf({ algorithm, publicKey })
  if (options.json) {
    const { dataFolder } = config
    output.line(
      JSON.stringify({ config: path, data: dataFolder, id: toHex(keyring.ueid), fingerprint }),
    )
    return
  }
  output.line(`${isNew ? 'Wrote' : 'Read'} ${path}; keys and store are in ${config.dataFolder}.`)
  output.line(`The head-end's key has the fingerprint ${fingerprint}`)
  // What the other commands find by themselves need not be named.
  const where = resolve(path) === resolve(findConfig(undefined)) ? '' : ` --config ${path}`
  output.line('Next, to give your meters its card, take meters on, let people in, and run it:')
  output.line(`  s3mp headend card${where} > headend-card.json`)
  output.line(`  s3mp headend enroll${where} METER-CARD.json`)
  output.line(`  s3mp headend user add${where} YOU --role administrator`)
  output.line(`  s3mp headend${where}`)
}

function writeTemplate(path: string): void {
  const data = path === CONFIG_PATH_DEFAULT ? '/var/lib/s3mp-headend' : 'headend-data'
  try {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, TEMPLATE.replace('DATA', data), { flag: 'wx', mode: 0o644 })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new HeadendError(
      'ERR_HEADEND_CONFIG',
      `${path}: cannot be written (${reason}); name a place of yours: s3mp headend init --config headend.toml`,
      { cause },
    )
  }
}

/** The card as `run` would give it, from the configuration's addresses. */
export function cardOf(config: HeadendConfig): string {
  const keyring = Keyring.open(secretsOf(config), config.prekeys, systemRandom)
  // Only the running head-end makes prekeys: one made here it would not know.
  const current = keyring.current(systemClock.nowMs())
  const { algorithm, publicKey } = keyring.signer
  return encodeHeadendCard({
    name: config.name,
    key: { algorithm, publicKey },
    prekeys: current === undefined ? [] : [current.prekey.object],
    addresses: {
      ...(config.udp && { udp: `${config.udp.host}:${config.udp.port}` }),
      ...(config.scion && {
        scion: `[${config.scion.isdAs},${config.scion.host}]:${config.scion.port}`,
      }),
    },
  })
}
