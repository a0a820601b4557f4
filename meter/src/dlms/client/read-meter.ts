import { printable, toHex } from '../../bytes.ts'
import type { MeterTime, Reading, Register, TextEntry } from '../../reading.ts'
import { UNIT_NONE, unitName } from '../../units.ts'
import type { Data } from '../axdr.ts'
import { decodeDateTime } from '../clock.ts'
import { makerInTitle, netPower, titleText } from '../reading.ts'
import type { DlmsClient } from './client.ts'
import type { CosemObject } from './objects.ts'
import { COSEM_CLASS, isMeasured, scalerUnitIn } from './objects.ts'
import type { AttributeRef, GetResult } from './services.ts'

/** What to ask a meter for, again and again. */
export interface MeterPlan {
  readonly registers: readonly PlannedRegister[]
  /** Whether the clock is read, too; yes unless said otherwise. */
  readonly clock?: boolean
  /** The object with the device number; none: the system title names the meter. */
  readonly device?: string
}

/** One register of a plan. */
export interface PlannedRegister {
  readonly obis: string
  /** 3 register unless said otherwise; 4 extended register, 5 demand register, 1 data. */
  readonly classId?: number
}

/** Registers of one plan. */
export const DLMS_PLAN_REGISTERS_MAX = 128

const VALUE = 2
const SCALER_UNIT = 3
/** Attribute 2 of a demand register is the average so far, attribute 4 its scaler and unit. */
const DEMAND_UNIT = 4
const CLOCK_OBIS = '0-0:1.0.0*255'
const DEVICE_OBIS = ['0-0:42.0.0*255', '0-0:96.1.0*255', '1-0:0.0.0*255', '0-0:96.1.1*255']
const READABLE: readonly number[] = [
  COSEM_CLASS.register,
  COSEM_CLASS.extendedRegister,
  COSEM_CLASS.demandRegister,
]

/** A plan for all that a meter measures, from its list of objects. */
export function planOf(objects: readonly CosemObject[]): MeterPlan {
  const registers = objects
    .filter(({ classId, obis }) => READABLE.includes(classId) && isMeasured(obis))
    .filter(({ obis }) => obis.endsWith('*255'))
    .slice(0, DLMS_PLAN_REGISTERS_MAX)
    .map(({ classId, obis }) => ({ classId, obis }))
  const has = (classId: number, obis: string): boolean =>
    objects.some((one) => one.classId === classId && one.obis === obis)
  const device = DEVICE_OBIS.find((obis) => has(COSEM_CLASS.data, obis))
  const clock = has(COSEM_CLASS.clock, CLOCK_OBIS)
  return { registers, clock, ...(device === undefined ? {} : { device }) }
}

/** Scaler and unit of registers, which a meter does not change: asked for once. */
export class ScaleMemory {
  readonly #known = new Map<string, { readonly scaler: number; readonly unitCode: number }>()

