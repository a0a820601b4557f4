import {
  acceptEpoch,
  ackBitmap,
  classify,
  createPrekey,
  EnvelopeError,
  EpochIndex,
  genesis,
  openDatagram,
  sealAck,
  SoftwareSigner,
  toHex,
  verifyPlatform,
  type DeviceRecord,
  type Prekey,
  type PrekeyPair,
  type RandomBytes,
  type ReceiverEpoch,
} from '@s3mp/envelope'
import type { Clock } from '@s3mp/hal'

const DAY_MS = 86_400_000

interface Held {
  readonly record: DeviceRecord
  readonly hash: Uint8Array
}

/**
 * A head-end in a page of code: everything that the protocol asks of one, nothing stored on disk.
 * The real one is tried in `test/end-to-end.test.ts`; this one can be told to misbehave.
 */
export class TestHeadEnd {
  readonly signer: SoftwareSigner
  /** By stream, then by sequence number. */
  readonly stored = new Map<number, Map<number, Held>>()
  readonly refusals: string[] = []
  /** Answers that it would give but does not. */
  isMute = false
  paceMs = 0
  /** What it says to have of every stream, whatever it has. */
  claim: number | undefined
  /** Its own clock. */
  nowMs: () => number
  epochs = 0
  duplicates = 0
  readonly #randomBytes: RandomBytes
  readonly #device: SoftwareSigner
  #index = new EpochIndex()
  readonly #transcripts = new Map<number, Uint8Array>()
  readonly #floors = new Map<number, number>()
  #pairs: PrekeyPair[] = []
  #newest: ReceiverEpoch | undefined
  #echo: number | null = null

  private constructor(clock: Clock, randomBytes: RandomBytes, device: SoftwareSigner) {
    this.nowMs = () => clock.nowMs()
    this.#randomBytes = randomBytes
    this.#device = device
    this.signer = SoftwareSigner.generate('Ed25519', randomBytes)
  }

  static async open(
    clock: Clock,
    randomBytes: RandomBytes,
    device: SoftwareSigner,
  ): Promise<TestHeadEnd> {
    const headEnd = new TestHeadEnd(clock, randomBytes, device)
    await headEnd.newPrekey()
    return headEnd
  }

  /** The prekey that meters are given. */
  get prekey(): Prekey {
    const newest = this.#pairs.at(-1)
    if (newest === undefined) throw new Error('no prekey')
    return newest.prekey
  }

  /** Makes the next prekey; `forget` throws the older ones away. */
  async newPrekey(options: { forget?: boolean; days?: number } = {}): Promise<void> {
    const notBeforeMs = this.nowMs() - 60_000 + this.#pairs.length
    const pair = await createPrekey({
      signer: this.signer,
      suite: 1,
      notBeforeMs,
      notAfterMs: notBeforeMs + (options.days ?? 30) * DAY_MS,
      policyVersion: 1,
      random: this.#randomBytes,
    })
    this.#pairs = [...(options.forget === true ? [] : this.#pairs), pair]
  }

  /** Forgets every key that came out of an epoch, as a restart without the prekey does. */
  forgetEpochs(): void {
    this.#index = new EpochIndex()
    this.#newest = undefined
  }

  /** Sequence numbers stored of a stream, in order. */
  seqs(stream: number): readonly number[] {
    return [...(this.stored.get(stream)?.keys() ?? [])].sort((a, b) => a - b)
  }

  /** Records stored of a stream, in order. */
  records(stream: number): readonly DeviceRecord[] {
    return this.seqs(stream).flatMap((seq) => this.stored.get(stream)?.get(seq)?.record ?? [])
  }

  /** Takes a datagram; resolves with the answer, if there is one. */
  async take(bytes: Uint8Array): Promise<Uint8Array | undefined> {
    try {
      if (classify(bytes) === 'epoch') await this.#takeEpoch(bytes)
      else this.#takeTraffic(bytes)
    } catch (error) {
      if (!(error instanceof EnvelopeError)) throw error
      this.refusals.push(error.code)
      const isKey = error.code === 'unknown-prekey' || error.code === 'expired-prekey'
      return isKey && !this.isMute ? this.prekey.object : undefined
    }
    return this.isMute ? undefined : this.#ack()
  }

  async #takeEpoch(bytes: Uint8Array): Promise<void> {
    const newest = this.#newest?.claims
    const { epoch, standing } = await acceptEpoch(bytes, {
      recipientId: this.signer.ueid,
      lookupPrekey: (id) => this.#pairs.find(({ prekey }) => toHex(prekey.id) === toHex(id)),
      lookupDevice: (ueid) =>
        toHex(ueid) === toHex(this.#device.ueid)
          ? {
              key: this.#device,
              history: {
                ...(newest === undefined ? {} : { newest }),
                transcriptOf: (number) => this.#transcripts.get(number),
              },
            }
          : undefined,
      nowMs: this.nowMs(),
      verify: verifyPlatform,
    })
    if (standing === 'repeated') return
    this.epochs += 1
    this.#transcripts.set(epoch.claims.number, epoch.transcript)
    this.#index.add(epoch)
    if (standing !== 'newest') return
    this.#newest = epoch
    this.#echo = null
  }

  #takeTraffic(bytes: Uint8Array): void {
    const { record, hash, epoch, partialIv } = openDatagram(
      bytes,
      this.#index.lookup,
      verifyPlatform,
    )
    const stream = this.stored.get(record.stream) ?? new Map<number, Held>()
    this.stored.set(record.stream, stream)
    if (stream.has(record.seq)) this.duplicates += 1
    else stream.set(record.seq, { record, hash })
    if (epoch === this.#newest) this.#echo = Math.max(this.#echo ?? 0, partialIv)
    if (record.kind !== 'heartbeat') return
    for (const { stream: number, floorSeq } of record.streams) this.#floors.set(number, floorSeq)
  }

  #ack(): Uint8Array | undefined {
    if (this.#newest === undefined) return undefined
    const streams = [...this.stored]
      .sort(([a], [b]) => a - b)
      .map(([stream, held]) => {
        let cumulative = Math.max(0, (this.#floors.get(stream) ?? 1) - 1)
        while (held.has(cumulative + 1)) cumulative += 1
        const head = held.get(cumulative)?.hash ?? genesis(this.#device.ueid, stream).head
        if (this.claim !== undefined) cumulative = this.claim
        const bitmap = ackBitmap(cumulative, held.keys())
        return { stream, cumulative, bitmap, headHash8: head.slice(0, 8) }
      })
    const timeMs = this.nowMs()
    return sealAck(
      this.#newest,
      { timeMs, paceMs: this.paceMs, echo: this.#echo, streams },
      this.#randomBytes,
    )
  }
}
