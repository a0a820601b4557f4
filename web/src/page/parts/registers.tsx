import type { VNode } from 'preact'
import type { RegisterView } from '../../api.ts'
import { explainObis } from '../logic/obis.ts'
import { useStore } from '../store.ts'
import { wordsStore } from '../texts/index.ts'

/** Every register with its name explained; the value with exactly the digits the meter sent. */
export function RegisterTable(props: {
  registers: readonly RegisterView[]
  /** Index of the register to point out. */
  marked?: number | undefined
}): VNode {
  const { t, f } = useStore(wordsStore, (words) => words)
  return (
    <div class="scroll" role="group" aria-label={t.household.registers} tabIndex={0}>
      <table class="registers">
        <thead>
          <tr>
            <th scope="col">{t.household.meaning}</th>
            <th scope="col" class="number">
              {t.household.value}
            </th>
          </tr>
        </thead>
        <tbody>
          {props.registers.map((register, index) => (
            <tr key={register.obis} class={index === props.marked ? 'marked' : ''}>
              <th scope="row">
                {explainObis(register.obis, t)} <code>{register.obis}</code>
              </th>
              <td class="number">
                {f.exact(register.value)} {register.unit}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
