import { HalError } from '../errors.ts'
import type { HalErrorCode } from '../errors.ts'
import type { I2cBackend, I2cBus, I2cOperation } from '../i2c.ts'
import { TransactionQueue } from '../transaction-queue.ts'

/** One expected operation: bytes written and answered, or an error in their place. */
export interface I2cStep {
  readonly address: number
  /** Bytes the device expects next. */
  readonly write?: Uint8Array | readonly number[]
  /** Bytes the device gives next; the read must ask for exactly this many. */
  readonly read?: Uint8Array | readonly number[]
  /** The operation fails this way instead. */
  readonly error?: HalErrorCode
}

/** A device that answers by itself, for tests longer than a script. It may throw a HalError. */
export interface I2cDevice {
  write(bytes: Uint8Array): void
  /** Exactly `length` bytes. */
  read(length: number): Uint8Array
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

/**
 * A bus with a script: `expect` what will be asked, run the driver, then `done`. Devices that answer
 * by themselves can be attached beside it.
 *
 * An address that no step and no device has answers `no-acknowledge`, as an empty bus does; an operation that
 * differs from the script rejects with `io` and makes `done` throw.
 */
export class MockI2c implements I2cBackend {
  readonly #bus: number
  readonly #script: I2cStep[] = []
  readonly #addresses = new Set<number>()
  readonly #devices = new Map<number, I2cDevice>()
  #broken: string | undefined

  /** `bus` is the number under which the bus is opened; 1 on a Pi's header. */
  constructor(bus = 1) {
    this.#bus = bus
  }

  /** Appends steps to the script; a step with `write` and `read` stands for both in this order. */
  expect(steps: readonly I2cStep[]): this {
    for (const step of steps) {
      this.#addresses.add(step.address)
      const { address, write, read, error } = step
      if (write && read) this.#script.push({ address, write }, { address, read })
      else this.#script.push(error ? { address, error } : step)
    }
    return this
  }

  /** Puts a device on the bus. */
  attach(address: number, device: I2cDevice): this {
    this.#devices.set(address, device)
    return this
  }

  /** Throws unless the whole script has been played. */
  done(): void {
    if (this.#broken !== undefined) throw new Error(this.#broken)
    if (this.#script.length > 0) throw new Error(`script: ${this.#script.length} steps left`)
  }

  async open(bus: number): Promise<I2cBus> {
    await Promise.resolve()
    if (bus !== this.#bus) throw new HalError('not-found', `i2c bus ${bus}: no such bus`)
    return new TransactionQueue(
      `i2c bus ${bus}`,
      async (address, operations) => {
        await Promise.resolve()
        return operations.flatMap((operation) => this.#step(address, operation) ?? [])
      },
      () => Promise.resolve(),
    )
  }

  #step(address: number, operation: I2cOperation): Uint8Array | undefined {
    const device = this.#devices.get(address)
    if (device) {
      if ('read' in operation) return new Uint8Array(device.read(operation.read))
      device.write(new Uint8Array(operation.write))
      return undefined
    }
    if (!this.#addresses.has(address)) {
      throw new HalError('no-acknowledge', `i2c 0x${address.toString(16)}: no acknowledge`)
    }
    const step = this.#script.shift()
    const found =
      'write' in operation ? `write ${hex(operation.write)}` : `read ${operation.read} bytes`
    if (step?.address !== address) return this.#break('another address or nothing', found)
    if (step.error) throw new HalError(step.error, `i2c 0x${address.toString(16)}: ${step.error}`)
    if ('write' in operation) {
      const wanted = hex(Uint8Array.from(step.write ?? []))
      if (!step.write || wanted !== hex(operation.write)) this.#break(`write ${wanted}`, found)
      return undefined
    }
    if (step.read?.length !== operation.read) {
      return this.#break(`read ${step.read?.length ?? 0} bytes`, found)
    }
    return Uint8Array.from(step.read)
  }

  #break(expected: string, found: string): never {
    this.#broken ??= `script: expected ${expected}, found ${found}`
    throw new HalError('io', this.#broken)
  }
}
