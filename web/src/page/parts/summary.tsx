import type { VNode } from 'preact'
import { useStore } from '../store.ts'
import { fill } from '../texts/fill.ts'
import { wordsStore } from '../texts/index.ts'
import type { Amount, Usage, Usages } from '../usage.ts'

/** Today and this month: what was drawn, what was fed in, what it cost. */
export function Summary(props: { usages: Usages }): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const { today, month, currency } = props.usages
  return (
    <div class="columns even summaries">
      <Period title={t.energy.today} usage={today} currency={currency} />
      <Period title={t.energy.month} usage={month} currency={currency} />
    </div>
  )
}

function Period(props: { title: string; usage: Usage; currency: string | undefined }): VNode {
  const { t, f } = useStore(wordsStore, (words) => words)
  const { usage, currency, title } = props
  const { drawn, fed, cost } = usage
  const total = cost?.total ?? undefined
  return (
    <section class="card summary" aria-label={title}>
      <h2>{title}</h2>
      <dl class="totals">
        <Counted name={t.energy.drawn} kind="drawn" amount={drawn} />
        {fed !== undefined && <Counted name={t.energy.fed} kind="fed" amount={fed} />}
        {total !== undefined && currency !== undefined && (
          <div>
            <dt>{t.costs.title}</dt>
            <dd>{f.money(Number(total), currency)}</dd>
          </div>
        )}
      </dl>
      {drawn?.sinceMs !== undefined && (
        <small>{fill(t.energy.since, { time: f.dateTime(drawn.sinceMs) })}</small>
      )}
    </section>
  )
}

function Counted(props: { name: string; kind: string; amount: Amount | undefined }): VNode {
  const { t, f } = useStore(wordsStore, (words) => words)
  const { amount, kind, name } = props
  return (
    <div>
      <dt>
        <span class={`key ${kind}`} /> {name}
      </dt>
      <dd>{amount === undefined ? t.energy.unknown : f.counted(amount.amount, amount.unit)}</dd>
    </div>
  )
}
