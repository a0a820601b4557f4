import { Reader } from '../../bytes.ts'
import { MeterError } from '../../errors.ts'
import type { Data } from '../axdr.ts'
import { decodeData } from '../axdr.ts'
import {
  CONFORMANCE,
  decodeAssociation,
  decodeInitiate,
  encodeAssociation,
  encodeInitiate,
  encodeRelease,
  offers,
} from './association.ts'
import type { AssociationAnswer } from './association.ts'
import type { DlmsSecurity } from './cipher.ts'
import { Cipher, PLAIN_ERRORS } from './cipher.ts'
import type { HdlcOptions } from './hdlc-link.ts'
import { HdlcLink } from './hdlc-link.ts'
import type { ApduLink } from './link.ts'
import { DLMS_ANSWER_MS } from './link.ts'
import type { MeterClock, MeterPort } from './port.ts'
import { TimedPort } from './port.ts'
import type { DlmsAuthentication } from './proof.ts'
import { DLMS_CHALLENGE_BYTES, checkChallenge, checkProof, ownProof } from './proof.ts'
import type { AttributeRef, GetResult } from './services.ts'
import {
  DLMS_ANSWER_ELEMENTS_MAX,
  checkServiceError,
  decodeActionAnswer,
  decodeGetAnswer,
  decodeResults,
  encodeAction,
  encodeGet,
  encodeGetList,
  encodeGetNext,
  finish,
} from './services.ts'
import type { WrapperOptions } from './wrapper-link.ts'
import { WrapperLink } from './wrapper-link.ts'

/** What a client needs: a line, time, randomness, and what the meter wants to hear. */
export interface DlmsClientOptions {
  readonly port: MeterPort
  readonly clock: MeterClock
  /** So many bytes that nobody can foresee: challenges and dedicated keys. */
  readonly random: (bytes: number) => Uint8Array
  readonly link:
    ({ readonly kind: 'hdlc' } & HdlcOptions) | ({ readonly kind: 'wrapper' } & WrapperOptions)
  readonly authentication?: DlmsAuthentication
  readonly security?: DlmsSecurity
  /** Longest wait for an answer in milliseconds; a slow modem may need more. */
  readonly answerMs?: number
}

/** What meter and client have agreed on. */
export interface DlmsAssociation {
  /** The meter's name in the protocol, where it gave one. */
  readonly serverTitle: Uint8Array | undefined
  /** Services that the meter offers in this association, 24 bits. */
  readonly conformance: number
}

/** Blocks of one answer. */
export const DLMS_BLOCKS_MAX = 2_048

/** Bytes of one answer, all blocks together: a year of hours of six registers. */
export const DLMS_ANSWER_BYTES_MAX = 524_288

/** Attributes asked for in one request; longer lists are asked for in turn. */
export const DLMS_LIST_MAX = 16

/** APDUs that a meter may send by itself in front of one answer. */
export const DLMS_UNSOLICITED_MAX = 8

/** What a meter says without being asked: data-notification, event-notification, those ciphered. */
const UNSOLICITED: readonly number[] = [0x0f, 0xc2, 0xca, 0xd2]

const ASSOCIATION_CLASS = 15
const ASSOCIATION_OBIS = '0-0:40.0.0*255'
const REPLY_TO_CHALLENGE = 1
const INVOKE_IDS = 16

/**
 * Asks a meter: makes an association, reads attributes, ends it (IEC 62056-5-3, -6-2).
 *
 * Contract: one call at a time, another is refused with `state`. Every call ends, whatever the meter
 * says: with its result, with a {@link MeterError}, or with the reason of the caller's signal. After
 * an error other than `refused` of a read, the association is over and `release` makes the meter
 * ready for the next one. The port stays the caller's.
 */
export class DlmsClient {
  readonly #options: DlmsClientOptions
  readonly #link: ApduLink
  #state: 'idle' | 'linked' | 'associated' = 'idle'
  #busy = false
  #cipher: Cipher | undefined
  #association: DlmsAssociation | undefined
  #serverApduBytes = 0
  #initiate: Uint8Array | undefined
  #invoke = 0

