import type { RegisterMap } from './map.ts'
import { EASTRON } from './maps/eastron.ts'
import { RAIL } from './maps/rail.ts'
import { SUNSPEC } from './maps/sunspec.ts'

/** Register maps of meters in wide use, by name; each says where its registers come from. */
export const MODBUS_MAPS: ReadonlyMap<string, RegisterMap> = new Map(
  [...EASTRON, ...RAIL, ...SUNSPEC].map((map) => [map.id, map]),
)
