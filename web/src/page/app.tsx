import type { VNode } from 'preact'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { accessStore, useMay } from './access.ts'
import { formatRoute, parseRoute } from './logic/route.ts'
import type { PageView, Route } from './logic/route.ts'
import { Account } from './parts/account.tsx'
import { Brand, Preferences } from './parts/chrome.tsx'
import { pageStore, selectDevice } from './session.ts'
import { useStore } from './store.ts'
import { fill } from './texts/fill.ts'
import { wordsStore } from './texts/index.ts'
import { AccessView } from './views/access.tsx'
import { FleetView } from './views/fleet.tsx'
import { HouseholdView } from './views/household.tsx'
import { JourneyView } from './views/journey.tsx'
import { LoginView } from './views/login.tsx'
import { NetworkView } from './views/network.tsx'

/** The whole page: a bar on top, and one view below. */
export function App(): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const views = useViews()
  const access = useStore(accessStore, (value) => value.state)
  const route = useRoute(views)
  useEffect(() => {
    document.title = `${access === 'out' ? t.login.title : t.views[route.view]} · S3MP`
  }, [t, access, route.view])
  return (
    <>
      <a class="skip" href="#content" onClick={focusContent}>
        {t.skip}
      </a>
      <header>
        <div class="bar">
          <Brand />
          <nav class="tabs" aria-label={t.navigation}>
            {(views ?? []).map((view) => (
              <a
                key={view}
                href={formatRoute({ view })}
                aria-current={view === route.view ? 'page' : undefined}
              >
                {t.views[view]}
              </a>
            ))}
          </nav>
          {access !== 'out' && <ConnectionMark />}
          <Account />
          <Preferences />
        </div>
        <Notice />
      </header>
      <main id="content" tabIndex={-1}>
        {access === 'out' ? <LoginView /> : <CurrentView view={route.view} />}
      </main>
    </>
  )
}

/** What the server offers, and for administrators who may come in at all. */
function useViews(): readonly PageView[] | undefined {
  const views = useStore(pageStore, (state) => state.server?.views)
  const byPassword = useStore(accessStore, (access) => access.session?.access === 'password')
  const isAdministrator = useMay('access:admin') && byPassword
  return useMemo(
    () => (views && isAdministrator ? [...views, 'access'] : views),
    [views, isAdministrator],
  )
}

function CurrentView(props: { view: PageView }): VNode {
  switch (props.view) {
    case 'journey':
      return <JourneyView />
    case 'network':
      return <NetworkView />
    case 'household':
      return <HouseholdView />
    case 'fleet':
      return <FleetView />
    case 'access':
      return <AccessView />
  }
}

/** Where the reader is; the server's first view until she goes elsewhere. */
function useRoute(views: readonly PageView[] | undefined): Route {
  const [hash, setHash] = useState(location.hash)
  useEffect(() => {
    const read = (): void => {
      setHash(location.hash)
    }
    addEventListener('hashchange', read)
    return () => {
      removeEventListener('hashchange', read)
    }
  }, [])
  const asked = parseRoute(hash)
  const device = asked?.device
  useEffect(() => {
    if (device !== undefined) selectDevice(device)
  }, [device])
  if (asked !== undefined && (views === undefined || views.includes(asked.view))) return asked
  return { view: views?.[0] ?? 'household' }
}

/** The skip link moves the reader's place, not the address: the address says which view it is. */
function focusContent(event: Event): void {
  event.preventDefault()
  document.getElementById('content')?.focus()
}

function ConnectionMark(): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const connection = useStore(pageStore, (state) => state.connection)
  return (
    <span class={`connection ${connection}`} role="status">
      <span class="dot" aria-hidden="true" />
      {t.connection[connection]}
    </span>
  )
}

/** One line that says plainly what the reader looks at, or what is wrong. */
function Notice(): VNode | null {
  const { t } = useStore(wordsStore, (words) => words)
  const connection = useStore(pageStore, (state) => state.connection)
  const demo = useStore(pageStore, (state) => state.demo)
  if (connection === 'lost') return <p class="notice lost">{t.demo.lost}</p>
  if (demo === undefined) return null
  return <p class="notice">{fill(t.demo[demo.input], { name: demo.inputName ?? '?' })}</p>
}
