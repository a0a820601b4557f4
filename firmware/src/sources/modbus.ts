import type { SerialSettings } from '@s3mp/hal'
import { ModbusPoll, type RegisterMap } from '@s3mp/meter'

import { AskingSource, type Ask } from './asking.ts'
import type { Bus } from './bus.ts'
import type { SourceSpec } from './source.ts'
import { hush, talk } from './talk.ts'

/** A meter on a Modbus. */
export interface ModbusOptions {
  readonly name: string
  /** The port or address, for people. */
  readonly device: string
  readonly bus: Bus
  readonly askMs: number
  readonly isSimulated: boolean
  readonly map: RegisterMap
  readonly unit: number
  readonly transport: 'rtu' | 'tcp'
  /** The line that this meter speaks; others on the bus may speak another. */
  readonly settings: SerialSettings
  /** Its number, where its map has none. */
  readonly serial?: string
}

/** The source of a Modbus meter; several may share one bus and are asked one after the other. */
export function modbus(options: ModbusOptions): SourceSpec {
  const { name, device, bus, askMs, isSimulated, settings, serial } = options
  const { map, unit, transport } = options
  const base = { name, kind: 'modbus', isSimulated, askMs } as const
  return {
    ...base,
    device: `${device} unit ${String(unit)}`,
    create: (context) => {
      const number = serial === undefined ? {} : { device: serial }
      const fresh = (): ModbusPoll => new ModbusPoll({ map, unit, transport, ...number })
      // What a meter refused is remembered for as long as it is there to be asked.
      let poll = fresh()
      const asking = {
        ...base,
        bus,
        ask: async (round: Parameters<Ask>[0]): Promise<string | undefined> => {
          if (round.canSwitch) await round.port.reconfigure(settings)
          await hush(round.port, context.clock, round.signal)
          try {
            const end = await talk(poll, { ...round, clock: context.clock })
            return end.kind === 'failed' ? end.reason : undefined
          } catch (error) {
            poll = fresh()
            throw error
          }
        },
      }
      return new AskingSource(asking, context)
    },
  }
}
