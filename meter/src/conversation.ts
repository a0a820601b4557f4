import type { Identification } from './iec62056-21/identification.ts'
import type { Reading } from './reading.ts'

/** Data bits, parity and stop bits that a conversation asks its port for. */
export type Framing = '7E1' | '8N1' | '8E1'

/** Why a conversation ended without what it was for. */
export type ConversationFailure =
  /** Nobody answered. */
  | 'silent'
  /** Something answered that could not be understood. */
  | 'garbled'
  /** The meter understood and said no: a wrong password, a session that it does not open. */
  | 'refused'
  /** The meter does not offer what was asked for, by its own identification. */
  | 'unsupported'

/** What the owner of the port does, in order. */
export type MeterAction =
  /** Opens or sets the port to this speed and framing. */
  | { readonly kind: 'speed'; readonly baudRate: number; readonly framing: Framing }
  /** Writes, and waits until the last bit has left. */
  | { readonly kind: 'write'; readonly bytes: Uint8Array }
  | { readonly kind: 'wait'; readonly ms: number }
  /** Hands over what is received; calls `silence` when nothing has come for so long. */
  | { readonly kind: 'listen'; readonly silenceMs: number }
  /** A readout follows: a decoder is given `ahead`, then everything received. */
  | {
      readonly kind: 'readout'
      readonly identification: Identification
      readonly baudRate: number
      readonly ahead: Uint8Array
    }
  /** The meter listens for registers to be asked for: a `RegisterSession` goes on. */
  | {
      readonly kind: 'session'
      readonly identification: Identification
      readonly baudRate: number
    }
  /** The line speaks HDLC now, eight bits without parity: a DLMS client goes on. */
  | {
      readonly kind: 'hdlc'
      readonly identification: Identification
      readonly baudRate: number
    }
  | { readonly kind: 'reading'; readonly reading: Reading }
  /** The meter did not answer one request, or said no to it; the others go on. */
  | { readonly kind: 'refused'; readonly request: string; readonly reason: string }
  /** Everything asked for was answered or refused. */
  | { readonly kind: 'done' }
  /** The conversation is over without it. */
  | { readonly kind: 'failed'; readonly reason: ConversationFailure }

/**
 * A conversation with a meter as a pure state machine: it says what to do at the port and is told
 * what came. It never touches the port, knows no clock, and holds a bounded number of bytes.
 *
 * Contract: the actions of one call are carried out in order before the next call; `receive` is
 * given everything that arrives while a `listen` is in force; `silence` is called once when its
 * time has passed without a byte. Both answer nothing once the conversation is over.
 */
export interface Conversation {
  /** The first actions; called again, it starts over. */
  start(): readonly MeterAction[]
  receive(bytes: Uint8Array): readonly MeterAction[]
  silence(): readonly MeterAction[]
}
