import type { Schema } from '@s3mp/envelope'
import type { Medium } from '../api.ts'

/** The first group of an OBIS code, by medium (IEC 62056-61 §5.1). */
const MEDIA: Readonly<Record<string, Medium>> = {
  1: 'electricity',
  4: 'heat-cost',
  5: 'cooling',
  6: 'heat',
  7: 'gas',
  8: 'cold-water',
  9: 'hot-water',
}

/** What a meter counts: the medium that most of its registers name; `other` where none does. */
export function mediumOf({ registers }: Pick<Schema, 'registers'>): Medium {
  const counts = new Map<Medium, number>()
  for (const { obis } of registers) {
    const medium = MEDIA[obis.split('-')[0] ?? '']
    if (medium !== undefined) counts.set(medium, (counts.get(medium) ?? 0) + 1)
  }
  const [first] = [...counts].sort(([, left], [, right]) => right - left)
  return first?.[0] ?? 'other'
}
