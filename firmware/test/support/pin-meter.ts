import { parseSettings, type Clock } from '@s3mp/hal'
import { ReplaySerial } from '@s3mp/hal/mock'
import { encodeSml, Household, type SmlStyle } from '@s3mp/meter/simulator'

/** What a meter of the table does with light, by the makers' manuals. */
const EYE_MS = { seen: 400, long: 4500, entered: 3000, forgets: 120_000 } as const
/** Wrong PINs after which the meter takes no more. */
const WRONG_MAX = 3

/** What is different from meter to meter. */
export interface PinMeterOptions {
  readonly clock: Clock
  readonly random: () => number
  readonly pin: string
  /** Steps through the menu to `InF`; undefined: the PIN alone opens. */
  readonly infStep?: number
  /** A digit counts only when it was touched, or also when it was waited for. */
  readonly takesUntouchedZero?: boolean
  readonly isOpen?: boolean
}

/** A basic meter with an optical button: it shows whole kWh alone until its PIN was typed by light. */
export class PinMeter {
  readonly serial: ReplaySerial
  readonly #options: PinMeterOptions
  readonly #household: Household
  #state: 'idle' | 'test' | 'ask' | 'menu' = 'idle'
  #digits = ''
  #current = 0
  #isTouched = false
  #menu = 0
  #litMs: number | undefined
  #changedMs: number
  isOpen: boolean
  wrong = 0
  flashes = 0

  constructor(options: PinMeterOptions) {
    this.#options = options
    this.isOpen = options.isOpen ?? false
    const { clock, random } = options
    this.#changedMs = clock.monotonicMs()
    this.#household = new Household({ seed: 3, startMs: clock.nowMs() - 86_400_000 })
    this.serial = new ReplaySerial({
      clock,
      random,
      settings: parseSettings('9600 8N1'),
      periodMs: 2000,
      telegrams: (_index, nowMs) => {
        this.#pass()
        return encodeSml(this.#household.at(nowMs), shown(this.isOpen))
      },
      light: (isOn) => {
        this.#light(isOn)
      },
    })
  }

  /** The power goes and comes back: the meter forgets that it was opened. */
  cutPower(): void {
    this.isOpen = false
    this.#state = 'idle'
  }

  #light(isOn: boolean): void {
    const nowMs = this.#options.clock.monotonicMs()
    if (isOn) {
      this.#pass()
      this.#litMs = nowMs
      return
    }
    const forMs = nowMs - (this.#litMs ?? nowMs)
    this.#litMs = undefined
    this.#changedMs = nowMs
    if (forMs < EYE_MS.seen) return
    this.flashes += 1
    this.#press(forMs >= EYE_MS.long)
  }

  #press(isLong: boolean): void {
    if (this.#state === 'menu') {
      if (isLong && this.#menu === this.#options.infStep) this.isOpen = !this.isOpen
      else if (!isLong) this.#menu += 1
    } else if (isLong) this.#state = 'idle'
    else if (this.#state === 'idle') this.#state = 'test'
    else if (this.#state === 'test') {
      this.#state = this.wrong < WRONG_MAX ? 'ask' : 'idle'
      this.#begin()
    } else {
      this.#current = (this.#current + 1) % 10
      this.#isTouched = true
    }
  }

  #begin(): void {
    this.#digits = ''
    this.#current = 0
    this.#isTouched = false
  }

  /** What the passing of time has done since the last light. */
  #pass(): void {
    if (this.#litMs !== undefined) return
    const darkMs = this.#options.clock.monotonicMs() - this.#changedMs
    if (darkMs >= EYE_MS.forgets) this.#state = 'idle'
    if (this.#state !== 'ask' || darkMs < EYE_MS.entered) return
    if (!this.#isTouched && this.#options.takesUntouchedZero !== true) return
    this.#digits += String(this.#current)
    this.#changedMs = this.#options.clock.monotonicMs()
    this.#current = 0
    this.#isTouched = false
    if (this.#digits.length === 4) this.#judge()
  }

  #judge(): void {
    if (this.#digits !== this.#options.pin) {
      this.wrong += 1
      this.#state = 'idle'
      return
    }
    this.#state = 'menu'
    this.#menu = 0
    if (this.#options.infStep === undefined) this.isOpen = true
  }
}

/** The style of a meter that keeps power and decimals back, or shows them. */
export function shown(isOpen: boolean): Partial<SmlStyle> {
  return { detailed: isOpen, phases: false, energyScaler: isOpen ? -1 : 3 }
}
