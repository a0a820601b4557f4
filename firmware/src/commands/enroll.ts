import type { Command } from 'commander'

import { FirmwareError } from '../errors.ts'
import { CONFIG_FILE, readConfig } from '../service/options.ts'
import { bold, complain, EXIT_HELP, say, sayJson } from '../terminal.ts'

interface Options {
  readonly config: string
  readonly state?: string
  readonly card?: string
  readonly replace: boolean
  readonly json: boolean
}

const HELP = `
Without --card it prints the device's own public key file, for the head-end. With --card it takes
the head-end's card in: from then on this meter seals for that head-end and believes nobody else.
Compare the fingerprint with what the head-end's owner reads to you.

Examples:
  s3mp enroll > device.json
  s3mp enroll --card headend.card
${EXIT_HELP}`

/** Adds `s3mp enroll`: the device's card for the head-end, the head-end's card for the device. */
export function addEnrollCommand(program: Command): void {
  program
    .command('enroll')
    .description("show this device's public key file, or take a head-end's card in")
    .option('-c, --config <file>', 'configuration that names folder and card', CONFIG_FILE)
    .option('--state <folder>', 'the state folder itself, without a configuration')
    .option('--card <file>', "the head-end's card")
    .option('--replace', 'hand this meter over to another head-end', false)
    .option('--json', 'print one JSON object', false)
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      const place = placeOf(options)
      const { loadIdentity, takeCard } = await import('../identity.ts')
      const { encodePublicKeyFile, toHex } = await import('@s3mp/envelope')
      if (options.card === undefined) {
        if (options.replace) throw new FirmwareError('usage', '--replace: expected --card with it')
        const { signer, fingerprint, publicKeyFile } = loadIdentity(place.folder)
        // The file itself, so that it can be piped to the head-end; for people a word beside it.
        process.stdout.write(encodePublicKeyFile(signer))
        if (!options.json)
          complain(`device ${toHex(signer.ueid)}\nfingerprint ${fingerprint}\nin ${publicKeyFile}`)
        return
      }
      const { card, fingerprint, isUpdate } = takeCard(options.card, place.card, options.replace)
      const { name, addresses } = card
      if (options.json) sayJson({ name, fingerprint, addresses, card: place.card, isUpdate })
      else {
        say(`${bold('head-end')}     ${name}`)
        say(`${bold('fingerprint')}  ${fingerprint}`)
        for (const [kind, address] of Object.entries(addresses))
          say(`${bold(kind.padEnd(11))}  ${address}`)
        say(
          isUpdate
            ? 'Its card was renewed.'
            : 'This meter now seals for it. Next: s3mp run, or where it is installed: systemctl start s3mp-meter',
        )
      }
    })
}

function placeOf({ state, config }: Options): { readonly folder: string; readonly card: string } {
  if (state !== undefined) return { folder: state, card: `${state}/headend.card` }
  const { state: section, headend } = readConfig(config)
  return { folder: section.folder, card: headend.card }
}
