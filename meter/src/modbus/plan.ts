import type { ModbusEntry, RegisterMap } from './map.ts'
import { MODBUS_BLOCK_REGISTERS_MAX, MODBUS_WORDS } from './map.ts'

/** Registers that one request asks for. */
export interface ModbusBlock {
  readonly address: number
  readonly count: number
}

/** The words of an answered block. */
export interface ModbusAnswer extends ModbusBlock {
  readonly words: readonly number[]
}

/**
 * The requests that read all values of a map: as few as its gap and block length allow, none of them
 * cutting a value in two, in the order of their addresses.
 */
export function planBlocks(map: RegisterMap): readonly ModbusBlock[] {
  const most = Math.min(map.blockRegisters, MODBUS_BLOCK_REGISTERS_MAX)
  const blocks: { address: number; count: number }[] = []
  for (const { address, words } of runs(map.entries)) {
    const last = blocks.at(-1)
    const end = last === undefined ? -1 : last.address + last.count
    const joined = last === undefined ? 0 : address + words - last.address
    if (last !== undefined && address - end <= map.gap && joined <= most) {
      last.count = Math.max(last.count, joined)
    } else blocks.push({ address, count: words })
  }
  return blocks
}

/**
 * What to ask for in place of a block that the meter refused: its values without the registers
 * between them, then each value alone; nothing for a single value, which this meter does not have.
 */
export function splitBlock(map: RegisterMap, block: ModbusBlock): readonly ModbusBlock[] {
  const inside = map.entries.filter(
    ({ address }) => address >= block.address && address < block.address + block.count,
  )
  const close = planBlocks({ ...map, entries: inside, gap: 0 })
  if (close.length > 1) return close
  const alone = runs(inside).map(({ address, words }) => ({ address, count: words }))
  return alone.length > 1 ? alone : []
}

/** Spans of registers that values and exponents take, each once, by address. */
function runs(
  entries: readonly ModbusEntry[],
): readonly { readonly address: number; readonly words: number }[] {
  const spans = new Map<number, number>()
  const add = (address: number, words: number): void => {
    spans.set(address, Math.max(words, spans.get(address) ?? 0))
  }
  for (const { address, type, exponentFrom } of entries) {
    add(address, MODBUS_WORDS[type])
    if (exponentFrom !== undefined) add(exponentFrom, 1)
  }
  return [...spans]
    .map(([address, words]) => ({ address, words }))
    .sort((left, right) => left.address - right.address)
}
