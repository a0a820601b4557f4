import type { Conversation, ConversationFailure, MeterAction } from '../conversation.ts'
import { EchoCanceller } from '../echo.ts'
import type { ModbusRequest, ModbusTransport } from './frame.ts'
import { MODBUS_ANSWER_BYTES_MAX, decodeResponse, encodeRequest } from './frame.ts'
import type { RegisterMap } from './map.ts'
import type { ModbusAnswer, ModbusBlock } from './plan.ts'
import { planBlocks, splitBlock } from './plan.ts'
import { SunSpecSearch } from './sunspec.ts'
import { decodeBlocks } from './value.ts'

/** Times that a block is asked for before the meter counts as silent. */
export const MODBUS_ATTEMPTS_MAX = 3

/** Requests of one round; more mean that a meter leads us in circles. */
export const MODBUS_REQUESTS_MAX = 256

/** What a poll is told. */
export interface ModbusPollOptions {
  readonly map: RegisterMap
  /** Address of the meter on the line, 1 to 247; over TCP often 1. */
  readonly unit: number
  readonly transport: ModbusTransport
  /** Name of the meter where it tells none: nobody but its owner can. */
  readonly device?: string
  /** How long an answer may take, in milliseconds. */
  readonly timeoutMs?: number
}

const TIMEOUT_MS = 1_000
/** Rest between messages of a serial line: 3.5 characters, at 1200 baud 32 ms. */
const REST_MS = 40
/** The meter does not have such registers, or not so many at once. */
const ILLEGAL_ADDRESS = 2
const ILLEGAL_VALUE = 3
const NO_BYTES = new Uint8Array()

/**
 * Asks a Modbus meter for the values of its map, one block after the other, and makes a reading of
 * the answers. `start` begins the next round.
 *
 * What a round learns stays for the next: a block that the meter refuses is cut into smaller ones, a
 * single value that it refuses is never asked for again, and the place of a SunSpec model is kept,
 * until the line was silent: then another meter may be behind it.
 * It can read registers and nothing else.
 */
export class ModbusPoll implements Conversation {
  readonly #options: ModbusPollOptions
  readonly #echo = new EchoCanceller()
  #search: SunSpecSearch | undefined
  #blocks: ModbusBlock[]
  #answers: ModbusAnswer[] = []
  #todo: ModbusBlock[] = []
  #device: string
  #received: Uint8Array = NO_BYTES
  #request: ModbusRequest | undefined
  #attempts = 0
  #requests = 0
  #transaction = 0

