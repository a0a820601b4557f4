import type { Config } from '../config/load.ts'
import { reasonOf } from '../errors.ts'
import type { Machine } from './machine.ts'

/** How one thing was found to be. */
export type Verdict = 'ok' | 'warning' | 'problem' | 'skipped'

/** One finding: what was looked at, how it is, and what to do about it. */
export interface Finding {
  /** A word for programs, the same in every version. */
  readonly check: string
  readonly verdict: Verdict
  readonly text: string
  /** What to do, where something is to be done. */
  readonly remedy?: string
}

const NODE_MAJOR_MIN = 24
const FREE_BYTES_MIN = 64 * 2 ** 20
/** Before this no clock of a running version can be right. */
const EARLIEST_MS = Date.UTC(2026, 0, 1)

/** The Node that runs this. */
export function checkNode({ nodeVersion }: Machine): Finding {
  const check = 'node'
  const major = Number(nodeVersion.split('.')[0])
  return major >= NODE_MAJOR_MIN
    ? { check, verdict: 'ok', text: `Node ${nodeVersion}` }
    : {
        check,
        verdict: 'problem',
        text: `Node ${nodeVersion} is too old`,
        remedy: 'install again with npm ci: the project brings its own Node',
      }
}

/** What this machine is; a Pi has pitfalls of its own. */
export function checkBoard(machine: Machine): Finding {
  const model = machine.read('/proc/device-tree/model')?.trim()
  return { check: 'board', verdict: 'ok', text: model ?? 'not a Raspberry Pi' }
}

/** The kernel's console on the pins of the UART answers the meter and garbles it. */
export function checkConsole(machine: Machine, device: string): Finding {
  const check = 'console'
  const uart = /^\/dev\/(serial0|ttyAMA0|ttyS0)$/u.exec(device)
  const line = machine.read('/proc/cmdline') ?? ''
  const speaks = /console=(serial0|ttyAMA0|ttyS0)/u.exec(line)
  if (uart === null)
    return { check, verdict: 'skipped', text: 'the head is not on the board’s UART' }
  if (speaks === null) return { check, verdict: 'ok', text: 'no console on the UART' }
  return {
    check,
    verdict: 'problem',
    text: `the kernel's console speaks on ${speaks[1] ?? ''}`,
    remedy:
      'take console=… out of /boot/firmware/cmdline.txt, disable serial-getty there, and restart (raspi-config does both)',
  }
}

/** The mini-UART has no parity, and its clock follows the core's. */
export function checkMiniUart(machine: Machine, device: string, frame: string): Finding {
  const check = 'parity'
  const isMini = device === '/dev/ttyS0' && machine.read('/proc/device-tree/model') !== undefined
  if (!isMini || frame === '8N1') return { check, verdict: 'ok', text: `the port can do ${frame}` }
  return {
    check,
    verdict: 'problem',
    text: `the mini-UART ${device} has no parity and cannot do ${frame}`,
    remedy: 'give the full UART to the head: dtoverlay=disable-bt in /boot/firmware/config.txt',
  }
}

/** The clock; without one readings still flow, but say so. */
export function checkClock(machine: Machine): Finding {
  const check = 'clock'
  const now = new Date(machine.nowMs).toISOString().slice(0, 19).replace('T', ' ')
  if (machine.nowMs < EARLIEST_MS) {
    return {
      check,
      verdict: 'problem',
      text: `the clock says ${now} UTC`,
      remedy: 'connect the network, or fit a real-time clock: timedatectl set-ntp true',
    }
  }
  const isSynchronised = machine.list('/run/systemd/timesync').includes('synchronized')
  return isSynchronised || machine.list('/run/systemd/timesync').length === 0
    ? { check, verdict: 'ok', text: `${now} UTC` }
    : {
        check,
        verdict: 'warning',
        text: `${now} UTC, not yet synchronised`,
        remedy: 'wait a minute; if it stays so: timedatectl status',
      }
}

/** The folder of key, spool and counters. */
export function checkState(machine: Machine, { state }: Config): Finding {
  const check = 'state'
  const free = machine.freeBytes(state.folder)
  if (free === undefined || !machine.mayWrite(state.folder)) {
    return {
      check,
      verdict: 'problem',
      text: `${state.folder} cannot be written`,
      remedy: `make the folder and give it to the user of the meter: install -d -m 700 ${state.folder}`,
    }
  }
  if (free < FREE_BYTES_MIN) {
    return {
      check,
      verdict: 'warning',
      text: `${megabytes(free)} left for ${state.folder}`,
      remedy: 'make room: live readings give way first, billing readings stop the meter at last',
    }
  }
  return { check, verdict: 'ok', text: `${state.folder}, ${megabytes(free)} free` }
}

function megabytes(bytes: number): string {
  return `${String(Math.floor(bytes / 2 ** 20))} MiB`
}

/** Runs a check that may throw our own errors, and takes their message for the finding. */
export function attempt(check: string, remedy: string, look: () => string): Finding {
  try {
    return { check, verdict: 'ok', text: look() }
  } catch (error) {
    return { check, verdict: 'problem', text: reasonOf(error), remedy }
  }
}
