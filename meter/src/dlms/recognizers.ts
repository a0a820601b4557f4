import type { DecoderEvent } from '../events.ts'
import type { DecoderOptions } from '../decoder.ts'
import { TextStream } from '../iec62056-21/stream.ts'
import type { Reading } from '../reading.ts'
import type { Recognizer } from '../recognizer.ts'
import { DlmsBodyStream } from './body-stream.ts'
import { ownLists } from './own-list.ts'
import { DlmsReadings } from './readings.ts'
import { DlmsStream } from './stream.ts'

/** What listens for DLMS on any link. */
export function dlmsRecognizers(options: DecoderOptions): () => readonly Recognizer[] {
  const readings = new DlmsReadings({
    encryptionKey: options.key,
    authenticationKey: options.authenticationKey,
    masterKey: options.masterKey,
    signatureKey: options.signatureKey,
    agreementKey: options.agreementKey,
    meterAgreementKey: options.meterAgreementKey,
    readText,
    lists: ownLists(options.lists ?? []),
    energyScaler: options.energyScaler,
  })
  const links = ['hdlc', 'mbus', 'wrapper', 'bare'] as const
  return () => [
    ...links.map((link) => new DlmsStream(link, readings)),
    ...(options.bodies === true ? [new DlmsBodyStream(readings)] : []),
  ]
}

/** The one telegram in text that a plaintext is. */
function readText(text: Uint8Array): Reading | undefined {
  const stream = new TextStream('dsmr')
  const events: DecoderEvent[] = []
  for (let at = 0; at < text.length;) at = stream.scan(text, at, events)
  stream.end(events)
  const [event, another] = events.filter(({ type }) => type === 'reading')
  return event?.type === 'reading' && another === undefined ? event.reading : undefined
}
