/** Longest datagram that is looked at, bytes; a SCION or UDP datagram in practice is below 1,472. */
export const DATAGRAM_BYTES_MAX = 8192
/** Datagrams up are as long as a multiple of this, bytes, unless the device chooses otherwise. */
export const PADDING_BLOCK = 64
/** Deepest nesting of arrays and maps that the CBOR gate lets through. */
export const CBOR_DEPTH_MAX = 8
/** Longest item that the CBOR gate looks at, bytes. */
export const CBOR_BYTES_MAX = 65_536
/** Most elements of one CBOR array, and most pairs of one map. */
export const CBOR_ITEMS_MAX = 4096
/** Most registers of one schema. */
export const SCHEMA_REGISTERS_MAX = 64
/** Longest text in a record (meter id, protocol name, event detail), UTF-8 bytes. */
export const TEXT_BYTES_MAX = 64
/** Most samples in one `reading` or `fast` record: a day of quarter hours is 96. */
export const SAMPLES_MAX = 512
/** Largest stream number. */
export const STREAM_MAX = 65_535
/** Largest sequence number of a stream: one a millisecond for 8,900 years. */
export const SEQ_MAX = 2 ** 48 - 1
/** Most paths a heartbeat reports. */
export const HEARTBEAT_PATHS_MAX = 16
/** Most streams a heartbeat reports. */
export const HEARTBEAT_STREAMS_MAX = 16
/** Most details of one event. */
export const EVENT_DETAILS_MAX = 8
/** Most streams one ack answers for. */
export const ACK_STREAMS_MAX = 16
/** Longest selective bitmap of an ack, bytes: 256 sequence numbers beyond the cumulative one. */
export const ACK_BITMAP_BYTES_MAX = 32
/** Longest time an ack may ask the device to wait before sending again. */
export const ACK_PACE_MS_MAX = 3_600_000
/** How long one step of an epoch's ratchet lasts; its key is deleted afterwards. */
export const EPOCH_STEP_MS = 3_600_000
/** Steps of an epoch: one day. */
export const EPOCH_STEPS_MAX = 24
/** Objects sealed in one epoch. */
export const EPOCH_OBJECTS_MAX = 2 ** 20
/** Largest epoch number and boot counter. */
export const COUNTER_MAX = 2 ** 48 - 1
/** How far behind the newest known epoch number a late epoch may be. */
export const EPOCH_PAST_MAX = 1024
/** Partial IVs below the newest that a replay window still tells apart. */
export const REPLAY_WINDOW = 1024
/** Epochs a {@link ReplayGuard} watches; the least recently used is forgotten. */
export const REPLAY_EPOCHS_MAX = 65_536
/** Acks a device remembers, so that the same bytes are not taken twice. */
export const ACK_REPLAY_WINDOW = 64
/** Kids an {@link EpochIndex} holds; the least recently used epoch is forgotten. */
export const KID_INDEX_MAX = 1_048_576
/** Longest validity of a prekey: 92 days. */
export const PREKEY_VALIDITY_MS_MAX = 7_948_800_000
/** How long after its end a prekey's private part may still open what an offline meter sent. */
export const PREKEY_GRACE_MS = 7 * 86_400_000
/** How far a peer's clock may be ahead before its time is refused. */
export const CLOCK_SKEW_MS_MAX = 300_000
/** Record hashes a {@link ChainVerifier} keeps, to tell repetition from rewriting. */
export const CHAIN_HISTORY_MAX = 1024
/** Longest line of an export file, characters. */
export const EXPORT_LINE_CHARS_MAX = 32_768
/** Prekeys on one head-end card: the current one, its successor, and one of each suite. */
export const CARD_PREKEYS_MAX = 4
/** Longest key file, characters. */
export const KEY_FILE_CHARS_MAX = 16_384
/** Streams that one verification follows. */
export const VERIFY_STREAMS_MAX = 64
/** Schemas that one verification remembers. */
export const VERIFY_SCHEMAS_MAX = 256
/** Problems that a verification lists; further ones are counted. */
export const VERIFY_PROBLEMS_MAX = 100
