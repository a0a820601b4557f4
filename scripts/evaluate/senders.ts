import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { systemClock } from '@s3mp/hal'
import type { Flight, Path, PathSource, Route, ScionSocket } from '@s3mp/scion'
import {
  LIVELY_PLAN,
  nodeUnderlay,
  openPathPilot,
  openScionSocket,
  openStandalone,
  parseAddress,
  parseIsdAs,
} from '@s3mp/scion'
import { PassivePaths } from './passive.ts'
import type { OpenRequest } from './variants.ts'
import { HEADEND_PORT } from './variants.ts'

/** One way of sending readings, open. */
export interface Sender {
  /** Hands a reading on; rejects where nothing could be sent. */
  send(sequence: number, reading: Uint8Array): Promise<void>
  close(): Promise<void>
}

/** Hears of every answer, also of repeated ones. */
export type OnAnswer = (payload: Uint8Array) => void

const READY_MS_MAX = 10_000
/** Readings whose flight is remembered until the answer comes. */
const FLIGHTS_KEPT_MAX = 1000

/** Opens the way of sending that `request` names, from looking paths up to the first path held. */
export async function openSender(request: OpenRequest, onAnswer: OnAnswer): Promise<Sender> {
  if (request.place.kind === 'ip') return await openIp(request, onAnswer)
  const { socket, source } = await openHost(request, 0, false)
  const remote = {
    ...parseAddress(`${request.remoteIsdAs},${request.remoteHost}`),
    port: HEADEND_PORT,
  }
  const destination = parseIsdAs(request.remoteIsdAs)
  const close = async (): Promise<void> => {
    await socket.close()
    await source.close()
  }
  if (request.variant === 'single' || request.variant === 'redundant') {
    const pilot = openPathPilot({
      ...{ socket, source, destination, clock: systemClock, random, plan: LIVELY_PLAN },
    })
    await pilot.ready(AbortSignal.timeout(READY_MS_MAX))
    const copies = request.variant === 'redundant' ? 2 : 1
    const flights = new Pairing((flight, via) => {
      pilot.landed(flight, via)
    })
    listen(socket, (payload, reply) => {
      flights.answered(sequenceOf(payload), reply)
      onAnswer(payload)
    })
    return {
      async send(sequence, reading) {
        flights.sent(sequence, await pilot.send(remote, reading, { copies, answer: true }))
      },
      async close() {
        await pilot.close()
        await close()
      },
    }
  }
  const paths = await source.paths(destination)
  const pick = choice(request, paths, socket)
  listen(socket, onAnswer)
  return {
    send: (_, reading) => socket.send(remote, reading, pick()),
    close,
  }
}

function choice(request: OpenRequest, paths: readonly Path[], socket: ScionSocket): () => Path {
  const passive = new PassivePaths(paths, () => systemClock.monotonicMs())
  if (request.variant === 'passive') {
    socket.observe((event) => {
      if (event.type === 'error-report') passive.reported(event.error)
    })
  }
  return () => passive.current()
}

/** Opens the socket of a host, with the control services of its AS as source of paths. */
export async function openHost(
  request: OpenRequest,
  port: number,
  echo: boolean,
): Promise<{ readonly socket: ScionSocket; readonly source: PathSource }> {
  if (request.place.kind !== 'scion') throw new Error('a SCION host needs its AS')
  const { configDir, isdAs } = request.place
  const source = await openStandalone({ configDir, clock: systemClock })
  const socket = await openScionSocket({
    local: { ...parseAddress(`${isdAs},${request.host}`), port },
    localAs: source.local,
    underlay: nodeUnderlay,
    clock: systemClock,
    random,
    echo,
  })
  return { socket, source }
}

/** The number of the reading in a datagram. */
export function sequenceOf(payload: Uint8Array): number {
  return new DataView(payload.buffer, payload.byteOffset, payload.byteLength).getUint32(0)
}

async function openIp(request: OpenRequest, onAnswer: OnAnswer): Promise<Sender> {
  const socket = createSocket('udp4')
  socket.on('message', onAnswer)
  socket.on('error', () => undefined)
  socket.bind(0, request.host)
  await once(socket, 'listening')
  return {
    send: (_, reading) =>
      new Promise((resolve, reject) => {
        socket.send(reading, HEADEND_PORT, request.remoteHost, (error) => {
          if (error === null) resolve()
          else reject(error)
        })
      }),
    async close() {
      const closed = once(socket, 'close')
      socket.close()
      await closed
    },
  }
}

function listen(socket: ScionSocket, hear: (payload: Uint8Array, reply: Route) => void): void {
  const receive = async (): Promise<void> => {
    for await (const { payload, reply } of socket) hear(payload, reply)
  }
  // The socket's end ends the loop; nothing else does.
  void receive().catch(() => undefined)
}

/** Unpredictable, in [0, 1). */
function random(): number {
  return randomInt(2 ** 47) / 2 ** 47
}

/** Brings flights and answers together, whichever is known first. */
class Pairing {
  readonly #land: (flight: Flight, via: Route) => void
  readonly #flights = new Map<number, Flight>()
  readonly #early = new Map<number, Route>()

  constructor(land: (flight: Flight, via: Route) => void) {
    this.#land = land
  }

  sent(sequence: number, flight: Flight): void {
    this.#flights.set(sequence, flight)
    this.#flights.delete(sequence - FLIGHTS_KEPT_MAX)
    const via = this.#early.get(sequence)
    if (via !== undefined) this.#land(flight, via)
    this.#early.delete(sequence)
  }

  answered(sequence: number, via: Route): void {
    const flight = this.#flights.get(sequence)
    if (flight === undefined) this.#early.set(sequence, via)
    else this.#land(flight, via)
  }
}
