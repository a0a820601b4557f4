import { Option, type Command } from 'commander'

import type { SignatureAlgorithm } from '@s3mp/envelope'

import { CONFIG_FILE, readConfig } from '../service/options.ts'
import { bold, EXIT_HELP, say, sayJson } from '../terminal.ts'

interface Options {
  readonly config: string
  readonly state?: string
  readonly algorithm: SignatureAlgorithm
  readonly json: boolean
}

const HELP = `
The key is made here and never leaves the folder. The file that is printed holds the public part: take
it to the head-end (s3mp headend enroll FILE), and compare the fingerprint there.

Examples:
  s3mp keygen
  s3mp keygen --state ./state --json
${EXIT_HELP}`

/** Adds `s3mp keygen`: makes the device key, once. */
export function addKeygenCommand(program: Command): void {
  program
    .command('keygen')
    .description('make the device key of this meter, once')
    .option('-c, --config <file>', 'configuration that names the state folder', CONFIG_FILE)
    .option('--state <folder>', 'the state folder itself, without a configuration')
    .addOption(
      new Option('--algorithm <name>', 'signature algorithm')
        .choices(['Ed25519', 'ESP256'])
        .default('Ed25519'),
    )
    .option('--json', 'print one JSON object', false)
    .addHelpText('after', HELP)
    .action(async ({ config, state, algorithm, json }: Options) => {
      const folder = state ?? readConfig(config).state.folder
      const { createIdentity } = await import('../identity.ts')
      const { systemRandomBytes } = await import('../service/system.ts')
      const { toHex } = await import('@s3mp/envelope')
      const { signer, fingerprint, publicKeyFile } = createIdentity(
        folder,
        algorithm,
        systemRandomBytes,
      )
      const ueid = toHex(signer.ueid)
      if (json) sayJson({ ueid, fingerprint, algorithm, publicKeyFile })
      else {
        say(`${bold('device')}       ${ueid}`)
        say(`${bold('fingerprint')}  ${fingerprint}`)
        say(`${bold('public key')}   ${publicKeyFile}`)
        say(
          'Next: at the head-end s3mp headend enroll with that file; then here s3mp enroll --card with its card.',
        )
      }
    })
}
