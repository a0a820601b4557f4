import type { ChildProcess } from 'node:child_process'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What a command in a container did. */
export interface Outcome {
  readonly status: number | null
  /** Standard output and standard error, the former first. */
  readonly output: string
}

const ENVIRONMENT = [
  'env',
  '-i',
  'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  'HOME=/root',
  'LC_ALL=C.UTF-8',
]

/**
 * A Debian of its own, with no network but its own loopback: made by mmdebstrap, run by
 * systemd-nspawn. Either single commands run in it, or it is booted and commands join it.
 */
export class Container {
  readonly root: string
  #boot: ChildProcess | undefined

  /** Makes a minimal Debian of `release` with `packages` in the folder `root`. */
  constructor(root: string, release: string, packages: readonly string[]) {
    this.root = root
    const include = `--include=${packages.join(',')}`
    execFileSync('mmdebstrap', ['--quiet', '--variant=minbase', include, release, root])
    writeFileSync(join(root, 'etc/hostname'), 'machine\n')
    writeFileSync(join(root, 'etc/hosts'), '127.0.0.1 localhost machine\n')
  }

  /** Runs one command as root, without booting. */
  run(...words: readonly string[]): Outcome {
    const flags = ['--quiet', '--register=no', '--keep-unit', '--private-network', '--pipe']
    return outcome('systemd-nspawn', [...flags, '-D', this.root, ...ENVIRONMENT, ...words])
  }

  /** Boots its systemd and waits until it has nothing more to start. */
  async boot(): Promise<void> {
    const flags = ['--quiet', '--register=no', '--keep-unit', '--private-network', '--boot']
    // The unified hierarchy is the only one that systemd of today accepts.
    this.#boot = spawn('systemd-nspawn', [...flags, '--console=pipe', '-D', this.root], {
      stdio: 'ignore',
      env: { ...process.env, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: '1' },
    })
    for (let tries = 0; tries < 300; tries++) {
      const state = this.join('systemctl', 'is-system-running').output.trim()
      if (state.startsWith('running') || state.startsWith('degraded')) return
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    throw new Error('the container does not come up')
  }

  /** Runs one command as root in the booted container. */
  join(...words: readonly string[]): Outcome {
    const leader = this.#leader()
    if (leader === undefined) return { status: null, output: 'not booted' }
    const flags = ['-t', leader, '-m', '-u', '-i', '-n', '-p', '--wdns=/root', '--']
    return outcome('nsenter', [...flags, ...ENVIRONMENT, ...words])
  }

  /** Like {@link join}, for a script of the shell; throws unless it ends with 0. */
  sh(script: string): string {
    const { status, output } = this.join('sh', '-euc', script)
    if (status !== 0) throw new Error(`${script}\nended with ${String(status)}: ${output}`)
    return output
  }

  /** Powers off, if it was booted. */
  async halt(): Promise<void> {
    const boot = this.#boot
    if (boot?.exitCode !== null || boot.signalCode !== null) return
    this.join('systemctl', 'poweroff')
    const kill = setTimeout(() => boot.kill('SIGKILL'), 30_000)
    await once(boot, 'exit')
    clearTimeout(kill)
    this.#boot = undefined
  }

  /** The process that is number 1 inside, by its number outside. */
  #leader(): string | undefined {
    const pid = this.#boot?.pid
    if (pid === undefined) return undefined
    try {
      const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
      return children[0] === '' ? undefined : children[0]
    } catch {
      return undefined
    }
  }
}

function outcome(program: string, words: readonly string[]): Outcome {
  const options = { encoding: 'utf8', maxBuffer: 1 << 26, timeout: 300_000 } as const
  const { status, stdout, stderr } = spawnSync(program, words, options)
  return { status, output: stdout + stderr }
}