  /** @throws MeterError `range` for a unit that no meter can have. */
  constructor(options: ModbusPollOptions) {
    this.#options = options
    const { map, device, unit } = options
    this.#device = device ?? `${map.id}:${unit}`
    this.#blocks = [...planBlocks(map)]
    this.#search =
      map.sunspecModels === undefined ? undefined : new SunSpecSearch(map.sunspecModels)
    const [first] = this.#blocks
    if (first !== undefined) encodeRequest(this.#requestFor(first))
  }

  start(): readonly MeterAction[] {
    this.#answers = []
    this.#requests = 0
    if (this.#search?.found === undefined) this.#search?.reset()
    this.#todo =
      this.#search !== undefined && this.#search.found === undefined ? [] : this.#places()
    return this.#next()
  }

  receive(bytes: Uint8Array): readonly MeterAction[] {
    const request = this.#request
    if (request === undefined) return []
    const heard = request.transport === 'rtu' ? this.#echo.receive(bytes) : bytes
    if (heard.length === 0) return []
    const room = MODBUS_ANSWER_BYTES_MAX - this.#received.length
    const joined = new Uint8Array(this.#received.length + Math.min(room, heard.length))
    joined.set(this.#received)
    joined.set(heard.subarray(0, room), this.#received.length)
    this.#received = joined
    const outcome = decodeResponse(request, joined)
    if (outcome.kind === 'more') return []
    if (outcome.kind === 'garbled') return this.#again('garbled')
    this.#attempts = 0
    this.#request = undefined
    const rest: readonly MeterAction[] =
      request.transport === 'rtu' ? [{ kind: 'wait', ms: REST_MS }] : []
    const then =
      outcome.kind === 'exception'
        ? this.#refused(request, outcome.code)
        : this.#answered({ ...blockOf(request), words: outcome.words })
    return [...rest, ...then]
  }

  silence(): readonly MeterAction[] {
    if (this.#request === undefined) return []
    const held = this.#echo.flush()
    if (held.length > 0) {
      const late = this.receive(held)
      if (late.length > 0) return late
    }
    return this.#again(this.#received.length > 0 ? 'garbled' : 'silent')
  }

  /** The search for a SunSpec model, as long as it is on. */
  #searching(): SunSpecSearch | undefined {
    return this.#search?.found === undefined ? this.#search : undefined
  }

  /** Where the values lie: moved by the start of the SunSpec model, where there is one. */
  #places(): ModbusBlock[] {
    const base = this.#search?.found ?? 0
    return this.#blocks.map(({ address, count }) => ({ address: base + address, count }))
  }

  #next(): readonly MeterAction[] {
    const search = this.#searching()
    if (search !== undefined) {
      const { question } = search
      return question === undefined ? this.#fail('unsupported') : this.#ask(question)
    }
    const [block] = this.#todo
    if (block !== undefined) return this.#ask(block)
    const { map } = this.#options
    const base = this.#search?.found ?? 0
    const answers = this.#answers.map((one) => ({ ...one, address: one.address - base }))
    const reading = decodeBlocks(map, answers, this.#search?.serial ?? this.#device)
    if (reading.registers.length === 0) return this.#fail('unsupported')
    return [{ kind: 'reading', reading }, { kind: 'done' }]
  }

  #answered(answer: ModbusAnswer): readonly MeterAction[] {
    const search = this.#searching()
    if (search !== undefined) {
      search.answer(answer)
      if (this.#searching() === undefined) this.#todo = this.#places()
      return this.#next()
    }
    this.#answers.push(answer)
    this.#todo.shift()
    return this.#next()
  }

  #refused(request: ModbusRequest, code: number): readonly MeterAction[] {
    const search = this.#searching()
    if (search !== undefined) {
      search.refuse()
      return this.#next()
    }
    const block = blockOf(request)
    const name = `registers ${block.address} to ${block.address + block.count - 1}`
    this.#todo.shift()
    const says: MeterAction = { kind: 'refused', request: name, reason: `exception ${code}` }
    if (code !== ILLEGAL_ADDRESS && code !== ILLEGAL_VALUE) return [says, ...this.#next()]
    const base = this.#search?.found ?? 0
    const own = { address: block.address - base, count: block.count }
    const smaller = splitBlock(this.#options.map, own)
    this.#blocks = this.#blocks.flatMap((one) => (one.address === own.address ? smaller : [one]))
    this.#todo.unshift(...smaller.map((one) => ({ ...one, address: one.address + base })))
    return smaller.length > 0 ? this.#next() : [says, ...this.#next()]
  }

  #ask(block: ModbusBlock): readonly MeterAction[] {
    if (++this.#requests > MODBUS_REQUESTS_MAX) return this.#fail('garbled')
    this.#transaction = (this.#transaction + 1) & 0xffff
    this.#request = this.#requestFor(block)
    this.#received = NO_BYTES
    const bytes = encodeRequest(this.#request)
    if (this.#options.transport === 'rtu') this.#echo.sent(bytes)
    return [
      { kind: 'write', bytes },
      { kind: 'listen', silenceMs: this.#options.timeoutMs ?? TIMEOUT_MS },
    ]
  }

  #requestFor(block: ModbusBlock): ModbusRequest {
    const { map, unit, transport } = this.#options
    return { transport, unit, function: map.function, transaction: this.#transaction, ...block }
  }

  #again(reason: ConversationFailure): readonly MeterAction[] {
    const request = this.#request
    this.#attempts++
    if (request === undefined || this.#attempts >= MODBUS_ATTEMPTS_MAX) return this.#fail(reason)
    return this.#ask(blockOf(request))
  }

  #fail(reason: ConversationFailure): readonly MeterAction[] {
    this.#attempts = 0
    this.#request = undefined
    this.#received = NO_BYTES
    if (reason === 'silent') {
      // Who answers next may be another meter: what was learned of this one is no longer true.
      this.#search?.reset()
      this.#blocks = [...planBlocks(this.#options.map)]
    }
    return [{ kind: 'failed', reason }]
  }
}

function blockOf({ address, count }: ModbusRequest): ModbusBlock {
  return { address, count }
}
