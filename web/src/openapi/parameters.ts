import type { Parameter } from './document.ts'

const text = { type: 'string' }

/** A parameter that is part of the address. */
export function path(
  name: string,
  description: string,
  schema: Parameter['schema'] = text,
): Parameter {
  return { name, in: 'path', required: true, description, schema }
}

/** A parameter behind the question mark. */
export function query(
  name: string,
  description: string,
  schema: Parameter['schema'] = text,
  required = false,
): Parameter {
  return { name, in: 'query', required, description, schema }
}

/** The parameter that bounds an answer. */
export function limit(max: number): Parameter {
  const schema = { type: 'integer', minimum: 1, maximum: max, default: max }
  return query('limit', 'How many at most', schema)
}

/** Where a live stream goes on. */
export const LAST_EVENT_ID: Parameter = {
  name: 'Last-Event-ID',
  in: 'header',
  required: false,
  description: 'The id of the last event that was seen; what followed is told first',
  schema: text,
}

const time = { type: 'integer', minimum: 0 }

type SharedName = 'device' | 'stream' | 'head' | 'register' | 'fromMs' | 'toMs'

/** Parameters that several addresses share; `headMax` is the highest number of a device's meter. */
export function sharedParameters(headMax: number): Readonly<Record<SharedName, Parameter>> {
  return {
    device: path('device', 'The device’s UEID, lower-case hex', {
      type: 'string',
      pattern: '^[0-9a-f]{66}$',
    }),
    stream: query(
      'stream',
      'quarter, minute, live, or another stream’s name; without it the one that suits',
    ),
    head: query('head', 'Which of the device’s meters', {
      type: 'integer',
      minimum: 0,
      maximum: headMax,
      default: 0,
    }),
    register: query('register', 'OBIS code in full: 1-0:16.7.0*255', text, true),
    fromMs: query('fromMs', 'Begin, inclusive', time, true),
    toMs: query('toMs', 'End, exclusive', time, true),
  }
}
