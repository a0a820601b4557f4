import { fill } from '../texts/fill.ts'
import type { Texts } from '../texts/texts.ts'
import { NOW, obisParts } from './reading.ts'
import type { ObisParts } from './reading.ts'

/** What a register means, in words (IEC 62056-61, EN 13757-1): never empty. */
export function explainObis(obis: string, t: Texts): string {
  const parts = obisParts(obis)
  if (parts === undefined) return t.obis.other
  const name = explainMedium(parts, t) ?? t.obis.other
  return parts.f === NOW ? name : fill(t.obis.stored, { name, number: parts.f })
}

function explainMedium(parts: ObisParts, t: Texts): string | undefined {
  const { a, c, d, e } = parts
  switch (a) {
    case 0:
      return abstract(parts, t)
    case 1:
      return electricity(parts, t)
    case 5:
    case 6:
      return { 1: t.obis.heat, 2: t.obis.heatVolume, 8: t.obis.heatPower, 9: t.obis.heatFlow, 10: t.obis.flowTemperature, 11: t.obis.returnTemperature }[c] // prettier-ignore
    case 7:
      return c <= 3 || (c === 23 && d === 2 && e === 0) ? t.obis.gas : undefined
    case 8:
      return c === 1 ? t.obis.water : c === 2 ? t.obis.waterFlow : undefined
    case 9:
      return c === 1 ? t.obis.hotWater : c === 2 ? t.obis.waterFlow : undefined
    default:
      return undefined
  }
}

/** Registers of no medium: what the meter says of itself, and meters that hang behind it. */
function abstract({ b, c, d, e }: ObisParts, t: Texts): string | undefined {
  if (c === 24 && d === 2) return fill(t.obis.subMeter, { channel: b })
  if (c === 96 && d === 14) return t.obis.tariffNow
  if (c === 96 && d === 7) return e === 9 ? t.obis.longFailures : t.obis.failures
  if (c === 96 && d === 13) return t.obis.message
  return c === 96 || c === 42 || c === 0 ? t.obis.identity : undefined
}

/** Phases by the tens of the quantity: 21… is the first, 41… the second, 61… the third. */
function phaseOf(c: number): string | undefined {
  if (c > 20 && c <= 40) return 'L1'
  if (c > 40 && c <= 60) return 'L2'
  return c > 60 && c <= 80 ? 'L3' : undefined
}

function electricity({ c, d, e }: ObisParts, t: Texts): string | undefined {
  if (c === 0 || c === 96) return t.obis.identity
  if (c >= 128) return undefined
  const phase = phaseOf(c)
  const quantity = phase === undefined ? c : ((c - 1) % 20) + 1
  if (d === 7) return momentary(quantity, phase, t)
  if (d === 8) return energy(quantity, e, phase, t)
  if (d === 32) return fill(t.obis.sags, { phase: phase ?? '' })
  if (d === 36) return fill(t.obis.swells, { phase: phase ?? '' })
  if (d === 4 || d === 5 || d === 24 || d === 27) return t.obis.average
  return d === 6 ? t.obis.highest : undefined
}

function momentary(quantity: number, phase: string | undefined, t: Texts): string | undefined {
  const of = (text: string): string => fill(text, { phase: phase ?? '' })
  switch (quantity) {
    case 1:
      return phase === undefined ? t.obis.powerDrawn : of(t.obis.phaseDrawn)
    case 2:
      return phase === undefined ? t.obis.powerFed : of(t.obis.phaseFed)
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

function energy(
  quantity: number,
  tariff: number,
  phase: string | undefined,
  t: Texts,
): string | undefined {
  if (quantity >= 3 && quantity <= 8) return t.obis.reactive
  if (quantity === 16 && phase === undefined) return t.obis.net
  const words = { 1: [t.obis.drawn, t.obis.drawnTariff, t.obis.drawnPhase], 2: [t.obis.fed, t.obis.fedTariff, t.obis.fedPhase] }[quantity] // prettier-ignore
  if (words === undefined) return undefined
  const [all = '', one = '', ofPhase = ''] = words
  if (phase !== undefined) return fill(ofPhase, { phase })
  return tariff === 0 ? all : fill(one, { tariff })
}
