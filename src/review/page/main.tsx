/** @file The review page of `wgsam review` and `wgsam start`. */
import { render } from 'preact'
import { App, listenToPage } from './app'
import { start } from './state/app'
import { followJobs } from './state/home'

listenToPage()
render(<App />, document.getElementById('page')!)
void start().then(followJobs)
