import type { Finding } from './checks.ts'
import type { Machine } from './machine.ts'

/** Memory that a meter needs beside what runs already, in bytes. */
export const MEMORY_BYTES_MIN = 96 * 2 ** 20

/** Names of the files that nobody but the meter may read. */
const SECRETS = ['device.key', 'spool.key', 'meter.pin']

/** Whether this user may open a port, and what to do where not. */
export function checkAccess(machine: Machine, path: string): Finding {
  const check = 'permission'
  if (machine.mode(path) === undefined) {
    return {
      check,
      verdict: 'problem',
      text: `${path} is not there`,
      remedy: 'plug the head in, and look for its lasting name under /dev/serial/by-id',
    }
  }
  return machine.mayWrite(path)
    ? { check, verdict: 'ok', text: `this user may use ${path}` }
    : {
        check,
        verdict: 'problem',
        text: `this user may not use ${path}`,
        remedy:
          'sudo usermod -aG dialout "$USER", then log in again; or run it as the meter: sudo -u s3mp-meter s3mp doctor',
      }
}

/** Whoever else has a port open: two readers get half of every telegram each. */
export function checkHolders(machine: Machine, path: string): Finding {
  const check = 'port'
  const holders = machine.holders(path)
  if (holders.length === 0) return { check, verdict: 'ok', text: `nobody else has ${path} open` }
  return {
    check,
    verdict: 'problem',
    text: `${path} is in use by ${holders.join(', ')}`,
    remedy:
      'end it for now (the meter itself: systemctl stop s3mp-meter), or look with s3mp status',
  }
}

/** A program that takes every USB serial port for a modem and talks to it. */
export function checkModemManager(machine: Machine): Finding {
  const check = 'modem-manager'
  const isThere = machine
    .list('/proc')
    .some(
      (pid) => /^\d+$/u.test(pid) && machine.read(`/proc/${pid}/comm`)?.trim() === 'ModemManager',
    )
  if (!isThere) return { check, verdict: 'ok', text: 'no ModemManager is running' }
  const isTold = machine.list('/etc/udev/rules.d').includes('70-s3mp-heads.rules')
  return isTold
    ? { check, verdict: 'ok', text: 'ModemManager is told to leave heads alone' }
    : {
        check,
        verdict: 'warning',
        text: 'ModemManager takes heads for modems and talks to them after each plugging in',
        remedy:
          'sudo systemctl disable --now ModemManager, or install the udev rule 70-s3mp-heads.rules',
      }
}

/** Memory. */
export function checkMemory(machine: Machine): Finding {
  const check = 'memory'
  const text = machine.read('/proc/meminfo') ?? ''
  const kib = Number(/^MemAvailable:\s+(\d+) kB/mu.exec(text)?.[1] ?? Number.NaN)
  if (Number.isNaN(kib)) return { check, verdict: 'skipped', text: 'the kernel does not say' }
  const free = `${String(Math.floor(kib / 1024))} MiB of memory are free`
  return kib * 1024 >= MEMORY_BYTES_MIN
    ? { check, verdict: 'ok', text: free }
    : {
        check,
        verdict: 'warning',
        text: free,
        remedy:
          'end what is not needed (a desktop: sudo raspi-config), or the kernel will choose what to end',
      }
}

/** A way out of this machine: without one readings wait on the disk. */
export function checkNetwork(machine: Machine): Finding {
  const check = 'network'
  const routes = `${machine.read('/proc/net/route') ?? ''}\n${machine.read('/proc/net/ipv6_route') ?? ''}`
  const hasRoute = routes
    .split('\n')
    .some((line) => /^\S+\s+00000000\s/u.test(line) || /^0{32} 00 (?!.* lo$)/u.test(line))
  return hasRoute
    ? { check, verdict: 'ok', text: 'there is a way out of this machine' }
    : {
        check,
        verdict: 'warning',
        text: 'no way leads out of this machine; readings are kept until one does',
        remedy: 'connect the cable or the wireless network: ip route shows what is there',
      }
}

/** Files that nobody else may read. */
export function checkSecrets(machine: Machine, folder: string): Finding {
  const check = 'secrets'
  const open = SECRETS.filter((name) => {
    const mode = machine.mode(`${folder}/${name}`)
    return mode !== undefined && (mode & 0o077) !== 0
  })
  return open.length === 0
    ? { check, verdict: 'ok', text: `nobody else may read the keys in ${folder}` }
    : {
        check,
        verdict: 'problem',
        text: `others may read ${open.join(', ')} in ${folder}`,
        remedy: `chmod 600 ${open.map((name) => `${folder}/${name}`).join(' ')}; if they did read it, enrol the device anew`,
      }
}

/** The services of this machine, where systemd runs them. */
export function checkServices(machine: Machine): Finding {
  const check = 'services'
  const groups = machine.list('/sys/fs/cgroup/system.slice')
  const running = ['s3mp-meter', 's3mp-uplink'].filter((name) => groups.includes(`${name}.service`))
  if (running.length === 2) return { check, verdict: 'ok', text: 'meter and uplink are running' }
  const isInstalled = machine.list('/etc/systemd/system').includes('s3mp-meter.service')
  if (!isInstalled) return { check, verdict: 'skipped', text: 'not installed as services' }
  return {
    check,
    verdict: 'warning',
    text:
      running.length === 0
        ? 'meter and uplink are not running'
        : `only ${running.join()} is running`,
    remedy: 'sudo systemctl start s3mp-meter; journalctl -u "s3mp-*" says why one does not stay',
  }
}
