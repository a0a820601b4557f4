import { readWithin, type Clock, type SerialBackend, type SerialSettings } from '@s3mp/hal'
import { HalError } from '@s3mp/hal'
import type { DecoderEvent, DecoderOptions, DecoderProtocol } from '@s3mp/meter'
import { createDecoder } from '@s3mp/meter'

/** What listening to a head needs. */
export interface ListenOptions {
  readonly serial: SerialBackend
  readonly path: string
  readonly settings: SerialSettings
  readonly protocol: DecoderProtocol
  /** Keys and lists of the meter that is expected there. */
  readonly decoding?: DecoderOptions
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Listens no longer than this, in milliseconds. */
  readonly listenMs: number
  /** Sent once after opening: the request of IEC 62056-21, for meters that do not speak unasked. */
  readonly request?: Uint8Array
}

/** Something that a head delivered, as it came. */
export interface Heard {
  /** Bytes that arrived with this. */
  readonly bytes: number
  readonly events: readonly DecoderEvent[]
}

/** Pause after which the wait for more bytes is looked at again, in milliseconds. */
const LOOK_MS = 250

/**
 * Opens a port, hands on what a decoder makes of it until the time is over or `hear` answers false,
 * and closes it. `hear` is called at least every quarter of a second, with nothing if nothing came.
 *
 * @throws HalError where the port cannot be opened or breaks.
 */
export async function listen(
  options: ListenOptions,
  hear: (heard: Heard) => boolean,
): Promise<void> {
  const { serial, path, settings, protocol, clock, signal, listenMs, request } = options
  const port = await serial.open(path, settings)
  try {
    const decoder = createDecoder(protocol, options.decoding)
    if (request !== undefined) await port.write(request)
    const endMs = clock.monotonicMs() + listenMs
    for (;;) {
      const leftMs = endMs - clock.monotonicMs()
      if (leftMs <= 0 || signal.aborted) break
      const bytes = await readWithin(port, Math.min(LOOK_MS, leftMs), clock, signal).catch(silence)
      if (!hear({ bytes: bytes.length, events: decoder.push(bytes) })) return
    }
    hear({ bytes: 0, events: decoder.end() })
  } finally {
    await port.close()
  }
}

const NOTHING = new Uint8Array(0)

/** A quiet line and a full buffer are no reason to stop; everything else is. */
function silence(error: unknown): Uint8Array {
  if (error instanceof HalError && (error.code === 'timeout' || error.code === 'overrun')) {
    return NOTHING
  }
  throw error
}
