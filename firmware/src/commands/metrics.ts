import type { Command } from 'commander'

import { FirmwareError } from '../errors.ts'
import { CONFIG_FILE, readConfig } from '../service/options.ts'
import { EXIT_HELP } from '../terminal.ts'

interface Options {
  readonly config: string
  readonly socket?: string
}

const HELP = `
Prints what a running meter and its uplink count, in the text format of Prometheus. The meter's page
serves the same under /metrics to programs on this machine; this is for the textfile collector of the
node exporter, and for a look.

Examples:
  s3mp metrics
  s3mp metrics > /var/lib/prometheus/node-exporter/s3mp.prom.new && mv /var/lib/prometheus/node-exporter/s3mp.prom.new /var/lib/prometheus/node-exporter/s3mp.prom
${EXIT_HELP}`

/** Adds `s3mp metrics`: what a running meter counts, for Prometheus. */
export function addMetricsCommand(program: Command): void {
  program
    .command('metrics')
    .description('print what a running meter and its uplink count, for Prometheus')
    .option('-c, --config <file>', 'configuration that names the control socket', CONFIG_FILE)
    .option('--socket <path>', 'the control socket itself')
    .addHelpText('after', HELP)
    .action(async ({ config, socket }: Options) => {
      const path = socket ?? readConfig(config).control.socket
      if (path === 'off') {
        throw new FirmwareError('usage', 'control.socket is "off": this meter answers nobody')
      }
      const { askControl } = await import('../control.ts')
      const answer = await askControl(path, 'metrics')
      const isText = typeof answer === 'object' && answer !== null && 'text' in answer
      if (!isText || typeof answer.text !== 'string') {
        throw new FirmwareError(
          'malformed',
          `${path}: expected metrics; is the meter of this version?`,
        )
      }
      process.stdout.write(answer.text)
    })
}
