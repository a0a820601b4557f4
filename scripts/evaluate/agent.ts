/**
 * One end of the evaluation in a process of its own: started by `evaluate.ts`, told what to do over
 * the channel that Node.js opens to a child, gone when that closes.
 */
import type { Socket } from 'node:dgram'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Sender } from './senders.ts'
import { openHost, openSender, sequenceOf } from './senders.ts'
import type { OpenRequest, Stamp } from './variants.ts'
import { HEADEND_PORT, READING_BYTES, machineMs } from './variants.ts'

/** What an agent can be asked for, with what it answers. */
export interface Tasks {
  /** Receives readings and sends each back, until the process ends. */
  serve: { ask: OpenRequest; answer: null }
  /** The first arrival of every reading since the last `arrivals`. */
  arrivals: { ask: null; answer: readonly Stamp[] }
  /** Opens a sender and sends until the first acknowledgement: when it asked, and when that came. */
  open: { ask: OpenRequest; answer: { readonly openedMs: number; readonly ackedMs: number } }
  close: { ask: null; answer: null }
  /** Round trips of readings sent one after the other, in milliseconds; Infinity for a lost one. */
  echo: { ask: { readonly count: number }; answer: readonly number[] }
  /** Sends a reading every `intervalMs` for `durationMs`. */
  stream: {
    ask: { readonly durationMs: number; readonly intervalMs: number }
    answer: { readonly sent: readonly Stamp[]; readonly acked: readonly Stamp[] }
  }
  /** Processor time of this process so far, in microseconds. */
  cpu: { ask: null; answer: number }
}

const FIRST_ACK_MS_MAX = 40_000
const FIRST_RETRY_MS = 50
const ECHO_MS_MAX = 1000
/** After a stream: what is still under way may arrive. */
const DRAIN_MS = 300

let sender: Sender | undefined
let sequence = 0
let arrivals = new Map<number, number>()
let acked = new Map<number, number>()
let onAcked: (sequence: number) => void = () => undefined

const work: { [Name in keyof Tasks]: (ask: Tasks[Name]['ask']) => Promise<Tasks[Name]['answer']> } =
  {
    async serve(request) {
      if (request.place.kind === 'ip') await serveIp(request.host)
      else await serveScion(request)
      return null
    },
    arrivals() {
      const list = [...arrivals]
      arrivals = new Map()
      return Promise.resolve(list)
    },
    async open(request) {
      const openedMs = machineMs()
      sender = await openSender(request, answered)
      const first = sequence
      const acknowledged = new Promise<number>((resolve) => {
        onAcked = (number) => {
          if (number >= first) resolve(machineMs())
        }
      })
      while (machineMs() - openedMs < FIRST_ACK_MS_MAX) {
        await send()
        const ackedMs = await before(FIRST_RETRY_MS, acknowledged)
        if (ackedMs !== undefined) return { openedMs, ackedMs }
      }
      throw new Error('no acknowledgement of the first reading')
    },
    async close() {
      await sender?.close()
      sender = undefined
      return null
    },
    async echo({ count }) {
      const roundTripsMs: number[] = []
      for (let index = 0; index < count; index++) roundTripsMs.push(await echo())
      return roundTripsMs
    },
    stream: ({ durationMs, intervalMs }) => stream(durationMs, intervalMs),
    cpu() {
      const { user, system } = process.cpuUsage()
      return Promise.resolve(user + system)
    },
  }

function answered(payload: Uint8Array): void {
  const number = sequenceOf(payload)
  if (!acked.has(number)) acked.set(number, machineMs())
  onAcked(number)
}

async function send(): Promise<Stamp> {
  const reading = new Uint8Array(READING_BYTES)
  const number = sequence++
  new DataView(reading.buffer).setUint32(0, number)
  const atMs = machineMs()
  // What cannot be sent is lost, as on a wire; the receiver's stamps will show it.
  await sender?.send(number, reading).catch(() => undefined)
  return [number, atMs]
}

async function echo(): Promise<number> {
  const number = sequence
  const back = new Promise<number>((resolve) => {
    onAcked = (one) => {
      if (one === number) resolve(machineMs())
    }
  })
  const [, sentMs] = await send()
  const backMs = await before(ECHO_MS_MAX, back)
  return backMs === undefined ? Infinity : backMs - sentMs
}

/** What `event` brings, or undefined where it does not come in time. */
async function before<T>(ms: number, event: Promise<T>): Promise<T | undefined> {
  const ending = new AbortController()
  const late = sleep(ms, undefined, ending).catch(() => undefined)
  try {
    return await Promise.race([event, late])
  } finally {
    ending.abort()
  }
}

async function stream(durationMs: number, intervalMs: number): Promise<Tasks['stream']['answer']> {
  acked = new Map()
  onAcked = () => undefined
  const sent: Stamp[] = []
  const startMs = machineMs()
  const sending: Promise<unknown>[] = []
  for (let index = 0; index * intervalMs < durationMs; index++) {
    const waitMs = startMs + index * intervalMs - machineMs()
    if (waitMs > 0) await sleep(waitMs)
    sending.push(send().then((stamp) => sent.push(stamp)))
  }
  await Promise.all(sending)
  await sleep(DRAIN_MS)
  return { sent, acked: [...acked] }
}

function arrived(payload: Uint8Array): void {
  const number = sequenceOf(payload)
  if (!arrivals.has(number)) arrivals.set(number, machineMs())
}

async function serveScion(request: OpenRequest): Promise<void> {
  const { socket } = await openHost(request, HEADEND_PORT, true)
  const receive = async (): Promise<void> => {
    for await (const { from, payload, reply } of socket) {
      arrived(payload)
      await socket.send(from, payload, reply).catch(() => undefined)
    }
  }
  void receive()
}

async function serveIp(host: string): Promise<void> {
  const socket: Socket = createSocket('udp4')
  socket.on('message', (payload, { address, port }) => {
    arrived(payload)
    socket.send(payload, port, address, () => undefined)
  })
  socket.bind(HEADEND_PORT, host)
  await once(socket, 'listening')
}

interface Message {
  readonly id: number
  readonly task: keyof Tasks
  readonly ask: never
}

process.on('message', ({ id, task, ask }: Message) => {
  work[task](ask).then(
    (answer) => process.send?.({ id, answer }),
    (error: unknown) => process.send?.({ id, error: (error as Error).message }),
  )
})
process.on('disconnect', () => process.exit(0))
// Ctrl-C reaches the whole group; the parent ends the agents when it has tidied up.
process.on('SIGINT', () => undefined)
