import { listening } from '@s3mp/firmware'
import { modbus, pulses, serialBus, signOn } from '@s3mp/firmware'
import type { SourceSpec, TamperInput } from '@s3mp/firmware'
import { parseSettings } from '@s3mp/hal'
import type { Clock } from '@s3mp/hal'
import { MockGpio, PeerSerial, ReplaySerial } from '@s3mp/hal/mock'
import type { AnsweringPeer, PeerReply } from '@s3mp/hal/mock'
import { MODBUS_MAPS } from '@s3mp/meter'
import {
  D0Meter,
  DLMS_STYLES,
  DlmsHousehold,
  DSMR_STYLES,
  encodeDsmr,
  Household,
  ModbusSlave,
  s0Edges,
  SmlHousehold,
  TextHousehold,
} from '@s3mp/meter/simulator'
import type { Fault, HouseholdState } from '@s3mp/meter/simulator'
import type { DemoSwitch } from '@s3mp/web/api'
import type { DemoInput, DemoLever } from './input.ts'
import type { DemoMeter } from './kinds.ts'
import { EXPORT_MILLI_WH, IMPORT_MILLI_WH, pastOf } from './pasts.ts'

/** What each kind of meter is, for people. */
const WORDS: Readonly<Record<DemoMeter, string>> = {
  sml: 'a simulated household, heard by SML at 9600 baud',
  dlms: 'a simulated household, heard by DLMS push, ciphered and opened with its keys',
  d0: 'a simulated household, signed on to by IEC 62056-21 mode C every ten seconds',
  dsmr: 'a simulated household with a gas meter behind it, heard by DSMR P1',
  s0: 'a simulated household, its S0 pulses counted on a pin',
  modbus: 'a simulated household, asked by Modbus every two seconds',
}

/** Where the simulated head is plugged in. */
const HEAD_PATH = '/dev/optical-head'

/** The pin of the switch in the case, and of the pulse output. */
const CASE_LINE = 22
const PULSE_LINE = 17

/** Pulses a kWh: many, so that something happens every second. */
const PULSES_PER_KWH = 10_000

/** A telegram every second, as modern household meters send. */
const PERIOD_MS = 1000

/** The share of the sun that the demonstration's clouds take away. */
const CLOUDS = 0.85

/** Without a byte for this long the port is opened again. */
const SILENCE_MS = 5000

/** The household lives at noon in June: the sun shines, and lunch is being cooked. */
const NOON_MS = Date.UTC(2025, 5, 21, 11, 42)

/** A household whose June noon is now: it lives then, and its meter's clock shows the present. */
class PresentHousehold extends Household {
  readonly #shiftMs: number

  constructor(nowMs: number) {
    super({
      seed: 26,
      startMs: NOON_MS,
      solarPeakW: 5200,
      importMilliWh: IMPORT_MILLI_WH,
      exportMilliWh: EXPORT_MILLI_WH,
    })
    this.#shiftMs = NOON_MS - nowMs
  }

