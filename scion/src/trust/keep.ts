import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { readTrcs } from '../control/topology.ts'
import type { SignedTrc } from './trc.ts'

/** The name of a TRC's file, as the reference implementation has it: `ISD1-B1-S2.trc`. */
export function trcFileName({ trc: { id } }: SignedTrc): string {
  return `ISD${id.isd}-B${id.base}-S${id.serial}.trc`
}

/**
 * Keeps TRCs in a folder, one file each; it is made where it is missing. A file is whole or not there
 * at all, whatever happens meanwhile. What cannot be written is told to `onTrouble`: the TRC is
 * believed all the same, and learned again the next time.
 */
export function keepTrcs(
  folder: string,
  onTrouble: (error: Error) => void = () => undefined,
): (trc: SignedTrc) => void {
  return (trc) => {
    const path = join(folder, trcFileName(trc))
    const draft = `${path}.${process.pid}.tmp`
    try {
      mkdirSync(folder, { recursive: true })
      const file = openSync(draft, 'w', 0o644)
      try {
        writeFileSync(file, trc.raw)
        fsyncSync(file)
      } finally {
        closeSync(file)
      }
      renameSync(draft, path)
    } catch (error) {
      onTrouble(error instanceof Error ? error : new Error(String(error)))
      discard(draft)
    }
  }
}

function discard(draft: string): void {
  try {
    rmSync(draft, { force: true })
  } catch {
    // Where nothing could be written there is nothing to remove.
  }
}

/** TRCs to believe from the start, and what is to be done with those that are accepted later. */
export interface KeptTrcs {
  readonly anchors: readonly SignedTrc[]
  readonly onTrc?: (trc: SignedTrc) => void
}

/** How TRCs that were accepted are to be remembered. */
export interface KeepOptions {
  /** The folder that they are kept in and read from at the start; nothing is kept where it is left out. */
  readonly keepDir?: string
  /** Hears of every TRC that was accepted after the start. */
  readonly onTrc?: (trc: SignedTrc) => void
  /** Hears why a TRC could not be written, or not be read again. */
  readonly onTrouble?: (error: Error) => void
}

/**
 * The given anchors and those that were kept earlier. A kept one that cannot be read any more, as may
 * happen on a worn memory card, is told to `onTrouble` and learned again; it keeps nobody from starting.
 */
export async function withKeptTrcs(
  anchors: readonly SignedTrc[],
  { keepDir, onTrc, onTrouble }: KeepOptions,
): Promise<KeptTrcs> {
  if (keepDir === undefined) return { anchors, ...(onTrc === undefined ? {} : { onTrc }) }
  const keep = keepTrcs(keepDir, onTrouble)
  return {
    anchors: [...anchors, ...(await readTrcs(keepDir, onTrouble ?? (() => undefined)))],
    onTrc: (trc) => {
      keep(trc)
      onTrc?.(trc)
    },
  }
}
