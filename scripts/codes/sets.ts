/** A closed set of codes, and where its members are defined. */
export interface CodeSet {
  readonly title: string
  /** What a person meets it in. */
  readonly where: string
  readonly file: string
  /** The exported type or constant whose members are the codes. */
  readonly name: string
  /** How a person sees a code, where that is not the code itself. */
  readonly shown?: (code: string) => string
}

/** Every set of codes that a person can meet in a message, a log, a record or an answer. */
export const CODE_SETS: readonly CodeSet[] = [
  {
    title: 'Why the firmware could not do something',
    where: 'beside messages of `s3mp`',
    file: 'firmware/src/errors.ts',
    name: 'FirmwareErrorCode',
    shown: (code) => `ERR_S3MP_${code.toUpperCase().replaceAll('-', '_')}`,
  },
  {
    title: 'Why hardware did not answer',
    where: 'beside messages about serial ports, pins and buses',
    file: 'hal/src/errors.ts',
    name: 'HalErrorCode',
  },
  {
    title: 'Why bytes from the meter were dropped',
    where: '`s3mp decode`, `s3mp align`, `s3mp status` and the event `bytes-discarded`',
    file: 'meter/src/events.ts',
    name: 'DiscardReason',
  },
  {
    title: 'Why a telegram or an answer of the meter was refused',
    where: 'beside messages of `s3mp decode` and in the log of the meter',
    file: 'meter/src/errors.ts',
    name: 'MeterErrorCode',
  },
  {
    title: 'Doubts about a reading',
    where: '`s3mp decode`, and in the record as the flags below',
    file: 'meter/src/reading.ts',
    name: 'ReadingFlag',
  },
  {
    title: 'Flags of a record',
    where: 'every record, the page, `s3mp verify`',
    file: 'envelope/src/payload/status.ts',
    name: 'STATUS_FLAGS',
  },
  {
    title: 'Events',
    where: 'signed records of the event stream, the page, the log of the meter',
    file: 'envelope/src/payload/event.ts',
    name: 'EVENT_CODES',
  },
  {
    title: 'Why a sealed object was refused',
    where: '`s3mp verify`, and counted by the head-end',
    file: 'envelope/src/errors.ts',
    name: 'ENVELOPE_REASONS',
  },
  {
    title: 'Why the head-end dropped a datagram',
    where: 'its metrics and its log, together with those above; the sender is told nothing',
    file: 'headend/src/receive/refusals.ts',
    name: 'OWN_REASONS',
  },
  {
    title: 'Why the head-end could not do something',
    where: 'beside messages of `s3mp headend` and in its log',
    file: 'headend/src/errors.ts',
    name: 'HeadendErrorCode',
  },
  {
    title: 'What the API answers when it refuses',
    where: 'the body of an answer that is not 2xx',
    file: 'web/src/openapi/answers.ts',
    name: 'ERROR_CODES',
  },
  {
    title: 'Why SCION did not carry something',
    where: 'beside messages of `s3mp scion …`, of the uplink and of `@s3mp/scion`',
    file: 'scion/src/errors.ts',
    name: 'ScionErrorCode',
  },
  {
    title: 'Why a path is, or is not, the one in use',
    where: '`s3mp scion showpaths --explain` and the network page',
    file: 'scion/src/selector/report.ts',
    name: 'PathReason',
  },
]