  override at(timeMs: number): HouseholdState {
    return { ...super.at(Math.max(NOON_MS, timeMs + this.#shiftMs)), timeMs }
  }

  override setClouds(clouds: number | undefined, fromMs: number): void {
    super.setClouds(clouds, fromMs + this.#shiftMs)
  }
}

/** What a pretended meter is made with. */
interface Parts {
  readonly clock: Clock
  readonly random: () => number
  readonly household: Household
  /** Whether the line is noisy just now. */
  readonly isNoisy: () => boolean
}

/** A way to readings with what can be switched about it. */
interface Pretended {
  readonly source: SourceSpec
  readonly plug?: { plug(): void; unplug(): void }
  /** Ends what it does by itself. */
  readonly close?: () => void
}

/** The pretended meter of a kind, with its switches. */
export function meterInput(kind: DemoMeter, clock: Clock, random: () => number): DemoInput {
  const household = new PresentHousehold(clock.nowMs())
  const noise = lever(false)
  const parts: Parts = { clock, random, household, isNoisy: () => noise.on }
  const { source, plug, close } = MAKERS[kind](parts)
  const gpio = new MockGpio(clock)
  const tamper: TamperInput = { gpio, line: CASE_LINE }
  const clouds = lever(false, (on) => {
    household.setClouds(on ? CLOUDS : undefined, clock.nowMs())
  })
  const open = lever(false, (on) => {
    gpio.drive(CASE_LINE, on)
  })
  const switches = new Map<DemoSwitch, DemoLever>([['clouds', clouds]])
  if (kind !== 's0') switches.set('noise', noise)
  if (plug !== undefined) switches.set('head', headLever(plug))
  switches.set('case', open)
  return {
    kind: 'simulated',
    name: 'simulated household',
    words: WORDS[kind],
    past: pastOf(kind),
    sources: [source],
    tamper,
    switches,
    ...(close === undefined ? {} : { close }),
  }
}

/** The plug of a head. */
export function headLever(plug: { plug(): void; unplug(): void }): DemoLever {
  return lever(true, (on) => {
    if (on) plug.plug()
    else plug.unplug()
  })
}

function lever(on: boolean, set: (on: boolean) => void = () => undefined): DemoLever {
  return {
    on,
    set(to) {
      this.on = to
      set(to)
    },
  }
}

const MAKERS: Readonly<Record<DemoMeter, (parts: Parts) => Pretended>> = {
  sml: (parts) => pushed(parts, '9600 8N1', PERIOD_MS, new SmlHousehold(parts)),
  dlms: (parts) => {
    const keys = { key: bytesFrom(0), authenticationKey: bytesFrom(0xd0) }
    const protection = {
      control: 0x30,
      systemTitle: new TextEncoder().encode('SIM\x00\x00\x00\x00\x01'),
      encryptionKey: keys.key,
      authenticationKey: keys.authenticationKey,
    }
    const meter = new DlmsHousehold({
      household: parts.household,
      style: DLMS_STYLES.described,
      intervalMs: 2000,
      protection,
    })
    return pushed(parts, '115200 8N1', 2000, meter, keys)
  },
  dsmr: (parts) => {
    const encode = (state: HouseholdState): Uint8Array => encodeDsmr(state, DSMR_STYLES.v5)
    const meter = new TextHousehold({ household: parts.household, encode })
    return pushed(parts, '115200 8N1', PERIOD_MS, meter)
  },
  d0: (parts) => {
    const peer = new D0Meter({ household: parts.household, mode: 'C' })
    const { serial, bus } = answering(parts, peer, '300 7E1')
    const options = { name: 'head', device: HEAD_PATH, bus, askMs: 10_000, isSimulated: true }
    return { source: signOn(options), plug: serial }
  },
  modbus: (parts) => {
    const map = MODBUS_MAPS.get('eastron-sdm630')
    if (map === undefined) throw new Error('no such register map')
    const { household } = parts
    const peer = new ModbusSlave({ household, map, unit: 1, transport: 'rtu' })
    const { serial, bus } = answering(parts, peer, '9600 8N1')
    const settings = parseSettings('9600 8N1')
    const base = { name: 'head', device: HEAD_PATH, bus, settings, isSimulated: true }
    return {
      source: modbus({ ...base, askMs: 2000, map, unit: 1, transport: 'rtu', serial: 'SIM-630' }),
      plug: serial,
    }
  },
  s0: ({ clock, household }) => {
    const gpio = new MockGpio(clock)
    const stop = new AbortController()
    void beat(gpio, clock, household, stop.signal)
    return {
      close: () => {
        stop.abort()
      },
      source: pulses({
        name: 'head',
        gpio,
        line: PULSE_LINE,
        activeLow: false,
        pulsesPerUnit: PULSES_PER_KWH,
        medium: 'electricity',
        device: '1SIM0010203050',
        start: '4821.33725',
        bounceMs: 15,
        isSimulated: true,
      }),
    }
  },
}

/** A meter that sends by itself. */
function pushed(
  { clock, random, isNoisy }: Parts,
  line: string,
  periodMs: number,
  meter: { readonly faults: Set<Fault>; telegram(timeMs: number): Uint8Array },
  keys = {},
): Pretended {
  const settings = parseSettings(line)
  const serial = new ReplaySerial({
    clock,
    random,
    path: HEAD_PATH,
    settings,
    periodMs,
    telegrams: (_index, nowMs) => {
      if (isNoisy()) meter.faults.add('garble')
      else meter.faults.delete('garble')
      return meter.telegram(nowMs)
    },
  })
  const listen = { protocol: 'auto', silenceMs: SILENCE_MS, isSimulated: true, keys } as const
  const source = listening({ name: 'head', serial, path: HEAD_PATH, settings, ...listen })
  return { source, plug: serial }
}

/** A meter that answers, and whose answers are spoiled while the line is noisy. */
function answering(
  { clock, random, isNoisy }: Parts,
  meter: AnsweringPeer,
  line: string,
): { readonly serial: PeerSerial; readonly bus: ReturnType<typeof serialBus> } {
  const spoiled = (replies: readonly PeerReply[]): readonly PeerReply[] =>
    replies.map((reply) => ({
      ...reply,
      bytes: reply.bytes.map((byte) => (isNoisy() && random() < 0.02 ? byte ^ 4 : byte)),
    }))
  const peer: AnsweringPeer = {
    receive: (bytes, moment) => spoiled(meter.receive(bytes, moment)),
    poll: (timeMs) => spoiled(meter.poll(timeMs)),
  }
  const serial = new PeerSerial({ clock, random, path: HEAD_PATH, peers: [peer] })
  return { serial, bus: serialBus(serial, HEAD_PATH, parseSettings(line)) }
}

/** How often the pulse output looks at the time. */
const LOOK_MS = 50

/** Moves the pin of the pulse output until `signal` aborts, a second at a time. */
async function beat(
  gpio: MockGpio,
  clock: Clock,
  household: Household,
  signal: AbortSignal,
): Promise<void> {
  for (let fromMs = clock.nowMs(); !signal.aborted;) {
    const toMs = clock.nowMs()
    if (toMs - fromMs >= PERIOD_MS) {
      const startMs = clock.monotonicMs()
      const edges = s0Edges(household, { pulsesPerKwh: PULSES_PER_KWH, fromMs, toMs, bounceMs: 4 })
      for (const { active, monotonicMs } of edges) {
        await clock.sleep(startMs + monotonicMs - clock.monotonicMs())
        gpio.drive(PULSE_LINE, active)
      }
      fromMs = toMs
    }
    await clock.sleep(LOOK_MS, signal).catch(() => undefined)
  }
}

/** Sixteen bytes that count up, as in the examples of the Green Book. */
function bytesFrom(first: number): Uint8Array {
  return Uint8Array.from({ length: 16 }, (_, at) => first + at)
}
