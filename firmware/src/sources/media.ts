import { subMeters, type Reading } from '@s3mp/meter'

/** What one telegram says about one of the meters that it speaks for. */
export interface MediumReading {
  readonly medium: string
  readonly channel: number
  readonly reading: Reading
}

/** The meter itself first, then the meters behind it. */
export function splitMedia(reading: Reading): readonly MediumReading[] {
  const { protocol, flags } = reading
  const parts = subMeters(reading).map(({ channel, device, register }) => ({
    medium: 'other',
    channel,
    reading: { protocol, flags, device, registers: [register], texts: [] },
  }))
  return [{ medium: 'electricity', channel: 0, reading }, ...parts]
}
