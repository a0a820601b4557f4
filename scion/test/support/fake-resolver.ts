import type { DnsResolver, NaptrAnswer, SrvAnswer } from '../../src/discovery/dns.ts'

type Zone<T> = Readonly<Record<string, readonly T[]>>

/** Records by kind and name. */
interface Zones {
  readonly srv?: Zone<SrvAnswer>
  readonly naptr?: Zone<NaptrAnswer>
  readonly ptr?: Zone<string>
  readonly txt?: Zone<readonly string[]>
  readonly a?: Zone<string>
  readonly aaaa?: Zone<string>
}

/** A DNS that knows the records given, and answers everything else with ENOTFOUND. */
export class FakeResolver implements DnsResolver {
  questions = 0
  readonly #zones: Zones

  constructor(zones: Zones) {
    this.#zones = zones
  }

  resolveSrv(name: string): Promise<readonly SrvAnswer[]> {
    return this.#find(this.#zones.srv, name)
  }

  resolveNaptr(name: string): Promise<readonly NaptrAnswer[]> {
    return this.#find(this.#zones.naptr, name)
  }

  resolvePtr(name: string): Promise<readonly string[]> {
    return this.#find(this.#zones.ptr, name)
  }

  resolveTxt(name: string): Promise<readonly (readonly string[])[]> {
    return this.#find(this.#zones.txt, name)
  }

  resolve4(name: string): Promise<readonly string[]> {
    return this.#find(this.#zones.a, name)
  }

  resolve6(name: string): Promise<readonly string[]> {
    return this.#find(this.#zones.aaaa, name)
  }

  #find<T>(zone: Zone<T> | undefined, name: string): Promise<readonly T[]> {
    this.questions += 1
    const records = zone?.[name]
    return records === undefined ? Promise.reject(new Error('ENOTFOUND')) : Promise.resolve(records)
  }
}
