import { join } from 'node:path'

import { parseSettings, type Clock } from '@s3mp/hal'

import { BlackBox } from '../blackbox/blackbox.ts'
import { BLACKBOX_FOLDER, keepCapture } from '../blackbox/shelf.ts'
import type { Config } from '../config/load.ts'
import { reasonOf } from '../errors.ts'
import type { Log } from '../log.ts'
import { keptPin } from '../pin/kept.ts'
import { PinRepeat } from '../pin/repeat.ts'
import type { SourceTap } from '../sources/source.ts'

/**
 * Who listens along at each source: a black box everywhere, and whoever types the PIN again where the
 * configuration allows it.
 *
 * @throws FirmwareError `malformed` where the file of the PIN holds something else.
 */
export function tapsOf(config: Config, clock: Clock, log: Log): (source: string) => SourceTap {
  const folder = join(config.state.folder, BLACKBOX_FOLDER)
  const taps = new Map(
    config.meters.map((meter) => {
      const { name, baud, frame, pin } = meter
      const keep = (file: string, text: string): void => {
        try {
          keepCapture(folder, file, text)
          log.info('blackbox.kept', { source: name, file })
        } catch (error) {
          // A full disk must not stop the metering.
          log.warn('blackbox.failed', { source: name, reason: reasonOf(error) })
        }
      }
      const settings = parseSettings(`${String(baud)} ${frame}`)
      const box = new BlackBox({ source: name, settings, clock, keep })
      const kept = pin === undefined ? undefined : keptPin(pin)
      if (pin !== undefined && kept === undefined) {
        log.warn('pin.missing', { source: name, file: pin, remedy: 's3mp pin DEVICE --keep FILE' })
      }
      const repeat = kept && new PinRepeat({ source: name, kept, clock, log })
      return [name, joined(repeat === undefined ? [box.tap] : [box.tap, repeat.tap])] as const
    }),
  )
  return (source) => taps.get(source) ?? {}
}

/** Several who listen along, as one. */
function joined(taps: readonly SourceTap[]): SourceTap {
  return {
    bytes: (bytes) => {
      for (const tap of taps) tap.bytes?.(bytes)
    },
    event: (event) => {
      for (const tap of taps) tap.event?.(event)
    },
    port: (port) => {
      for (const tap of taps) tap.port?.(port)
    },
  }
}