  /** @throws {@link MeterError} `range` for addresses, keys and titles of a wrong size. */
  constructor(options: DlmsClientOptions) {
    this.#options = options
    const { port, clock, link, answerMs = DLMS_ANSWER_MS } = options
    const timed = new TimedPort(port, clock)
    this.#link =
      link.kind === 'hdlc'
        ? new HdlcLink(timed, link, answerMs)
        : new WrapperLink(timed, link, answerMs)
    // Lengths are looked at now and not first when the meter is on the line.
    if (options.security !== undefined) this.#cipher = new Cipher(options.security, options.random)
  }

  /** What was agreed on; undefined while there is no association. */
  get association(): DlmsAssociation | undefined {
    return this.#association
  }

  /**
   * Opens the link and makes the association.
   *
   * @throws {@link MeterError} `refused` with the meter's diagnostic, `unauthentic` when the meter
   *   does not prove who it is, `timeout`, `port`, `malformed`.
   */
  async connect(signal?: AbortSignal): Promise<DlmsAssociation> {
    return await this.#alone(async () => {
      if (this.#state !== 'idle') throw new MeterError('state', 'connect: already connected')
      await this.#link.open(signal)
      this.#state = 'linked'
      const association = await this.#associate(signal)
      this.#association = association
      this.#state = 'associated'
      return association
    })
  }

  /**
   * The value of one attribute, in blocks where the meter sends it so.
   *
   * @throws {@link MeterError} `refused` with the meter's reason as `detail`.
   */
  async get(ref: AttributeRef, signal?: AbortSignal): Promise<Data> {
    return await this.#alone(async () => {
      const result = await this.#getOne(ref, signal)
      if (result.kind === 'data') return result.data
      const message = `${ref.obis} attribute ${ref.attribute}: expected data, found ${result.reason}`
      throw new MeterError('refused', message, { detail: result.reason })
    })
  }

  /** The values of several attributes in their order, each with its own refusal. */
  async getList(
    refs: readonly AttributeRef[],
    signal?: AbortSignal,
  ): Promise<readonly GetResult[]> {
    return await this.#alone(async () => {
      const lists = offers(this.#conformance(), CONFORMANCE.multipleReferences)
      const results: GetResult[] = []
      for (let at = 0; at < refs.length;) {
        const some = refs.slice(at, at + (lists ? DLMS_LIST_MAX : 1))
        const [only] = some
        if (only !== undefined && some.length === 1) results.push(await this.#getOne(only, signal))
        else results.push(...(await this.#getSome(some, signal)))
        at += some.length
      }
      return results
    })
  }

  /** Ends association and link; quietly, for nothing can be done about a meter that is gone. */
  async release(signal?: AbortSignal): Promise<void> {
    if (this.#busy) throw new MeterError('state', 'release: another call runs')
    this.#busy = true
    const { security, random } = this.#options
    try {
      // Over HDLC a release is optional, and meters that do not know it would only be waited for.
      if (this.#state === 'associated' && !this.#link.endsAssociation) {
        await this.#exchange(encodeRelease(await this.#again()), signal)
      }
    } catch {
      // A meter that is gone cannot be said goodbye to; its link may still be there.
    }
    try {
      if (this.#state !== 'idle') await this.#link.close(signal)
    } catch {
      // The same for the link: a meter ends it by itself when nothing comes.
    } finally {
      this.#state = 'idle'
      this.#association = undefined
      this.#cipher = security === undefined ? undefined : new Cipher(security, random)
      this.#busy = false
    }
  }

  async #alone<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#busy) throw new MeterError('state', 'client: another call runs')
    this.#busy = true
    try {
      return await work()
    } finally {
      this.#busy = false
    }
  }

  get #ciphered(): boolean {
    return this.#cipher !== undefined && this.#options.security?.ciphered !== false
  }

  #conformance(): number {
    if (this.#association === undefined) {
      throw new MeterError('state', 'client: expected an association, found none')
    }
    return this.#association.conformance
  }

  async #associate(signal: AbortSignal | undefined): Promise<DlmsAssociation> {
    const { authentication = { kind: 'none' }, security, random } = this.#options
    const { kind } = authentication
    const challenge = random(DLMS_CHALLENGE_BYTES).slice()
    const dedicated = this.#ciphered ? this.#cipher?.dedicatedKey : undefined
    this.#initiate = encodeInitiate(dedicated)
    const request = encodeAssociation({
      ciphered: this.#ciphered,
      mechanism: kind,
      clientTitle: security?.clientTitle,
      authentication: kind === 'low' ? authentication.password : challenge,
      initiate: (await this.#again()) ?? this.#initiate,
    })
    const apdu = await this.#exchange(request, signal)
    checkServiceError(apdu)
    const answer = decodeAssociation(apdu.slice())
    if (answer.serverTitle !== undefined) this.#cipher?.meet(answer.serverTitle)
    const { conformance, serverApduBytes } = decodeInitiate(this.#openInitiate(answer))
    this.#serverApduBytes = serverApduBytes
    const { serverTitle } = answer
    if (kind !== 'none' && kind !== 'low') {
      const serverChallenge = checkChallenge(answer.challenge, challenge)
      const exchange = {
        authentication,
        clientTitle: security?.clientTitle ?? new Uint8Array(),
        serverTitle: serverTitle ?? new Uint8Array(),
        clientChallenge: challenge,
        serverChallenge,
        security,
      }
      const counter = kind === 'gmac' ? await this.#cipher?.counter() : undefined
      const proof = ownProof(exchange, counter ?? 0)
      checkProof(exchange, await this.#reply(proof, signal))
    }
    return { serverTitle, conformance }
  }

  /** The initiate-response of an answer; ciphered exactly where that was agreed. */
  #openInitiate({ initiate, ciphered, serverTitle }: AssociationAnswer): Uint8Array {
    if (PLAIN_ERRORS.includes(initiate[0] ?? 0)) checkServiceError(initiate)
    if (!this.#ciphered || this.#cipher === undefined) return initiate
    if (!ciphered) {
      throw new MeterError('unauthentic', 'association: expected a ciphered context, found plain')
    }
    if (serverTitle === undefined) {
      throw new MeterError('malformed', 'association.title: expected that of the meter, found none')
    }
    const opened = this.#cipher.unprotect(initiate)
    checkServiceError(opened)
    return opened
  }

  /** The initiate-request under a new counter, where the context is ciphered. */
  async #again(): Promise<Uint8Array | undefined> {
    if (!this.#ciphered || this.#initiate === undefined) return undefined
    return await this.#cipher?.protect(this.#initiate, 'global')
  }

  async #reply(proof: Uint8Array, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const invoke = this.#nextInvoke()
    const request = encodeAction(
      invoke,
      ASSOCIATION_CLASS,
      ASSOCIATION_OBIS,
      REPLY_TO_CHALLENGE,
      proof,
    )
    return decodeActionAnswer(await this.#ask(request, signal, 'global'), invoke).slice()
  }

  async #getOne(ref: AttributeRef, signal: AbortSignal | undefined): Promise<GetResult> {
    this.#conformance()
    const invoke = this.#nextInvoke()
    const answer = decodeGetAnswer(await this.#ask(encodeGet(invoke, ref), signal), invoke)
    if (answer.kind === 'list')
      throw new MeterError('malformed', 'get: expected one result, found a list')
    if (answer.kind !== 'block') return keep(answer)
    const bytes = await this.#blocks(answer, invoke, signal)
    if (!(bytes instanceof Uint8Array)) return bytes
    const reader = new Reader(bytes)
    const data = decodeData(reader, DLMS_ANSWER_ELEMENTS_MAX)
    finish(reader, 'get-response')
    return { kind: 'data', data }
  }

  async #getSome(
    refs: readonly AttributeRef[],
    signal: AbortSignal | undefined,
  ): Promise<readonly GetResult[]> {
    const invoke = this.#nextInvoke()
    const answer = decodeGetAnswer(await this.#ask(encodeGetList(invoke, refs), signal), invoke)
    let results: readonly GetResult[]
    if (answer.kind === 'list') results = answer.results.map(keep)
    else if (answer.kind === 'block') {
      const bytes = await this.#blocks(answer, invoke, signal)
      if (!(bytes instanceof Uint8Array)) return refs.map(() => bytes)
      const reader = new Reader(bytes)
      results = decodeResults(reader)
      finish(reader, 'get-response')
    } else if (answer.kind === 'refused') return refs.map(() => answer)
    else throw new MeterError('malformed', 'get: expected a list of results, found one')
    if (results.length === refs.length) return results
    const found = `${results.length} results`
    throw new MeterError('malformed', `get: expected ${refs.length} results, found ${found}`)
  }

  /** Gathers the blocks of an answer, or tells why the meter gave up in between. */
  async #blocks(
    first: { readonly number: number; readonly last: boolean; readonly bytes: Uint8Array },
    invoke: number,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array | Extract<GetResult, { kind: 'refused' }>> {
    const parts: Uint8Array[] = []
    let length = 0
    let block = first
    for (let number = 1; ; number++) {
      if (block.number !== number) {
        throw new MeterError('malformed', `get.block: expected ${number}, found ${block.number}`)
      }
      length += block.bytes.length
      if (length > DLMS_ANSWER_BYTES_MAX) break
      parts.push(block.bytes.slice())
      if (block.last) return together(parts, length)
      if (number === DLMS_BLOCKS_MAX) break
      if (block.bytes.length === 0) {
        throw new MeterError('malformed', `get.block: expected bytes in ${number}, found none`)
      }
      const answer = decodeGetAnswer(await this.#ask(encodeGetNext(invoke, number), signal), invoke)
      if (answer.kind === 'refused') return answer
      if (answer.kind !== 'block') {
        throw new MeterError('malformed', `get: expected a block, found ${answer.kind}`)
      }
      block = answer
    }
    const most = `${DLMS_ANSWER_BYTES_MAX} bytes in ${DLMS_BLOCKS_MAX} blocks`
    throw new MeterError('too-many', `get: expected at most ${most}, found more`)
  }

  #nextInvoke(): number {
    this.#invoke = (this.#invoke + 1) % INVOKE_IDS
    return this.#invoke
  }

  /** Sends a service under the protection agreed on, and answers the service that comes back. */
  async #ask(
    service: Uint8Array,
    signal: AbortSignal | undefined,
    key: 'global' | 'dedicated' = 'dedicated',
  ): Promise<Uint8Array> {
    if (!this.#ciphered || this.#cipher === undefined) return await this.#exchange(service, signal)
    const protectedService = await this.#cipher.protect(service, key)
    const apdu = await this.#exchange(protectedService, signal)
    if (PLAIN_ERRORS.includes(apdu[0] ?? 0)) checkServiceError(apdu)
    return this.#cipher.unprotect(apdu)
  }

  async #exchange(apdu: Uint8Array, signal: AbortSignal | undefined): Promise<Uint8Array> {
    if (this.#serverApduBytes > 0 && apdu.length > this.#serverApduBytes) {
      const found = `${apdu.length} bytes`
      throw new MeterError(
        'range',
        `request: expected at most ${this.#serverApduBytes}, found ${found}`,
      )
    }
    let answer = await this.#link.exchange(apdu, signal)
    for (let count = 0; UNSOLICITED.includes(answer[0] ?? 0); count++) {
      if (count === DLMS_UNSOLICITED_MAX) {
        throw new MeterError('too-many', `link: expected an answer, found ${count} notifications`)
      }
      answer = await this.#link.next(signal)
    }
    return answer
  }
}

/** A result that outlives the buffer of the link. */
function keep(result: GetResult): GetResult {
  return result.kind === 'data' ? { kind: 'data', data: owned(result.data) } : result
}

function owned(data: Data): Data {
  if (data.type === 'octets') return { ...data, bytes: data.bytes.slice() }
  if (data.type === 'list') return { ...data, items: data.items.map(owned) }
  return data
}

function together(parts: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
