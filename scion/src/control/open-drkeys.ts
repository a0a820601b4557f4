import { join } from 'node:path'
import { parseUnderlay } from '../addr/underlay.ts'
import type { DrkeySource } from '../drkey/source.ts'
import { ConnectTransport } from './connect.ts'
import { controlDrkeys, daemonDrkeys } from './drkey.ts'
import { GrpcTransport } from './grpc.ts'
import { ControlServices } from './services.ts'
import { readTopology } from './topology.ts'

/** Where DRKeys come from: a daemon, or the control services of the own AS. */
export type DrkeyOptions =
  | { readonly daemon: string }
  | {
      /** The folder with the `topology.json` that names the control services. */
      readonly configDir: string
      /** Control services to ask instead of those. */
      readonly controlServices?: readonly string[]
      /** The very IP address that packets leave from: the services know who asks by it. */
      readonly localAddress: string
    }

/** A source of keys with a connection to close. */
export interface OpenDrkeys extends DrkeySource {
  close(): Promise<void>
}

/**
 * Opens a source of DRKeys; of several, each question goes to the next where the one before fails.
 * Nothing is asked yet. @throws ScionError where the files are not right
 */
export async function openDrkeys(
  options: DrkeyOptions,
  ...others: readonly DrkeyOptions[]
): Promise<OpenDrkeys> {
  const first = await openOne(options)
  const [next, ...rest] = others
  return next === undefined ? first : orElse(first, await openDrkeys(next, ...rest))
}

function orElse(first: OpenDrkeys, other: OpenDrkeys): OpenDrkeys {
  return {
    hostAs: (query, signal) => first.hostAs(query, signal).catch(() => other.hostAs(query, signal)),
    hostHost: (query, signal) =>
      first.hostHost(query, signal).catch(() => other.hostHost(query, signal)),
    close: async () => {
      await Promise.all([first.close(), other.close()])
    },
  }
}

async function openOne(options: DrkeyOptions): Promise<OpenDrkeys> {
  if ('daemon' in options) {
    const transport = new GrpcTransport(parseUnderlay(options.daemon))
    return { ...daemonDrkeys(transport), close: () => transport.close() }
  }
  const { configDir, localAddress, controlServices } = options
  const addresses =
    controlServices?.map(parseUnderlay) ??
    (await readTopology(join(configDir, 'topology.json'))).controlServices
  const services = new ControlServices(
    addresses.map((one) => new ConnectTransport(one, { localAddress })),
  )
  return { ...controlDrkeys(services), close: () => services.close() }
}
