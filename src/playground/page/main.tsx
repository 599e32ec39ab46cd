/** @file The playground: the review page without a server, with steps around it. */
import { signal } from '@preact/signals'
import { render } from 'preact'
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
import { addFiles, findGpu, modelOfReview, openModel, review } from './state/studio'

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
      {dragging.value && <div class="dropping">Drop to add these images</div>}
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
    const files = [...(event.dataTransfer?.files ?? [])]
    if (files.length) void addFiles(files)
  })
}

useBackEnd(localApi(review, modelOfReview))
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

/** Until the tab is closed nobody else changes the database, so that two tabs cannot write the same entry. */
function begin(): Promise<never> {
  render(<Playground />, page)
  void start().then(async () => {
    await findGpu()
    await openModel()
  })
  return new Promise<never>(() => {})
}

const LOCK = 'wgsam playground'
// a page by http from another machine has no locks, and no WebGPU, but can be drawn on
const { locks } = navigator as Partial<Navigator>
if (!locks) void begin()
void locks?.request(LOCK, { ifAvailable: true }, (lock) => {
  if (lock) return begin()
  render(<p class="instead">The playground is open in another tab. Close it there; this tab then continues.</p>, page)
  // reads what the other tab has written
  void locks.request(LOCK, () => location.reload())
  return undefined
})
