import { HalError } from '../errors.ts'

/** What is used of a `serialport` stream, in types of our own: the package may be absent. */
export interface NativeSerialPort {
  open(done: (error: Error | null) => void): void
  write(bytes: Uint8Array, done: (error: Error | null | undefined) => void): boolean
  drain(done: (error: Error | null) => void): void
  set(options: { brk: boolean }, done: (error: Error | null) => void): void
  update(options: { baudRate: number }, done: (error: Error | null) => void): void
  close(done: (error: Error | null) => void): void
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown
  on(event: 'close' | 'error', listener: (error: Error | null) => void): unknown
  on(event: 'end', listener: () => void): unknown
  removeAllListeners(): unknown
  /** The open descriptor below the stream. */
  readonly port?: { getBaudRate(): Promise<unknown> } | undefined
}

/** The `SerialPort` class of `serialport`, or the `SerialPortMock` beside it. */
export type NativeSerialConstructor = new (options: {
  path: string
  baudRate: number
  dataBits: 7 | 8
  parity: 'none' | 'even' | 'odd'
  stopBits: 1 | 2
  autoOpen: false
  hupcl: false
  lock: true
}) => NativeSerialPort

/** What is used of a `@serialport/parser-readline` stream. */
export interface NativeReadline {
  write(bytes: Uint8Array): boolean
  read(): unknown
}

/** The `ReadlineParser` class. */
export type NativeReadlineConstructor = new (options: {
  delimiter: string
  includeDelimiter: true
  encoding: 'latin1'
  readableObjectMode: true
}) => NativeReadline

/** What is used of a pin of `onoff`. */
export interface NativeGpio {
  read(done: (error: Error | null | undefined, value: number) => void): void
  write(value: 0 | 1, done: (error: Error | null | undefined) => void): void
  watch(listener: (error: Error | null | undefined, value: number) => void): void
  unexport(): void
}

/** The `Gpio` class of `onoff`; `line` is the kernel's number, not the board's. */
export type NativeGpioConstructor = new (
  line: number,
  direction: 'in' | 'high' | 'low',
  edge: 'none' | 'both',
  options: { activeLow: boolean },
) => NativeGpio

/** What is used of a promisified bus of `i2c-bus`. */
export interface NativeI2cBus {
  i2cFuncs(): Promise<unknown>
  i2cRead(address: number, length: number, into: Buffer): Promise<{ bytesRead: number }>
  i2cWrite(address: number, length: number, from: Buffer): Promise<{ bytesWritten: number }>
  sendByte(address: number, byte: number): Promise<void>
  receiveByte(address: number): Promise<number>
  readI2cBlock(
    address: number,
    command: number,
    length: number,
    into: Buffer,
  ): Promise<{ bytesRead: number }>
  writeI2cBlock(
    address: number,
    command: number,
    length: number,
    from: Buffer,
  ): Promise<{ bytesWritten: number }>
  close(): Promise<void>
}

/** `openPromisified` of `i2c-bus`. */
export type NativeI2cOpen = (bus: number) => Promise<NativeI2cBus>

/** The native packages, each loaded when first asked for; rejects with `unavailable`. */
export interface Natives {
  serialPort(): Promise<NativeSerialConstructor>
  readline(): Promise<NativeReadlineConstructor>
  gpio(): Promise<NativeGpioConstructor>
  i2c(): Promise<NativeI2cOpen>
}

/** Imports a package by name: `import()` itself, or a stand-in that fails. */
export type Importer = (name: string) => Promise<unknown>

/** What to do about an import that failed, told by Node's error code. */
function cure(name: string, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ERR_MODULE_NOT_FOUND') {
    return `it is not installed; install the optional dependencies (npm install ${name})`
  }
  if (code === 'ERR_DLOPEN_FAILED') {
    return 'its add-on was built for another Node; rebuild it with this one (docs/hal.md)'
  }
  return 'its add-on is not built; install a compiler and build it (docs/hal.md)'
}

/** Takes `key` out of an imported module, ESM or CommonJS, and checks that it can be called. */
async function load(importer: Importer, name: string, key: string): Promise<unknown> {
  let module: unknown
  try {
    module = await importer(name)
  } catch (cause) {
    throw new HalError('unavailable', `${name}: ${cure(name, cause)}`, { cause })
  }
  for (const candidate of [module, property(module, 'default')]) {
    const found = property(candidate, key)
    if (typeof found === 'function') return found
  }
  throw new HalError('unavailable', `${name}: expected an export '${key}', found none`)
}

function property(value: unknown, key: string): unknown {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return undefined
  return Reflect.get(value, key)
}

/**
 * The packages of this machine. Nothing is imported before it is needed, so that everything that
 * touches no hardware runs where they are absent.
 *
 * The casts are the checked boundary: `load` has seen that the export can be called, the rest of the
 * shape is the packages' pinned version.
 */
export function systemNatives(importer: Importer = (name) => import(name)): Natives {
  return {
    serialPort: async () =>
      (await load(importer, 'serialport', 'SerialPort')) as NativeSerialConstructor,
    readline: async () =>
      (await load(
        importer,
        '@serialport/parser-readline',
        'ReadlineParser',
      )) as NativeReadlineConstructor,
    gpio: async () => (await load(importer, 'onoff', 'Gpio')) as NativeGpioConstructor,
    i2c: async () => (await load(importer, 'i2c-bus', 'openPromisified')) as NativeI2cOpen,
  }
}
