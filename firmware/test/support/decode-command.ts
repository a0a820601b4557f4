import { Command } from 'commander'
import { addDecodeCommand } from '../../src/commands/decode.ts'

/** `s3mp` with the one subcommand that its test is about. */
const program = new Command('s3mp')
addDecodeCommand(program)
await program.parseAsync()
