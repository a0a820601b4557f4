import type { DecoderOptions } from '@s3mp/meter'

import type { MeterConfig } from '../config/schema.ts'

/** What the owner of a meter knows of what it pushes and the meter does not say, as decoders take it. */
export type Pushed = Pick<DecoderOptions, 'lists' | 'energyScaler'>

/** The same from its configuration. */
export function pushedOf({ lists, dlms }: Pick<MeterConfig, 'lists' | 'dlms'>): Pushed {
  const step = dlms.energy_wh
  return { lists, ...(step === undefined ? {} : { energyScaler: Math.round(Math.log10(step)) }) }
}
