import { useEffect, useState } from 'preact/hooks'

/** Something that changes, and tells who listens. */
export interface Store<T> {
  get(): T
  set(next: T): void
  update(change: (now: T) => T): void
  subscribe(listener: () => void): () => void
}

/** A store that holds `initial` until told otherwise; equal values tell nobody. */
export function createStore<T>(initial: T): Store<T> {
  let value = initial
  const listeners = new Set<() => void>()
  const set = (next: T): void => {
    if (Object.is(next, value)) return
    value = next
    for (const listener of [...listeners]) listener()
  }
  return {
    get: () => value,
    set,
    update: (change) => {
      set(change(value))
    },
    subscribe: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

/** The part of a store that a component draws; it is drawn anew when that part is another. */
export function useStore<T, P>(store: Store<T>, pick: (value: T) => P): P {
  const [, redraw] = useState(0)
  const picked = pick(store.get())
  useEffect(() => {
    let last = pick(store.get())
    if (!Object.is(last, picked)) redraw((count) => count + 1)
    return store.subscribe(() => {
      const next = pick(store.get())
      if (Object.is(next, last)) return
      last = next
      redraw((count) => count + 1)
    })
    // `pick` is a new function at every drawing, but always the same question.
  }, [store])
  return picked
}
