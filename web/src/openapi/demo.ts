import { z } from 'zod'
import type { DeedAnswer, DemoAnswer, DemoDeed, DemoSwitch, Journey, SwitchChange } from '../api.ts'

/* What only the demonstration tells: the way of a reading, its switches and deeds. */

const hex = z.string().regex(/^([0-9a-f]{2})*$/)
const pathId = z.string().regex(/^[0-9a-f]{16}$/)
const timeMs = z.int().min(0)
const bytes = z.int().min(0)

/** Names of what can be switched. */
export const DEMO_SWITCHES = ['headend', 'noise', 'head', 'case', 'clouds'] as const satisfies readonly DemoSwitch[] // prettier-ignore

/** Names of what can be done once. */
export const DEMO_DEEDS = ['forge', 'replay'] as const satisfies readonly DemoDeed[]

/** The way of one reading from light to row. */
export const journey: z.ZodType<Journey> = z.strictObject({
  device: z.string().regex(/^[0-9a-f]{66}$/),
  stream: z.string(),
  seq: z.int().min(0),
  telegram: z.strictObject({
    protocol: z.string(),
    bytes: hex,
    fields: z.array(
      z.strictObject({
        start: bytes,
        end: bytes,
        kind: z.enum(['frame', 'header', 'identity', 'name', 'value', 'unit', 'time', 'checksum']),
        label: z.string(),
        value: z.string().exactOptional(),
        register: z.int().min(0).exactOptional(),
      }),
    ),
    arrivedMs: timeMs,
  }),
  registers: z.array(
    z.strictObject({
      obis: z.string().regex(/^\d+-\d+:\d+\.\d+\.\d+\*\d+$/),
      value: z.string().regex(/^-?[0-9]+(\.[0-9]+)?$/),
      unit: z.string(),
    }),
  ),
  flags: z.array(z.string()),
  sealedMs: timeMs.exactOptional(),
  sealedBytes: bytes.exactOptional(),
  layers: z.array(
    z.strictObject({
      layer: z.enum(['payload', 'signature', 'encryption', 'udp', 'scion', 'underlay']),
      bytes,
    }),
  ),
  attempts: z.array(z.strictObject({ path: hex, atMs: timeMs })),
  path: pathId.exactOptional(),
  storedMs: timeMs.exactOptional(),
  row: z.int().min(1).exactOptional(),
  ackedMs: timeMs.exactOptional(),
})

/** The state of the switches. */
export const demoAnswer: z.ZodType<DemoAnswer> = z.strictObject({
  switches: z.array(z.strictObject({ name: z.enum(DEMO_SWITCHES), on: z.boolean() })),
  deeds: z.array(z.enum(DEMO_DEEDS)),
  input: z.enum(['simulated', 'replay', 'serial']),
  inputName: z.string().exactOptional(),
})

/** Body that switches something. */
export const switchChange: z.ZodType<SwitchChange> = z.strictObject({ on: z.boolean() })

/** Body of a deed: nothing. */
export const nothing: z.ZodType<Record<string, never>> = z.strictObject({})

/** What became of a deed. */
export const deedAnswer: z.ZodType<DeedAnswer> = z.strictObject({
  deed: z.enum(DEMO_DEEDS),
  accepted: z.boolean(),
  reason: z.string().exactOptional(),
})
