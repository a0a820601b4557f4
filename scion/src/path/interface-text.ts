import { formatIsdAs, parseIsdAs } from '../addr/isd-as.ts'
import { quote, textLimit } from '../addr/text.ts'
import { ScionError } from '../errors.ts'
import type { PathInterface } from './path.ts'

/** Parses `1-ff00:0:110#41`. */
export function parseInterface(text: string): PathInterface {
  textLimit(text, 'interface')
  const hash = text.indexOf('#')
  const digits = text.slice(hash + 1)
  const id = /^[0-9]{1,5}$/.test(digits) ? Number(digits) : NaN
  if (hash < 0 || !(id >= 1 && id <= 0xffff)) {
    throw new ScionError('ERR_SCION_ADDRESS', `interface: ISD-AS#number, found ${quote(text)}`)
  }
  return { isdAs: parseIsdAs(text.slice(0, hash)), id }
}

/** Writes `1-ff00:0:110#41`. */
export function formatInterface({ isdAs, id }: PathInterface): string {
  return `${formatIsdAs(isdAs)}#${id}`
}
