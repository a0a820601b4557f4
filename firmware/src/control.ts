import { chmodSync, rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'

import { codeOf, FirmwareError, reasonOf } from './errors.ts'

/** Bytes of a question on the control socket. */
export const CONTROL_QUESTION_BYTES_MAX = 64

/** Bytes of an answer that the client takes. */
export const CONTROL_ANSWER_BYTES_MAX = 1_048_576

/** Questions answered at once; more are hung up on. */
export const CONTROL_CLIENTS_MAX = 8

/** Time for a question, and for an answer, in milliseconds. */
export const CONTROL_MS_MAX = 5000

/** Answers one question with JSON; undefined for a question that is not known. */
export type Answer = (question: string) => unknown

/** A control socket that is open. */
export interface ControlServer {
  close(): Promise<void>
}

/**
 * Opens a socket on which the owner of the folder, and nobody else, can ask a running meter one line
 * and gets one line of JSON.
 *
 * @throws FirmwareError `channel` when the socket cannot be made.
 */
export async function openControl(path: string, answer: Answer): Promise<ControlServer> {
  const server = createServer((socket) => {
    socket.setTimeout(CONTROL_MS_MAX, () => {
      socket.destroy()
    })
    socket.on('error', () => undefined)
    let question = ''
    socket.on('data', (chunk: Uint8Array) => {
      question += Buffer.from(chunk).toString('latin1')
      const end = question.indexOf('\n')
      if (end >= 0) socket.end(`${JSON.stringify(answer(question.slice(0, end)) ?? null, plain)}\n`)
      else if (question.length > CONTROL_QUESTION_BYTES_MAX) socket.destroy()
    })
  })
  server.maxConnections = CONTROL_CLIENTS_MAX
  rmSync(path, { force: true })
  await listen(server, path)
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve()
        })
      }),
  }
}

/** Asks a running meter. @throws FirmwareError `channel` when nobody answers. */
export async function askControl(path: string, question: string): Promise<unknown> {
  const text = await new Promise<string>((resolve, reject) => {
    const socket = connect(path)
    const parts: string[] = []
    let length = 0
    const fail = (why: string, cause?: unknown): void => {
      socket.destroy()
      reject(new FirmwareError('channel', `${path}: ${why}`, { cause }))
    }
    socket.setTimeout(CONTROL_MS_MAX, () => {
      fail('no answer; the meter may be stuck, see its log')
    })
    socket.on('error', (error) => {
      const isAway = ['ENOENT', 'ECONNREFUSED'].includes(codeOf(error))
      const isClosed = ['EACCES', 'EPERM'].includes(codeOf(error))
      const cure = isAway
        ? 'no meter is running there; start it, or name its --config'
        : isClosed
          ? 'this user may not ask the meter; ask as its owner, or with sudo'
          : reasonOf(error)
      fail(cure, error)
    })
    socket.on('data', (chunk: Uint8Array) => {
      length += chunk.length
      if (length > CONTROL_ANSWER_BYTES_MAX) fail('the answer is too long')
      else parts.push(Buffer.from(chunk).toString())
    })
    socket.on('end', () => {
      resolve(parts.join(''))
    })
    socket.write(`${question}\n`)
  })
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new FirmwareError('malformed', `${path}: expected JSON`, { cause: error })
  }
}

/** Bytes as hex, so that an answer is plain JSON. */
function plain(_key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  return typeof value === 'bigint' ? value.toString() : value
}

async function listen(server: Server, path: string): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(path, resolve)
    })
    chmodSync(path, 0o600)
  } catch (error) {
    const message = `${path}: ${reasonOf(error)}; check the folder, or write control.socket = "off"`
    throw new FirmwareError('channel', message, { cause: error })
  }
}
