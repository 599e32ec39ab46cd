/** @file The home page: choose a folder, propose masks, review, train, measure. The server's jobs are polled. */
import { render } from 'preact'
import './home.css'
import { Choose } from './choose'
import { Gallery } from './gallery'
import { History, Jobs } from './jobs'
import { Steps } from './steps'
import { begin, choosing, connected, home, openJobs, problem } from './state'
import { shortPath } from './words'

function Top() {
  const project = home.value?.project
  return (
    <header class="home-top">
      <h1 class="brand">wgsam</h1>
      {project && (
        <>
          <span class="folder" title={project.images}>
            {shortPath(project.images)}
          </span>
          <button type="button" disabled={openJobs.value.length > 0} onClick={() => (choosing.value = !choosing.value)}>
            {choosing.value ? 'Keep this folder' : 'Other folder'}
          </button>
        </>
      )}
      <span class="spring" />
      {!connected.value && (
        <span class="offline" role="status">
          The server does not respond. Start <code>wgsam start</code> again: this page then continues.
        </span>
      )}
    </header>
  )
}

function Problem() {
  if (problem.value === null) return null
  return (
    <div class="problem" role="alert">
      <p>{problem.value}</p>
      <button type="button" onClick={() => (problem.value = null)}>
        Close
      </button>
    </div>
  )
}

function App() {
  const state = home.value
  return (
    <>
      <Top />
      <Problem />
      {!state ? (
        <p class="wait" role="status">
          {connected.value ? 'Opening …' : ''}
        </p>
      ) : !state.project || choosing.value ? (
        <Choose />
      ) : (
        <>
          <Jobs />
          <main class="work">
            <Steps />
            <Gallery />
          </main>
          <History />
        </>
      )}
    </>
  )
}

render(<App />, document.getElementById('home')!)
begin()
