import type { HostAddress } from '../addr/host.ts'
import { formatHost } from '../addr/host.ts'
import { AES_KEY_BYTES } from '../crypto/cmac.ts'
import type { DrkeyEpoch } from '../drkey/derive.ts'
import { ScionError } from '../errors.ts'
import type { DrkeyQuery, DrkeySource, EpochKey } from '../drkey/source.ts'
import { ProtoWriter, fieldsOf } from './protobuf.ts'
import type { RpcTransport } from './rpc.ts'
import type { ControlServices } from './services.ts'
import { readTimestamp, writeTimestamp } from './trust-messages.ts'

const CONTROL = 'proto.control_plane.v1.DRKeyIntraService'
const DAEMON = 'proto.daemon.v1.DaemonService'

/**
 * Keys straight from the control services of the own AS, without a daemon. They answer a host only
 * about keys that it is an end of, and know it by the address that it asks from: give the transport
 * the very address that packets leave from.
 */
export function controlDrkeys(services: Pick<ControlServices, 'ask'>): DrkeySource {
  const ask = (method: string, request: Uint8Array, signal?: AbortSignal): Promise<EpochKey> =>
    services.ask(CONTROL, method, request, decodeDrkeyResponse, signal)
  return sourceOf(ask)
}

/** Keys from a daemon; it is the one that the control service must let ask. */
export function daemonDrkeys(transport: RpcTransport): DrkeySource {
  return sourceOf(async (method, request, signal) =>
    decodeDrkeyResponse(await transport.call({ service: DAEMON, method, request, signal })),
  )
}

function sourceOf(
  ask: (method: string, request: Uint8Array, signal?: AbortSignal) => Promise<EpochKey>,
): DrkeySource {
  return {
    hostAs: (query, signal) => ask('DRKeyHostAS', encodeDrkeyRequest(query, {}), signal),
    hostHost: (query, signal) => {
      const { farHost } = query
      return ask('DRKeyHostHost', encodeDrkeyRequest(query, { farHost }), signal)
    },
  }
}

/** Writes a DRKeyHostASRequest, or a DRKeyHostHostRequest where the far host is given. */
export function encodeDrkeyRequest(
  query: DrkeyQuery,
  { farHost }: { readonly farHost?: HostAddress },
): Uint8Array {
  const writer = new ProtoWriter()
    .message(1, (time) => writeTimestamp(time, query.timeMs))
    .varint(2, query.protocol)
    .varint(3, query.derivingAs)
    .varint(4, query.farAs)
    .string(5, formatHost(query.derivingHost))
  return farHost === undefined ? writer.finish() : writer.string(6, formatHost(farHost)).finish()
}

/** Reads the response to either. */
export function decodeDrkeyResponse(message: Uint8Array): EpochKey {
  let key = message.subarray(0, 0)
  let [beginMs, endMs] = [NaN, NaN]
  for (const field of fieldsOf(message, 'DRKeyResponse')) {
    if (field.number === 1) beginMs = readTimestamp(field)
    else if (field.number === 2) endMs = readTimestamp(field)
    else if (field.number === 3) key = field.bytes()
  }
  const epoch: DrkeyEpoch = {
    beginSeconds: Math.floor(beginMs / 1000),
    endSeconds: Math.floor(endMs / 1000),
  }
  if (key.length !== AES_KEY_BYTES || !(epoch.beginSeconds < epoch.endSeconds)) {
    throw new ScionError(
      'ERR_SCION_CONTROL',
      `DRKeyResponse: an epoch and ${AES_KEY_BYTES} bytes of key, found ${key.length} bytes`,
    )
  }
  return { epoch, key: key.slice() }
}
