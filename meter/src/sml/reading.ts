import { printable } from '../bytes.ts'
import type { MeterTime, Reading, ReadingFlag, Register, TextEntry } from '../reading.ts'
import { NET_POWER, netOfDirections } from '../net-power.ts'
import { QUIRKS, mayHave } from '../quirks.ts'
import { UNIT, unitName } from '../units.ts'
import { deviceName, makerInId } from './device.ts'
import type { SmlCrc } from './framer.ts'
import type { DeviceMemory, LastEnergy } from './memory.ts'
import { DeviceMemories, acceptsCrc, judgeEnergy } from './memory.ts'
import type { SmlEntry, SmlList } from './message.ts'
import type { PowerRole } from './sign.ts'
import { judgeSign, powerRole, statusDirection } from './sign.ts'

const IMPORTED = '1-0:1.8.0*255'
const EXPORTED = '1-0:2.8.0*255'
const MAKER_CODES = ['1-0:96.50.1*1', '129-129:199.130.3*255']
const ID_CODES = ['1-0:96.1.0*255', '1-0:0.0.9*255', '1-0:0.0.0*255']

/** A value list on its way to a reading. */
interface Draft {
  readonly registers: Register[]
  readonly texts: TextEntry[]
  readonly flags: ReadingFlag[]
  readonly maker: string | undefined
  readonly status: bigint | undefined
  readonly twoWay: boolean
  net: bigint | undefined
  amount: Register | undefined
  bought: Register | undefined
  sold: Register | undefined
}

/** Makes readings of value lists, remembering of each meter what the sign rules need. */
export class SmlReadings {
  readonly #devices = new DeviceMemories()
  #lastId: Uint8Array = new Uint8Array()
  #lastDevice = ''
  #lastMaker: string | undefined

