import { HalError } from '../errors.ts'
import type { I2cBackend, I2cOperation } from '../i2c.ts'
import { TransactionQueue } from '../transaction-queue.ts'
import { driverError, errnoOf } from './driver-error.ts'
import type { NativeI2cBus, Natives } from './natives.ts'
import { systemNatives } from './natives.ts'

/** Bytes that the kernel moves after a command byte in one go (I2C_SMBUS_BLOCK_MAX). */
const BLOCK_BYTES_MAX = 32

/** What a missing acknowledgement is called: by i2c-bcm2835, most controllers, and SMBus ones. */
const NO_ACKNOWLEDGE: ReadonlySet<string> = new Set(['EREMOTEIO', 'ENXIO', 'ENODEV'])

/** The I2C buses of a Linux machine, over `i2c-bus`; bus 1 is on the Pi's header. */
export function linuxI2c(natives: Natives = systemNatives()): I2cBackend {
  return {
    async open(bus) {
      if (!Number.isInteger(bus) || bus < 0 || bus > 255) {
        throw new HalError('unsupported', `i2c bus: expected 0…255, found ${bus}`)
      }
      const openNative = await natives.i2c()
      let native: NativeI2cBus
      try {
        native = await openNative(bus)
        // The driver opens the bus when it is first used; only this question shows that it is there.
        await native.i2cFuncs()
      } catch (cause) {
        throw driverError(`i2c bus ${bus}`, cause)
      }
      return new TransactionQueue(
        `i2c bus ${bus}`,
        (address, operations) => transact(native, address, operations),
        () => native.close(),
      )
    },
  }
}

async function transact(
  bus: NativeI2cBus,
  address: number,
  operations: readonly I2cOperation[],
): Promise<readonly Uint8Array[]> {
  const reads: Uint8Array[] = []
  try {
    for (let at = 0; at < operations.length; at++) {
      const operation = operations[at]
      const next = operations[at + 1]
      if (!operation) break
      if ('read' in operation) {
        reads.push(await read(bus, address, operation.read))
      } else if (isRegisterRead(operation, next)) {
        reads.push(await readRegister(bus, address, operation.write[0] ?? 0, next.read))
        at += 1
      } else {
        await write(bus, address, operation.write)
      }
    }
  } catch (cause) {
    throw wireError(address, cause)
  }
  return reads
}

/** A register's number, then its bytes: the one pair the kernel can do without a stop between. */
function isRegisterRead(
  operation: { readonly write: Uint8Array },
  next: I2cOperation | undefined,
): next is { readonly read: number } {
  return (
    operation.write.length === 1 &&
    next !== undefined &&
    'read' in next &&
    next.read <= BLOCK_BYTES_MAX
  )
}

/*
 * Where an SMBus call puts the same bits on the wire as a plain transfer it is taken, because some
 * controllers know no other; on the rest the kernel makes a plain transfer of it.
 */

async function read(bus: NativeI2cBus, address: number, length: number): Promise<Uint8Array> {
  if (length === 1) return Uint8Array.of(await bus.receiveByte(address))
  const into = Buffer.alloc(length)
  const { bytesRead } = await bus.i2cRead(address, length, into)
  return whole(into, bytesRead, length)
}

async function readRegister(
  bus: NativeI2cBus,
  address: number,
  register: number,
  length: number,
): Promise<Uint8Array> {
  const into = Buffer.alloc(length)
  const { bytesRead } = await bus.readI2cBlock(address, register, length, into)
  return whole(into, bytesRead, length)
}

async function write(bus: NativeI2cBus, address: number, bytes: Uint8Array): Promise<void> {
  const [command = 0] = bytes
  if (bytes.length === 1) return bus.sendByte(address, command)
  const isBlock = bytes.length <= 1 + BLOCK_BYTES_MAX
  const from = Buffer.from(isBlock ? bytes.subarray(1) : bytes)
  const { bytesWritten } = isBlock
    ? await bus.writeI2cBlock(address, command, from.length, from)
    : await bus.i2cWrite(address, from.length, from)
  whole(from, bytesWritten, from.length)
}

function whole(bytes: Uint8Array, moved: number, length: number): Uint8Array {
  if (moved !== length) {
    throw new HalError('io', `i2c: expected ${length} bytes to move, found ${moved}`)
  }
  return new Uint8Array(bytes)
}

function wireError(address: number, cause: unknown): HalError {
  const name = `i2c 0x${address.toString(16).padStart(2, '0')}`
  if (NO_ACKNOWLEDGE.has(errnoOf(cause) ?? '')) {
    return new HalError('no-acknowledge', `${name}: nobody answered`, { cause })
  }
  return driverError(name, cause)
}
