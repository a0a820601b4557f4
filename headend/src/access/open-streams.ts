import type { Actor } from './actor.ts'

/**
 * Live streams under way, so that who loses a permission loses what was opened with it: at once where
 * this process took it away, at the next look where another one did.
 */
export class OpenStreams {
  readonly #open = new Map<AbortController, Actor>()

  /** Streams open now. */
  get size(): number {
    return this.#open.size
  }

  /** A signal that ends when the request does, or when the actor's permission does. */
  follow(actor: Actor, request: AbortSignal): AbortSignal {
    const controller = new AbortController()
    const forget = (): void => {
      this.#open.delete(controller)
    }
    this.#open.set(controller, actor)
    controller.signal.addEventListener('abort', forget, { once: true })
    if (request.aborted) controller.abort()
    request.addEventListener(
      'abort',
      () => {
        controller.abort()
      },
      { once: true },
    )
    return controller.signal
  }

  /** Ends the streams of those who may not go on. */
  keepOnly(may: (actor: Actor) => boolean): void {
    for (const [controller, actor] of [...this.#open]) if (!may(actor)) controller.abort()
  }
}
