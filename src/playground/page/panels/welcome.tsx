/** @file What the page shows before there are images: a place to drop them, and what the page is. */
import { addExample, addFiles } from '../state/add-files'
import { notKept } from '../state/studio'
import { ChooseFiles } from './choose-files'
import { GpuStatus } from './gpu-status'
import { ACCEPTED_IMAGES } from './images-sheet'

function NotKept() {
  if (notKept.value === null) return null
  return (
    <div class="advice bad" role="status">
      <strong>This browser does not let the page keep anything.</strong>
      <p>
        Everything works until the tab is closed or reloaded: download your masks before. Private windows and settings
        that block the data of sites cause this ({notKept.value}).
      </p>
    </div>
  )
}

export function Welcome() {
  return (
    <main class="welcome">
      <section>
        <h1>Particles in micrographs, segmented in your browser</h1>
        <p class="lead">
          Drop images, let a Segment Anything model propose masks, correct them, train the model on your particles, and
          take masks and sizes with you. Nothing leaves this computer: the page has no server.
        </p>
        <div class="drop">
          <p>
            <strong>Drop micrographs here</strong>
            <span class="soft">PNG, JPEG or TIFF, also with 16 bits, as microscopes write them</span>
          </p>
          <div class="row">
            <ChooseFiles primary accept={ACCEPTED_IMAGES} onFiles={(files) => void addFiles(files)}>
              Choose files
            </ChooseFiles>
            <button type="button" onClick={() => void addExample()}>
              Try with an example
            </button>
          </div>
        </div>
        <GpuStatus />
        <NotKept />
        <ol class="how">
          <li>
            <b>Images</b> stay in this browser, with every edit, until you remove them.
          </li>
          <li>
            <b>A model</b> is a file that you choose once; the browser keeps it.
          </li>
          <li>
            <b>Masks</b> are proposed, and corrected by clicks, brush and outline.
          </li>
          <li>
            <b>Results</b> are COCO, label images, a table of sizes, and the trained adapter.
          </li>
        </ol>
      </section>
    </main>
  )
}
