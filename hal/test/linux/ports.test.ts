import { afterEach, beforeEach, describe, it } from 'mocha'
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { SERIAL_PORTS_MAX } from '@s3mp/hal'
import { listPorts } from '@s3mp/hal/linux'

let root = ''

async function put(path: string, text = ''): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true })
  await writeFile(join(root, path), text)
}

async function link(path: string, target: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true })
  await symlink(join(root, target), join(root, path))
}

/** A USB converter as sysfs shows it: tty -> interface -> device with its descriptors. */
async function usb(name: string, bus: string, attributes: Record<string, string>): Promise<void> {
  for (const [key, value] of Object.entries(attributes)) {
    await put(`sys/devices/usb1/${bus}/${key}`, `${value}\n`)
  }
  await put(`sys/devices/usb1/${bus}/${bus}:1.0/${name}/uevent`)
  await link(`sys/class/tty/${name}/device`, `sys/devices/usb1/${bus}/${bus}:1.0/${name}`)
  await put(`dev/${name}`)
}

const list = (): ReturnType<typeof listPorts> =>
  listPorts({ sys: join(root, 'sys'), dev: join(root, 'dev') })

describe('listPorts', () => {
  beforeEach(async () => {
    root = await realpath(await mkdtemp(join(tmpdir(), 's3mp-ports-')))
  })

  afterEach(async () => {
    await rm(root, { recursive: true })
  })

  it('names a head with a serial number by its id', async () => {
    await usb('ttyUSB0', '1-1', {
      idVendor: '10c4',
      idProduct: 'ea60',
      serial: '0123',
      manufacturer: 'Silicon Labs',
      product: 'CP2102 USB to UART Bridge',
    })
    await link('dev/serial/by-id/usb-Silicon_Labs_0123-if00-port0', 'dev/ttyUSB0')
    await link('dev/serial/by-path/platform-usb-0:1:1.0-port0', 'dev/ttyUSB0')
    assert.deepEqual(await list(), [
      {
        path: join(root, 'dev/serial/by-id/usb-Silicon_Labs_0123-if00-port0'),
        device: join(root, 'dev/ttyUSB0'),
        aliases: [
          join(root, 'dev/serial/by-path/platform-usb-0:1:1.0-port0'),
          join(root, 'dev/ttyUSB0'),
        ],
        vendorId: '10c4',
        productId: 'ea60',
        serialNumber: '0123',
        manufacturer: 'Silicon Labs',
        product: 'CP2102 USB to UART Bridge',
      },
    ])
  })

  it('names two equal heads without serial numbers by the sockets they sit in', async () => {
    for (const [name, bus] of [
      ['ttyUSB0', '1-1'],
      ['ttyUSB1', '1-2'],
    ] as const) {
      await usb(name, bus, { idVendor: '1a86', idProduct: '7523' })
      await link(`dev/serial/by-path/platform-usb-0:${bus}:1.0-port0`, `dev/${name}`)
    }
    await link('dev/serial/by-id/usb-1a86_USB_Serial-if00-port0', 'dev/ttyUSB1')
    assert.deepEqual(
      (await list()).map((port) => port.path.slice(root.length)),
      [
        '/dev/serial/by-path/platform-usb-0:1-1:1.0-port0',
        '/dev/serial/by-path/platform-usb-0:1-2:1.0-port0',
      ],
    )
  })

  it('does not trust a number that every piece of a make carries', async () => {
    await usb('ttyUSB0', '1-1', { idVendor: '10c4', idProduct: 'ea60', serial: '0001' })
    await link('dev/serial/by-id/usb-Silicon_Labs_0001-if00-port0', 'dev/ttyUSB0')
    await link('dev/serial/by-path/platform-usb-0:1:1.0-port0', 'dev/ttyUSB0')
    const [port] = await list()
    assert.equal(port?.path, join(root, 'dev/serial/by-path/platform-usb-0:1:1.0-port0'))
    assert.equal(port.serialNumber, '0001')
  })

  it('prefers the name that a rule of this project gave', async () => {
    await usb('ttyUSB0', '1-1', { idVendor: '10c4', idProduct: 'ea60', serial: '0123' })
    await link('dev/serial/by-id/usb-x', 'dev/ttyUSB0')
    await link('dev/s3mp/head', 'dev/ttyUSB0')
    assert.equal((await list())[0]?.path, join(root, 'dev/s3mp/head'))
  })

  it('finds the UART on the board and leaves out slots without a chip', async () => {
    await put('sys/devices/platform/serial/uevent')
    await link('sys/class/tty/ttyAMA0/device', 'sys/devices/platform/serial')
    await put('sys/class/tty/ttyAMA0/type', '32\n')
    await put('dev/ttyAMA0')
    await link('dev/serial0', 'dev/ttyAMA0')
    await link('sys/class/tty/ttyS0/device', 'sys/devices/platform/serial')
    await put('sys/class/tty/ttyS0/type', '0\n')
    await put('dev/ttyS0')
    await put('sys/class/tty/tty1/uevent')
    await put('dev/tty1')
    assert.deepEqual(await list(), [
      {
        path: join(root, 'dev/serial0'),
        device: join(root, 'dev/ttyAMA0'),
        aliases: [join(root, 'dev/ttyAMA0')],
      },
    ])
  })

  it('is empty where there is nothing, not even sysfs', async () => {
    assert.deepEqual(await list(), [])
  })

  it('stops at its limit', async () => {
    await put('sys/devices/platform/serial/uevent')
    for (let i = 0; i < SERIAL_PORTS_MAX + 5; i++) {
      await link(`sys/class/tty/ttyX${i}/device`, 'sys/devices/platform/serial')
      await put(`dev/ttyX${i}`)
    }
    assert.equal((await list()).length, SERIAL_PORTS_MAX)
  })
})
