/** Why a signal aborted, as an error. */
export function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('aborted')
}

/**
 * What a promise resolves with, unless one of the signals aborts first: then its reason is thrown.
 * Leaves no listener behind, which matters for signals that live as long as the program.
 */
export async function orAborted<T>(
  promise: Promise<T>,
  signals: readonly AbortSignal[],
): Promise<T> {
  const listeners: (() => void)[] = []
  const aborted = new Promise<never>((_, reject) => {
    for (const signal of signals) {
      const abort = (): void => {
        reject(abortReason(signal))
      }
      if (signal.aborted) abort()
      signal.addEventListener('abort', abort, { once: true })
      listeners.push(() => {
        signal.removeEventListener('abort', abort)
      })
    }
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    for (const remove of listeners) remove()
  }
}
