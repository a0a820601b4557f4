import type { VNode } from 'preact'
import { useState } from 'preact/hooks'
import type { Device, RegisterView, Tariff, TariffPeriod } from '../../api.ts'
import { useMay } from '../access.ts'
import { client, ClientError } from '../client.ts'
import { headsOf, pricedCounters } from '../logic/heads.ts'
import { explainObis } from '../logic/obis.ts'
import { obisParts } from '../logic/reading.ts'
import { beginnings } from '../logic/spans.ts'
import { currencyOf, parsePrice, periodAt, withPeriod } from '../logic/tariff.ts'
import { serverNowMs } from '../session.ts'
import { useStore } from '../store.ts'
import { fill } from '../texts/fill.ts'
import { wordsStore } from '../texts/index.ts'
import type { KnownTariff } from '../usage.ts'
import { TextField } from './field.tsx'

/** What the owner pays, entered by her and kept by the server. */
export function TariffCard(props: {
  device: Device
  seen: readonly RegisterView[]
  known: KnownTariff
  saved: (tariff: Tariff) => void
}): VNode | null {
  const { t, f } = useStore(wordsStore, (words) => words)
  const mayWrite = useMay('tariffs:write')
  if (props.known === undefined) return null
  const tariff = props.known === 'none' ? undefined : props.known
  const now = periodAt(tariff, serverNowMs())
  return (
    <section class="card tariff" aria-labelledby="tariff-title">
      <h2 id="tariff-title">{t.costs.tariff}</h2>
      {tariff !== undefined && now !== undefined ? (
        <>
          <dl class="facts">
            {now.rates.map((rate) => (
              <div key={rate.register}>
                <dt>{explainObis(rate.register, t)}</dt>
                <dd>
                  {f.price(Number(rate.price), tariff.currency)} {unitOf(rate.register)}
                </dd>
              </div>
            ))}
            <div>
              <dt>{t.costs.monthly}</dt>
              <dd>{f.money(Number(now.monthly), tariff.currency)}</dd>
            </div>
          </dl>
          <small>{fill(t.costs.from, { date: f.date(now.fromMs) })}</small>
        </>
      ) : (
        <p class="quietly">{t.costs.none}</p>
      )}
      {mayWrite && (
        <details>
          <summary>{tariff === undefined ? t.costs.enter : t.costs.change}</summary>
          <TariffForm {...props} tariff={tariff} />
        </details>
      )}
    </section>
  )
}

/** Per kilowatt-hour, or per cubic metre of what is counted by volume. */
function unitOf(register: string): string {
  const a = obisParts(register)?.a ?? 1
  return a === 7 || a === 8 || a === 9 || a === 0 ? '/ m³' : '/ kWh'
}

function isFed(register: string): boolean {
  const parts = obisParts(register)
  return parts?.a === 1 && parts.c === 2
}

function TariffForm(props: {
  device: Device
  seen: readonly RegisterView[]
  tariff: Tariff | undefined
  saved: (tariff: Tariff) => void
}): VNode {
  const { t, f } = useStore(wordsStore, (words) => words)
  const { device, tariff } = props
  const registers = headsOf(device).flatMap((head) => pricedCounters(head, props.seen))
  const now = periodAt(tariff, serverNowMs())
  const [prices, setPrices] = useState<Readonly<Record<string, string>>>(() =>
    Object.fromEntries((now?.rates ?? []).map((rate) => [rate.register, rate.price])),
  )
  const [monthly, setMonthly] = useState(now?.monthly ?? '')
  const [currency, setCurrency] = useState(tariff?.currency ?? currencyOf(f.locale))
  const [refusal, setRefusal] = useState('')
  const save = async (): Promise<void> => {
    const period = readPeriod(registers, prices, monthly, now)
    if (period === undefined) {
      setRefusal(t.costs.noNumber)
      return
    }
    try {
      const next = withPeriod(tariff, currency.trim().toUpperCase(), period)
      props.saved(await client.setTariff(device.id, next))
      setRefusal('')
    } catch (error) {
      setRefusal(error instanceof ClientError ? error.message : String(error))
    }
  }
  return (
    <form
      class="tariff-form"
      onSubmit={(event) => {
        event.preventDefault()
        void save()
      }}
    >
      {registers.map((register) => (
        <TextField
          key={register}
          label={`${explainObis(register, t)} (${currency} ${unitOf(register)})`}
          value={prices[register] ?? ''}
          set={(text) => {
            setPrices({ ...prices, [register]: text })
          }}
          input={{ inputMode: 'decimal', name: register }}
          optional={isFed(register)}
        />
      ))}
      <TextField
        label={`${t.costs.monthly} (${currency})`}
        value={monthly}
        set={setMonthly}
        input={{ inputMode: 'decimal', name: 'monthly' }}
        optional
      />
      <TextField label={t.costs.currency} value={currency} set={setCurrency} max={3} />
      <p class="refusal" role="alert">
        {refusal}
      </p>
      <button type="submit" class="button main">
        {t.costs.save}
      </button>
    </form>
  )
}

/** What was typed, as a period from the month's beginning on; undefined where a number is none. */
function readPeriod(
  registers: readonly string[],
  prices: Readonly<Record<string, string>>,
  monthly: string,
  before: TariffPeriod | undefined,
): TariffPeriod | undefined {
  const fixed = parsePrice(monthly === '' ? '0' : monthly)
  const typed = registers.filter((register) => (prices[register] ?? '').trim() !== '')
  const rates = typed.flatMap((register) => {
    const price = parsePrice(prices[register] ?? '')
    return price === undefined ? [] : [{ register, price, earns: isFed(register) }]
  })
  if (fixed === undefined || rates.length < typed.length) return undefined
  const { month } = beginnings(serverNowMs())
  return { fromMs: Math.max(month, before?.fromMs ?? 0), monthly: fixed, rates }
}
