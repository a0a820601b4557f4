import { fill } from '../texts/fill.ts'
import type { Texts } from '../texts/en.ts'
import { obisParts } from './reading.ts'
import type { ObisParts } from './reading.ts'

/** What a register means, in words (IEC 62056-61, EN 13757-1): never empty. */
export function explainObis(obis: string, t: Texts): string {
  const parts = obisParts(obis)
  if (parts === undefined) return t.obis.other
  return electricity(parts, t) ?? t.obis.other
}

/** Phases by the tens of the quantity: 21… is the first, 41… the second, 61… the third. */
function phaseOf(c: number): string | undefined {
  if (c > 20 && c <= 40) return 'L1'
  if (c > 40 && c <= 60) return 'L2'
  return c > 60 && c <= 80 ? 'L3' : undefined
}

function electricity({ a, c, d, e }: ObisParts, t: Texts): string | undefined {
  if (a !== 1 || c === 0 || c === 96 || c >= 128)
    return c === 0 || c === 96 ? t.obis.identity : undefined
  const phase = phaseOf(c)
  const quantity = phase === undefined ? c : ((c - 1) % 20) + 1
  if (d === 7) return momentary(quantity, phase, t)
  if (d === 8 && phase === undefined) return energy(quantity, e, t)
  return undefined
}

function momentary(quantity: number, phase: string | undefined, t: Texts): string | undefined {
  const of = (text: string): string => fill(text, { phase: phase ?? '' })
  switch (quantity) {
    case 1:
      return phase === undefined ? t.obis.powerDrawn : of(t.obis.phasePower)
    case 2:
      return phase === undefined ? t.obis.powerFed : of(t.obis.phasePower)
    case 11:
      return phase === undefined ? t.obis.currentAll : of(t.obis.current)
    case 12:
      return phase === undefined ? undefined : of(t.obis.voltage)
    case 13:
      return t.obis.factor
    case 14:
      return t.obis.frequency
    case 16:
      return phase === undefined ? t.obis.power : of(t.obis.phasePower)
    default:
      return quantity >= 3 && quantity <= 8 ? t.obis.reactive : undefined
  }
}

function energy(quantity: number, tariff: number, t: Texts): string | undefined {
  if (quantity === 1) return tariff === 0 ? t.obis.drawn : fill(t.obis.drawnTariff, { tariff })
  if (quantity === 2) return tariff === 0 ? t.obis.fed : fill(t.obis.fedTariff, { tariff })
  return quantity >= 3 && quantity <= 8 ? t.obis.reactive : undefined
}
