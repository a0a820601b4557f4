import type { VNode } from 'preact'
import { useState } from 'preact/hooks'
import type { Device, RegisterView, Tariff } from '../../api.ts'
import { useMay } from '../access.ts'
import { client, ClientError } from '../client.ts'
import { headsOf, pricedCounters } from '../logic/heads.ts'
import { explainObis } from '../logic/obis.ts'
import { obisParts } from '../logic/reading.ts'
import { beginnings } from '../logic/spans.ts'
import {
  cheaperOf,
  currencyOf,
  DAYS_NAMES,
  periodAt,
  readPeriod,
  withPeriod,
} from '../logic/tariff.ts'
import type { Cheaper } from '../logic/tariff.ts'
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
                  {(rate.zones ?? []).map((zone) => (
                    <small key={`${zone.days.join()} ${zone.from}`}>
                      {fill(t.costs.zone, {
                        price: f.price(Number(zone.price), tariff.currency),
                        days: f.weekdays(zone.days),
                        from: zone.from,
                        to: zone.to,
                      })}
                    </small>
                  ))}
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

function isDrawn(register: string): boolean {
  const parts = obisParts(register)
  return parts?.a === 1 && parts.c === 1
}

/** Hours with a lower price, for those whose supplier has them. */
function CheaperHours(props: {
  hours: Cheaper
  set: (hours: Cheaper) => void
  unit: string
}): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const { hours, set } = props
  return (
    <>
      <TextField
        label={`${t.costs.cheaper} (${props.unit})`}
        value={hours.price}
        set={(price) => {
          set({ ...hours, price })
        }}
        input={{ inputMode: 'decimal', name: 'cheaper' }}
        optional
      />
      <div class="hours">
        <TextField
          label={t.costs.fromTime}
          value={hours.from}
          set={(from) => {
            set({ ...hours, from })
          }}
          input={{ type: 'time', name: 'from' }}
        />
        <TextField
          label={t.costs.toTime}
          value={hours.to}
          set={(to) => {
            set({ ...hours, to })
          }}
          input={{ type: 'time', name: 'to' }}
        />
      </div>
      <label class="field">
        {t.costs.onDays}
        <select
          value={hours.days}
          onChange={(event) => {
            const chosen = DAYS_NAMES.find((name) => name === event.currentTarget.value)
            set({ ...hours, days: chosen ?? hours.days })
          }}
        >
          {DAYS_NAMES.map((name) => (
            <option key={name} value={name}>
              {t.costs.days[name]}
            </option>
          ))}
        </select>
      </label>
    </>
  )
}

function Prices(props: {
  registers: readonly string[]
  prices: Readonly<Record<string, string>>
  set: (prices: Readonly<Record<string, string>>) => void
  unit: (register: string) => string
}): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const { registers, prices, set, unit } = props
  return (
    <>
      {registers.map((register) => (
        <TextField
          key={register}
          label={`${explainObis(register, t)} (${unit(register)})`}
          value={prices[register] ?? ''}
          set={(text) => {
            set({ ...prices, [register]: text })
          }}
          input={{ inputMode: 'decimal', name: register }}
          optional={isFed(register)}
        />
      ))}
    </>
  )
}

function Save(props: { refusal: string }): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  return (
    <>
      <p class="refusal" role="alert">
        {props.refusal}
      </p>
      <button type="submit" class="button main">
        {t.costs.save}
      </button>
    </>
  )
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
  const drawn = registers.find(isDrawn)
  const known = cheaperOf(now?.rates.find((rate) => rate.register === drawn)?.zones)
  const [hours, setHours] = useState(known)
  const save = async (): Promise<void> => {
    const cheaper = drawn !== undefined && hours !== undefined && { register: drawn, hours }
    const { month } = beginnings(serverNowMs())
    const period = readPeriod(
      { registers, prices, monthly, ...(cheaper && { cheaper }) },
      now,
      isFed,
      Math.max(month, now?.fromMs ?? 0),
    )
    if (period === undefined) {
      setRefusal(t.costs.noNumber)
      return
    }
    try {
      const { timeZone } = Intl.DateTimeFormat().resolvedOptions()
      const next = withPeriod(tariff, currency.trim().toUpperCase(), period, timeZone)
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
      <Prices
        registers={registers}
        prices={prices}
        set={setPrices}
        unit={(register) => `${currency} ${unitOf(register)}`}
      />
      <TextField
        label={`${t.costs.monthly} (${currency})`}
        value={monthly}
        set={setMonthly}
        input={{ inputMode: 'decimal', name: 'monthly' }}
        optional
      />
      <TextField label={t.costs.currency} value={currency} set={setCurrency} max={3} />
      {drawn !== undefined && hours !== undefined && (
        <CheaperHours hours={hours} set={setHours} unit={`${currency} ${unitOf(drawn)}`} />
      )}
      <Save refusal={refusal} />
    </form>
  )
}