  /** Asks for those of the registers named that are not known. */
  async learn(
    client: DlmsClient,
    registers: readonly PlannedRegister[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const unknown = registers.filter(
      (one) => READABLE.includes(classOf(one)) && !this.#known.has(key(one)),
    )
    const refs = unknown.map((one) => ({ ...refOf(one), attribute: unitAttribute(one) }))
    const results = await client.getList(refs, signal)
    for (const [index, one] of unknown.entries()) {
      const result = results[index]
      const found = result?.kind === 'data' ? scalerUnitIn(result.data) : undefined
      if (found !== undefined && this.#known.size < DLMS_PLAN_REGISTERS_MAX) {
        this.#known.set(key(one), found)
      }
    }
  }

  /** What is known of a register; nothing is: digits as they are, no unit. */
  of(register: PlannedRegister): { readonly scaler: number; readonly unitCode: number } {
    return this.#known.get(key(register)) ?? { scaler: 0, unitCode: UNIT_NONE }
  }
}

/**
 * Reads what a plan names as one reading. A register that the meter refuses is left out; when it
 * refuses all of them, the reading has none.
 *
 * `scales` may be kept from one reading to the next of the same meter: it saves half the requests.
 *
 * @throws {@link MeterError} as {@link DlmsClient.getList}.
 */
export async function readMeter(
  client: DlmsClient,
  plan: MeterPlan,
  signal?: AbortSignal,
  scales: ScaleMemory = new ScaleMemory(),
): Promise<Reading> {
  const planned = plan.registers.slice(0, DLMS_PLAN_REGISTERS_MAX)
  await scales.learn(client, planned, signal)
  const refs: AttributeRef[] = planned.map((one) => ({ ...refOf(one), attribute: VALUE }))
  if (plan.clock !== false) {
    refs.push({ classId: COSEM_CLASS.clock, obis: CLOCK_OBIS, attribute: VALUE })
  }
  if (plan.device !== undefined) {
    refs.push({ classId: COSEM_CLASS.data, obis: plan.device, attribute: VALUE })
  }
  const results = await client.getList(refs, signal)
  const content = contentOf(refs, results, (index) => scales.of(planned[index] ?? { obis: '' }))
  return readingOf(client, content)
}

interface Content {
  readonly registers: readonly Register[]
  readonly texts: readonly TextEntry[]
  readonly clock: MeterTime | undefined
  readonly device: string | undefined
}

function contentOf(
  refs: readonly AttributeRef[],
  results: readonly GetResult[],
  scaleOf: (index: number) => { readonly scaler: number; readonly unitCode: number },
): Content {
  const registers: Register[] = []
  const texts: TextEntry[] = []
  let clock: MeterTime | undefined
  let device: string | undefined
  for (const [index, { classId, obis }] of refs.entries()) {
    const result = results[index]
    if (result?.kind !== 'data') continue
    const { data } = result
    if (data.type === 'number') registers.push(registerOf(obis, data, scaleOf(index)))
    if (data.type !== 'octets') continue
    if (classId === COSEM_CLASS.clock) clock = decodeDateTime(data.bytes)
    else texts.push({ obis, bytes: data.bytes })
    if (DEVICE_OBIS.includes(obis)) device ??= (printable(data.bytes) ?? toHex(data.bytes)).trim()
  }
  return { registers, texts, clock, device }
}

/** A number of a meter that was asked, with the scaler and unit of its register. */
export function registerOf(
  obis: string,
  value: Extract<Data, { readonly type: 'number' }>,
  scale: { readonly scaler: number; readonly unitCode: number },
): Register {
  return {
    obis,
    digits: value.digits,
    scaler: value.scaler + scale.scaler,
    unit: unitName(scale.unitCode),
    unitCode: scale.unitCode,
  }
}

/** A reading of the meter that a client talks to. */
export function readingOf(client: DlmsClient, content: Content): Reading {
  const { registers, texts, clock, device } = content
  const title = client.association?.serverTitle
  const manufacturer = title === undefined ? undefined : makerInTitle(title)
  const net = netPower(registers)
  return {
    protocol: 'dlms',
    device: device ?? (title === undefined ? '' : titleText(title)),
    ...(manufacturer === undefined ? {} : { manufacturer }),
    registers: net === undefined ? registers : [...registers, net],
    texts,
    flags: [],
    ...(clock === undefined ? {} : { meterTime: clock }),
  }
}

function classOf(register: PlannedRegister): number {
  return register.classId ?? COSEM_CLASS.register
}

function unitAttribute(register: PlannedRegister): number {
  return classOf(register) === COSEM_CLASS.demandRegister ? DEMAND_UNIT : SCALER_UNIT
}

function refOf(register: PlannedRegister): { readonly classId: number; readonly obis: string } {
  return { classId: classOf(register), obis: register.obis }
}

function key(register: PlannedRegister): string {
  return `${classOf(register)} ${register.obis}`
}
