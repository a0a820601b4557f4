import type { Command } from 'commander'

import { FirmwareError } from '../errors.ts'
import { CONFIG_FILE, readConfig } from '../service/options.ts'
import { bold, EXIT, EXIT_HELP, judged, say, sayJson } from '../terminal.ts'

interface Options {
  readonly config: string
  readonly socket?: string
  readonly json: boolean
}

type Tree = Readonly<Record<string, unknown>>

/** Adds `s3mp status`: asks a running meter how it is doing. */
export function addStatusCommand(program: Command): void {
  program
    .command('status')
    .description('ask a running meter how it is doing')
    .option('-c, --config <file>', 'configuration that names the control socket', CONFIG_FILE)
    .option('--socket <path>', 'the control socket itself')
    .option('--json', 'print one JSON object', false)
    .addHelpText('after', EXIT_HELP)
    .action(async ({ config, socket, json }: Options) => {
      const path = socket ?? readConfig(config).control.socket
      if (path === 'off') {
        throw new FirmwareError('usage', 'control.socket is "off": this meter answers nobody')
      }
      const { askControl } = await import('../control.ts')
      const status = treeOf(await askControl(path, 'status'))
      if (json) sayJson(status)
      else for (const line of statusLines(status)) say(line)
      process.exitCode = isWell(status) ? EXIT.ok : EXIT.no
    })
}

/** A meter is well that hears its meter, has an uplink, and is answered by its head-end. */
export function isWell(status: Tree): boolean {
  const link = treeOf(status.link)
  const telegrams = numberOf(link.telegrams)
  return telegrams > 0 && status.isUplinkThere === true && status.isEpochConfirmed === true
}

/** The status in words. */
export function statusLines(status: Tree): readonly string[] {
  const link = treeOf(status.link)
  const delivery = treeOf(status.delivery)
  const spool = treeOf(status.spool)
  const recent = link.recent
  const quality =
    typeof recent === 'number' ? `${String(Math.round(recent * 100))} %` : 'nothing yet'
  const isConfirmed = status.isEpochConfirmed === true
  const roundTrip = delivery.roundTripMs
  const answer = typeof roundTrip === 'number' ? `, answers in ${roundTrip.toFixed(0)} ms` : ''
  return [
    row('device', textOf(status.ueid)),
    row('running', `${duration(numberOf(status.uptimeMs))}, start ${textOf(status.boot)}`),
    row('clock', textOf(status.clock)),
    row('meter', `${textOf(link.telegrams)} telegrams, recently ${quality} whole`),
    row(
      'uplink',
      judged(status.isUplinkThere === true, status.isUplinkThere === true ? 'there' : 'away'),
    ),
    ...transportRows(treeOf(status.transport)),
    row('head-end', judged(isConfirmed, isConfirmed ? `answers${answer}` : 'has not answered')),
    row('delivered', `${textOf(delivery.acknowledged)}, sent again ${textOf(delivery.resent)}`),
    row('waiting', `${textOf(spool.objects)} objects, ${textOf(spool.bytes)} bytes`),
    ...listOf(status.paths).map((path) => row('path', pathText(treeOf(path)))),
  ]
}

/** Nothing, where the transport says nothing of itself. */
function transportRows(transport: Tree): readonly string[] {
  const words: Readonly<Record<string, string>> = {
    proven: 'prove their sender',
    plain: 'prove nothing: there is no key yet',
    waiting: 'wait for a key',
  }
  const packets = words[String(transport.authentication)]
  const { forbidden } = transport
  const isForbidden = typeof forbidden === 'string' && forbidden !== ''
  return [
    ...(packets === undefined
      ? []
      : [row('packets', judged(transport.authentication === 'proven', packets))]),
    ...(isForbidden ? [row('paths', judged(false, `none is allowed: ${forbidden}`))] : []),
  ]
}

function pathText(path: Tree): string {
  const state = path.isActive === true ? 'in use' : path.isAlive === true ? 'alive' : 'down'
  return `${textOf(path.name)}: ${state}, ${textOf(path.roundTripMs)} ms`
}

function row(name: string, value: string): string {
  return `${bold(name.padEnd(10))} ${value}`
}

function duration(ms: number): string {
  const minutes = Math.floor(ms / 60_000)
  if (minutes < 1) return `${String(Math.floor(ms / 1000))} s`
  if (minutes < 120) return `${String(minutes)} min`
  return `${String(Math.floor(minutes / 60))} h`
}

function treeOf(value: unknown): Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Tree) : {}
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '?'
}
