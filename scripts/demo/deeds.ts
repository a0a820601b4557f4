import {
  openEpoch,
  SoftwareSigner,
  verifyPlatform,
  verifyPrekey,
  decodeHeadendCard,
} from '@s3mp/envelope'
import type { Signer } from '@s3mp/envelope'
import type { Clock } from '@s3mp/hal'
import type { Refusal } from '@s3mp/headend'
import { formatIsdAs } from '@s3mp/scion'
import type { ScionSocket } from '@s3mp/scion'
import type { DeedAnswer } from '@s3mp/web/api'
import type { DemoNetwork } from './network.ts'

/** How long the head-end's verdict is waited for. */
const VERDICT_MS = 2000

/** An epoch and a boot far ahead of the meter's own, as a forger would choose. */
const FORGED_NUMBER = 1_000_000

/** What mischief needs: all of it is public, or was overheard. */
export interface DeedsOptions {
  readonly network: DemoNetwork
  readonly clock: Clock
  readonly randomBytes: (length: number) => Uint8Array
  /** The head-end's card, which every meter is given. */
  readonly card: () => string
  /** Who is impersonated. */
  readonly victim: Signer
  /** A sealed object that was overheard on its way. */
  readonly overheard: () => Uint8Array | undefined
}

/** Forges and repeats, from another host in another AS, and hears what the head-end made of it. */
export class Deeds {
  readonly #options: DeedsOptions
  readonly #source: string
  #socket: ScionSocket | undefined
  #listener: ((reason: Refusal) => void) | undefined

  constructor(options: DeedsOptions) {
    this.#options = options
    this.#source = `${formatIsdAs(options.network.stranger.isdAs)} `
  }

  /** The head-end refused a datagram of that source; ours are told from others by their AS. */
  refused(source: string, reason: Refusal): void {
    if (source.startsWith(this.#source)) this.#listener?.(reason)
  }

  /** Opens an epoch in the meter's name, signed by a key that is not the meter's. */
  async forge(): Promise<DeedAnswer> {
    const { clock, randomBytes, card, victim } = this.#options
    const stranger = SoftwareSigner.generate('Ed25519', randomBytes)
    const { key, prekeys } = decodeHeadendCard(card())
    const [bytes] = prekeys
    if (bytes === undefined) return { deed: 'forge', accepted: false, reason: 'no-prekey' }
    const nowMs = clock.nowMs()
    const prekey = verifyPrekey(bytes, key, { suites: [1, 2], nowMs }, verifyPlatform)
    const { algorithm, publicKey } = stranger
    const { datagram } = await openEpoch({
      signer: { algorithm, publicKey, ueid: victim.ueid, sign: (bytes) => stranger.sign(bytes) },
      prekey,
      number: FORGED_NUMBER,
      bootCounter: FORGED_NUMBER,
      firmwareHash: randomBytes(32),
      nowMs,
      clock: 'synced',
      monotonicMs: clock.monotonicMs(),
      random: randomBytes,
    })
    return this.#send('forge', datagram)
  }

  /** Sends again what was overheard, byte for byte. */
  async replay(): Promise<DeedAnswer> {
    const datagram = this.#options.overheard()
    if (datagram === undefined) return { deed: 'replay', accepted: false, reason: 'nothing-heard' }
    return this.#send('replay', datagram)
  }

  /** Lets go of the stranger's socket. */
  async close(): Promise<void> {
    await this.#socket?.close()
  }

  /** Sends, and waits for what the head-end makes of it: a refusal, an answer, or nothing. */
  async #send(deed: DeedAnswer['deed'], datagram: Uint8Array): Promise<DeedAnswer> {
    const { network, clock } = this.#options
    const { stranger, remote } = network
    const socket = (this.#socket ??= await stranger.openSocket())
    const [path] = await stranger.source.paths(remote.isdAs)
    if (path === undefined) return { deed, accepted: false, reason: 'no-path' }
    const stop = new AbortController()
    const refusal = new Promise<DeedAnswer>((resolve) => {
      this.#listener = (reason) => {
        resolve({ deed, accepted: false, reason })
      }
    })
    // Only what is known already is answered: by the same acknowledgement, which a stranger cannot read.
    const answer = socket.receive(stop.signal).then(() => ({ deed, accepted: true }))
    const silence = clock
      .sleep(VERDICT_MS, stop.signal)
      .then(() => ({ deed, accepted: false, reason: 'silence' }))
    try {
      await socket.send(remote, datagram, path)
      return await Promise.race([refusal, answer, silence])
    } finally {
      this.#listener = undefined
      stop.abort()
      await Promise.allSettled([answer, silence])
    }
  }
}
