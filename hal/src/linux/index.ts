/**
 * The hardware of a Linux machine. Native packages are loaded when first needed.
 *
 * @packageDocumentation
 */
export * from './gpio.ts'
export * from './i2c.ts'
export * from './lines.ts'
export * from './natives.ts'
export * from './ports.ts'
export * from './serial.ts'
