import { QUIRKS, mayHave } from './quirks.ts'
import type { Register } from './reading.ts'

/** The net power that most meters send by themselves. */
export const NET_POWER = '1-0:16.7.0*255'

/** What a meter says of power where it tells the directions apart. */
export interface Directions {
  /** 1.7.0: power that is imported. */
  readonly bought: Register | undefined
  /** 2.7.0: power that is exported. */
  readonly sold: Register | undefined
  /** It counts the energy of both directions. */
  readonly twoWay: boolean
}

/**
 * Import less export for a meter that does not say the net power itself; undefined where one side is
 * missing and might be the one that counts. Some meters sign what they call import (`quirks.ts`:
 * signedImport).
 */
export function netOfDirections(
  { bought, sold, twoWay }: Directions,
  maker: string | undefined,
): Register | undefined {
  if (bought === undefined) return undefined
  const signed = maker !== undefined && mayHave(QUIRKS.signedImport, maker)
  if (sold === undefined && twoWay && !signed && bought.digits >= 0n) return undefined
  const scaler = Math.min(bought.scaler, sold?.scaler ?? bought.scaler)
  const at = ({ digits, scaler: own }: Register): bigint => digits * 10n ** BigInt(own - scaler)
  const digits = at(bought) - (sold === undefined ? 0n : at(sold))
  return { ...bought, obis: NET_POWER, digits, scaler, derived: true }
}