  /**
   * The reading in a value list; undefined when this meter is known to use another checksum, so
   * that the one that held did so by chance.
   */
  read(list: SmlList, crc: SmlCrc, framed: boolean): Reading | undefined {
    this.#identify(list)
    const device = this.#lastDevice
    const known = this.#devices.recall(device)
    if (known !== undefined && !acceptsCrc(known, crc)) return undefined
    const memory = known ?? this.#devices.learn(device, crc)
    const draft = begin(list, this.#lastMaker)
    for (const entry of list.entries) addEntry(draft, entry, memory)
    deriveNet(draft)
    const verdict = judgeEnergy(
      memory,
      find(draft, IMPORTED),
      find(draft, EXPORTED),
      draft.net === undefined ? 0 : Number(draft.net > 0n) - Number(draft.net < 0n),
    )
    if (verdict.wentBack) flag(draft, 'register-went-back')
    if (verdict.contradictsSign) {
      flag(draft, 'sign-contradicts-energy')
      if (draft.flags.includes('sign-repaired-int16')) memory.wireSignHolds = true
    }
    if (crc === 'kermit') flag(draft, 'crc-kermit')
    if (!framed) flag(draft, 'unframed')
    return finish(draft, device, meterTime(list))
  }

  /** Device and maker change rarely: text is made only when the id does. */
  #identify(list: SmlList): void {
    const id = list.serverId.length > 0 ? list.serverId : idInList(list)
    if (sameBytes(id, this.#lastId) && this.#lastDevice !== '') return
    this.#lastId = id
    this.#lastDevice = deviceName(id)
    this.#lastMaker = makerInList(list) ?? makerInId(id)
  }
}

function begin(list: SmlList, maker: string | undefined): Draft {
  let status: bigint | undefined
  let imports = false
  let exports = false
  for (const entry of list.entries) {
    status ??= entry.status
    if (entry.obis.startsWith('1-0:1.8.')) imports = true
    if (entry.obis.startsWith('1-0:2.8.')) exports = true
  }
  return {
    registers: [],
    texts: [],
    flags: [],
    maker,
    status,
    twoWay: imports && exports,
    net: undefined,
    amount: undefined,
    bought: undefined,
    sold: undefined,
  }
}

function addEntry(draft: Draft, entry: SmlEntry, memory: DeviceMemory): void {
  const { obis, value } = entry
  switch (value.kind) {
    case 'none':
      return
    case 'octets':
      draft.texts.push({ obis, bytes: value.bytes })
      return
    case 'boolean':
      draft.texts.push({ obis, bytes: new TextEncoder().encode(String(value.value)) })
      return
    case 'time':
      draft.registers.push({
        obis,
        digits: BigInt(value.time.seconds),
        scaler: 0,
        unit: unitName(UNIT.second),
        unitCode: UNIT.second,
      })
      return
    case 'integer': {
      const { scaler, unit: unitCode } = entry
      const register = { obis, digits: value.digits, scaler, unit: unitName(unitCode), unitCode }
      const role = powerRole(obis)
      draft.registers.push(
        role === undefined ? register : addPower(draft, entry, register, role, memory),
      )
    }
  }
}

function addPower(
  draft: Draft,
  entry: SmlEntry,
  register: Register,
  role: PowerRole,
  memory: DeviceMemory,
): Register {
  const { value } = entry
  if (value.kind !== 'integer') return register
  if (role.kind !== 'net') {
    addOneWay(draft, value.digits, register, role)
    return register
  }
  const verdict = judgeSign({
    digits: value.digits,
    width: value.width,
    signed: value.signed,
    phase: role.phase,
    status: entry.status ?? draft.status,
    maker: draft.maker,
    twoWay: draft.twoWay,
    wireSignHolds: memory.wireSignHolds,
  })
  if (verdict.flag !== undefined) flag(draft, verdict.flag)
  if (role.phase === 0) draft.net = verdict.digits
  return verdict.digits === value.digits
    ? register
    : { ...register, digits: verdict.digits, wireDigits: value.digits }
}

/** |P| and the powers of one direction are never negative, but for those of `signedImport`. */
function addOneWay(draft: Draft, digits: bigint, register: Register, role: PowerRole): void {
  const { maker } = draft
  const signed = maker !== undefined && mayHave(QUIRKS.signedImport, maker)
  if (digits < 0n && !(signed && role.kind === 'import')) flag(draft, 'sign-doubt')
  else if (role.phase !== 0) return
  else if (role.kind === 'amount') draft.amount = register
  else if (role.kind === 'import') draft.bought = register
  else draft.sold = register
}

/**
 * Meters that send the amount of power alone (15.7.0): with the direction from the status word it
 * becomes the net power that others send. A meter that counts export alone shows what its house
 * takes as well, and its status word says so (`quirks.ts`: countsExportAlone). Where directions have
 * registers of their own (1.7.0, 2.7.0) it is their difference.
 */
function deriveNet(draft: Draft): void {
  const { amount, status } = draft
  if (draft.net !== undefined) return
  if (amount === undefined) {
    const net = netOfDirections(draft, draft.maker)
    if (net === undefined) return
    draft.net = net.digits
    draft.registers.push(net)
    return
  }
  const direction = status === undefined ? undefined : statusDirection(status, 0)
  if (direction === undefined) {
    if (draft.twoWay) flag(draft, 'sign-unknown')
    return
  }
  const digits = direction === 'export' ? -amount.digits : amount.digits
  if (digits < 0n) flag(draft, 'sign-from-status')
  draft.net = digits
  draft.registers.push({ ...amount, obis: NET_POWER, digits, derived: true })
}

function finish(draft: Draft, device: string, time: MeterTime | undefined): Reading {
  return {
    protocol: 'sml',
    device,
    ...(draft.maker === undefined ? {} : { manufacturer: draft.maker }),
    registers: draft.registers,
    texts: draft.texts,
    flags: draft.flags,
    ...(draft.status === undefined ? {} : { statusWord: draft.status }),
    ...(time === undefined ? {} : { meterTime: time }),
  }
}

function meterTime(list: SmlList): MeterTime | undefined {
  return list.sensorTime ?? list.entries.find((entry) => entry.time !== undefined)?.time
}

function idInList(list: SmlList): Uint8Array {
  return octetsAt(list, ID_CODES) ?? new Uint8Array()
}

function makerInList(list: SmlList): string | undefined {
  const bytes = octetsAt(list, MAKER_CODES)
  return bytes === undefined ? undefined : printable(bytes)
}

function octetsAt(list: SmlList, codes: readonly string[]): Uint8Array | undefined {
  for (const { obis, value } of list.entries) {
    if (value.kind === 'octets' && codes.includes(obis)) return value.bytes
  }
  return undefined
}

function find(draft: Draft, obis: string): LastEnergy | undefined {
  return draft.registers.find((register) => register.obis === obis)
}

function flag(draft: Draft, name: ReadingFlag): void {
  if (!draft.flags.includes(name)) draft.flags.push(name)
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false
  return true
}
