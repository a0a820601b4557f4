/** What the page concludes about a reading from its signed bytes. */
export type ProofVerdict = 'verified' | 'pending' | 'failed' | 'unknown'

/** One step of the check, in a code that the texts word. */
export interface ProofStep {
  readonly code: 'key' | 'signature' | 'chain' | 'seal' | 'schema' | 'content'
  readonly ok: boolean
  /** How many records or readings it is about. */
  readonly count?: number
  /** A technical detail beside it: a fingerprint, a count, a reason. */
  readonly detail?: string
}

/** A verdict and the steps that led to it. */
export interface Verdict {
  readonly state: ProofVerdict
  readonly steps: readonly ProofStep[]
  /** Why it could not be checked, or what is wrong. */
  readonly reason?: string
  /** Public key of the device, hex. */
  readonly publicKey?: string
  /** The bytes that bear the deciding signature, hex. */
  readonly signedBytes?: string
}
