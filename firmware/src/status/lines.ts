import { bold, judged } from '../terminal.ts'
import type { HeadView, NatView, PathView, StatusView } from './view.ts'

/** A reading older than this is told as late, in milliseconds. */
const LATE_MS = 60_000

/** The status in words, a line each. */
export function statusLines(status: StatusView, nowMs: number): readonly string[] {
  const { roundTripMs, isConfirmed, isUplinkThere } = status
  const answer = roundTripMs === undefined ? '' : ` in ${roundTripMs.toFixed(0)} ms`
  return [
    row('device', status.device),
    row('running', `${duration(status.uptimeMs)}, start ${String(status.boot)}`),
    row('clock', CLOCKS[status.clock] ?? status.clock),
    ...(status.isOpen === undefined ? [] : [row('case', judged(!status.isOpen, status.isOpen ? 'open' : 'closed'))]), // prettier-ignore
    ...status.heads.flatMap((head) => headRows(head, nowMs)),
    row('uplink', judged(isUplinkThere, isUplinkThere ? 'there' : 'away')),
    ...transportRows(status),
    row('head-end', judged(isConfirmed, isConfirmed ? `answers${answer}` : 'has not answered')),
    row('delivered', `${String(status.acknowledged)}, sent again ${String(status.resent)}`),
    row('waiting', waiting(status, nowMs)),
    ...status.paths.map((path) => row('path', pathText(path))),
  ]
}

const CLOCKS: Readonly<Record<string, string>> = {
  unset: 'never set (unset)',
  synced: 'agrees with the head-end (synced)',
  holdover: 'runs by itself (holdover)',
  suspect: 'contradicted by something (suspect)',
}

function headRows(head: HeadView, nowMs: number): readonly string[] {
  const { name, device, protocol, telegrams, quality, lastReadingMs, meters, findings } = head
  const percent = quality === undefined ? 'nothing yet' : `${String(Math.round(quality * 100))} %`
  const ageMs = lastReadingMs === undefined ? undefined : nowMs - lastReadingMs
  const age = ageMs === undefined ? 'never' : `${duration(Math.max(0, ageMs))} ago`
  const isFresh = ageMs !== undefined && ageMs < LATE_MS
  const who =
    meters.length === 0 ? device : `${meters.join(', ')} (${protocol ?? '?'}) on ${device}`
  return [
    row('meter', `${name}: ${who}`),
    row(
      '',
      `last reading ${judged(isFresh, age)}, ${String(telegrams)} telegrams, recently ${percent} whole`,
    ),
    ...(findings.length === 0 ? [] : [row('', `doubts: ${findings.join(', ')}`)]),
  ]
}

function transportRows({ authentication = '', forbidden, nat }: StatusView): readonly string[] {
  const words: Readonly<Record<string, string>> = {
    proven: 'prove their sender',
    plain: 'prove nothing: there is no key yet',
    waiting: 'wait for a key',
  }
  const packets = words[authentication]
  return [
    ...(packets === undefined
      ? []
      : [row('packets', judged(authentication === 'proven', packets))]),
    ...(forbidden === undefined
      ? []
      : [row('paths', judged(false, `none is allowed: ${forbidden}`))]),
    ...natRows(nat),
  ]
}

/** Nothing where nothing stands in the way. */
function natRows(nat: NatView | undefined): readonly string[] {
  if (nat === undefined) return []
  const { state, outside, changes } = nat
  if (state === 'behind') {
    const moved = changes === 0 ? '' : `, changed ${String(changes)} times`
    return [row('nat', `seen from outside as ${outside}${moved}`)]
  }
  // Where no address was ever known a router that is silent may simply be an old one.
  if (state !== 'unknown' || outside === '') return []
  return [row('nat', judged(false, `no router says whether we are still ${outside}`))]
}

function waiting(status: StatusView, nowMs: number): string {
  const { waiting: objects, waitingBytes, waitingBytesMax, oldestMs } = status
  const share = waitingBytesMax === 0 ? 0 : (100 * waitingBytes) / waitingBytesMax
  const age =
    oldestMs === undefined ? '' : `, the oldest for ${duration(Math.max(0, nowMs - oldestMs))}`
  const size = `${String(Math.ceil(waitingBytes / 1024))} KiB`
  return `${String(objects)} objects, ${size} (${share.toFixed(1)} % of the room)${age}`
}

function pathText({ name, isActive, isAlive, roundTripMs }: PathView): string {
  const state = isActive ? judged(true, 'in use') : isAlive ? 'alive' : judged(false, 'down')
  return `${name}: ${state}, ${roundTripMs.toFixed(0)} ms`
}

function row(name: string, value: string): string {
  return `${bold(name.padEnd(10))} ${value}`
}

function duration(ms: number): string {
  const minutes = Math.floor(ms / 60_000)
  if (minutes < 1) return `${String(Math.floor(ms / 1000))} s`
  if (minutes < 120) return `${String(minutes)} min`
  const hours = Math.floor(minutes / 60)
  return hours < 72 ? `${String(hours)} h` : `${String(Math.floor(hours / 24))} days`
}
