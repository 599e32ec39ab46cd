/** @file The playground: the review page without a server, with steps around it. */
import { signal } from '@preact/signals'
import { type ComponentChild, render } from 'preact'
import { useBackEnd } from '../../review/page/api'
import { App, listenToPage, Notices } from '../../review/page/app'
import { images, listed, start } from '../../review/page/state/app'
import { useSurroundings } from '../../review/page/surroundings'
import './playground.css'
import { localApi } from './local-api'
import { Bar, JobLine } from './panels/bar'
import { DownloadSheet } from './panels/download-sheet'
import { ImagesSheet } from './panels/images-sheet'
import { ModelSheet } from './panels/model-sheet'
import { ProposeSheet } from './panels/propose-sheet'
import { TrainSheet } from './panels/train-sheet'
import { Trouble } from './panels/trouble'
import { Welcome } from './panels/welcome'
import { sheet } from './state/sheets'
import { droppedFiles } from './dropped-files'
import { addFiles } from './state/add-files'
import { diameterOf } from './state/diameter'
import { encodeMs, findGpu, modelOfReview, notKept, openModel, openReview } from './state/studio'
import { findUnfinished, unfinished } from './state/unfinished'
import { notify } from '../../review/page/state/notices'

/** Whether files are being dragged over the page. */
const dragging = signal(false)

const sheets = {
  images: ImagesSheet,
  model: ModelSheet,
  propose: ProposeSheet,
  train: TrainSheet,
  download: DownloadSheet,
}

function Playground() {
  const Open = sheet.value && sheets[sheet.value]
  return (
    <>
      {listed.value && images.value.length ? (
        <>
          <Bar />
          <App />
        </>
      ) : (
        listed.value && (
          <>
            <JobLine />
            <Welcome />
            <Notices />
          </>
        )
      )}
      {Open && <Open key={sheet.value} />}
      <Trouble />
      {dragging.value && <div class="dropping">Drop images, a model or an adapter</div>}
    </>
  )
}

function listenForFiles(): void {
  const carries = (event: DragEvent) => event.dataTransfer?.types.includes('Files')
  addEventListener('dragover', (event) => {
    if (!carries(event)) return
    event.preventDefault()
    dragging.value = true
  })
  addEventListener('dragleave', (event) => {
    if (!event.relatedTarget) dragging.value = false
  })
  addEventListener('drop', (event) => {
    dragging.value = false
    if (!carries(event)) return
    event.preventDefault()
    void droppedFiles(event).then(addFiles)
  })
}

useSurroundings({
  title: 'wgsam playground',
  getModel: 'Choose a model (Model, above)',
  unreachable: 'This page has lost its database. Reload it.',
  noImages: 'There are no images yet.',
  noCandidates: 'There are no candidates for this image: let the model propose masks first (Propose, above).',
  export: () => void (sheet.value = 'download'),
})
listenToPage()
listenForFiles()
const page = document.getElementById('page')!

/** In the place of what index.html shows while the page is opened. */
function show(content: ComponentChild): void {
  document.getElementById('opening')?.remove()
  render(content, page)
}

async function open(): Promise<void> {
  const review = await openReview()
  // the first encoding compiles shaders, too
  const onEncoded = (ms: number) => void (encodeMs.value = Math.min(ms, encodeMs.value ?? Infinity))
  useBackEnd(localApi(review, { model: modelOfReview, diameter: diameterOf, onEncoded }))
  // what must not be lost by mistake
  addEventListener('beforeunload', (event) => notKept.value !== null && images.value.length && event.preventDefault())
  show(<Playground />)
  await start()
  await findGpu()
  await findUnfinished()
  await openModel()
  if (unfinished.value) notify('note', 'A training was interrupted: Train continues it.')
}

/** Until the tab is closed nobody else changes the database, so that two tabs cannot write the same entry. */
function begin(): Promise<never> {
  void open()
  return new Promise<never>(() => {})
}

const LOCK = 'wgsam playground'
// a page by http from another machine has no locks, and no WebGPU, but can be drawn on; where a site may keep nothing, locks are refused
const { locks } = navigator as Partial<Navigator>
const alone = locks?.request(LOCK, { ifAvailable: true }, (lock) => {
  if (lock) return begin()
  show(<p class="instead">The playground is open in another tab. Close it there; this tab then continues.</p>)
  // reads what the other tab has written
  void locks.request(LOCK, () => location.reload())
  return undefined
})
if (alone) alone.catch(begin)
else void begin()
