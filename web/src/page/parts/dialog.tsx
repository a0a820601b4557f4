import type { ComponentChildren, VNode } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { useStore } from '../store.ts'
import { wordsStore } from '../texts/index.ts'

/** A sheet over the page: Escape, a click beside it, or its button close it. */
export function Dialog(props: {
  title: string
  close: () => void
  children: ComponentChildren
}): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    dialog.current?.showModal()
  }, [])
  return (
    <dialog
      class="explain"
      ref={dialog}
      aria-labelledby="dialog-title"
      onClose={props.close}
      onClick={(event) => {
        if (event.target === dialog.current) dialog.current?.close()
      }}
    >
      <div class="explain-body">
        <h2 id="dialog-title" tabIndex={-1} autofocus>
          {props.title}
        </h2>
        {props.children}
        <p class="explain-end">
          <button type="button" onClick={() => dialog.current?.close()}>
            {t.proof.close}
          </button>
        </p>
      </div>
    </dialog>
  )
}
