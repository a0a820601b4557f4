import { HalError } from './errors.ts'

/** The highest line number of any Pi's header controller (Pi 4 has 58 lines). */
export const GPIO_LINE_MAX = 57

/** Watchers one input pin carries. */
export const GPIO_WATCHERS_MAX = 8

/** A change of level, with the time it was noticed. */
export interface Edge {
  /** The level after the change, in the pin's own sense (see PinOptions.activeLow). */
  readonly active: boolean
  /** Monotonic milliseconds when the edge was noticed. */
  readonly monotonicMs: number
}

/** Who is told about edges. Neither function may throw. */
export interface PinWatcher {
  edge(edge: Edge): void
  /** Watching has ended because the pin failed; the error is a HalError. */
  failed(error: HalError): void
}

/** How a line is wired. */
export interface PinOptions {
  /** True when a low voltage means active: a switch to ground with a pull-up. Default false. */
  readonly activeLow?: boolean
}

/**
 * A line that is read: tamper switch, S0 pulse.
 *
 * Contract (each clause is a test in `test/contract/gpio.ts`, run against every backend):
 * 1. Lines carry BCM numbers (GPIO 17 is header pin 11), whatever the kernel calls them.
 * 2. `read` tells the level of this moment; `activeLow` turns its sense, nothing else.
 * 3. A watcher hears every noticed change in order, never the same level twice in a row, and the
 *    level at the moment of `watch` is not reported.
 * 4. The function `watch` returns ends the watch and may be called twice. More than
 *    GPIO_WATCHERS_MAX watchers: `busy`.
 * 5. `close` may be called twice, ends all watches silently; afterwards everything rejects `closed`
 *    and the line can be opened again.
 */
export interface InputPin {
  read(): Promise<boolean>
  watch(watcher: PinWatcher): () => void
  close(): Promise<void>
}

/**
 * A line that is driven: status light, relay.
 *
 * Contract (tests as above):
 * 6. The line carries `initial` from the moment it becomes an output: no glitch.
 * 7. `write` resolves when the line carries the level; `read` tells what was written last.
 * 8. `close` may be called twice; afterwards everything rejects `closed`.
 */
export interface OutputPin {
  write(active: boolean): Promise<void>
  read(): Promise<boolean>
  close(): Promise<void>
}

/**
 * The pins of one board.
 *
 * Contract (tests as above):
 * 9. A line outside 0…GPIO_LINE_MAX, or that the board lacks, rejects with `unsupported`; a line
 *    that is open already with `busy`.
 */
export interface GpioBackend {
  openInput(line: number, options?: PinOptions): Promise<InputPin>
  openOutput(line: number, initial: boolean, options?: PinOptions): Promise<OutputPin>
}

/** Throws `unsupported` unless `line` can be a BCM number on some board. */
export function checkLine(line: number): void {
  if (!Number.isInteger(line) || line < 0 || line > GPIO_LINE_MAX) {
    throw new HalError(
      'unsupported',
      `line: expected a BCM number 0…${GPIO_LINE_MAX}, found ${line}`,
    )
  }
}
