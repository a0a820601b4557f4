import { parseIsdAs } from '../../src/addr/isd-as.ts'
import { ProtoWriter } from '../../src/control/protobuf.ts'
import type { ChainQuery, RawChain } from '../../src/control/trust-messages.ts'
import { ScionError } from '../../src/errors.ts'
import { parsePemCertificates } from '../../src/trust/chain.ts'
import type { TrustMaterial } from '../../src/trust/store.ts'
import type { TrcId } from '../../src/trust/trc.ts'
import { formatTrcId, parseTrc } from '../../src/trust/trc.ts'
import { trustFile, trustText } from './trust-files.ts'
import { bytes, hex, vectors } from './vectors.ts'

const { endToEnd } = vectors<{
  endToEnd: {
    pathSegment: string
    segmentsResponse: string
    chainsResponse: string
    trcResponse: string
    verificationTime: string
    chains: readonly string[]
    trc: string
    tampered: readonly {
      name: string
      patches: readonly { offset: number; remove: number; insert: string }[]
      failingEntries: readonly number[]
    }[]
  }
}>('segment.json')

/** A signed segment of three ASes, the moment at which it is good, and the TRC it leads to. */
export const signedWorld = {
  pathSegment: bytes(endToEnd.pathSegment),
  segmentsResponse: bytes(endToEnd.segmentsResponse),
  chainsResponse: bytes(endToEnd.chainsResponse),
  trcResponse: bytes(endToEnd.trcResponse),
  nowMs: Date.parse(endToEnd.verificationTime),
  trc: (): ReturnType<typeof parseTrc> => parseTrc(trustFile(endToEnd.trc)),
  chainFiles: endToEnd.chains,
  tampered: endToEnd.tampered,
  source: parseIsdAs('1-ff00:0:110'),
  destination: parseIsdAs('1-ff00:0:112'),
}

/** A ChainsResponse with the chains of every AS of the signed world. */
export function everyChain(): Uint8Array {
  const writer = new ProtoWriter()
  for (const file of endToEnd.chains) {
    const [as, ca] = parsePemCertificates(trustText(file))
    if (as === undefined || ca === undefined) throw new Error(`no chain in ${file}`)
    writer.message(1, (chain) => chain.bytes(1, as.raw).bytes(2, ca.raw))
  }
  return writer.finish()
}

/** Trust material from files, which counts how often it is asked. */
export class FileMaterial implements TrustMaterial {
  chainQuestions = 0
  trcQuestions = 0
  readonly #chains: readonly { readonly raw: RawChain; readonly key: string }[]
  readonly #trcs = new Map<string, Uint8Array>()

  constructor(chainFiles: readonly string[], trcFiles: readonly string[] = []) {
    this.#chains = chainFiles.map((file) => {
      const [as, ca] = parsePemCertificates(trustText(file))
      if (as === undefined || ca === undefined) throw new Error(`no chain in ${file}`)
      return { raw: { as: as.raw, ca: ca.raw }, key: hex(as.subjectKeyId ?? bytes('')) }
    })
    for (const file of trcFiles) {
      const { raw, trc } = parseTrc(trustFile(file))
      this.#trcs.set(formatTrcId(trc.id), raw)
    }
  }

  chains(query: ChainQuery): Promise<readonly RawChain[]> {
    this.chainQuestions++
    const key = hex(query.subjectKeyId)
    return Promise.resolve(this.#chains.filter((one) => one.key === key).map(({ raw }) => raw))
  }

  trc(id: TrcId): Promise<Uint8Array> {
    this.trcQuestions++
    const raw = this.#trcs.get(formatTrcId(id))
    return raw === undefined
      ? Promise.reject(new ScionError('ERR_SCION_CONTROL', `no ${formatTrcId(id)}`))
      : Promise.resolve(raw)
  }
}
