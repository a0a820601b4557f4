/** A way to bring APDUs to a meter and its answers back. */
export interface ApduLink {
  /** Whether the end of the connection is the end of an association, too. */
  readonly endsAssociation: boolean
  /** Makes the connection. */
  open(signal: AbortSignal | undefined): Promise<void>
  /** Sends an APDU and answers the next one that comes: valid until the next call. */
  exchange(apdu: Uint8Array, signal: AbortSignal | undefined): Promise<Uint8Array>
  /** The next APDU without asking for one: behind one that the meter sent by itself. */
  next(signal: AbortSignal | undefined): Promise<Uint8Array>
  /** Ends the connection as far as the meter still listens. */
  close(signal: AbortSignal | undefined): Promise<void>
}

/** Longest wait for the first byte of an answer, in milliseconds; a client may be given another. */
export const DLMS_ANSWER_MS = 5_000

/** Longest pause within an answer, in milliseconds: more than 20 characters at 300 baud. */
export const DLMS_PAUSE_MS = 1_500

/** Bytes of an APDU that a client takes from a meter, and says so when it associates. */
export const DLMS_CLIENT_APDU_BYTES_MAX = 8_192

/** Bytes that may come without any whole frame among them before a client gives up. */
export const DLMS_NOISE_BYTES_MAX = 4_096

/** Longest wait for one frame that keeps trickling in: the longest one at 300 baud. */
export const DLMS_TRICKLE_MS_MAX = 90_000
