import { eventName, type EventRecord } from '@s3mp/envelope'
import type { EventSeverity } from './events.ts'
import type { EventRow, NewEvent } from './types.ts'

const SEVERITY = {
  info: 'info',
  notice: 'info',
  warning: 'warning',
  alarm: 'alarm',
} as const satisfies Record<EventRecord['severity'], EventSeverity>

/** A device's own signed event as the store lists it: `device.` and the event's name. */
export function deviceEvent(device: number, event: EventRecord, row: number): NewEvent {
  const details: Record<string, string | number> = {}
  for (const [index, value] of event.details.entries()) {
    details[`detail${index + 1}`] = typeof value === 'string' ? value : shown(value)
  }
  return {
    device,
    atMs: event.timeMs,
    severity: SEVERITY[event.severity],
    code: `device.${eventName(event.code)}`,
    reason: undefined,
    details,
    record: row,
  }
}

/** What the head-end noticed itself about a device. */
export function noticedEvent(
  device: number | undefined,
  atMs: number,
  severity: EventSeverity,
  code: string,
  details: EventRow['details'],
): NewEvent {
  return { device, atMs, severity, code, reason: undefined, details }
}

function shown(value: bigint): string | number {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value.toString()
}
