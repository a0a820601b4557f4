/** Meters that the demonstration can pretend to have. */
export const DEMO_METERS = ['sml', 'dlms', 'd0', 'dsmr', 's0', 'modbus'] as const

/** One of {@link DEMO_METERS}. */
export type DemoMeter = (typeof DEMO_METERS)[number]
