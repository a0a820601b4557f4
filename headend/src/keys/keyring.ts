import {
  createPrekey,
  currentPrekey,
  decodePrekeyFile,
  encodePrekeyFile,
  SoftwareSigner,
  toHex,
  verifyPlatform,
  type PrekeyPair,
  type Signer,
  type SuiteId,
} from '@s3mp/envelope'
import type { RandomBytes } from '../clock.ts'
import type { PrekeyPolicy } from '../config.ts'
import { HeadendError } from '../errors.ts'
import type { SecretFiles } from './files.ts'

/** Prekeys with a private part at any time: the validity and the grace of a year of rotations. */
export const PREKEYS_MAX = 64

const IDENTITY_FILE = 'headend-key.pem'
const PREKEY_FILE = /^prekey-([0-9a-f]{16})\.json$/
const SUITE: SuiteId = 1
const POLICY_VERSION = 1

/** What a rotation did. */
export interface Rotation {
  readonly created: readonly PrekeyPair[]
  /** Ids of prekeys whose private part is gone for good, and with it every epoch to them. */
  readonly deleted: readonly Uint8Array[]
}

/** The head-end's own keys: its identity, and the prekeys that meters open epochs to. */
export class Keyring {
  readonly signer: Signer
  readonly #files: SecretFiles
  readonly #policy: PrekeyPolicy
  readonly #random: RandomBytes
  readonly #prekeys = new Map<string, PrekeyPair>()

  private constructor(
    signer: Signer,
    options: { files: SecretFiles; policy: PrekeyPolicy; random: RandomBytes },
  ) {
    this.signer = signer
    this.#files = options.files
    this.#policy = options.policy
    this.#random = options.random
  }

  /** Makes a new identity. @throws HeadendError `ERR_HEADEND_STATE` where there is one already. */
  static create(files: SecretFiles, policy: PrekeyPolicy, random: RandomBytes): Keyring {
    if (files.read(IDENTITY_FILE) !== undefined) {
      throw new HeadendError(
        'ERR_HEADEND_STATE',
        `${IDENTITY_FILE}: is there already; meters have pinned it, so it is never replaced`,
      )
    }
    const signer = SoftwareSigner.generate('Ed25519', random)
    files.write(IDENTITY_FILE, signer.toPem())
    return new Keyring(signer, { files, policy, random })
  }

  /** Reads the keys. @throws HeadendError `ERR_HEADEND_STORE` where the identity is missing. */
  static open(files: SecretFiles, policy: PrekeyPolicy, random: RandomBytes): Keyring {
    const pem = files.read(IDENTITY_FILE)
    if (pem === undefined) {
      throw new HeadendError(
        'ERR_HEADEND_STORE',
        `${IDENTITY_FILE}: expected the head-end's key, found none; run 's3mp headend init' first`,
      )
    }
    const signer = SoftwareSigner.fromPem(pem)
    const keyring = new Keyring(signer, { files, policy, random })
    keyring.#readPrekeys()
    return keyring
  }

  /** The head-end's identity: what meters pin and records are addressed to. */
  get ueid(): Uint8Array {
    return this.signer.ueid
  }

  /** A prekey whose private part is still held. */
  readonly lookup = (id: Uint8Array): PrekeyPair | undefined => this.#prekeys.get(toHex(id))

  /** The prekey to hand out; undefined before the first rotation. */
  current(nowMs: number): PrekeyPair | undefined {
    return currentPrekey([...this.#prekeys.values()], nowMs)
  }

  /** How many private parts are held. */
  get size(): number {
    return this.#prekeys.size
  }

  /** Makes the next prekey when it is due, and deletes private parts that are past their grace. */
  async rotate(nowMs: number): Promise<Rotation> {
    this.#files.tidy()
    const deleted = [...this.#prekeys.values()]
      .filter(({ prekey }) => nowMs > prekey.notAfterMs + this.#policy.graceMs)
      .map(({ prekey }) => prekey.id)
    for (const id of deleted) {
      this.#prekeys.delete(toHex(id))
      this.#files.remove(`prekey-${toHex(id)}.json`)
    }
    const current = this.current(nowMs)
    const due =
      current === undefined || nowMs >= current.prekey.notAfterMs - this.#policy.rotateBeforeMs
    if (!due) return { created: [], deleted }
    if (this.#prekeys.size >= PREKEYS_MAX) {
      throw new HeadendError('ERR_HEADEND_LIMIT', `prekeys: expected at most ${PREKEYS_MAX}`)
    }
    const pair = await createPrekey({
      signer: this.signer,
      suite: SUITE,
      notBeforeMs: nowMs,
      notAfterMs: nowMs + this.#policy.validMs,
      policyVersion: POLICY_VERSION,
      random: this.#random,
    })
    // On disk before anyone is told of it: what was sealed to it must stay openable.
    this.#files.write(`prekey-${toHex(pair.prekey.id)}.json`, encodePrekeyFile(pair))
    this.#prekeys.set(toHex(pair.prekey.id), pair)
    return { created: [pair], deleted }
  }

  #readPrekeys(): void {
    for (const name of this.#files.list()) {
      const id = PREKEY_FILE.exec(name)?.[1]
      const text = id === undefined ? undefined : this.#files.read(name)
      if (id === undefined || text === undefined) continue
      const pair = decodePrekeyFile(text, this.signer, verifyPlatform)
      if (toHex(pair.prekey.id) !== id) {
        throw new HeadendError(
          'ERR_HEADEND_STORE',
          `${name}: holds another prekey than its name says`,
        )
      }
      this.#prekeys.set(id, pair)
    }
  }
}
