import { MeterError } from '../errors.ts'
import { parseObis } from '../obis.ts'
import { UNIT_NONE, unitCode, unitName } from '../units.ts'
import { impliedUnit } from './implied.ts'
import type { PositionalList } from './lists.ts'

/** Places of a list that its owner has named. */
export const OWN_LIST_PLACES_MAX = 64

/** Such lists of one meter: what it sends every few seconds, every hour, every day. */
export const OWN_LISTS_MAX = 8

/** A list without codes as its owner writes it down, place by place. */
export interface OwnList {
  /**
   * What stands at each place, in the order of the telegram: `device`, `clock`, `skip`, or an OBIS
   * code with what one step of the number is worth: `1-0:32.7.0 0.1 V`, `1-0:1.8.0 Wh`. A minus
   * before the factor turns the direction round.
   */
  readonly places: readonly string[]
  /** The letter of each place's type, as {@link PositionalList} has them; any where left out. */
  readonly types?: string | undefined
}

const WORDS = ['device', 'clock', 'skip'] as const
const LETTERS = /^[suhbijcUIeonl]*$/
const FACTOR = /^(-?)(?:1(0{0,9})|0\.(0{0,8})1)$/
const EXAMPLE = '"1-0:32.7.0 0.1 V"'

/**
 * Lists that an owner has confirmed, in the form in which lists are known here.
 *
 * @throws {@link MeterError} `range` or `malformed` with the place that is wrong, what was expected
 *   and what was found.
 */
export function ownLists(lists: readonly OwnList[]): readonly PositionalList[] {
  if (lists.length > OWN_LISTS_MAX) {
    throw new MeterError('range', `lists: expected at most ${OWN_LISTS_MAX}, found ${lists.length}`)
  }
  const own = lists.map(ownList)
  own.forEach((list, index) => {
    const twin = own.findIndex(({ types }) => types.source === list.types.source)
    if (twin < index) {
      throw new MeterError(
        'malformed',
        `lists: expected ${twin} and ${index} to differ in length or types, found the same`,
      )
    }
  })
  return own
}

function ownList({ places: written, types }: OwnList): PositionalList {
  if (written.length === 0 || written.length > OWN_LIST_PLACES_MAX) {
    const range = `1 to ${OWN_LIST_PLACES_MAX}`
    throw new MeterError('range', `places: expected ${range}, found ${written.length}`)
  }
  if (types !== undefined && (!LETTERS.test(types) || types.length !== written.length)) {
    throw new MeterError(
      'malformed',
      `types: expected a letter for each of the ${written.length} places, found ${shown(types)}`,
    )
  }
  const places = written.map(placeOf)
  const pattern = places.map((place, at) => patternOf(place, types?.[at])).join('')
  const list: PositionalList = {
    name: 'own',
    makers: [],
    byTypes: true,
    types: new RegExp(`^${pattern}$`),
    places,
    evidence: 'confirmed by the owner of the meter',
  }
  checkList(list)
  return list
}

/**
 * What every list without codes has to keep to, those that come along and those of an owner: a
 * register at least, none twice, codes that can be, a unit for each that has one.
 *
 * @throws {@link MeterError} `malformed`
 */
export function checkList({ places }: PositionalList): void {
  const seen = new Map<string, number>()
  places.forEach((place, at) => {
    if (place === 'skip') return
    const name = typeof place === 'string' ? place : place[0]
    const before = seen.get(name)
    if (before !== undefined) {
      fail(at, 'another than before', `${name}, which is at place ${before}`)
    }
    seen.set(name, at)
    if (typeof place === 'string') return
    const [obis, , code] = place
    if (parseObis(obis) === undefined) fail(at, 'an OBIS code', shown(obis))
    const implied = impliedUnit(obis)
    if (code !== undefined && implied !== undefined && code !== implied) {
      fail(at, `${unitName(implied) || 'no unit'} for ${obis}`, unitName(code) || 'none')
    }
  })
  if (!places.some((place) => typeof place !== 'string')) {
    throw new MeterError('malformed', `places: expected a register such as ${EXAMPLE}, found none`)
  }
}

function placeOf(written: string, at: number): PositionalList['places'][number] {
  const word = WORDS.find((one) => one === written)
  if (word !== undefined) return word
  const [code = '', ...rest] = written.trim().split(/\s+/)
  const obis = completed(code)
  if (obis === undefined) {
    return fail(at, `device, clock, skip, or a register such as ${EXAMPLE}`, shown(written))
  }
  const factor = FACTOR.exec(rest[0] ?? '')
  const [unit, ...more] = factor === null ? rest : rest.slice(1)
  if (more.length > 0) fail(at, 'code, factor and unit', shown(written))
  const { scaler, isTurned } = scaleOf(factor)
  return [obis, scaler, unitOf(obis, unit, at), isTurned]
}

/** Three numbers of the text, all six in the answer; undefined for what is no code. */
function completed(code: string): string | undefined {
  const numbers = parseObis(code)
  if (numbers === undefined) return undefined
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 255] = numbers
  return `${a}-${b}:${c}.${d}.${e}*${f}`
}

function scaleOf(factor: RegExpExecArray | null): {
  readonly scaler: number
  readonly isTurned: boolean
} {
  if (factor === null) return { scaler: 0, isTurned: false }
  const [, sign, above, below] = factor as unknown as readonly (string | undefined)[]
  const scaler = above === undefined ? -(below?.length ?? 0) - 1 : above.length
  return { scaler, isTurned: sign === '-' }
}

/** The unit that is written, or that which goes without saying. */
function unitOf(obis: string, unit: string | undefined, at: number): number {
  const implied = impliedUnit(obis) ?? UNIT_NONE
  if (unit === undefined) return implied
  const code = unitCode(unit)
  if (code !== UNIT_NONE) return code
  const expected = implied === UNIT_NONE ? 'a unit such as m³' : unitName(implied)
  const cure = /^[kM]/.test(unit) ? ', thousands as a factor: 1000 Wh' : ''
  return fail(at, `${expected}${cure}`, shown(unit))
}

/** The types that may stand at a place: a number may be missing once in a while. */
function patternOf(place: PositionalList['places'][number], letter: string | undefined): string {
  if (typeof place !== 'string') return `[${letter ?? 'uhbijcUIeo'}n]`
  if (place === 'skip') return letter ?? '.'
  return letter ?? 's'
}

/** A register of a list as its owner would write it: what {@link ownLists} reads. */
export function formatPlace(register: {
  readonly obis: string
  readonly scaler: number
  readonly unitCode: number
}): string {
  const { obis, scaler, unitCode: code } = register
  const factor = scaler < 0 ? `0.${'0'.repeat(-scaler - 1)}1` : `1${'0'.repeat(scaler)}`
  const parts = [obis.replace(/\*255$/, ''), scaler === 0 ? '' : factor, unitName(code)]
  return parts.filter((part) => part !== '').join(' ')
}

function fail(at: number, expected: string, found: string): never {
  throw new MeterError('malformed', `places[${at}]: expected ${expected}, found ${found}`)
}

function shown(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)
}
