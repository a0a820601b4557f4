import { render } from 'preact'
import { App } from './app.tsx'
import { loadPreferences } from './prefs.ts'
import { startSession } from './session.ts'
import './styles/main.css'

const root = document.getElementById('page')
if (root === null) throw new Error('page: expected an element named page')

loadPreferences()
startSession()
// The page came with a picture of its frame, to be seen before this program is here.
root.replaceChildren()
render(<App />, root)
