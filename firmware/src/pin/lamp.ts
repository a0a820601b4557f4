import { bitsPerCharacter, type Clock, type OutputPin, type SerialPort } from '@s3mp/hal'
import type { SerialSettings } from '@s3mp/hal'

/** Something that shines on the meter's optical button. */
export interface Lamp {
  /** Shines for so long; dark again in any case when it settles. */
  flash(ms: number, signal: AbortSignal): Promise<void>
  /** Leaves everything as it was found. */
  release(): Promise<void>
}

/**
 * The LED of an optical head, lit by holding the line. `isInverted` is for heads whose LED shines on
 * an idle line: they are held all the time and let go for a flash.
 */
export function breakLamp(port: SerialPort, clock: Clock, isInverted = false): Lamp {
  const shine = (on: boolean): Promise<void> => port.setBreak(on !== isInverted)
  return {
    flash: (ms, signal) => shineFor(shine, ms, clock, signal),
    release: () => port.setBreak(false),
  }
}

/** An LED of its own on a pin of the board. */
export function pinLamp(pin: OutputPin, clock: Clock): Lamp {
  return {
    flash: (ms, signal) => shineFor((on) => pin.write(on), ms, clock, signal),
    release: () => pin.write(false),
  }
}

const SLOW: SerialSettings = { baudRate: 300, dataBits: 8, parity: 'none', stopBits: 1 }

/**
 * The LED of a head whose driver cannot hold the line: NULs at 300 baud are light for nine bits of
 * ten, and the dark of the tenth is far shorter than any eye of a meter can see.
 */
export function byteLamp(port: SerialPort, settings: SerialSettings): Lamp {
  const byteMs = (bitsPerCharacter(SLOW) * 1000) / SLOW.baudRate
  return {
    async flash(ms, signal) {
      signal.throwIfAborted()
      await port.reconfigure(SLOW)
      await port.write(new Uint8Array(Math.ceil(ms / byteMs)))
      await port.drain()
    },
    release: () => port.reconfigure(settings),
  }
}

async function shineFor(
  shine: (on: boolean) => Promise<void>,
  ms: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted()
  await shine(true)
  try {
    await clock.sleep(ms, signal)
  } finally {
    await shine(false)
  }
}
