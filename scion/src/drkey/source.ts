import type { HostAddress } from '../addr/host.ts'
import type { IsdAs } from '../addr/isd-as.ts'
import type { DrkeyEpoch } from './derive.ts'

/** Which key is wanted. */
export interface DrkeyQuery {
  /** Unix milliseconds: the key of the epoch in which this lies. */
  readonly timeMs: number
  /** DRKey protocol, 1 … 65535. */
  readonly protocol: number
  /** The AS whose hosts can derive keys from few others: the fast side. */
  readonly derivingAs: IsdAs
  readonly derivingHost: HostAddress
  /** The AS that gets each key on request: the slow side. */
  readonly farAs: IsdAs
}

/** A key with the time in which it holds. */
export interface EpochKey {
  readonly epoch: DrkeyEpoch
  /** 16 bytes. */
  readonly key: Uint8Array
}

/**
 * Where DRKeys come from.
 *
 * Contract: resolves with the key of the epoch that `timeMs` lies in; rejects with `ScionError` when
 * nobody answers or the asking host is no end of the key.
 */
export interface DrkeySource {
  /** The key of a host of the deriving AS with a whole AS, from which host keys are derived. */
  hostAs(query: DrkeyQuery, signal?: AbortSignal): Promise<EpochKey>
  /** The key of two hosts. */
  hostHost(
    query: DrkeyQuery & { readonly farHost: HostAddress },
    signal?: AbortSignal,
  ): Promise<EpochKey>
}
