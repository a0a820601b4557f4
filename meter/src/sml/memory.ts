import type { SmlCrc } from './framer.ts'

/** Meters on one line that a decoder remembers; the one unheard for longest makes room. */
export const METER_DEVICES_MAX = 16

/** Telegrams in a row with the other checksum before a known meter is believed to have changed. */
export const CRC_CHANGE_TELEGRAMS_MIN = 3

/** Readings in a row whose energy contradicts the sign of power before the reading is flagged. */
export const SIGN_WITNESSES_MIN = 2

/** An energy register as last seen. */
export interface LastEnergy {
  readonly digits: bigint
  readonly scaler: number
}

/** What a decoder remembers of one meter; of fixed size. */
export interface DeviceMemory {
  crc: SmlCrc
  /** Telegrams in a row with the other checksum. */
  crcChanges: number
  imported: LastEnergy | undefined
  exported: LastEnergy | undefined
  /** Sign of the net power in the last reading: −1, 0, 1. */
  powerSign: number
  /** Readings in a row in which energy moved against the sign of power. */
  contradictions: number
  /** Energy has shown that a negative 16-bit power was meant so. */
  wireSignHolds: boolean
}

/** The bounded set of meters that a decoder has heard. */
export class DeviceMemories {
  readonly #memories = new Map<string, DeviceMemory>()

  /** What is known of `device`, which becomes the one heard last; undefined for a new one. */
  recall(device: string): DeviceMemory | undefined {
    const memory = this.#memories.get(device)
    if (memory === undefined || this.#memories.size === 1) return memory
    this.#memories.delete(device)
    this.#memories.set(device, memory)
    return memory
  }

  /** Starts to remember `device`. */
  learn(device: string, crc: SmlCrc): DeviceMemory {
    if (this.#memories.size >= METER_DEVICES_MAX) {
      for (const oldest of this.#memories.keys()) {
        this.#memories.delete(oldest)
        break
      }
    }
    const memory: DeviceMemory = {
      crc,
      crcChanges: 0,
      imported: undefined,
      exported: undefined,
      powerSign: 0,
      contradictions: 0,
      wireSignHolds: false,
    }
    this.#memories.set(device, memory)
    return memory
  }
}

/**
 * Whether a telegram with checksums of kind `crc` may come from a meter with this memory: always
 * the kind it used before, unless it keeps using the other one.
 */
export function acceptsCrc(memory: DeviceMemory, crc: SmlCrc): boolean {
  if (memory.crc === crc) {
    memory.crcChanges = 0
    return true
  }
  memory.crcChanges++
  if (memory.crcChanges < CRC_CHANGE_TELEGRAMS_MIN) return false
  memory.crc = crc
  memory.crcChanges = 0
  return true
}

/** What the energy registers say about a reading, with the memory brought up to date. */
export interface EnergyVerdict {
  readonly wentBack: boolean
  readonly contradictsSign: boolean
}

/**
 * Compares the registers 1.8.0 and 2.8.0 with those of the reading before: which one moved tells
 * the direction in between, if the power had the same sign at both ends.
 */
export function judgeEnergy(
  memory: DeviceMemory,
  imported: LastEnergy | undefined,
  exported: LastEnergy | undefined,
  powerSign: number,
): EnergyVerdict {
  const importMoved = movement(memory.imported, imported)
  const exportMoved = movement(memory.exported, exported)
  const steady = powerSign !== 0 && powerSign === memory.powerSign
  const energySign = importMoved > 0 === exportMoved > 0 ? 0 : importMoved > 0 ? 1 : -1
  if (energySign !== 0 && steady) {
    memory.contradictions = energySign === powerSign ? 0 : memory.contradictions + 1
  }
  memory.imported = imported
  memory.exported = exported
  memory.powerSign = powerSign
  return {
    wentBack: importMoved < 0 || exportMoved < 0,
    contradictsSign: memory.contradictions >= SIGN_WITNESSES_MIN,
  }
}

/** −1, 0 or 1; 0 too where the two cannot be compared, such as after a change of decimals. */
function movement(before: LastEnergy | undefined, now: LastEnergy | undefined): number {
  if (now === undefined || before?.scaler !== now.scaler) return 0
  return now.digits > before.digits ? 1 : now.digits < before.digits ? -1 : 0
}
