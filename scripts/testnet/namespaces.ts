import { execFile, execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Why network namespaces and tunnels cannot be had on this machine, or undefined where they can. */
export function whyNoNamespaces(): string | undefined {
  if (process.getuid?.() !== 0) return 'network namespaces and tunnels need root'
  if (!existsSync('/dev/net/tun')) return 'this machine has no /dev/net/tun'
  const probe = `s3mp-probe-${process.pid}`
  try {
    execFileSync('ip', ['netns', 'add', probe], { stdio: 'pipe' })
    execFileSync('ip', ['netns', 'del', probe], { stdio: 'pipe' })
    return undefined
  } catch (error) {
    return `network namespaces cannot be made here: ${(error as Error).message.trim()}`
  }
}

/** What a namespace is made of. */
export interface NamespaceOptions {
  /** At most 10 characters: it names the namespace and both ends of its cable. */
  readonly name: string
  /** The address on its end of the cable, known to the machine outside. */
  readonly address: string
  /** What is reached through the cable, as a prefix. */
  readonly reaches: string
  /** Addresses of its own that only those inside know. */
  readonly inside: readonly string[]
}

/**
 * A network namespace with one cable (a veth pair) to the machine outside. No packet is forwarded
 * for it: it reaches the machine's own addresses within `reaches`, and nothing else.
 */
export class Namespace {
  readonly name: string

  private constructor(name: string) {
    this.name = name
  }

  /** Makes the namespace; one of the same name that a crash left behind is removed first. */
  static async create(options: NamespaceOptions): Promise<Namespace> {
    const { name, address, reaches, inside } = options
    const namespace = new Namespace(name)
    await namespace.remove()
    const [outer, inner] = [`${name}-o`, `${name}-i`]
    const within = (...words: readonly string[]): Promise<unknown> =>
      run('ip', ['-n', name, ...words])
    try {
      await run('ip', ['netns', 'add', name])
      await run('ip', ['link', 'add', outer, 'type', 'veth', 'peer', inner, 'netns', name])
      await run('ip', ['link', 'set', outer, 'up'])
      await within('link', 'set', 'lo', 'up')
      await within('link', 'set', inner, 'up')
      await within('addr', 'add', `${address}/32`, 'dev', inner)
      await within('route', 'add', reaches, 'dev', inner, 'src', address)
      for (const one of inside) await within('addr', 'add', `${one}/32`, 'dev', 'lo')
      await run('ip', ['route', 'add', `${address}/32`, 'dev', outer])
    } catch (error) {
      await namespace.remove()
      throw error
    }
    return namespace
  }

  /** The words that start a program inside. */
  command(words: readonly string[]): readonly [string, ...string[]] {
    return ['ip', 'netns', 'exec', this.name, ...words]
  }

  /** Removes the namespace and its cable; programs inside must have ended. Safe to call twice. */
  async remove(): Promise<void> {
    await run('ip', ['link', 'del', `${this.name}-o`]).catch(() => undefined)
    await run('ip', ['netns', 'del', this.name]).catch(() => undefined)
  }
}
