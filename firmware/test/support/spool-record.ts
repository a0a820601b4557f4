import { createHash } from 'node:crypto'

import { PRIORITY, type Priority } from '../../src/spool/priority.ts'
import type { SpoolObject, StreamState } from '../../src/spool/spool.ts'

/** A record that follows a stream's state: its hash covers the head before it. */
export function record(
  state: StreamState,
  options: {
    size?: number
    priority?: Priority
    epoch?: number
    madeMs?: number
    span?: number
  } = {},
): { object: Omit<SpoolObject, 'id'>; after: StreamState } {
  const seq = state.nextSeq
  const lastSeq = seq + (options.span ?? 1) - 1
  const hash = createHash('sha256').update(state.head).update(String(seq)).digest()
  const object = {
    stream: state.stream,
    seq,
    lastSeq,
    kind: 'reading',
    priority: options.priority ?? PRIORITY.billing,
    epoch: options.epoch ?? 1,
    madeMs: options.madeMs ?? 0,
    hash: new Uint8Array(hash),
    datagram: new Uint8Array(options.size ?? 100).fill(seq),
    kept: new Uint8Array(0),
  }
  const memory = JSON.stringify({ seq })
  const after = { stream: state.stream, nextSeq: lastSeq + 1, head: object.hash, memory }
  return { object, after }
}
