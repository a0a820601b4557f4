import { isIP } from 'node:net'

import { z } from 'zod'

/** Characters of any text in the configuration; more is a slip of the clipboard. */
export const CONFIG_TEXT_MAX = 1024

/** The longest span that may be configured: a year, in milliseconds. */
export const CONFIG_SPAN_MS_MAX = 366 * 24 * 3600 * 1000

const SPAN_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

const SIZE_BYTES = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 } as const

/** A span of time as people write it (`"15m"`, `"60s"`), in milliseconds; undefined if it is none. */
export function parseSpanMs(text: string): number | undefined {
  const match = /^(\d{1,9})(ms|s|m|h|d)$/u.exec(text)
  const unit = match?.[2]
  if (match?.[1] === undefined || unit === undefined) return undefined
  const ms = Number(match[1]) * SPAN_MS[unit as keyof typeof SPAN_MS]
  return ms > 0 && ms <= CONFIG_SPAN_MS_MAX ? ms : undefined
}

/** A size as people write it (`"64MiB"`), in bytes; undefined if it is none. */
export function parseSizeBytes(text: string): number | undefined {
  const match = /^(\d{1,9})(B|KiB|MiB|GiB)$/u.exec(text)
  const unit = match?.[2]
  if (match?.[1] === undefined || unit === undefined) return undefined
  const bytes = Number(match[1]) * SIZE_BYTES[unit as keyof typeof SIZE_BYTES]
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

/** A non-empty text of bounded length on one line. */
export const text = z
  .string()
  .min(1)
  .max(CONFIG_TEXT_MAX)
  .regex(/^[^\p{Cc}]*$/u)

/** A span of time within bounds, given in milliseconds; the value is milliseconds. */
export function span(minMs: number, maxMs: number): z.ZodType<number> {
  return z.string().transform((value, context) => {
    const ms = parseSpanMs(value)
    if (ms !== undefined && ms >= minMs && ms <= maxMs) return ms
    context.addIssue({ code: 'custom', message: 'span' })
    return z.NEVER
  })
}

/** As {@link span}, or `"off"`, which becomes undefined. */
export function spanOrOff(minMs: number, maxMs: number): z.ZodType<number | undefined> {
  return z.union([z.literal('off').transform(() => undefined), span(minMs, maxMs)])
}

/** A size within bounds; the value is bytes. */
export function size(minBytes: number, maxBytes: number): z.ZodType<number> {
  return z.string().transform((value, context) => {
    const bytes = parseSizeBytes(value)
    if (bytes !== undefined && bytes >= minBytes && bytes <= maxBytes) return bytes
    context.addIssue({ code: 'custom', message: 'size' })
    return z.NEVER
  })
}

/** A whole number within bounds, as a plain TOML integer. */
export function whole(min: number, max: number): z.ZodType<number> {
  return z.int().min(min).max(max)
}

/** An IP address or host name with a port: `192.0.2.1:8470`, `[2001:db8::1]:8470`. */
export interface HostPort {
  readonly host: string
  readonly port: number
}

/** Takes `host:port` apart; undefined when it is not that. */
export function parseHostPort(value: string): HostPort | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9.-]{1,253})):(\d{1,5})$/u.exec(value)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  return host === undefined || !(port <= 65_535) ? undefined : { host, port }
}

/** `host:port`; the value is a {@link HostPort}. */
export const hostPort: z.ZodType<HostPort> = z.string().transform((value, context) => {
  const parsed = parseHostPort(value)
  if (parsed !== undefined) return parsed
  context.addIssue({ code: 'custom', message: 'host:port' })
  return z.NEVER
})

/** `IP:port`: an address that needs no name server; the value is a {@link HostPort}. */
export const ipPort: z.ZodType<HostPort> = hostPort.refine(({ host }) => isIP(host) !== 0)

/** `host:port` that stays as it is written, checked. */
export const hostPortText: z.ZodType<string> = text.refine(
  (value) => parseHostPort(value) !== undefined,
)

/** A list of one to `max` values. */
export function listOf<Value>(schema: z.ZodType<Value>, max: number): z.ZodType<readonly Value[]> {
  return z.array(schema).min(1).max(max)
}
